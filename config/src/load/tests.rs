use super::*;
use crate::values::{Backend, ByteSize, Listener};

const FILE: &str = "chronik.toml";

fn parse(text: &str) -> Result<Loaded, ConfigErrors> {
    Settings::parse(Path::new(FILE), text)
}

/// The errors of a file, as they are printed.
fn errors(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn overridden(env: &[(&str, &str)], sets: &[&str]) -> Result<Loaded, ConfigErrors> {
    Settings::load(Sources {
        file: None,
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
    })
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse("").unwrap().settings, Settings::default());
    assert_eq!(parse("[storage]\n[storage.memory]\n").unwrap(), Loaded::default());
}

#[test]
fn reports_every_error_with_its_place() {
    let text = "\
[kafka]
listener = []

[storage]
backend = \"postgres\"

[storage.wal]
segment_bytes = \"12KiB\"
writes_in_flight = 0
direct_io = \"yes\"

[limits]
connections_max_idle = 600

[nonsense]
";
    let expected = [
        "chronik.toml:2:1: kafka.listener: unknown key\n  hint: did you mean kafka.listeners?",
        "chronik.toml:5:11: storage.backend = \"postgres\": not understood; expected \"wal\" or \"memory\"",
        "chronik.toml:8:17: storage.wal.segment_bytes = \"12KiB\": too small; expected a size such as \"64KiB\", \
         \"256MiB\" or \"2GiB\", or a number of bytes, from 1MiB to 16GiB",
        "chronik.toml:9:20: storage.wal.writes_in_flight = 0: too small; expected an integer, from 1 to 16",
        "chronik.toml:10:13: storage.wal.direct_io = \"yes\": not understood; expected true or false",
        "chronik.toml:13:24: limits.connections_max_idle = 600: 600 has no unit; expected a time with its unit such \
         as \"250ms\", \"30s\", \"10m\", \"24h\" or \"7d\", from 1s to 365d",
        "chronik.toml:15:2: nonsense: unknown key\n  hint: the sections are [kafka], [admin], [storage], \
         [storage.wal], [storage.memory], [topics], [limits], [groups], [transactions], [log]",
    ];
    assert_eq!(errors(text), expected);
}

#[test]
fn refuses_what_is_not_toml_with_its_place() {
    let found = errors("[kafka]\nnode_id = \n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("chronik.toml:2:1"), "{}", found[0]);
    assert!(found[0].contains("not TOML"), "{}", found[0]);
    assert_eq!(errors("[kafka]\nnode_id = 1\nnode_id = 2\n").len(), 1);
}

#[test]
fn refuses_sections_and_values_in_each_others_place() {
    let found = errors("kafka = 3\n[admin.listen]\n");
    assert_eq!(found[0], "chronik.toml:1:9: kafka = 3: is a section, not a value; expected a table, [kafka]");
    assert!(found[1].contains("admin.listen") && found[1].contains("found a table"), "{}", found[1]);
}

#[test]
fn refuses_contradictions() {
    for (text, why) in [
        ("[kafka]\nlisteners = []", "there is no listener"),
        ("[storage.wal]\nsegment_bytes = \"1MiB\"", "might not fit into a segment"),
        (
            "[kafka]\nlisteners = [\"PLAINTEXT://0.0.0.0:9092\"]",
            "PLAINTEXT://0.0.0.0:9092 binds every address and advertises none\n  hint: clients cannot connect to a \
             wildcard address; set kafka.advertised_listeners = [\"PLAINTEXT://HOST:9092\"]",
        ),
        ("[kafka]\nlisteners = [\"A://[::]:9092\"]", "A://[::]:9092 binds every address"),
        ("[kafka]\nlisteners = [\"A://:9092\"]", "A://:9092 binds every address"),
        ("[kafka]\nlisteners = [\"A://h:1\", \"A://h:2\"]", "the listener name A is there twice"),
        ("[kafka]\nlisteners = [\"A://h:1\", \"B://h:1\"]", "A://h:1 and B://h:1 want the same port"),
        ("[kafka]\nlisteners = [\"A://127.0.0.1:9644\"]", "A://127.0.0.1:9644 wants the same port"),
        ("[kafka]\nadvertised_listeners = [\"B://h:1\"]", "there is no listener B to advertise"),
        ("[kafka]\nadvertised_listeners = [\"PLAINTEXT://0.0.0.0:1\"]", "is not an address to connect to"),
        ("[kafka]\nlisteners = [\"SASL_SSL://h:1\"]", "the protocol SASL_SSL is not there yet"),
        (
            "[topics]\nmin_compaction_lag_ms = 10\nmax_compaction_lag_ms = 5",
            "more than topics.max_compaction_lag_ms",
        ),
        ("[limits]\nsocket_request_max_bytes = \"1GiB\"", "could never be admitted"),
        ("[topics]\nmax_message_bytes = \"200MiB\"", "could never arrive"),
        ("[groups]\nrebalance_protocols = [\"consumer\"]", "the classic protocol cannot be turned off"),
        ("[groups]\nconsumer_session_timeout = \"1s\"", "not between groups.consumer_min_session_timeout"),
        ("[log]\nfilter = \"loud\"", "\"loud\" is not a level"),
    ] {
        let found = errors(text);
        assert!(found.iter().any(|error| error.contains(why)), "{text}\n{found:?}");
        assert!(
            found.iter().all(|error| error.starts_with("chronik.toml:") || error.starts_with("default: "))
        );
    }
}

#[test]
fn a_wildcard_with_an_advertised_address_is_fine() {
    let text = "[kafka]\nlisteners = [\"PLAINTEXT://0.0.0.0:9092\"]\nadvertised_listeners = [\"PLAINTEXT://box:19092\"]";
    let kafka = parse(text).unwrap().settings.kafka;
    assert_eq!(kafka.advertised(&kafka.listeners[0]), &Listener::plaintext("box", 19092));
}

#[test]
fn later_layers_win_key_by_key() {
    let dir = std::env::temp_dir().join(format!("chronik-config-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("layers.toml");
    std::fs::write(
        &path,
        "[storage]\nbackend = \"memory\"\n[storage.wal]\ndir = \"file\"\ndirect_io = false\n",
    )
    .unwrap();
    let loaded = Settings::load(Sources {
        file: Some(path.clone()),
        env: [("CHRONIK_STORAGE__WAL__DIR", "env"), ("CHRONIK_STORAGE__BACKEND", "wal"), ("PATH", "/bin")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        sets: vec!["storage.wal.dir=flag".to_owned()],
    })
    .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(loaded.settings.storage.wal.dir, PathBuf::from("flag"));
    assert_eq!(loaded.settings.storage.backend, Backend::Wal);
    assert!(!loaded.settings.storage.wal.direct_io);
    assert_eq!(loaded.origins.of("storage.wal.dir"), Origin::Flag("storage.wal.dir=flag".to_owned()));
    assert_eq!(
        loaded.origins.of("storage.backend"),
        Origin::Environment("CHRONIK_STORAGE__BACKEND".to_owned())
    );
    assert_eq!(loaded.origins.of("storage.wal.direct_io"), Origin::File { path, position: Some((5, 13)) });
    assert_eq!(loaded.origins.of("kafka.node_id"), Origin::Default);
}

#[test]
fn a_missing_file_is_an_error() {
    let sources = Sources { file: Some(PathBuf::from("/nowhere/x.toml")), env: [], sets: Vec::new() };
    let error = Settings::load(sources).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/x.toml: cannot be read: "), "{error}");
}

#[test]
fn environment_takes_lists_by_comma() {
    let env = [
        ("CHRONIK_KAFKA__LISTENERS", "PLAINTEXT://127.0.0.1:19092, LAN://10.0.0.1:9093"),
        ("CHRONIK_STORAGE__WAL__CACHE_BYTES", "64MiB"),
        ("CHRONIK_TOPICS__AUTO_CREATE", "FALSE"),
        ("CHRONIK_KAFKA__NODE_ID", "7"),
        ("CHRONIK_CONFIG", "read-by-the-program.toml"),
    ];
    let settings = overridden(&env, &[]).unwrap().settings;
    assert_eq!(settings.kafka.listeners.len(), 2);
    assert_eq!(settings.kafka.listeners[0], Listener::plaintext("127.0.0.1", 19092));
    assert_eq!(settings.storage.wal.cache_bytes, ByteSize::mib(64));
    assert!(!settings.topics.auto_create);
    assert_eq!(settings.kafka.node_id, 7);
}

#[test]
fn flags_take_toml_or_plain_text() {
    let sets = [
        "kafka.listeners=[\"A://127.0.0.1:1\", \"B://127.0.0.1:2\"]",
        "admin.listen=[::1]:9644",
        "kafka.rack=\"r 1\"",
    ];
    let settings = overridden(&[], &sets).unwrap().settings;
    assert_eq!(settings.kafka.listeners.len(), 2);
    assert_eq!(settings.admin.listen.to_string(), "[::1]:9644");
    assert_eq!(settings.kafka.rack.as_deref(), Some("r 1"));
}

#[test]
fn refuses_unknown_variables_and_flags() {
    let errors = overridden(
        &[("CHRONIK_STORAGE__WAL__DIRR", "x"), ("CHRONIK_TOPICS__PARTITIONS", "many")],
        &["storage.wal.dir", "storge.wal.dir=x", "kafka.node_id=-1"],
    )
    .unwrap_err()
    .to_string();
    let expected = "\
environment CHRONIK_STORAGE__WAL__DIRR: storage.wal.dirr: unknown key
  hint: did you mean storage.wal.dir?
environment CHRONIK_TOPICS__PARTITIONS: topics.partitions = many: not understood; expected an integer, from 1 to 100000
--set storage.wal.dir: storage.wal.dir: has no value; expected section.key=value
--set storge.wal.dir=x: storge.wal.dir: unknown key
  hint: did you mean storage.wal.dir?
--set kafka.node_id=-1: kafka.node_id = -1: too small; expected an integer, from 0 to 2147483647";
    assert_eq!(errors, expected);
}

#[test]
fn a_cut_or_broken_file_is_refused_without_a_panic() {
    let text = crate::default_text();
    for end in (0..text.len()).step_by(61).filter(|end| text.is_char_boundary(*end)) {
        let _ = parse(&text[..end]);
        let broken = format!("{}=[\u{0}]]{}", &text[..end], &text[end..]);
        assert!(parse(&broken).is_err() || in_comment(&text[..end]));
    }
}

fn in_comment(text: &str) -> bool {
    text.rsplit('\n').next().unwrap().starts_with('#')
}
