//! The load generator against a gateway: every mode, with everything that was acknowledged read back.
#![expect(clippy::unwrap_used, reason = "a helper of tests that fails ends its test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use chronik_harness::{Gateway, GatewayOptions, free_ports, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_chronik"))
}

fn started(directory: &Path) -> Gateway {
    let [kafka_port, admin_port] = free_ports().unwrap();
    let options = GatewayOptions {
        binary: binary(),
        data: directory.join("data"),
        log: directory.join("log"),
        kafka_port,
        admin_port,
        set: vec![
            "storage.wal.segment_bytes=16MiB".to_owned(),
            "groups.initial_rebalance_delay=0ms".to_owned(),
        ],
    };
    let mut gateway = Gateway::spawn(&options).unwrap();
    gateway.wait_ready(LIMIT).unwrap();
    gateway
}

/// A run of so many records, without a warm-up, so that the numbers are exact.
fn bench(gateway: &Gateway, arguments: &str) -> Output {
    let address = gateway.address().to_string();
    Command::new(binary())
        .args(["bench", "-b", &address, "-w", "0s", "-d", "25s", "-n", "2000", "--json-output", "-"])
        .args(arguments.split_whitespace())
        .output()
        .unwrap()
}

/// The report of a run that went well.
fn report(gateway: &Gateway, arguments: &str) -> Value {
    let Output { status, stdout, stderr } = bench(gateway, arguments);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{arguments}: {status}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// `records` were counted, verified, and each gave a latency where `latencies` says so.
fn assert_verified(report: &Value, records: u64) {
    assert_eq!(report["records"], records, "{report}");
    assert_eq!(report["verified"], serde_json::json!({ "records": records, "missing": 0, "corrupt": 0 }));
    assert_eq!(report["errors"], 0);
    assert!(report["latency_us"]["p50"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn every_mode_counts_what_it_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = started(directory.path());

    let produced = report(&gateway, "-t closed -p 3 --create-topic --validate -s 100 -c 8 --batch-size 4096");
    assert_verified(&produced, 2000);
    assert_eq!(produced["payload_bytes"], 200_000);
    let consumed = report(&gateway, "-t closed -m consume --validate -c 3 --max-partition-bytes 9000");
    assert_verified(&consumed, 2000);
    assert!(consumed["requests"].as_u64().unwrap() > 10, "{consumed}");

    let metadata = report(&gateway, "-t closed -m metadata -c 4 --connections 2");
    assert_eq!((&metadata["requests"], &metadata["latency_us"]["count"]), (&2000.into(), &2000.into()));

    for groups in ["classic --group-load commits", "consumer"] {
        let arguments = format!("-t closed -m groups --groups 3 --members 2 --group-protocol {groups}");
        let settled = report(&gateway, &arguments);
        let figures = &settled["groups"];
        assert_eq!((&figures["members"], &settled["errors"]), (&6.into(), &0.into()), "{settled}");
        for phase in ["join_to_stable_us", "leave_to_stable_us"] {
            assert_eq!(figures[phase]["count"], 3, "{settled}");
        }
        assert_eq!(settled["latency_us"]["count"], 2000, "{settled}");
    }

    for extra in
        ["", "--compression zstd --records-per-batch 5 --linger-ms 3 --idempotent --key-pattern random"]
    {
        let round_trip = report(
            &gateway,
            &format!(
                "-t trip -p 2 --create-topic -m round-trip --rate-limit 10000 -s 200 --validate {extra}"
            ),
        );
        assert_verified(&round_trip, 2000);
        assert_eq!(round_trip["latency_us"]["count"], 2000);
        assert_eq!(
            (&round_trip["rate"]["due"], &round_trip["rate"]["never_sent"]),
            (&2000.into(), &0.into())
        );
    }
}

#[test]
fn batches_of_every_kind_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = started(directory.path());
    for (topic, arguments) in [
        ("idempotent", "--idempotent --connections 3 --key-pattern sequential --payload-pattern text"),
        (
            "many",
            "-p 7 --partitions-per-request 3 --records-per-batch 11 --payload-pattern json --connections 2",
        ),
        ("rate", "--rate-limit 20000 --linger-ms 2 --records-per-batch 50 --payload-pattern zero --acks 1"),
        ("gzip", "--compression gzip --payload-pattern text --idempotent"),
        ("snappy", "--compression snappy --payload-pattern json"),
        ("lz4", "--compression lz4 --rate-limit 50000 --linger-ms 1"),
    ] {
        let report = report(&gateway, &format!("-t {topic} --create-topic --validate {arguments}"));
        assert_verified(&report, 2000);
    }
}

#[test]
fn what_goes_wrong_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = started(directory.path());
    for (arguments, said) in [
        ("-t absent", "--create-topic"),
        ("-t big --create-topic -s 3000000", "MESSAGE_TOO_LARGE"),
        ("--server-pid 999999999", "--server-pid 999999999"),
    ] {
        let output = bench(&gateway, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(said), "{arguments}: {stderr}");
        assert_eq!(output.status.code(), Some(1), "{arguments}");
    }
    report(&gateway, "-t few --create-topic");
    let address = gateway.address().to_string();
    let consume = |more: &[&str]| {
        Command::new(binary())
            .args(["bench", "-b", &address, "-t", "few", "-m", "consume"])
            .args(more)
            .output()
    };
    let read = consume(&["--json-output", "-"]).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&read.stdout).unwrap()["records"], 2000);
    let too_soon = consume(&["-w", "60s"]).unwrap();
    assert_eq!(too_soon.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&too_soon.stderr).contains("--warmup 0s, or --repeat"));
    for ignored in ["--set", "--log"] {
        let output = consume(&[ignored, "storage.wal.dir=/tmp"]).unwrap();
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(&format!("{ignored} is for a gateway")), "{stderr}");
    }
    let unreachable = Command::new(binary()).args(["bench", "-b", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(unreachable.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("cannot connect to 127.0.0.1:1"));
}

#[test]
fn an_interrupt_ends_the_window_and_what_follows_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = started(directory.path());
    let (address, csv) = (gateway.address().to_string(), directory.path().join("intervals.csv"));
    let child = Command::new(binary())
        .args(["bench", "-b", &address, "-t", "cut", "--create-topic", "--delete-topic-after", "--validate"])
        .args(["-w", "0s", "-d", "600s", "--rate-limit", "500", "-s", "100", "--report-interval-secs", "1"])
        .args(["--json-output", "-", "--csv-output"])
        .arg(&csv)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let measured = || std::fs::read_to_string(&csv).ok().filter(|lines| lines.contains(",measure,"));
    wait_until(LIMIT, measured).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["seconds"].as_f64().unwrap() < 600.0, "{report}");
    assert_eq!(
        (&report["verified"]["records"], &report["verified"]["missing"]),
        (&report["rate"]["due"], &0.into())
    );
    let again = bench(&gateway, "-t cut");
    assert!(String::from_utf8_lossy(&again.stderr).contains("UNKNOWN_TOPIC_OR_PARTITION"));
}

#[test]
fn outputs_are_written_and_the_topic_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = started(directory.path());
    let (json, csv) = (directory.path().join("report.json"), directory.path().join("intervals.csv"));
    let address = gateway.address().to_string();
    let output = Command::new(binary())
        .args(["bench", "-b", &address, "-t", "gone", "-w", "0s", "-d", "20s", "-n", "500", "-c", "1"])
        .args(["--create-topic", "--delete-topic-after", "--server-pid", &gateway.pid().to_string()])
        .args([Path::new("--json-output"), &json, Path::new("--csv-output"), &csv])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("not verified") && text.contains("p99.99"), "{text}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((&report["records"], &report["verified"]), (&500.into(), &Value::Null));
    assert!(report["server_cpu_seconds"].is_f64());
    let csv = std::fs::read_to_string(&csv).unwrap();
    let columns: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.len() >= 2 && columns.iter().all(|count| *count == 15), "{csv}");
    let again = bench(&gateway, "-t gone");
    assert!(String::from_utf8_lossy(&again.stderr).contains("UNKNOWN_TOPIC_OR_PARTITION"));
}
