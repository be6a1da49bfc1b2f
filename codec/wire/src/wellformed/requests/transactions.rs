//! Transactions (KIP-98, KIP-447, KIP-664, KIP-890), but for InitProducerId, which idempotent producers send too.

use kafka_protocol::messages::{
    add_offsets_to_txn_request as add_offsets_to_txn, add_partitions_to_txn_request as add_partitions_to_txn,
    describe_transactions_request as describe_transactions, end_txn_request as end_txn,
    list_transactions_request as list_transactions, txn_offset_commit_request as txn_offset_commit,
    write_txn_markers_request as write_txn_markers,
};

use kafka_protocol::messages::{
    add_partitions_to_txn_response, txn_offset_commit_response, write_txn_markers_response,
};

use super::{ENTRY_COST, answered_with};
use crate::wellformed::shape::Kind::{Array, Bool, Int16, Int32, Int64, String, Struct};
use crate::wellformed::shape::{Shape, field};

shape!(
    /// Clients send up to version 3, which has one transaction in place; brokers send 4 and above to each other.
    ADD_PARTITIONS_TO_TXN = add_partitions_to_txn::AddPartitionsToTxnRequest {
    field("transactions", Array(&Struct(&ADD_PARTITIONS_TO_TXN_TRANSACTION))).since(4),
    field("v3_and_below_transactional_id", String).until(3),
    field("v3_and_below_producer_id", Int64).until(3),
    field("v3_and_below_producer_epoch", Int16).until(3),
    field("v3_and_below_topics", Array(&Struct(&ADD_PARTITIONS_TO_TXN_TOPIC))).until(3),
});
shape!(ADD_PARTITIONS_TO_TXN_TRANSACTION = add_partitions_to_txn::AddPartitionsToTxnTransaction {
    field("transactional_id", String),
    field("producer_id", Int64),
    field("producer_epoch", Int16),
    field("verify_only", Bool),
    field("topics", Array(&Struct(&ADD_PARTITIONS_TO_TXN_TOPIC))),
});
shape!(ADD_PARTITIONS_TO_TXN_TOPIC = add_partitions_to_txn::AddPartitionsToTxnTopic {
    field("name", String),
    field("partitions", Array(&Int32)).costing(
        ENTRY_COST + answered_with::<add_partitions_to_txn_response::AddPartitionsToTxnPartitionResult>(),
    ),
});

shape!(ADD_OFFSETS_TO_TXN = add_offsets_to_txn::AddOffsetsToTxnRequest {
    field("transactional_id", String),
    field("producer_id", Int64),
    field("producer_epoch", Int16),
    field("group_id", String),
});

shape!(END_TXN = end_txn::EndTxnRequest {
    field("transactional_id", String),
    field("producer_id", Int64),
    field("producer_epoch", Int16),
    field("committed", Bool),
});

shape!(WRITE_TXN_MARKERS = write_txn_markers::WriteTxnMarkersRequest {
    field("markers", Array(&Struct(&WRITABLE_TXN_MARKER))),
});
shape!(WRITABLE_TXN_MARKER = write_txn_markers::WritableTxnMarker {
    field("producer_id", Int64),
    field("producer_epoch", Int16),
    field("transaction_result", Bool),
    field("topics", Array(&Struct(&WRITABLE_TXN_MARKER_TOPIC))),
    field("coordinator_epoch", Int32),
});
shape!(WRITABLE_TXN_MARKER_TOPIC = write_txn_markers::WritableTxnMarkerTopic {
    field("name", String),
    field("partition_indexes", Array(&Int32))
        .costing(answered_with::<write_txn_markers_response::WritableTxnMarkerPartitionResult>()),
});

shape!(TXN_OFFSET_COMMIT = txn_offset_commit::TxnOffsetCommitRequest {
    field("transactional_id", String),
    field("group_id", String),
    field("producer_id", Int64),
    field("producer_epoch", Int16),
    field("generation_id", Int32).since(3),
    field("member_id", String).since(3),
    field("group_instance_id", String).since(3).nullable_since(3),
    field("topics", Array(&Struct(&TXN_OFFSET_COMMIT_TOPIC))),
});
shape!(TXN_OFFSET_COMMIT_TOPIC = txn_offset_commit::TxnOffsetCommitRequestTopic {
    field("name", String),
    field("partitions", Array(&Struct(&TXN_OFFSET_COMMIT_PARTITION)))
        .costing(ENTRY_COST + answered_with::<txn_offset_commit_response::TxnOffsetCommitResponsePartition>()),
});
shape!(TXN_OFFSET_COMMIT_PARTITION = txn_offset_commit::TxnOffsetCommitRequestPartition {
    field("partition_index", Int32),
    field("committed_offset", Int64),
    field("committed_leader_epoch", Int32).since(2),
    field("committed_metadata", String).nullable_since(0),
});

shape!(DESCRIBE_TRANSACTIONS = describe_transactions::DescribeTransactionsRequest {
    field("transactional_ids", Array(&String)),
});

shape!(LIST_TRANSACTIONS = list_transactions::ListTransactionsRequest {
    field("state_filters", Array(&String)),
    field("producer_id_filters", Array(&Int64)),
    field("duration_filter", Int64).since(1),
    field("transactional_id_pattern", String).since(2).nullable_since(2),
});
