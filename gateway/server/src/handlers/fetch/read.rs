//! Reading what a fetch asks for, and waiting when there is too little.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_broker::{Broker, Partition, ReadRequest, Records};
use chronik_policy::{Admission, Connection, Reservation};
use chronik_types::{ErrorCode, IsolationLevel, LeaderEpoch, Offset};
use chronik_wire::hot::fetch::AbortedTransaction;
use tokio::task::coop::consume_budget;
use tokio_util::sync::CancellationToken;

use super::interest::{Interest, Wants};
use crate::handlers::{counted, leader_epoch};

/// What a fetch may answer with however short memory is.
const ALWAYS_GRANTED: usize = 64 * 1024;
/// What a partition takes while it is read: what is wanted of it, what is found there, and its place in the answer.
const PARTITION_BYTES: usize = size_of::<Interest>() + size_of::<Found<'_>>() + 80;
/// So many of them are part of what every request takes.
const UNCOUNTED_PARTITIONS: usize = 32;

/// What bounds a fetch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Wait for this much, as long as the time lasts.
    pub(super) min_bytes: usize,
    /// Answer with no more than this; one batch is always answered (KIP-74).
    pub(super) max_bytes: usize,
    pub(super) max_wait: Duration,
    pub(super) isolation: IsolationLevel,
}

/// A fetch that is being answered.
#[derive(Debug)]
pub(super) struct Poll<'a> {
    pub(super) broker: &'a Broker,
    /// What all answers with records may take together.
    pub(super) memory: &'a Admission,
    /// Of whose share of it the answer is.
    pub(super) connection: &'a Connection,
    /// What all requests may take together for their partitions, while they are worked on.
    pub(super) element_memory: &'a Admission,
    /// What all fetches that wait may keep together.
    pub(super) waiting_memory: &'a Admission,
    pub(super) interests: &'a [Interest],
    /// How much it keeps while it waits.
    pub(super) kept: usize,
    pub(super) limits: Limits,
}

/// What was found in one partition.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) interest: &'a Interest,
    pub(super) error: ErrorCode,
    pub(super) high_watermark: Offset,
    pub(super) last_stable_offset: Offset,
    pub(super) log_start_offset: Offset,
    /// Where the client's log and this one part: an epoch and the offset at which it ended.
    pub(super) diverging: Option<(LeaderEpoch, Offset)>,
    /// For a reader of committed records: what was aborted among them.
    pub(super) aborted: Vec<AbortedTransaction>,
    pub(super) records: Vec<Bytes>,
    pub(super) bytes: usize,
    /// Whether the answer says so; the session leaves out what the client knows.
    pub(super) is_told: bool,
}

/// What was found in all of them.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) found: Vec<Found<'a>>,
    /// The memory that is counted for the records.
    pub(super) reservation: Option<Reservation>,
    /// The memory that is counted for the partitions.
    _partitions: Option<Reservation>,
    bytes: usize,
    /// Something that the client has to know at once, however little was read.
    urgent: bool,
}

impl<'a> Poll<'a> {
    /// Reads; waits while there is too little, until the time is up or the connection is about to end. `request` is the
    /// memory of the request, which is not held through the wait.
    pub(super) async fn run(self, request: Option<Reservation>, closing: &CancellationToken) -> Round<'a> {
        // A reader that is caught up, as most are most of the time, has nothing to read before it waits.
        if self.has_something_to_read() || self.limits.max_wait.is_zero() {
            let round = self.read_all().await;
            if self.suffices(&round) || self.limits.max_wait.is_zero() {
                return round;
            }
        }
        let Some(_kept) = self.waiting_memory.try_reserve(self.kept) else {
            return self.read_all().await;
        };
        drop(request);
        let timer = tokio::time::sleep(self.limits.max_wait);
        tokio::pin!(timer);
        // The watch comes before the reading, so that nothing appended in between is missed.
        let watch = self.broker.watch(self.partitions(), self.limits.isolation);
        loop {
            let seen = watch.appended_bytes();
            let round = self.read_all().await;
            if self.suffices(&round) {
                return round;
            }
            let missing = self.limits.min_bytes.saturating_sub(round.bytes).max(1);
            let target = seen.saturating_add(u64::try_from(missing).unwrap_or(u64::MAX));
            // Neither records nor memory are held through the wait.
            drop(round);
            tokio::select! {
                () = watch.appended(target) => {}
                () = &mut timer => return self.read_all().await,
                () = closing.cancelled() => return self.read_all().await,
            }
        }
    }

    fn has_something_to_read(&self) -> bool {
        self.interests.iter().any(|interest| match &interest.partition {
            Ok(partition) => !self.is_caught_up(partition, Offset::new(interest.wants.fetch_offset)),
            Err(_) => false,
        })
    }

    fn suffices(&self, round: &Round<'_>) -> bool {
        let has_partitions = self.interests.iter().any(|interest| interest.partition.is_ok());
        round.urgent || round.bytes >= self.limits.min_bytes || !has_partitions
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.interests.iter().filter_map(|interest| interest.partition.clone().ok()).collect()
    }

    async fn read_all(&self) -> Round<'a> {
        let counted = self.interests.len().saturating_sub(UNCOUNTED_PARTITIONS) * PARTITION_BYTES;
        let partitions = counted::reserve(self.element_memory, counted).await;
        let found = Vec::with_capacity(self.interests.len());
        let reservation =
            self.memory.reserve_some(self.limits.max_bytes.min(self.memory.share_left(self.connection)));
        // When memory is short, answers get smaller; they never stop.
        let granted = reservation.as_ref().map_or(0, Reservation::bytes).max(ALWAYS_GRANTED);
        let max_bytes = self.limits.max_bytes.min(granted);
        let mut round = Round { found, reservation, _partitions: partitions, bytes: 0, urgent: false };
        for interest in self.interests {
            // There may be very many of them, and none may be waited for.
            consume_budget().await;
            let found = match &interest.partition {
                Ok(partition) => {
                    let found = self.read_one(interest, partition, max_bytes, round.bytes).await;
                    round.urgent |= !found.error.is_none() || found.diverging.is_some();
                    found
                }
                Err(error) => Found::failed(interest, *error),
            };
            round.bytes += found.bytes;
            round.found.push(found);
        }
        if let Some(reservation) = &mut round.reservation {
            reservation.shrink_to(round.bytes);
        }
        round
    }

    async fn read_one(
        &self,
        interest: &'a Interest,
        partition: &Arc<Partition>,
        max_bytes: usize,
        bytes_so_far: usize,
    ) -> Found<'a> {
        let wants = interest.wants;
        if let Err(error) = leader_epoch::check(partition, wants.current_leader_epoch) {
            return Found::failed(interest, error);
        }
        match diverging(self.broker, partition, wants) {
            Ok(None) => {}
            Ok(Some(end)) => return Found { diverging: Some(end), ..Found::nothing(interest, partition) },
            Err(error) => return Found::failed(interest, error),
        }
        let left = max_bytes.saturating_sub(bytes_so_far);
        let from = Offset::new(wants.fetch_offset);
        if self.is_caught_up(partition, from)
            || (left == 0 && bytes_so_far > 0 && is_in_range(partition, from))
        {
            return Found::nothing(interest, partition);
        }
        let request = ReadRequest {
            from,
            max_bytes: left.min(usize::try_from(wants.max_bytes).unwrap_or(0)),
            // The first batch of the answer comes even when it is larger than every limit (KIP-74).
            min_one_batch: bytes_so_far == 0,
            isolation: self.limits.isolation,
        };
        match self.broker.read(partition, request).await {
            Ok(records) => Found::records(interest, records),
            Err(error) => Found::failed(interest, error.error_code()),
        }
    }

    /// Whether there is nothing to read for now. Behind the last stable offset, a reader of committed records may be
    /// waiting for the end of a transaction.
    fn is_caught_up(&self, partition: &Partition, from: Offset) -> bool {
        from >= partition.readable_end(self.limits.isolation)
            && from <= partition.high_watermark()
            && !partition.is_deleted()
    }
}

fn is_in_range(partition: &Partition, from: Offset) -> bool {
    (partition.log_start_offset()..=partition.high_watermark()).contains(&from) && !partition.is_deleted()
}

/// Where the client's log parts from the partition's, if it says which epoch it has read last (KIP-595).
fn diverging(
    broker: &Broker,
    partition: &Partition,
    wants: Wants,
) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
    let claimed = LeaderEpoch::new(wants.last_fetched_epoch);
    if claimed.get() < 0 {
        return Ok(None);
    }
    let (epoch, end) = broker.offset_for_leader_epoch(partition, claimed);
    if epoch == LeaderEpoch::NONE || end == Offset::NONE {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let parts = epoch < claimed || end < Offset::new(wants.fetch_offset);
    Ok(parts.then_some((epoch, end)))
}

impl<'a> Found<'a> {
    fn failed(interest: &'a Interest, error: ErrorCode) -> Self {
        Self {
            interest,
            error,
            high_watermark: Offset::NONE,
            last_stable_offset: Offset::NONE,
            log_start_offset: Offset::NONE,
            diverging: None,
            aborted: Vec::new(),
            records: Vec::new(),
            bytes: 0,
            is_told: true,
        }
    }

    fn nothing(interest: &'a Interest, partition: &Partition) -> Self {
        Self {
            high_watermark: partition.high_watermark(),
            last_stable_offset: partition.last_stable_offset(),
            log_start_offset: partition.log_start_offset(),
            ..Self::failed(interest, ErrorCode::None)
        }
    }

    fn records(interest: &'a Interest, records: Records) -> Self {
        Self {
            high_watermark: records.high_watermark,
            last_stable_offset: records.last_stable_offset,
            log_start_offset: records.log_start_offset,
            aborted: records.aborted.iter().map(aborted).collect(),
            records: records.segments,
            bytes: records.bytes,
            ..Self::failed(interest, ErrorCode::None)
        }
    }
}

fn aborted(transaction: &chronik_state::AbortedTransaction) -> AbortedTransaction {
    AbortedTransaction {
        producer_id: transaction.producer_id.get(),
        first_offset: transaction.first_offset.get(),
    }
}
