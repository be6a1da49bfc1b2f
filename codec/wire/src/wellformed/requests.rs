//! The shapes of all requests in the API table, in the order of their keys; those of [`groups`] and [`transactions`]
//! in files of their own.
//!
//! Field for field these are the `*Request.json` files of Apache Kafka, for the versions that kafka-protocol decodes.
//! The tests hold them against kafka-protocol in both directions.

use kafka_protocol::messages::{
    alter_configs_request as alter_configs, api_versions_request as api_versions,
    create_partitions_request as create_partitions, create_topics_request as create_topics,
    delete_records_request as delete_records, delete_topics_request as delete_topics,
    describe_cluster_request as describe_cluster, describe_configs_request as describe_configs,
    describe_log_dirs_request as describe_log_dirs, describe_producers_request as describe_producers,
    describe_topic_partitions_request as describe_topic_partitions, elect_leaders_request as elect_leaders,
    fetch_request as fetch, incremental_alter_configs_request as incremental_alter_configs,
    init_producer_id_request as init_producer_id, list_config_resources_request as list_config_resources,
    list_offsets_request as list_offsets, list_partition_reassignments_request as list_reassignments,
    metadata_request as metadata, offset_for_leader_epoch_request as offset_for_leader_epoch,
    produce_request as produce,
};

use kafka_protocol::messages::{
    alter_configs_response, create_partitions_response, create_topics_response, delete_records_response,
    delete_topics_response, describe_producers_response, elect_leaders_response,
    incremental_alter_configs_response, list_offsets_response, offset_for_leader_epoch_response,
};

use super::shape::Kind::{Array, Bool, Int8, Int16, Int32, Int64, Records, String, Struct, Uuid};
use super::shape::{Shape, field};

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident = $module:ident::$message:ident { $($field:expr),* $(,)? }) => {
        $(#[$meta])*
        pub(crate) static $name: Shape = Shape {
            memory: size_of::<$module::$message>(),
            fields: &[$($field),*],
        };
    };
}

/// What an element takes that is answered with a `T`: that, its bytes on the wire, and what a handler keeps of it meanwhile.
pub(crate) const fn answered_with<T>() -> usize {
    size_of::<T>() + 64
}

/// Beside its answer, what an element takes that becomes part of an entry of the journal: once more in the entry, and
/// in its bytes.
pub(crate) const ENTRY_COST: usize = 128;

pub(crate) mod groups;
pub(crate) mod transactions;

shape!(PRODUCE = produce::ProduceRequest {
    field("transactional_id", String).nullable_since(3),
    field("acks", Int16),
    field("timeout_ms", Int32),
    field("topic_data", Array(&Struct(&PRODUCE_TOPIC))).costing(PRODUCE_TOPIC_COST),
});
shape!(PRODUCE_TOPIC = produce::TopicProduceData {
    field("name", String).until(12),
    field("topic_id", Uuid).since(13),
    field("partition_data", Array(&Struct(&PRODUCE_PARTITION))).costing(PRODUCE_PARTITION_COST),
});
shape!(PRODUCE_PARTITION = produce::PartitionProduceData {
    field("index", Int32),
    field("records", Records).nullable_since(0),
});
/// What is planned for a topic, and its place in the answer, beside its partitions.
pub(crate) const PRODUCE_TOPIC_COST: usize = 160;
/// What is planned for a partition, its result, and its place in the answer.
pub(crate) const PRODUCE_PARTITION_COST: usize = 384;

shape!(FETCH = fetch::FetchRequest {
    field("cluster_id", String).since(12).nullable_since(12).tagged(0),
    field("replica_id", Int32).until(14),
    field("replica_state", Struct(&FETCH_REPLICA_STATE)).since(15).tagged(1),
    field("max_wait_ms", Int32),
    field("min_bytes", Int32),
    field("max_bytes", Int32),
    field("isolation_level", Int8),
    field("session_id", Int32).since(7),
    field("session_epoch", Int32).since(7),
    field("topics", Array(&Struct(&FETCH_TOPIC))),
    field("forgotten_topics_data", Array(&Struct(&FETCH_FORGOTTEN_TOPIC))).since(7),
    field("rack_id", String).since(11),
});
shape!(FETCH_REPLICA_STATE = fetch::ReplicaState {
    field("replica_id", Int32),
    field("replica_epoch", Int64),
});
shape!(FETCH_TOPIC = fetch::FetchTopic {
    field("topic", String).until(12),
    field("topic_id", Uuid).since(13),
    field("partitions", Array(&Struct(&FETCH_PARTITION))).costing(FETCH_PARTITION_COST),
});
/// What is wanted of a partition, what is found there, and its place in the answer.
pub(crate) const FETCH_PARTITION_COST: usize = 384;
shape!(FETCH_PARTITION = fetch::FetchPartition {
    field("partition", Int32),
    field("current_leader_epoch", Int32).since(9),
    field("fetch_offset", Int64),
    field("last_fetched_epoch", Int32).since(12),
    field("log_start_offset", Int64).since(5),
    field("partition_max_bytes", Int32),
    field("replica_directory_id", Uuid).since(17).tagged(0),
    field("high_watermark", Int64).since(18).tagged(1),
});
shape!(FETCH_FORGOTTEN_TOPIC = fetch::ForgottenTopic {
    field("topic", String).until(12),
    field("topic_id", Uuid).since(13),
    field("partitions", Array(&Int32)),
});

shape!(LIST_OFFSETS = list_offsets::ListOffsetsRequest {
    field("replica_id", Int32),
    field("isolation_level", Int8).since(2),
    field("topics", Array(&Struct(&LIST_OFFSETS_TOPIC))),
    field("timeout_ms", Int32).since(10),
});
shape!(LIST_OFFSETS_TOPIC = list_offsets::ListOffsetsTopic {
    field("name", String),
    field("partitions", Array(&Struct(&LIST_OFFSETS_PARTITION)))
        .costing(answered_with::<list_offsets_response::ListOffsetsPartitionResponse>()),
});
shape!(LIST_OFFSETS_PARTITION = list_offsets::ListOffsetsPartition {
    field("partition_index", Int32),
    field("current_leader_epoch", Int32).since(4),
    field("timestamp", Int64),
});

shape!(METADATA = metadata::MetadataRequest {
    field("topics", Array(&Struct(&METADATA_TOPIC))).nullable_since(1),
    field("allow_auto_topic_creation", Bool).since(4),
    field("include_cluster_authorized_operations", Bool).since(8).until(10),
    field("include_topic_authorized_operations", Bool).since(8),
});
shape!(METADATA_TOPIC = metadata::MetadataRequestTopic {
    field("topic_id", Uuid).since(10),
    field("name", String).nullable_since(10),
});

shape!(API_VERSIONS = api_versions::ApiVersionsRequest {
    field("client_software_name", String).since(3),
    field("client_software_version", String).since(3),
});

shape!(CREATE_TOPICS = create_topics::CreateTopicsRequest {
    field("topics", Array(&Struct(&CREATABLE_TOPIC)))
        .costing(ENTRY_COST + answered_with::<create_topics_response::CreatableTopicResult>()),
    field("timeout_ms", Int32),
    field("validate_only", Bool),
});
shape!(CREATABLE_TOPIC = create_topics::CreatableTopic {
    field("name", String),
    field("num_partitions", Int32),
    field("replication_factor", Int16),
    field("assignments", Array(&Struct(&CREATABLE_REPLICA_ASSIGNMENT))),
    field("configs", Array(&Struct(&CREATABLE_TOPIC_CONFIG))),
});
shape!(CREATABLE_REPLICA_ASSIGNMENT = create_topics::CreatableReplicaAssignment {
    field("partition_index", Int32),
    field("broker_ids", Array(&Int32)),
});
shape!(CREATABLE_TOPIC_CONFIG = create_topics::CreatableTopicConfig {
    field("name", String),
    field("value", String).nullable_since(0),
});

shape!(DELETE_TOPICS = delete_topics::DeleteTopicsRequest {
    field("topics", Array(&Struct(&DELETE_TOPIC_STATE)))
        .costing(answered_with::<delete_topics_response::DeletableTopicResult>()).since(6),
    field("topic_names", Array(&String))
        .until(5)
        .costing(answered_with::<delete_topics_response::DeletableTopicResult>()),
    field("timeout_ms", Int32),
});
shape!(DELETE_TOPIC_STATE = delete_topics::DeleteTopicState {
    field("name", String).nullable_since(6),
    field("topic_id", Uuid),
});

shape!(DELETE_RECORDS = delete_records::DeleteRecordsRequest {
    field("topics", Array(&Struct(&DELETE_RECORDS_TOPIC))),
    field("timeout_ms", Int32),
});
shape!(DELETE_RECORDS_TOPIC = delete_records::DeleteRecordsTopic {
    field("name", String),
    field("partitions", Array(&Struct(&DELETE_RECORDS_PARTITION)))
        .costing(ENTRY_COST + answered_with::<delete_records_response::DeleteRecordsPartitionResult>()),
});
shape!(DELETE_RECORDS_PARTITION = delete_records::DeleteRecordsPartition {
    field("partition_index", Int32),
    field("offset", Int64),
});

shape!(INIT_PRODUCER_ID = init_producer_id::InitProducerIdRequest {
    field("transactional_id", String).nullable_since(0),
    field("transaction_timeout_ms", Int32),
    field("producer_id", Int64).since(3),
    field("producer_epoch", Int16).since(3),
});

shape!(OFFSET_FOR_LEADER_EPOCH = offset_for_leader_epoch::OffsetForLeaderEpochRequest {
    field("replica_id", Int32).since(3),
    field("topics", Array(&Struct(&OFFSET_FOR_LEADER_TOPIC))),
});
shape!(OFFSET_FOR_LEADER_TOPIC = offset_for_leader_epoch::OffsetForLeaderTopic {
    field("topic", String),
    field("partitions", Array(&Struct(&OFFSET_FOR_LEADER_PARTITION)))
        .costing(answered_with::<offset_for_leader_epoch_response::EpochEndOffset>()),
});
shape!(OFFSET_FOR_LEADER_PARTITION = offset_for_leader_epoch::OffsetForLeaderPartition {
    field("partition", Int32),
    field("current_leader_epoch", Int32),
    field("leader_epoch", Int32),
});

shape!(DESCRIBE_CONFIGS = describe_configs::DescribeConfigsRequest {
    field("resources", Array(&Struct(&DESCRIBE_CONFIGS_RESOURCE))),
    field("include_synonyms", Bool),
    field("include_documentation", Bool).since(3),
});
shape!(DESCRIBE_CONFIGS_RESOURCE = describe_configs::DescribeConfigsResource {
    field("resource_type", Int8),
    field("resource_name", String),
    field("configuration_keys", Array(&String)).nullable_since(0),
});

shape!(ALTER_CONFIGS = alter_configs::AlterConfigsRequest {
    field("resources", Array(&Struct(&ALTER_CONFIGS_RESOURCE)))
        .costing(ENTRY_COST + answered_with::<alter_configs_response::AlterConfigsResourceResponse>()),
    field("validate_only", Bool),
});
shape!(ALTER_CONFIGS_RESOURCE = alter_configs::AlterConfigsResource {
    field("resource_type", Int8),
    field("resource_name", String),
    field("configs", Array(&Struct(&ALTERABLE_CONFIG))),
});
shape!(ALTERABLE_CONFIG = alter_configs::AlterableConfig {
    field("name", String),
    field("value", String).nullable_since(0),
});

shape!(DESCRIBE_LOG_DIRS = describe_log_dirs::DescribeLogDirsRequest {
    field("topics", Array(&Struct(&DESCRIBABLE_LOG_DIR_TOPIC))).nullable_since(0),
});
shape!(DESCRIBABLE_LOG_DIR_TOPIC = describe_log_dirs::DescribableLogDirTopic {
    field("topic", String),
    field("partitions", Array(&Int32)),
});

shape!(CREATE_PARTITIONS = create_partitions::CreatePartitionsRequest {
    field("topics", Array(&Struct(&CREATE_PARTITIONS_TOPIC)))
        .costing(ENTRY_COST + answered_with::<create_partitions_response::CreatePartitionsTopicResult>()),
    field("timeout_ms", Int32),
    field("validate_only", Bool),
});
shape!(CREATE_PARTITIONS_TOPIC = create_partitions::CreatePartitionsTopic {
    field("name", String),
    field("count", Int32),
    field("assignments", Array(&Struct(&CREATE_PARTITIONS_ASSIGNMENT))).nullable_since(0),
});
shape!(CREATE_PARTITIONS_ASSIGNMENT = create_partitions::CreatePartitionsAssignment {
    field("broker_ids", Array(&Int32)),
});

shape!(ELECT_LEADERS = elect_leaders::ElectLeadersRequest {
    field("election_type", Int8).since(1),
    field("topic_partitions", Array(&Struct(&ELECT_LEADERS_TOPIC))).nullable_since(0),
    field("timeout_ms", Int32),
});
shape!(ELECT_LEADERS_TOPIC = elect_leaders::TopicPartitions {
    field("topic", String),
    field("partitions", Array(&Int32)).costing(answered_with::<elect_leaders_response::PartitionResult>()),
});

shape!(INCREMENTAL_ALTER_CONFIGS = incremental_alter_configs::IncrementalAlterConfigsRequest {
    field("resources", Array(&Struct(&INCREMENTAL_ALTER_CONFIGS_RESOURCE)))
        .costing(ENTRY_COST + answered_with::<incremental_alter_configs_response::AlterConfigsResourceResponse>()),
    field("validate_only", Bool),
});
shape!(INCREMENTAL_ALTER_CONFIGS_RESOURCE = incremental_alter_configs::AlterConfigsResource {
    field("resource_type", Int8),
    field("resource_name", String),
    field("configs", Array(&Struct(&INCREMENTAL_ALTERABLE_CONFIG))),
});
shape!(INCREMENTAL_ALTERABLE_CONFIG = incremental_alter_configs::AlterableConfig {
    field("name", String),
    field("config_operation", Int8),
    field("value", String).nullable_since(0),
});

shape!(LIST_PARTITION_REASSIGNMENTS = list_reassignments::ListPartitionReassignmentsRequest {
    field("timeout_ms", Int32),
    field("topics", Array(&Struct(&LIST_PARTITION_REASSIGNMENTS_TOPIC))).nullable_since(0),
});
shape!(LIST_PARTITION_REASSIGNMENTS_TOPIC = list_reassignments::ListPartitionReassignmentsTopics {
    field("name", String),
    field("partition_indexes", Array(&Int32)),
});

shape!(DESCRIBE_CLUSTER = describe_cluster::DescribeClusterRequest {
    field("include_cluster_authorized_operations", Bool),
    field("endpoint_type", Int8).since(1),
    field("include_fenced_brokers", Bool).since(2),
});

shape!(DESCRIBE_PRODUCERS = describe_producers::DescribeProducersRequest {
    field("topics", Array(&Struct(&DESCRIBE_PRODUCERS_TOPIC))),
});
shape!(DESCRIBE_PRODUCERS_TOPIC = describe_producers::TopicRequest {
    field("name", String),
    field("partition_indexes", Array(&Int32))
        .costing(answered_with::<describe_producers_response::PartitionResponse>()),
});

shape!(LIST_CONFIG_RESOURCES = list_config_resources::ListConfigResourcesRequest {
    field("resource_types", Array(&Int8)).since(1),
});

shape!(DESCRIBE_TOPIC_PARTITIONS = describe_topic_partitions::DescribeTopicPartitionsRequest {
    field("topics", Array(&Struct(&DESCRIBE_TOPIC_PARTITIONS_TOPIC))),
    field("response_partition_limit", Int32),
    field("cursor", Struct(&DESCRIBE_TOPIC_PARTITIONS_CURSOR)).nullable_since(0),
});
shape!(DESCRIBE_TOPIC_PARTITIONS_TOPIC = describe_topic_partitions::TopicRequest {
    field("name", String),
});
shape!(DESCRIBE_TOPIC_PARTITIONS_CURSOR = describe_topic_partitions::Cursor {
    field("topic_name", String),
    field("partition_index", Int32),
});
