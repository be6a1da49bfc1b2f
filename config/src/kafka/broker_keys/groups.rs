//! Groups, offsets and transactions.

use super::super::definition::{boolean, int, list, long, short, string};
use super::{BrokerConfigKey, Unit};

const NO_TOPIC: &str =
    "Reported as Kafka's default. Offsets and transactions are in the journal, not in topics.";
const NO_LOAD: &str = "Reported as Kafka's default. Nothing is loaded when a coordinator changes.";

pub(super) const KEYS: &[BrokerConfigKey] = &[
    list("group.coordinator.rebalance.protocols", "Which group protocols are spoken.")
        .each_of(&["classic", "consumer", "share", "streams"])
        .sets("groups.rebalance_protocols"),
    int("group.initial.rebalance.delay.ms", "How long an empty classic group waits for more members.")
        .sets("groups.initial_rebalance_delay"),
    int("group.min.session.timeout.ms", "The shortest session timeout a classic member may ask for.")
        .sets("groups.min_session_timeout"),
    int("group.max.session.timeout.ms", "The longest session timeout a classic member may ask for.")
        .sets("groups.max_session_timeout"),
    int("group.max.size", "The most members of a classic group.").at_least(1).sets("groups.max_size"),
    int("group.consumer.session.timeout.ms", "A consumer that is silent for this long has left its group.")
        .at_least(1)
        .sets("groups.consumer_session_timeout"),
    int("group.consumer.min.session.timeout.ms", "The shortest session timeout that a group can be given.")
        .at_least(1)
        .sets("groups.consumer_min_session_timeout"),
    int("group.consumer.max.session.timeout.ms", "The longest session timeout that a group can be given.")
        .at_least(1)
        .sets("groups.consumer_max_session_timeout"),
    int("group.consumer.heartbeat.interval.ms", "How often consumers are told to send a heartbeat.")
        .at_least(1)
        .sets("groups.consumer_heartbeat_interval"),
    int(
        "group.consumer.min.heartbeat.interval.ms",
        "The shortest heartbeat interval that a group can be given.",
    )
    .at_least(1)
    .sets("groups.consumer_min_heartbeat_interval"),
    int(
        "group.consumer.max.heartbeat.interval.ms",
        "The longest heartbeat interval that a group can be given.",
    )
    .at_least(1)
    .sets("groups.consumer_max_heartbeat_interval"),
    int("group.consumer.assignment.interval.ms", "The shortest time between two assignments of a group.")
        .at_least(0)
        .sets("groups.consumer_assignment_interval"),
    int(
        "group.consumer.min.assignment.interval.ms",
        "The shortest time between two assignments that a group can be given.",
    )
    .at_least(0)
    .sets("groups.consumer_min_assignment_interval"),
    int(
        "group.consumer.max.assignment.interval.ms",
        "The longest time between two assignments that a group can be given.",
    )
    .at_least(0)
    .sets("groups.consumer_max_assignment_interval"),
    int("group.consumer.max.size", "The most members of a consumer group.")
        .at_least(1)
        .sets("groups.consumer_max_size"),
    list("group.consumer.assignors", "The assignors that consumers may choose from, the default first.")
        .sets("groups.consumer_assignors"),
    string(
        "group.consumer.migration.policy",
        "Which groups may change between the classic and the consumer protocol.",
    )
    .sets("groups.consumer_migration_policy"),
    int("group.coordinator.threads", "Reported as Kafka's default.").at_least(1).or("4").reported(),
    int(
        "group.coordinator.append.linger.ms",
        "Reported as Kafka's default. Entries are grouped while the last group syncs, without a timer.",
    )
    .at_least(-1)
    .or("-1")
    .reported(),
    int("offsets.retention.minutes", "How long the offsets of an empty group are kept.")
        .at_least(1)
        .sets("groups.offsets_retention")
        .in_unit(Unit::Minutes),
    long("offsets.retention.check.interval.ms", "How often offsets are looked at for that.")
        .at_least(1)
        .sets("groups.offsets_retention_check_interval"),
    int("offset.metadata.max.bytes", "The most metadata that a committed offset can carry.")
        .sets("groups.offset_metadata_max_bytes"),
    int("offsets.topic.num.partitions", "Into how many coordinators groups are divided.")
        .at_least(1)
        .sets("groups.offsets_partitions"),
    short("offsets.topic.replication.factor", NO_TOPIC).at_least(1).or("3").reported(),
    int("offsets.topic.segment.bytes", NO_TOPIC).at_least(1).or("104857600").reported(),
    int("offsets.topic.compression.codec", NO_TOPIC).or("0").reported(),
    int("offsets.load.buffer.size", NO_LOAD).at_least(1).or("5242880").reported(),
    int("offsets.commit.timeout.ms", "Reported as Kafka's default.").at_least(1).or("5000").reported(),
    int("transaction.max.timeout.ms", "The longest transaction timeout a producer may ask for.")
        .at_least(1)
        .sets("transactions.max_timeout"),
    int("transactional.id.expiration.ms", "A transactional id that is not used for this long is forgotten.")
        .at_least(1)
        .sets("transactions.id_expiration"),
    int(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "How often transactions are looked at for their timeout.",
    )
    .at_least(1)
    .sets("transactions.abort_check_interval"),
    int(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        "How often transactional ids are looked at for their expiration.",
    )
    .at_least(1)
    .sets("transactions.expiration_check_interval"),
    boolean(
        "transaction.partition.verification.enable",
        "Reported: a partition takes transactional records only inside of a transaction.",
    )
    .or("true")
    .reported(),
    int("transaction.state.log.num.partitions", "Into how many coordinators transactional ids are divided.")
        .at_least(1)
        .sets("transactions.state_partitions"),
    short("transaction.state.log.replication.factor", NO_TOPIC).at_least(1).or("3").reported(),
    int("transaction.state.log.min.isr", NO_TOPIC).at_least(1).or("2").reported(),
    int("transaction.state.log.segment.bytes", NO_TOPIC).at_least(1).or("104857600").reported(),
    int("transaction.state.log.load.buffer.size", NO_LOAD).at_least(1).or("5242880").reported(),
];
