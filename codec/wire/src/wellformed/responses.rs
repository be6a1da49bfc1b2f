//! The shape of the one response that is spliced: Fetch carries records that must not be copied.

use kafka_protocol::messages::fetch_response as fetch;

use super::shape::Kind::{Array, Int16, Int32, Int64, Records, String, Struct, Uuid};
use super::shape::{Shape, field};

/// FetchResponse, versions 4 to 18.
pub(crate) static FETCH: Shape = Shape {
    name: "FetchResponse",
    memory: size_of::<fetch::FetchResponse>(),
    fields: &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16).since(7),
        field("session_id", Int32).since(7),
        field("responses", Array(&Struct(&FETCH_TOPIC))),
        field("node_endpoints", Array(&Struct(&FETCH_NODE_ENDPOINT))).since(16).tagged(0),
    ],
};

static FETCH_TOPIC: Shape = Shape {
    name: "FetchableTopicResponse",
    memory: size_of::<fetch::FetchableTopicResponse>(),
    fields: &[
        field("topic", String).until(12),
        field("topic_id", Uuid).since(13),
        field("partitions", Array(&Struct(&FETCH_PARTITION))),
    ],
};

static FETCH_PARTITION: Shape = Shape {
    name: "PartitionData",
    memory: size_of::<fetch::PartitionData>(),
    fields: &[
        field("partition_index", Int32),
        field("error_code", Int16),
        field("high_watermark", Int64),
        field("last_stable_offset", Int64),
        field("log_start_offset", Int64).since(5),
        field("diverging_epoch", Struct(&FETCH_DIVERGING_EPOCH)).since(12).tagged(0),
        field("current_leader", Struct(&FETCH_CURRENT_LEADER)).since(12).tagged(1),
        field("snapshot_id", Struct(&FETCH_SNAPSHOT_ID)).since(12).tagged(2),
        field("aborted_transactions", Array(&Struct(&FETCH_ABORTED_TRANSACTION))).nullable_since(4),
        field("preferred_read_replica", Int32).since(11),
        field("records", Records).nullable_since(0),
    ],
};

static FETCH_DIVERGING_EPOCH: Shape = Shape {
    name: "EpochEndOffset",
    memory: size_of::<fetch::EpochEndOffset>(),
    fields: &[field("epoch", Int32), field("end_offset", Int64)],
};

static FETCH_CURRENT_LEADER: Shape = Shape {
    name: "LeaderIdAndEpoch",
    memory: size_of::<fetch::LeaderIdAndEpoch>(),
    fields: &[field("leader_id", Int32), field("leader_epoch", Int32)],
};

static FETCH_SNAPSHOT_ID: Shape = Shape {
    name: "SnapshotId",
    memory: size_of::<fetch::SnapshotId>(),
    fields: &[field("end_offset", Int64), field("epoch", Int32)],
};

static FETCH_ABORTED_TRANSACTION: Shape = Shape {
    name: "AbortedTransaction",
    memory: size_of::<fetch::AbortedTransaction>(),
    fields: &[field("producer_id", Int64), field("first_offset", Int64)],
};

static FETCH_NODE_ENDPOINT: Shape = Shape {
    name: "NodeEndpoint",
    memory: size_of::<fetch::NodeEndpoint>(),
    fields: &[
        field("node_id", Int32),
        field("host", String),
        field("port", Int32),
        field("rack", String).nullable_since(16),
    ],
};
