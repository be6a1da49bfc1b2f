//! The binary as its users meet it: what it prints, what it refuses, how it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chronik_harness::{Gateway, GatewayError, GatewayOptions, free_ports, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_chronik"))
}

fn chronik(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(binary()).args(arguments).output()
}

fn options(directory: &Path) -> std::io::Result<GatewayOptions> {
    let [kafka_port, admin_port] = free_ports()?;
    Ok(GatewayOptions {
        binary: binary(),
        data: directory.join("data"),
        log: directory.join("log"),
        kafka_port,
        admin_port,
        set: vec!["storage.wal.segment_bytes=16MiB".to_owned()],
    })
}

fn started(options: &GatewayOptions) -> Result<Gateway, GatewayError> {
    let mut gateway = Gateway::spawn(options)?;
    gateway.wait_ready(LIMIT)?;
    Ok(gateway)
}

fn http(port: u16, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: chronik\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn says_where_it_listens_and_stops_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path()).unwrap();
    let mut gateway = started(&options).unwrap();
    let ready = wait_until(LIMIT, || http(options.admin_port, "/readyz?verbose").ok()).unwrap();
    assert!(ready.contains("[+] storage: wal"), "{ready}");
    let metrics = http(options.admin_port, "/metrics").unwrap();
    for name in
        ["process_resident_memory_bytes", "chronik_wal_", "chronik_produced_", "chronik_kafka_connections"]
    {
        assert!(metrics.contains(name), "{name} is missing in {metrics}");
    }
    assert_eq!(gateway.terminate(Duration::from_secs(5)).unwrap().code(), Some(0));
    let printed = std::fs::read_to_string(&options.log).unwrap();
    for expected in [
        format!("kafka    PLAINTEXT://127.0.0.1:{}", options.kafka_port),
        format!("admin    http://127.0.0.1:{}", options.admin_port),
        "storage  wal in ".to_owned(),
        format!("kcat -P -b 127.0.0.1:{}", options.kafka_port),
    ] {
        assert!(printed.contains(&expected), "{expected} is missing in {printed}");
    }
    assert!(!printed.contains("ERROR"), "{printed}");
}

#[test]
fn keeps_the_cluster_id_over_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path()).unwrap();
    let mut ids = Vec::new();
    for starts in 1..=2 {
        let mut gateway = started(&options).unwrap();
        // The port answers before the banner is out.
        let printed = wait_until(LIMIT, || {
            let printed = std::fs::read_to_string(&options.log).ok()?;
            (printed.matches("\ntry\n").count() == starts).then_some(printed)
        });
        let printed = printed.unwrap();
        ids = printed
            .lines()
            .filter_map(|line| line.trim().strip_prefix("cluster  "))
            .map(str::to_owned)
            .collect();
        gateway.kill().unwrap();
    }
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn takes_all_the_open_files_it_may_have_and_says_when_they_are_too_few() {
    let directory = tempfile::tempdir().unwrap();
    // The shell lowers its limits and becomes the gateway.
    let script = directory.path().join("with-fewer-files");
    let lines = format!("#!/bin/sh\nulimit -Sn 300; ulimit -Hn 2000; exec {} \"$@\"\n", binary().display());
    std::fs::write(&script, lines).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = GatewayOptions { binary: script, ..options(directory.path()).unwrap() };
    let gateway = started(&options).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let open_files: Vec<_> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .into_iter()
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(open_files[..2], ["2000", "2000"]);
    let printed = std::fs::read_to_string(&options.log).unwrap();
    assert!(printed.contains("limits.max_connections") && printed.contains("\"needed\":10128"), "{printed}");
}

#[test]
fn refuses_a_directory_that_another_process_uses() {
    let directory = tempfile::tempdir().unwrap();
    let first = options(directory.path()).unwrap();
    let gateway = started(&first).unwrap();
    let [kafka_port, admin_port] = free_ports().unwrap();
    let log = directory.path().join("second");
    let second = GatewayOptions { log, kafka_port, admin_port, ..first };
    let error = started(&second).unwrap_err();
    assert!(matches!(error, GatewayError::Ended { status, .. } if status.code() == Some(74)), "{error}");
    let printed = std::fs::read_to_string(&second.log).unwrap();
    assert!(printed.contains("is in use by") && printed.contains(&gateway.pid().to_string()), "{printed}");
}

#[test]
fn says_which_port_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = format!("storage.wal.dir={}", directory.path().display());
    let listeners = format!("kafka.listeners=PLAINTEXT://127.0.0.1:{port}");
    let output = chronik(&["--set", &listeners, "--set", &dir]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains(&format!("cannot listen on PLAINTEXT://127.0.0.1:{port}")), "{printed}");
}

#[test]
fn refuses_settings_with_exit_code_78_and_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronik.toml");
    std::fs::write(&file, "[storage]\nbackend = \"wall\"\n").unwrap();
    let output = chronik(&["--config", &file.display().to_string()]).unwrap();
    assert_eq!(output.status.code(), Some(78));
    let printed = String::from_utf8_lossy(&output.stderr);
    for expected in ["chronik.toml:2:11", "storage.backend", "\"wall\"", "wal"] {
        assert!(printed.contains(expected), "{expected} is missing in {printed}");
    }
    let output = chronik(&["--set", "kafka.listners=x"]).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean kafka.listeners?"));
}

#[test]
fn refuses_an_unreadable_variable_instead_of_ignoring_it() {
    let value = std::ffi::OsStr::from_bytes(b"\xff");
    let output = Command::new(binary()).env("CHRONIK_STORAGE__WAL__DIR", value).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("CHRONIK_STORAGE__WAL__DIR"));
}

#[test]
fn prints_defaults_that_it_accepts_and_imports_a_brokers_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronik.toml");
    let output = chronik(&["config", "default"]).unwrap();
    std::fs::write(&file, &output.stdout).unwrap();
    let name = file.display().to_string();
    assert!(chronik(&["config", "check", &name]).unwrap().status.success());

    let properties = directory.path().join("server.properties");
    std::fs::write(
        &properties,
        "listeners=PLAINTEXT://127.0.0.1:9094\nnum.partitions=3\nzookeeper.connect=z\n",
    )
    .unwrap();
    let output = chronik(&["config", "import", &properties.display().to_string()]).unwrap();
    let imported = String::from_utf8_lossy(&output.stdout);
    assert!(imported.contains("127.0.0.1:9094") && imported.contains("zookeeper.connect"), "{imported}");
    std::fs::write(&file, &output.stdout).unwrap();
    let output = chronik(&["--config", &name, "--set", "topics.partitions=5", "config", "show"]).unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("--set topics.partitions=5") && shown.contains("chronik.toml:"), "{shown}");
}

#[test]
fn starts_with_every_example() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/examples");
    let mut seen = 0;
    for example in std::fs::read_dir(examples).unwrap() {
        let example = example.unwrap().path();
        if example.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        seen += 1;
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path()).unwrap();
        // The harness sets ports and directory, which are stronger than the file.
        let set = [options.set.clone(), vec!["kafka.advertised_listeners=".to_owned()]].concat();
        let config = example.display().to_string();
        let mut gateway =
            Gateway::spawn_with(&GatewayOptions { set, ..options.clone() }, &["--config", &config]).unwrap();
        let ready = gateway.wait_ready(LIMIT);
        let printed = std::fs::read_to_string(&options.log).unwrap_or_default();
        assert!(ready.is_ok(), "{}: {printed}", example.display());
        assert_eq!(
            gateway.terminate(Duration::from_secs(5)).unwrap().code(),
            Some(0),
            "{}",
            example.display()
        );
    }
    assert!(seen >= 3, "the examples are gone");
}
