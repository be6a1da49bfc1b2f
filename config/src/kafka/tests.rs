use chronik_types::{ErrorCode, TimestampType};

use super::*;
use crate::Settings;
use crate::values::{BrokerCompression, CleanupPolicy};

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn change(name: &str, op: AlterOp, value: Option<&str>) -> Alteration {
    Alteration { name: name.to_owned(), op, value: value.map(str::to_owned) }
}

fn described<'a>(all: &'a [Described], name: &str) -> &'a Described {
    all.iter().find(|entry| entry.name == name).unwrap()
}

fn changed_settings(text: &str) -> Settings {
    Settings::parse("test.toml".as_ref(), text).unwrap().settings
}

/// Every setting of topics in Kafka 4, with its default and its strongest synonym.
const TOPIC_TABLE: &str = "\
cleanup.policy delete log.cleanup.policy
compression.gzip.level -1 compression.gzip.level
compression.lz4.level 9 compression.lz4.level
compression.type producer compression.type
compression.zstd.level 3 compression.zstd.level
delete.retention.ms 86400000 log.cleaner.delete.retention.ms
file.delete.delay.ms 60000 log.segment.delete.delay.ms
flush.messages 9223372036854775807 log.flush.interval.messages
flush.ms 9223372036854775807 log.flush.interval.ms
follower.replication.throttled.replicas - -
index.interval.bytes 4096 log.index.interval.bytes
leader.replication.throttled.replicas - -
local.retention.bytes -2 log.local.retention.bytes
local.retention.ms -2 log.local.retention.ms
max.compaction.lag.ms 9223372036854775807 log.cleaner.max.compaction.lag.ms
max.message.bytes 1048588 message.max.bytes
message.timestamp.after.max.ms 3600000 log.message.timestamp.after.max.ms
message.timestamp.before.max.ms 9223372036854775807 log.message.timestamp.before.max.ms
message.timestamp.type CreateTime log.message.timestamp.type
min.cleanable.dirty.ratio 0.5 log.cleaner.min.cleanable.ratio
min.compaction.lag.ms 0 log.cleaner.min.compaction.lag.ms
min.insync.replicas 1 min.insync.replicas
preallocate false log.preallocate
remote.log.copy.disable false -
remote.log.delete.on.disable false -
remote.storage.enable false -
retention.bytes -1 log.retention.bytes
retention.ms 604800000 log.retention.ms
segment.bytes 1073741824 log.segment.bytes
segment.index.bytes 10485760 log.index.size.max.bytes
segment.jitter.ms 0 log.roll.jitter.ms
segment.ms 604800000 log.roll.ms
unclean.leader.election.enable false unclean.leader.election.enable";

#[test]
fn a_topic_without_overrides_shows_kafkas_defaults() {
    let all = describe_topic(&Settings::default(), &DynamicConfigs::default(), &Overrides::new());
    let shown: Vec<String> = all
        .iter()
        .map(|entry| {
            assert_eq!(entry.source, ConfigSource::Default, "{}", entry.name);
            let synonym = topic_key(entry.name).unwrap().broker_name();
            let value = entry.value.as_deref().filter(|value| !value.is_empty());
            format!("{} {} {}", entry.name, value.unwrap_or("-"), synonym.unwrap_or("-"))
        })
        .collect();
    assert_eq!(shown.join("\n"), TOPIC_TABLE);
}

#[test]
fn every_default_is_valid_and_every_name_is_there_once() {
    let mut names = std::collections::BTreeSet::new();
    for key in broker_keys() {
        assert!(names.insert(key.definition.name), "{} is there twice", key.definition.name);
        assert!(key.setting.is_none() || key.own().is_some(), "{} leads nowhere", key.definition.name);
        if let Some(value) = key.default_value() {
            assert_eq!(key.definition.check(&value), Ok(()));
        }
        assert!(!key.definition.doc.is_empty());
    }
    for key in topic_keys() {
        assert_eq!(key.definition.check(key.definition.default.unwrap()), Ok(()));
        assert!(key.synonyms.iter().all(|(name, _)| broker_key(name).is_some()), "{:?}", key.synonyms);
    }
}

#[test]
fn brokers_show_kafkas_defaults_for_what_tools_read() {
    let all = describe_broker(&Settings::default(), &DynamicConfigs::default());
    for (name, value) in [
        ("auto.create.topics.enable", "true"),
        ("delete.topic.enable", "true"),
        ("num.partitions", "1"),
        ("default.replication.factor", "1"),
        ("message.max.bytes", "1048588"),
        ("fetch.max.bytes", "57671680"),
        ("socket.request.max.bytes", "104857600"),
        ("connections.max.idle.ms", "600000"),
        ("max.incremental.fetch.session.cache.slots", "1000"),
        ("log.retention.hours", "168"),
        ("log.roll.hours", "168"),
        ("log.retention.bytes", "-1"),
        ("log.retention.check.interval.ms", "300000"),
        ("offsets.retention.minutes", "10080"),
        ("offsets.topic.num.partitions", "50"),
        ("offset.metadata.max.bytes", "4096"),
        ("group.initial.rebalance.delay.ms", "3000"),
        ("group.max.session.timeout.ms", "1800000"),
        ("group.max.size", "2147483647"),
        ("group.consumer.assignors", "uniform,range"),
        ("transaction.max.timeout.ms", "900000"),
        ("transactional.id.expiration.ms", "604800000"),
        ("producer.id.expiration.ms", "86400000"),
        ("request.timeout.ms", "30000"),
        ("log.cleanup.policy", "delete"),
        ("ssl.client.auth", "none"),
    ] {
        let entry = described(&all, name);
        assert_eq!(entry.value.as_deref(), Some(value), "{name}");
        assert_eq!(entry.source, ConfigSource::Default, "{name}");
    }
    assert_eq!(described(&all, "log.retention.ms").value, None);
    assert!(described(&all, "num.partitions").read_only);
    assert!(!described(&all, "message.max.bytes").read_only);
    let secret = described(&all, "ssl.key.password");
    assert!(secret.sensitive && secret.value.is_none());
}

#[test]
fn values_say_who_set_them() {
    let settings = changed_settings(
        "[topics]\nretention_ms = \"2d\"\nmax_message_bytes = \"2MiB\"\n[kafka]\nrack = \"a\"",
    );
    let dynamic = DynamicConfigs {
        cluster: overrides(&[("message.max.bytes", "3000000"), ("log.preallocate", "true")]),
        broker: overrides(&[("message.max.bytes", "4000000")]),
    };
    let broker = describe_broker(&settings, &dynamic);
    let entry = described(&broker, "message.max.bytes");
    let chain: Vec<_> = entry.synonyms.iter().map(|s| (s.value.as_deref().unwrap(), s.source)).collect();
    let expected = [
        ("4000000", ConfigSource::DynamicBroker),
        ("3000000", ConfigSource::DynamicDefaultBroker),
        ("2097152", ConfigSource::StaticBroker),
        ("1048588", ConfigSource::Default),
    ];
    assert_eq!(chain, expected);
    assert_eq!((entry.value.as_deref(), entry.source), (Some("4000000"), ConfigSource::DynamicBroker));
    assert_eq!(described(&broker, "broker.rack").source, ConfigSource::StaticBroker);
    assert_eq!(described(&broker, "log.retention.ms").value.as_deref(), Some("172800000"));

    let topic = describe_topic(&settings, &dynamic, &overrides(&[("retention.ms", "1000")]));
    let entry = described(&topic, "retention.ms");
    let chain: Vec<_> = entry.synonyms.iter().map(|s| (s.name, s.value.as_deref().unwrap())).collect();
    let expected =
        [("retention.ms", "1000"), ("log.retention.ms", "172800000"), ("log.retention.hours", "168")];
    assert_eq!(chain, expected);
    assert_eq!(entry.source, ConfigSource::DynamicTopic);
    assert_eq!(described(&topic, "preallocate").value.as_deref(), Some("true"));
    assert_eq!(described(&topic, "max.message.bytes").value.as_deref(), Some("4000000"));

    let defaults = describe_broker_defaults(&dynamic);
    assert_eq!(defaults.len(), 2);
    assert!(defaults.iter().all(|entry| entry.source == ConfigSource::DynamicDefaultBroker));
}

#[test]
fn what_a_topic_does_follows_its_overrides_and_the_broker() {
    let settings = Settings::default();
    let dynamic =
        DynamicConfigs { cluster: overrides(&[("log.retention.ms", "5000")]), ..DynamicConfigs::default() };
    let settings = dynamic.apply(&settings).unwrap();
    let plain = TopicConfigs::new(&settings, &Overrides::new()).unwrap();
    assert_eq!(plain.retention_ms.get(), 5000);
    assert_eq!(plain.retention().unwrap().as_millis(), 5000);
    let topic = overrides(&[
        ("cleanup.policy", "compact"),
        ("compression.type", "zstd"),
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", "10"),
        ("flush.ms", "1"),
        ("retention.ms", "-1"),
    ]);
    let configs = TopicConfigs::new(&settings, &topic).unwrap();
    assert_eq!(configs.cleanup_policy, [CleanupPolicy::Compact]);
    assert_eq!(configs.compression_type, BrokerCompression::Zstd);
    assert_eq!(configs.message_timestamp_type, TimestampType::LogAppendTime);
    assert_eq!(configs.max_message_bytes.get(), 10);
    assert_eq!(configs.retention(), None);
}

#[test]
fn topics_are_refused_in_kafkas_words() {
    for (name, value, message) in [
        ("no.such", "1", "Unknown topic config name: no.such"),
        ("message.format.version", "2.8", "Unknown topic config name: message.format.version"),
        (
            "retention.ms",
            "soon",
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        (
            "segment.bytes",
            "9999999999",
            "Invalid value 9999999999 for configuration segment.bytes: Not a number of type INT",
        ),
        (
            "segment.bytes",
            "1",
            "Invalid value 1 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "cleanup.policy",
            "delete,burn",
            "Invalid value burn for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "compression.lz4.level",
            "18",
            "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "1.5",
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "max.compaction.lag.ms",
            "0",
            "Invalid value 0 for configuration max.compaction.lag.ms: Value must be at least 1",
        ),
        (
            "leader.replication.throttled.replicas",
            "x",
            "Invalid value x for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "remote.storage.enable",
            "true",
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
    ] {
        let refusal = check_topic(&Settings::default(), overrides(&[(name, value)])).unwrap_err();
        assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::InvalidConfig, message));
    }
    let lag = overrides(&[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]);
    let refusal = check_topic(&Settings::default(), lag).unwrap_err();
    assert_eq!(
        refusal.message,
        "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
    );
}

#[test]
fn removed_names_can_be_ignored() {
    let settings = changed_settings("[topics]\nignore_removed_configs = true");
    let kept =
        check_topic(&settings, overrides(&[("message.format.version", "2.8"), ("flush.ms", "1")])).unwrap();
    assert_eq!(kept, overrides(&[("flush.ms", "1")]));
}

#[test]
fn lists_grow_and_shrink() {
    let settings = Settings::default();
    let append = [change("cleanup.policy", AlterOp::Append, Some("compact,delete"))];
    let both = alter_topic(&settings, &Overrides::new(), &append).unwrap();
    assert_eq!(both, overrides(&[("cleanup.policy", "delete,compact")]));
    let subtract = [change("cleanup.policy", AlterOp::Subtract, Some("delete"))];
    let compact = alter_topic(&settings, &both, &subtract).unwrap();
    assert_eq!(compact, overrides(&[("cleanup.policy", "compact")]));
    let delete = [change("cleanup.policy", AlterOp::Delete, None), change("no.such", AlterOp::Delete, None)];
    assert_eq!(alter_topic(&settings, &compact, &delete).unwrap(), Overrides::new());
    let broker = alter_broker(
        &settings,
        &DynamicConfigs::default(),
        BrokerScope::Cluster,
        &[change("log.cleanup.policy", AlterOp::Append, Some("compact"))],
    );
    assert_eq!(broker.unwrap(), overrides(&[("log.cleanup.policy", "delete,compact")]));
}

#[test]
fn changes_are_refused_in_kafkas_words() {
    let settings = Settings::default();
    let refused = |changes: &[Alteration]| alter_topic(&settings, &Overrides::new(), changes).unwrap_err();
    let twice = change("flush.ms", AlterOp::Set, Some("1"));
    assert_eq!(refused(&[twice.clone(), twice]), Refusal::request("Error due to duplicate config keys"));
    let nulls = [change("flush.ms", AlterOp::Set, None), change("cleanup.policy", AlterOp::Append, None)];
    assert_eq!(refused(&nulls), Refusal::request("Null value not supported for : flush.ms, cleanup.policy"));
    assert_eq!(
        refused(&[change("flush.ms", AlterOp::Append, Some("1"))]),
        Refusal::config("Can't APPEND to key flush.ms because its type is not LIST.")
    );
    assert_eq!(AlterOp::from_wire(4), Err(Refusal::request("Unknown operations type 4")));
    assert_eq!(
        replacement(&[("a".to_owned(), None)]),
        Err(Refusal::request("Null value not supported for : a"))
    );
}

#[test]
fn brokers_change_only_what_can_act_at_once() {
    let settings = Settings::default();
    let none = DynamicConfigs::default();
    let set = |name: &str, value: &str| {
        alter_broker(&settings, &none, BrokerScope::Broker, &[change(name, AlterOp::Set, Some(value))])
    };
    let fixed = set("num.partitions", "3").unwrap_err();
    assert_eq!(fixed, Refusal::request("Cannot update these configs dynamically: Set(num.partitions)"));
    assert_eq!(set("no.such", "3").unwrap_err().code, ErrorCode::InvalidConfig);
    assert_eq!(
        set("message.max.bytes", "-1").unwrap_err(),
        Refusal::request("Invalid value -1 for configuration message.max.bytes: Value must be at least 0")
    );
    assert!(set("message.max.bytes", "2000000000").unwrap_err().message.contains("could never arrive"));

    let changed =
        DynamicConfigs { broker: set("max.connections", "7").unwrap(), ..DynamicConfigs::default() };
    assert_eq!(changed.apply(&settings).unwrap().limits.max_connections, 7);
}

#[test]
fn every_changeable_broker_setting_takes_its_default() {
    for key in broker_keys().filter(|key| key.dynamic) {
        let value = key.default_value().unwrap_or_else(|| "1000".to_owned());
        let changes = [change(key.definition.name, AlterOp::Set, Some(&value))];
        let kept =
            alter_broker(&Settings::default(), &DynamicConfigs::default(), BrokerScope::Cluster, &changes);
        assert!(kept.is_ok(), "{kept:?}");
    }
}

#[test]
fn groups_stay_within_what_the_broker_allows() {
    let settings = Settings::default();
    let set = |name: &str, value: &str| {
        alter_group(&settings, &Overrides::new(), &[change(name, AlterOp::Set, Some(value))])
    };
    let kept = set("consumer.session.timeout.ms", "50000").unwrap();
    assert_eq!(GroupConfigs::new(&settings, &kept).unwrap().consumer_session_timeout.as_secs(), 50);
    assert_eq!(
        set("consumer.session.timeout.ms", "1000").unwrap_err(),
        Refusal::config(
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"
        )
    );
    assert_eq!(set("x", "1").unwrap_err(), Refusal::config("Unknown group config name: x"));
    let all = describe_group(&settings, &kept);
    assert_eq!(described(&all, "consumer.session.timeout.ms").source, ConfigSource::Group);
    assert_eq!(described(&all, "consumer.heartbeat.interval.ms").value.as_deref(), Some("5000"));
}

/// Name and default of every setting of groups of Apache Kafka 4.3.1.
const KAFKA_GROUP_KEYS: [(&str, &str); 17] = [
    ("consumer.session.timeout.ms", "45000"),
    ("consumer.heartbeat.interval.ms", "5000"),
    ("consumer.assignment.interval.ms", "1000"),
    ("share.session.timeout.ms", "45000"),
    ("share.heartbeat.interval.ms", "5000"),
    ("share.record.lock.duration.ms", "30000"),
    ("share.delivery.count.limit", "5"),
    ("share.partition.max.record.locks", "2000"),
    ("share.auto.offset.reset", "latest"),
    ("share.isolation.level", "read_uncommitted"),
    ("share.renew.acknowledge.enable", "true"),
    ("share.assignment.interval.ms", "1000"),
    ("streams.session.timeout.ms", "45000"),
    ("streams.heartbeat.interval.ms", "5000"),
    ("streams.num.standby.replicas", "0"),
    ("streams.initial.rebalance.delay.ms", "3000"),
    ("streams.assignment.interval.ms", "1000"),
];

#[test]
fn groups_have_the_settings_that_kafka_gives_them_and_keep_each() {
    let settings = Settings::default();
    let all = describe_group(&settings, &Overrides::new());
    let shown: Vec<_> = all.iter().map(|one| (one.name, one.value.as_deref().unwrap_or_default())).collect();
    assert_eq!(shown, KAFKA_GROUP_KEYS);
    for (name, value) in KAFKA_GROUP_KEYS {
        let kept = alter_group(&settings, &Overrides::new(), &[change(name, AlterOp::Set, Some(value))]);
        let kept = kept.unwrap();
        let described_again = describe_group(&settings, &kept);
        assert_eq!(described(&described_again, name).source, ConfigSource::Group, "{name}");
        assert_eq!(described(&described_again, name).value.as_deref(), Some(value), "{name}");
    }
    let refused = [
        ("share.isolation.level", "none"),
        ("share.delivery.count.limit", "1"),
        ("streams.num.standby.replicas", "-1"),
    ];
    for (name, value) in refused {
        let changes = [change(name, AlterOp::Set, Some(value))];
        assert!(alter_group(&settings, &Overrides::new(), &changes).is_err(), "{name}");
    }
}
