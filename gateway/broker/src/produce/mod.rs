//! Appending batches: from a produce request to durable records.
//!
//! [`Broker::submit`] checks and queues, [`Submitted::committed`] waits. Batches of one request travel as one entry (of
//! several, when together they are very large), so they commit in order. The bytes of a batch are slices of the request
//! frame all the way to storage.

mod error;
mod prepare;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, AppendError};
use chronik_state::{
    AppendTransactional, AppendedBatch, Change, Entry, Outcome, Placed, ProducerBatch, Rejection,
};
use chronik_types::{Offset, TimestampMs, TimestampType, TransactionalId};
use chronik_wire::batch::RecordBatch;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::coop::consume_budget;

pub use error::ProduceError;
pub(crate) use error::storage_code;

use crate::waiters::{Reply, Waiter};
use crate::{Broker, Partition};

/// The batches of one produce request.
#[derive(Debug)]
pub struct ProduceRequest {
    /// The batches, in the order of the request.
    pub batches: Vec<ProduceBatch>,
    /// Whether the version of the request allows zstd (KIP-110: Produce 7 and later).
    pub zstd_allowed: bool,
    /// The transaction of those batches that belong to one.
    pub transaction: Option<ProduceTransaction>,
}

/// The transaction that a request names.
#[derive(Clone, Debug)]
pub struct ProduceTransaction {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// Whether partitions join by being produced to (KIP-890: Produce 12 and later).
    pub joins: bool,
}

/// The records for one partition.
#[derive(Debug)]
pub struct ProduceBatch {
    /// Where they go.
    pub partition: Arc<Partition>,
    /// The `records` field as it stands in the request: exactly one batch.
    pub records: Bytes,
}

/// An appended batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// Offset of the first record; for a batch that was there already, the one it got then.
    pub base_offset: Offset,
    /// The broker's timestamp with `LogAppendTime`, [`TimestampMs::NONE`] with `CreateTime`.
    pub log_append_time: TimestampMs,
    /// The first offset of the partition.
    pub log_start_offset: Offset,
}

/// Batches that are queued for storage: their order is decided, their outcome is not.
#[derive(Debug)]
#[must_use = "the batches are queued, but nobody will know what became of them"]
pub struct Submitted {
    results: Vec<Result<Produced, ProduceError>>,
    entries: Vec<QueuedEntry>,
}

/// An entry on its way.
#[derive(Debug)]
struct QueuedEntry {
    reply: oneshot::Receiver<Reply>,
    /// For each batch of the entry its place in the results and who stamps it.
    batches: Vec<(usize, TimestampType)>,
    time: TimestampMs,
}

/// An entry that is being put together.
#[derive(Debug, Default)]
struct Draft {
    batches: Vec<AppendedBatch>,
    data: Vec<Bytes>,
    places: Vec<(usize, TimestampType)>,
    bytes: usize,
    /// Whether the batches belong to a transaction; all do or none does.
    transactional: bool,
}

/// Entries are kept below this size; a larger request takes several.
const ENTRY_BYTES: usize = 16 << 20;

impl Broker {
    /// Checks the batches and queues them for storage. Where it does not have to wait (for room among the bytes on
    /// their way, or because the records of a large batch have to be walked), and does not check so many batches that
    /// others have to have their turn, it is done when first polled.
    ///
    /// The order of two requests is the order in which their `submit` ends: a connection keeps the order of its
    /// requests by submitting one after the other. Cancel safe: what was queued before stays queued.
    pub async fn submit(&self, request: ProduceRequest) -> Submitted {
        let now = self.core.clock.now();
        let mut submitted =
            Submitted { results: Vec::with_capacity(request.batches.len()), entries: Vec::new() };
        let mut draft = Draft::for_batches(request.batches.len());
        for (place, ProduceBatch { partition, records }) in request.batches.into_iter().enumerate() {
            if place > 0 {
                consume_budget().await;
            }
            // Stands until the reply comes; the only other end is that the gateway stops.
            submitted.results.push(Err(ProduceError::Stopped));
            if partition.is_deleted() {
                submitted.fail(place, ProduceError::TopicDeleted);
                continue;
            }
            let configs = partition.configs();
            match prepare::prepare(self, records, &configs, request.zstd_allowed, now).await {
                Ok(batch) => {
                    let transactional = batch.header().attributes.is_transactional();
                    if transactional && request.transaction.is_none() {
                        submitted.fail(place, ProduceError::Transactional);
                        continue;
                    }
                    let is_full = draft.bytes + batch.bytes().len() > ENTRY_BYTES;
                    if draft.bytes > 0 && (is_full || transactional != draft.transactional) {
                        let transaction = request.transaction.as_ref();
                        self.queue(std::mem::take(&mut draft), transaction, now, &mut submitted).await;
                    }
                    draft.transactional = transactional;
                    draft.add(&partition, batch, place, configs.message_timestamp_type);
                }
                Err(error) => submitted.fail(place, error),
            }
        }
        if !draft.batches.is_empty() {
            self.queue(draft, request.transaction.as_ref(), now, &mut submitted).await;
        }
        submitted
    }

    /// [`Broker::submit`] and [`Submitted::committed`] in one.
    pub async fn produce(&self, request: ProduceRequest) -> Vec<Result<Produced, ProduceError>> {
        self.submit(request).await.committed(self).await
    }

    async fn queue(
        &self,
        draft: Draft,
        transaction: Option<&ProduceTransaction>,
        time: TimestampMs,
        submitted: &mut Submitted,
    ) {
        let joining = transaction.filter(|transaction| draft.transactional && transaction.joins);
        let mut partitions = draft.batches.iter().map(|batch| batch.at);
        if joining.is_some_and(|one| !self.has_room_for_partitions(&one.transactional_id, &mut partitions)) {
            for (place, _) in draft.places {
                submitted.fail(place, ProduceError::TransactionsFull);
            }
            return;
        }
        let room = self.room(draft.bytes).await;
        let change = match transaction.filter(|_| draft.transactional) {
            None => Change::Append(draft.batches),
            Some(transaction) => Change::AppendTransactional(AppendTransactional {
                transactional_id: transaction.transactional_id.clone(),
                joins: transaction.joins,
                max_partitions: self.settings().transactions.max_partitions,
                batches: draft.batches,
            }),
        };
        let entry = Entry::new(time, change);
        match self.append(&entry, draft.data, AppendClass::Data, room) {
            Ok(reply) => submitted.entries.push(QueuedEntry { reply, batches: draft.places, time }),
            Err(error) => {
                for (place, _) in draft.places {
                    submitted.fail(place, error.clone().into());
                }
            }
        }
    }

    /// Queues an entry; the reply comes when it was applied or refused.
    pub(crate) fn append(
        &self,
        entry: &Entry,
        data: Vec<Bytes>,
        class: AppendClass,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<oneshot::Receiver<Reply>, AppendError> {
        if self.core.is_halted() {
            return Err(AppendError::Closed);
        }
        let (reply, receiver) = oneshot::channel();
        let queued_at = self.core.clock.monotonic();
        let token = self.core.waiters.add(Waiter { reply, queued_at, _room: room });
        let append = Append { token, entry: entry.encode().into(), data, class };
        match self.backend.append(append) {
            Ok(()) => {
                self.core.metrics.waiting_appends.inc();
                // It may have halted since, and missed this one.
                if self.core.is_halted() {
                    self.core.waiters.take(token);
                }
                Ok(receiver)
            }
            Err(error) => {
                self.core.waiters.take(token);
                Err(error)
            }
        }
    }
}

impl Draft {
    fn for_batches(count: usize) -> Self {
        Self {
            batches: Vec::with_capacity(count),
            data: Vec::with_capacity(count),
            places: Vec::with_capacity(count),
            bytes: 0,
            transactional: false,
        }
    }

    fn add(&mut self, partition: &Partition, batch: RecordBatch, place: usize, stamped_by: TimestampType) {
        let header = batch.header();
        let length = batch.bytes().len();
        self.batches.push(AppendedBatch {
            at: partition.topic_partition(),
            // A frame and so a batch is smaller than 2 GiB; one of any other length would be refused on apply.
            length: u32::try_from(length).unwrap_or(u32::MAX),
            record_count: header.record_count,
            max_timestamp: header.max_timestamp,
            producer: header.has_producer_id().then_some(ProducerBatch {
                producer_id: header.producer_id,
                producer_epoch: header.producer_epoch,
                base_sequence: header.base_sequence,
            }),
        });
        self.data.push(batch.into_bytes());
        self.places.push((place, stamped_by));
        self.bytes += length;
    }
}

impl Submitted {
    /// Waits until the outcome of every batch is known: one result for each batch of the request, in their order. An
    /// acknowledged batch is durable and can be read. Dropping the future does not take anything back.
    pub async fn committed(mut self, broker: &Broker) -> Vec<Result<Produced, ProduceError>> {
        for entry in std::mem::take(&mut self.entries) {
            match entry.reply.await {
                Ok(Ok(Outcome::Appended(placed))) => self.place(&entry.batches, entry.time, placed),
                Ok(Err(error)) => {
                    for (place, _) in entry.batches {
                        self.fail(place, error.clone().into());
                    }
                }
                // No other outcome belongs to an append, and no reply comes when the gateway stops.
                Ok(Ok(_)) | Err(_) => {}
            }
        }
        let failed = self.results.iter().filter(|result| result.is_err()).count();
        broker.core.metrics.produce_errors.inc_by(u64::try_from(failed).unwrap_or(u64::MAX));
        self.results
    }

    fn place(
        &mut self,
        batches: &[(usize, TimestampType)],
        time: TimestampMs,
        placed: Vec<Result<Placed, Rejection>>,
    ) {
        for ((place, stamped_by), placed) in batches.iter().zip(placed) {
            let result = placed.map(|placed| Produced {
                base_offset: placed.base_offset,
                log_append_time: match stamped_by {
                    TimestampType::CreateTime => TimestampMs::NONE,
                    TimestampType::LogAppendTime => placed.duplicate_of.unwrap_or(time),
                },
                log_start_offset: placed.log_start_offset,
            });
            if let Some(slot) = self.results.get_mut(*place) {
                *slot = result.map_err(ProduceError::from);
            }
        }
    }

    fn fail(&mut self, place: usize, error: ProduceError) {
        if let Some(slot) = self.results.get_mut(place) {
            *slot = Err(error);
        }
    }
}
