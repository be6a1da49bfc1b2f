//! Entries of transactions in words.

use chronik_state::{Change, Claim, EndedBy, Marker, Outcome, PlacedMarker};

use crate::dump::line::Line;

/// Describes an entry of a transaction; another is told by its kind alone.
pub(super) fn describe(line: Line, change: &Change) -> Line {
    match change {
        Change::InitTransactionalProducer(init) => line
            .text("change", "init_transactional_producer")
            .text("transactional_id", init.transactional_id.as_str())
            .number("timeout_ms", init.timeout_ms),
        Change::AddPartitionsToTxn(add) => claim(line.text("change", "add_partitions_to_txn"), &add.claim)
            .number("partitions", add.partitions.len()),
        Change::AddOffsetsToTxn(add) => {
            claim(line.text("change", "add_offsets_to_txn"), &add.claim).text("group", add.group_id.as_str())
        }
        Change::TxnOffsetCommit(commit) => claim(line.text("change", "txn_offset_commit"), &commit.claim)
            .text("group", commit.commit.group_id.as_str())
            .number("offsets", commit.commit.offsets.len()),
        Change::EndTxn(end) => {
            let ended_by = match end.ended_by {
                EndedBy::Producer | EndedBy::ProducerWithBump => "producer",
                EndedBy::Timeout => "timeout",
                EndedBy::Operator => "operator",
            };
            claim(line.text("change", "end_txn"), &end.claim)
                .text("result", if end.committed { "commit" } else { "abort" })
                .text("ended_by", ended_by)
        }
        Change::ExpireTransactionalIds { idle_before } => {
            line.text("change", "expire_transactional_ids").number("idle_before_ms", idle_before.get())
        }
        Change::AppendTransactional(append) => line
            .text("change", "append")
            .text("transactional_id", append.transactional_id.as_str())
            .number("batches", append.batches.len()),
        other => line.text("change", &other.name().replace(' ', "_")),
    }
}

fn claim(line: Line, claim: &Claim) -> Line {
    line.text("transactional_id", claim.transactional_id.as_str())
        .number("producer_id", claim.producer_id.get())
        .number("producer_epoch", claim.producer_epoch.get())
}

/// The control batch that came with an entry.
pub(super) fn marker_of(change: &Change) -> Option<Marker> {
    match change {
        Change::EndTxn(end) => Some(end.marker),
        Change::InitTransactionalProducer(init) => init.marker,
        _ => None,
    }
}

/// Where that went.
pub(super) fn markers(outcome: &Outcome) -> &[PlacedMarker] {
    match outcome {
        Outcome::TxnEnded(Ok(ended)) => &ended.markers,
        Outcome::TransactionalProducerInitialized(Ok(initialized)) => &initialized.markers,
        _ => &[],
    }
}

/// Why an entry of a transaction was refused, if it was.
pub(super) fn refusal(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::TransactionalProducerInitialized(Err(error))
        | Outcome::PartitionsAddedToTxn(Err(error))
        | Outcome::OffsetsAddedToTxn(Err(error))
        | Outcome::TxnEnded(Err(error)) => Some(error.to_string()),
        Outcome::TxnOffsetsCommitted(Err(error)) => Some(error.to_string()),
        _ => None,
    }
}
