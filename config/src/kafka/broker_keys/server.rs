//! Who the broker is, and what it does in general.

use super::super::definition::{boolean, class, double, int, list, long, string};
use super::BrokerConfigKey;

const NOT_HERE: &str = "Reported as Kafka's default. There is no controller or replication between brokers here: the storage keeps the copies.";
const THREADS: &str =
    "Reported as Kafka's default. The gateway has as many threads as the machine has processors.";

pub(super) const KEYS: &[BrokerConfigKey] = &[
    int("node.id", "The id under which this gateway appears as a broker.").sets("kafka.node_id"),
    int("broker.id", "The id of this gateway, the same as node.id.").sets("kafka.node_id"),
    string("broker.rack", "The rack or zone of this gateway; clients in the same one prefer it.")
        .sets("kafka.rack"),
    list("process.roles", "Reported: a gateway is a broker. There is no controller.").or("broker").reported(),
    string("inter.broker.protocol.version", "The version of Kafka whose protocol is spoken.")
        .or("4.1-IV1")
        .reported(),
    boolean("auto.create.topics.enable", "Make a topic when a client first asks for it.")
        .sets("topics.auto_create"),
    boolean("delete.topic.enable", "Let clients delete topics.").sets("topics.delete_enable"),
    int("num.partitions", "Partitions of a topic that does not say how many it wants.")
        .at_least(1)
        .sets("topics.partitions"),
    int(
        "default.replication.factor",
        "The replication factor of a topic that does not say which it wants; the storage keeps the copies.",
    )
    .at_least(1)
    .sets("topics.replication_factor_default"),
    int("fetch.max.bytes", "The most that one fetch is answered with.")
        .at_least(1024)
        .sets("limits.fetch_max_bytes"),
    int("max.incremental.fetch.session.cache.slots", "Incremental fetch sessions that are kept.")
        .at_least(0)
        .sets("limits.fetch_session_cache_slots"),
    int(
        "max.request.partition.size.limit",
        "The most partitions that one DescribeTopicPartitions answer holds.",
    )
    .at_least(1)
    .or("2000")
    .reported(),
    int("request.timeout.ms", "How long a request may take, beyond what it asks to wait itself.")
        .sets("limits.request_timeout"),
    int("num.io.threads", THREADS).at_least(1).or("8").reported(),
    int("num.replica.fetchers", NOT_HERE).or("1").reported(),
    int("num.recovery.threads.per.data.dir", THREADS).at_least(1).or("2").reported(),
    int("background.threads", THREADS).at_least(1).or("10").reported(),
    boolean("auto.leader.rebalance.enable", NOT_HERE).or("true").reported(),
    long("leader.imbalance.check.interval.seconds", NOT_HERE).at_least(1).or("300").reported(),
    int("leader.imbalance.per.broker.percentage", NOT_HERE).or("10").reported(),
    boolean(
        "controlled.shutdown.enable",
        "Reported: a gateway always finishes what it accepted before it stops.",
    )
    .or("true")
    .reported(),
    int("replica.fetch.max.bytes", NOT_HERE).at_least(0).or("1048576").reported(),
    int("replica.fetch.response.max.bytes", NOT_HERE).at_least(0).or("10485760").reported(),
    int("replica.fetch.wait.max.ms", NOT_HERE).or("500").reported(),
    int("replica.fetch.min.bytes", NOT_HERE).or("1").reported(),
    long("replica.lag.time.max.ms", NOT_HERE).or("30000").reported(),
    int("replica.socket.timeout.ms", NOT_HERE).or("30000").reported(),
    class("replica.selector.class", NOT_HERE).reported(),
    long("leader.replication.throttled.rate", NOT_HERE)
        .at_least(0)
        .or("9223372036854775807")
        .reported()
        .dynamic(),
    long("follower.replication.throttled.rate", NOT_HERE)
        .at_least(0)
        .or("9223372036854775807")
        .reported()
        .dynamic(),
    long("replica.alter.log.dirs.io.max.bytes.per.second", NOT_HERE)
        .at_least(0)
        .or("9223372036854775807")
        .reported()
        .dynamic(),
    int("quota.window.num", "Reported as Kafka's default.").at_least(1).or("11").reported(),
    int("quota.window.size.seconds", "Reported as Kafka's default.").at_least(1).or("1").reported(),
    int("controller.quota.window.num", "Reported as Kafka's default.").at_least(1).or("11").reported(),
    int("controller.quota.window.size.seconds", "Reported as Kafka's default.")
        .at_least(1)
        .or("1")
        .reported(),
    class("client.quota.callback.class.name", "Java classes cannot be loaded here.").reported(),
    class("create.topic.policy.class.name", "Java classes cannot be loaded here.").reported(),
    class("alter.config.policy.class.name", "Java classes cannot be loaded here.").reported(),
    list(
        "metric.reporters",
        "Java classes cannot be loaded here; metrics are at /metrics of the admin address.",
    )
    .or("")
    .reported(),
    int("metrics.num.samples", "Reported as Kafka's default; metrics are at /metrics of the admin address.")
        .at_least(1)
        .or("2")
        .reported(),
    string(
        "metrics.recording.level",
        "Reported as Kafka's default; metrics are at /metrics of the admin address.",
    )
    .or("INFO")
    .reported(),
    long(
        "metrics.sample.window.ms",
        "Reported as Kafka's default; metrics are at /metrics of the admin address.",
    )
    .at_least(1)
    .or("30000")
    .reported(),
    boolean("remote.log.storage.system.enable", "Whether there is a second tier. There is none.")
        .or("false")
        .reported(),
    double(
        "log.cleaner.io.buffer.load.factor",
        "Reported as Kafka's default. Compaction here has no such buffer.",
    )
    .or("0.9")
    .reported(),
];
