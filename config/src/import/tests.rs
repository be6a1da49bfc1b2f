use std::path::Path;

use super::*;
use crate::values::{CleanupPolicy, Listener};

/// Imports, and loads the outcome.
fn import(text: &str) -> (String, Settings) {
    let toml = import_properties(text, "box.example").unwrap();
    let loaded = Settings::parse(Path::new("imported.toml"), &toml);
    let settings = loaded.unwrap_or_else(|errors| panic!("{errors}\n{toml}")).settings;
    (toml, settings)
}

fn parsed(text: &str) -> Vec<(String, String)> {
    properties::parse(text).unwrap().into_iter().map(|property| (property.key, property.value)).collect()
}

#[test]
fn reads_the_format_as_java_does() {
    for (text, key, value) in [
        ("a=b", "a", "b"),
        ("a = b ", "a", "b "),
        ("  a:b", "a", "b"),
        ("a b", "a", "b"),
        ("a\t=\tb=c", "a", "b=c"),
        ("a", "a", ""),
        ("a\\=b=c", "a=b", "c"),
        ("a\\ b c", "a b", "c"),
        ("a=x\\\n   y", "a", "xy"),
        ("a=x\\\\\nb=y", "b", "y"),
        ("a=x\\\r\n  #y", "a", "x#y"),
        ("a=\\u00e9\\ud83d\\ude00\\n", "a", "é😀\n"),
        ("a=1\n# c\n! d\n\na=2", "a", "2"),
        ("a=C\\:\\\\dir", "a", "C:\\dir"),
        ("a=b\\", "a", "b"),
    ] {
        assert_eq!(parsed(text).last(), Some(&(key.to_owned(), value.to_owned())), "{text:?}");
    }
    assert_eq!(parsed("# only\n\n   \n"), []);
    assert_eq!(import_properties("x=1\ny=\\u12", "h"), Err(ImportError { line: 2 }));
}

#[test]
fn imports_the_file_that_comes_with_kafka() {
    let (toml, settings) = import(
        "process.roles=broker,controller\nnode.id=3\ncontroller.quorum.voters=1@localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n\
         num.network.threads=3\nsocket.send.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n\
         log.dirs=/tmp/kraft-combined-logs\nnum.partitions=4\noffsets.topic.replication.factor=1\n\
         log.retention.hours=24\nlog.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n",
    );
    assert_eq!(settings.kafka.node_id, 3);
    assert_eq!(settings.kafka.listeners, [Listener::plaintext("", 9092)]);
    assert_eq!(settings.kafka.advertised_listeners, [Listener::plaintext("localhost", 9092)]);
    assert_eq!(settings.storage.wal.dir, Path::new("/tmp/kraft-combined-logs"));
    assert_eq!(settings.topics.partitions, 4);
    assert_eq!(settings.topics.retention_ms.get(), 86_400_000);
    assert!(toml.contains("# log.retention.hours=24\nretention_ms = \"1d\"\n"), "{toml}");
    assert!(
        toml.contains("# line 3: controller.quorum.voters=1@localhost:9093\n#   There is no controller"),
        "{toml}"
    );
    assert!(
        toml.contains(
            "num.network.threads=3\n#   It has no effect. The gateway has as many threads as the machine has processors.\n"
        ),
        "{toml}"
    );
    assert!(toml.contains("CONTROLLER://:9093 is a controller's listener"), "{toml}");
    assert!(!toml.contains("WARNING"), "{toml}");
}

#[test]
fn warns_when_the_broker_was_protected() {
    let (toml, settings) = import(
        "broker.id=7\nzookeeper.connect=zk:2181\nlisteners=SASL_SSL://0.0.0.0:9094,INTERNAL://0.0.0.0:9092\n\
         listener.security.protocol.map=INTERNAL:PLAINTEXT,SASL_SSL:SASL_SSL\n\
         ssl.keystore.password=hunter2\nsasl.enabled.mechanisms=SCRAM-SHA-512\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:admin\n\
         listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
         required \\\n  password=\"hunter2\";\n",
    );
    assert_eq!(settings.kafka.node_id, 7);
    assert_eq!(settings.kafka.listeners.len(), 1);
    assert_eq!(settings.kafka.advertised_listeners[0].to_string(), "INTERNAL://box.example:9092");
    assert!(toml.contains("WARNING"), "{toml}");
    assert!(!toml.contains("hunter2"), "{toml}");
    assert!(
        toml.contains("SASL_SSL://0.0.0.0:9094 is protected by SASL_SSL, which is not there yet."),
        "{toml}"
    );
    assert!(toml.contains("There is no ZooKeeper"), "{toml}");
}

#[test]
fn imports_groups_transactions_and_the_log() {
    let (toml, settings) = import(
        "auto.create.topics.enable=false\ndelete.topic.enable=false\ndefault.replication.factor=3\n\
         min.insync.replicas=2\nmessage.max.bytes=2097152\nlog.cleanup.policy=delete, compact\n\
         log.retention.ms=-1\nlog.retention.hours=5\nlog.retention.bytes=1073741824\ncompression.type=lz4\n\
         group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\ngroup.consumer.max.size=10\n\
         group.consumer.assignors=range\ngroup.coordinator.rebalance.protocols=classic,consumer\n\
         offsets.retention.minutes=60\noffsets.topic.num.partitions=5\ntransaction.max.timeout.ms=60000\n\
         transactional.id.expiration.ms=3600000\nproducer.id.expiration.ms=10000\nmax.connections.per.ip=20\n\
         connections.max.idle.ms=30000\nqueued.max.request.bytes=-1\nbroker.rack=eu-1a\nfetch.max.bytes=1048576\n\
         log.dirs=/d1, /d2\nnum.partitions=lots\n",
    );
    assert!(!settings.topics.auto_create && !settings.topics.delete_enable);
    assert_eq!(settings.topics.cleanup_policy, [CleanupPolicy::Delete, CleanupPolicy::Compact]);
    assert_eq!(settings.topics.retention_ms.get(), -1);
    assert_eq!(settings.groups.initial_rebalance_delay.as_millis(), 0);
    assert_eq!(settings.groups.offsets_retention.as_secs(), 3600);
    assert_eq!(settings.transactions.max_timeout.as_secs(), 60);
    assert_eq!(settings.limits.producer_id_expiration.as_secs(), 10);
    assert_eq!(settings.limits.connections_max_idle.as_secs(), 30);
    assert_eq!(settings.kafka.rack.as_deref(), Some("eu-1a"));
    assert_eq!(settings.storage.wal.dir, Path::new("/d1"));
    for (line, why) in [
        ("log.retention.hours=5", "log.retention.ms is set too, and is stronger."),
        ("queued.max.request.bytes=-1", "limits.queued_max_request_bytes does not take it: negative"),
        ("log.dirs=/d1, /d2", "There is one log for all partitions, so only the first directory is used."),
        ("num.partitions=lots", "topics.partitions does not take it: Invalid value lots for configuration"),
    ] {
        assert!(toml.contains(&format!("{line}\n#   {why}")), "{line}\n{toml}");
    }
}

#[test]
fn what_comes_out_loads_even_when_the_file_contradicts_itself() {
    let (toml, settings) = import(
        "listeners=A://h:1,B://h:1\nmessage.max.bytes=209715200\ngroup.min.session.timeout.ms=10\n\
         group.max.session.timeout.ms=5\nnode.id=-4\n",
    );
    assert_eq!(settings.kafka, Settings::default().kafka);
    assert_eq!(settings.topics.max_message_bytes.get(), 1_048_588);
    assert!(
        toml.contains("kafka.listeners cannot be set like this: A://h:1 and B://h:1 want the same port"),
        "{toml}"
    );
    assert!(
        toml.contains("message.max.bytes=209715200\n#   topics.max_message_bytes cannot be set like this"),
        "{toml}"
    );
    let (empty, settings) = import("");
    assert_eq!(settings, Settings::default());
    assert!(empty.contains("0 settings were taken over, 0 lines were not"), "{empty}");
}

#[test]
fn every_known_name_has_an_answer_that_loads() {
    for key in broker_keys() {
        let Some(value) = key.default_value() else { continue };
        let (toml, _) = import(&format!("{}={}", key.definition.name, value));
        assert!(toml.contains(key.definition.name), "{toml}");
    }
}

#[test]
fn a_cut_file_is_read_or_refused() {
    let text = "listeners=A\\u00e9://\\\n  :1\nlog.dirs=C\\:\\\\d\nnum.partitions : 3\n";
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        if let Ok(toml) = import_properties(&text[..end], "h") {
            Settings::parse(Path::new("x"), &toml).unwrap();
        }
    }
}
