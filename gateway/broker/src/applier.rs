//! The follower of the journal: applies each entry to the state, then makes it visible and answers who waits for it.
//!
//! The state decides; what is here only carries its decisions on: into the catalog, the indexes and the watermarks, to
//! the waiters, and once for each commit group to the long polls. Nothing here waits or does I/O.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chronik_backend::{AppendError, Committed, Follower, Position};
use chronik_state::{
    AppendedBatch, Change, ConfigResource, EndTxn, EndedBy, EndedTxn, Entry, Marker, Outcome, Placed,
    PlacedMarker, Rejection,
};
use chronik_types::{NodeId, Offset, TimestampMs, TopicId, TopicPartition};

use crate::catalog::PartsByPartition;
use crate::core::Core;
use crate::index::BatchEntry;
use crate::waiters::Waiter;
use crate::watch::Watcher;
use crate::{Halt, Topic};

/// The follower.
#[derive(Debug)]
pub(crate) struct Applier {
    core: Arc<Core>,
    node: NodeId,
    /// Start of the open segment.
    segment: Position,
    /// Counts commit groups, so that a long poll can tell them apart.
    group: u64,
    /// The watchers that the present group has met.
    met: Vec<Arc<Watcher>>,
    /// Who waits for the entries of the present group; reused.
    waiters: Vec<Option<Waiter>>,
}

/// Entries of a group for which room is kept.
const USUAL_GROUP: usize = 1024;

impl Applier {
    /// A follower of everything at or after `segment`, where a segment starts.
    pub(crate) fn new(core: Arc<Core>, node: NodeId, segment: Position) -> Self {
        Self { core, node, segment, group: 0, met: Vec::new(), waiters: Vec::new() }
    }

    fn apply(&mut self, committed: &Committed) -> Result<Outcome, Halt> {
        let position = committed.position;
        let entry =
            Entry::decode(&committed.entry).map_err(|source| Halt::Undecodable { position, source })?;
        let (outcome, open_transactions) = {
            let mut state = self.core.state.lock();
            let outcome = state.apply(position.get(), &entry);
            self.core.transaction_bytes.store(state.transaction_bytes(), Ordering::Relaxed);
            (outcome, state.ongoing_transaction_count())
        };
        match (&entry.change, &outcome) {
            (Change::Append(batches), Outcome::Appended(placed)) => {
                self.appended(committed, entry.time, batches, placed, false)?;
            }
            (Change::AppendTransactional(append), Outcome::Appended(placed)) => {
                self.appended(committed, entry.time, &append.batches, placed, true)?;
                self.count_open(committed, open_transactions);
            }
            (Change::EndTxn(end), Outcome::TxnEnded(Ok(ended))) => {
                self.end_transaction(committed, entry.time, end.marker, &ended.markers)?;
                self.count_ended(committed, end, ended);
                self.core.metrics.set_open_transactions(open_transactions);
            }
            (
                Change::InitTransactionalProducer(init),
                Outcome::TransactionalProducerInitialized(Ok(initialized)),
            ) => {
                if let Some(marker) = init.marker {
                    self.end_transaction(committed, entry.time, marker, &initialized.markers)?;
                }
                if initialized.aborted && committed.token.is_some() {
                    self.core.metrics.aborted_transactions.inc();
                }
                self.core.metrics.set_open_transactions(open_transactions);
            }
            (Change::AddPartitionsToTxn(_), Outcome::PartitionsAddedToTxn(Ok(())))
            | (Change::AddOffsetsToTxn(_), Outcome::OffsetsAddedToTxn(Ok(()))) => {
                self.count_open(committed, open_transactions);
            }
            (Change::TxnOffsetCommit(_), Outcome::TxnOffsetsCommitted(Ok(()))) => {
                self.count_open(committed, open_transactions);
                self.count_others(committed, &entry.change, &outcome);
            }
            (Change::CreateTopic(create), Outcome::TopicCreated(Ok(()))) => self.created(create.topic_id),
            (Change::CreatePartitions(create), Outcome::PartitionsCreated(Ok(_))) => {
                self.grown(create.topic_id);
            }
            (Change::DeleteTopic { topic_id }, Outcome::TopicDeleted(Ok(_))) => self.deleted(*topic_id),
            (Change::AdvanceLogStart(partitions), Outcome::LogStartAdvanced(starts)) => {
                self.advanced(partitions, starts);
            }
            (Change::AlterConfigs(alter), Outcome::ConfigsAltered(Ok(()))) => self.altered(&alter.resource),
            (Change::CheckHash(_), Outcome::HashChecked(Err(diverged))) => return Err((*diverged).into()),
            (change, outcome) => self.count_others(committed, change, outcome),
        }
        Ok(outcome)
    }

    fn appended(
        &mut self,
        committed: &Committed,
        time: TimestampMs,
        batches: &[AppendedBatch],
        placed: &[Result<Placed, Rejection>],
        transactional: bool,
    ) -> Result<(), Halt> {
        let mut offset = 0_u32;
        // Batches of one topic follow each other.
        let mut topic: Option<Arc<Topic>> = None;
        for (batch, placed) in batches.iter().zip(placed) {
            let Some(span) = committed.data.slice(offset, batch.length) else {
                return Err(Halt::MissingData { position: committed.position, len: committed.data.len });
            };
            offset = offset.saturating_add(batch.length);
            let placed = match placed {
                Ok(placed) => placed,
                Err(rejection) => {
                    if committed.token.is_some() {
                        self.core.metrics.groups.count_refused_batch(rejection);
                    }
                    continue;
                }
            };
            if placed.duplicate_of.is_some() {
                if committed.token.is_some() {
                    self.core.metrics.produced_duplicates.inc();
                }
                continue;
            }
            if topic.as_ref().is_none_or(|topic| topic.id() != batch.at.topic_id) {
                topic = self.core.catalog.by_id(batch.at.topic_id);
            }
            let partition = topic.as_ref().and_then(|topic| topic.partition(batch.at.partition));
            let Some(partition) = partition else { continue };
            let entry = BatchEntry {
                base_offset: placed.base_offset,
                at: span.at,
                // A batch without timestamps is as old as its append: retention has to get to it.
                max_timestamp: if batch.max_timestamp.get() < 0 { time } else { batch.max_timestamp },
                len: batch.length,
                last_offset_delta: u32::try_from(batch.record_count - 1).unwrap_or(0),
            };
            let appended = partition.append(self.segment, entry, placed.leader_epoch, transactional);
            if appended.is_first {
                self.core.segments.occupy(self.segment, partition);
            }
            // What an earlier run or another gateway was sent, it has counted.
            if committed.token.is_some() {
                self.count(batch);
            }
            // After the batch can be seen: who watches from now on reads it.
            partition.notify(u64::from(batch.length), appended.stable_bytes, self.group, &mut self.met);
        }
        Ok(())
    }

    /// Puts the one marker of the entry behind the records of a transaction in all its partitions.
    fn end_transaction(
        &mut self,
        committed: &Committed,
        time: TimestampMs,
        marker: Marker,
        placed: &[PlacedMarker],
    ) -> Result<(), Halt> {
        if placed.is_empty() {
            return Ok(());
        }
        let Some(span) = committed.data.slice(0, marker.length) else {
            return Err(Halt::MissingData { position: committed.position, len: committed.data.len });
        };
        for placed in placed {
            let Some(partition) = self.core.catalog.partition(placed.at) else { continue };
            let entry = BatchEntry {
                base_offset: placed.offset,
                at: span.at,
                max_timestamp: time,
                len: marker.length,
                last_offset_delta: 0,
            };
            let PlacedMarker { leader_epoch, aborted, first_unstable, .. } = *placed;
            let appended =
                partition.end_transaction(self.segment, entry, leader_epoch, aborted, first_unstable);
            if appended.is_first {
                self.core.segments.occupy(self.segment, &partition);
            }
            partition.notify(u64::from(marker.length), appended.stable_bytes, self.group, &mut self.met);
        }
        Ok(())
    }

    fn count_ended(&self, committed: &Committed, end: &EndTxn, ended: &EndedTxn) {
        let metrics = &self.core.metrics;
        if committed.token.is_some() && ended.was_open {
            let ends =
                if end.committed { &metrics.committed_transactions } else { &metrics.aborted_transactions };
            ends.inc();
            if end.ended_by == EndedBy::Timeout {
                metrics.timed_out_transactions.inc();
            }
        }
    }

    /// The entry may have begun a transaction. What an earlier run or another gateway was sent, it has counted.
    fn count_open(&self, committed: &Committed, open: usize) {
        if committed.token.is_some() {
            self.core.metrics.count_begun(open);
        } else {
            self.core.metrics.set_open_transactions(open);
        }
    }

    fn count_others(&self, committed: &Committed, change: &Change, outcome: &Outcome) {
        if committed.token.is_some() {
            self.core.metrics.groups.count(change, outcome);
        }
    }

    fn count(&self, batch: &AppendedBatch) {
        let metrics = &self.core.metrics;
        metrics.produced_batches.inc();
        metrics.produced_bytes.inc_by(u64::from(batch.length));
        metrics.produced_records.inc_by(u64::try_from(batch.record_count).unwrap_or(0));
    }

    fn created(&self, id: TopicId) {
        let state = self.core.state.lock();
        let Some(topic) = state.topic_by_id(id) else { return };
        let effective = self.core.configs.topic(topic.configs());
        self.core.catalog.insert(topic, effective, &mut PartsByPartition::new());
        self.core.catalog.measure(&self.core.metrics);
    }

    fn grown(&self, id: TopicId) {
        if let Some(topic) = self.core.state.lock().topic_by_id(id) {
            self.core.catalog.grow(topic);
        }
        self.core.catalog.measure(&self.core.metrics);
    }

    fn deleted(&mut self, id: TopicId) {
        let Some(topic) = self.core.catalog.remove(id) else { return };
        topic.cell().delete();
        for partition in topic.partitions() {
            self.core.segments.release(&partition.clear());
            partition.notify(u64::MAX, u64::MAX, self.group, &mut self.met);
        }
        self.core.reclaim.notify_one();
        self.core.catalog.measure(&self.core.metrics);
    }

    fn advanced(&self, partitions: &[(TopicPartition, Offset)], starts: &[Result<Offset, Rejection>]) {
        let mut emptied = false;
        for ((at, _), start) in partitions.iter().zip(starts) {
            if let (Some(partition), Ok(start)) = (self.core.catalog.partition(*at), start) {
                emptied |= self.core.segments.release(&partition.advance_log_start(*start));
            }
        }
        if emptied {
            self.core.reclaim.notify_one();
        }
    }

    fn altered(&self, resource: &ConfigResource) {
        let state = self.core.state.lock();
        let topics = match resource {
            // Groups are asked for their configs when they matter.
            ConfigResource::Group(_) => return,
            ConfigResource::Topic(id) => self.core.catalog.by_id(*id).into_iter().collect(),
            ConfigResource::BrokerDefault | ConfigResource::Broker(_) => {
                self.core
                    .configs
                    .set_brokers(state.default_broker_configs(), state.broker_configs(self.node));
                self.core.catalog.all()
            }
        };
        for topic in topics {
            if let Some(described) = state.topic_by_id(topic.id()) {
                let effective = self.core.configs.topic(described.configs());
                topic.cell().set_configs(effective, Arc::new(described.configs().clone()));
            }
        }
    }

    /// Wakes the long polls that the group concerns, each at most once.
    fn wake(&mut self) {
        self.met.drain(..).for_each(|watcher| watcher.wake_if_due());
    }

    fn answer(&self, waiter: Option<Waiter>, outcome: Outcome) {
        let Some(waiter) = waiter else { return };
        let waited = self.core.clock.monotonic().saturating_sub(waiter.queued_at);
        self.core.metrics.append_seconds.observe(waited.as_secs_f64());
        self.core.metrics.waiting_appends.dec();
        // He may have stopped waiting; the entry stands all the same.
        let _ = waiter.reply.send(Ok(outcome));
    }
}

impl Follower for Applier {
    fn committed(&mut self, group: &[Committed]) {
        if self.core.is_halted() {
            return;
        }
        self.group += 1;
        let mut waiters = std::mem::take(&mut self.waiters);
        self.core.waiters.take_all(group.iter().map(|committed| committed.token), &mut waiters);
        for (committed, waiter) in group.iter().zip(waiters.drain(..)) {
            match self.apply(committed) {
                Ok(outcome) => self.answer(waiter, outcome),
                Err(halt) => {
                    tracing::error!(error = %halt, "the gateway stops applying the journal");
                    self.core.halt(halt);
                    return;
                }
            }
        }
        waiters.shrink_to(USUAL_GROUP);
        self.waiters = waiters;
        self.wake();
        if let Some(last) = group.last() {
            let open_bytes = last.position.get().saturating_sub(self.segment.get());
            self.core.open_bytes.store(open_bytes, Ordering::Relaxed);
        }
        // Entries of an earlier run are no groups of this one.
        if group.iter().any(|committed| committed.token.is_some()) {
            let entries = u32::try_from(group.len()).unwrap_or(u32::MAX);
            self.core.metrics.commit_group_entries.observe(f64::from(entries));
        }
    }

    fn sealed(&mut self, end: Position) {
        if self.core.is_halted() || end <= self.segment {
            return;
        }
        // The one place where the size of the state shows on the path of appends: about 1 ms for 10,000 partitions,
        // once a segment.
        let state = self.core.state.lock().encode();
        self.core.segments.seal(self.segment, end);
        self.core.sealed.add(self.segment, end, state.into());
        self.segment = end;
        self.core.open_bytes.store(0, Ordering::Relaxed);
        self.core.metrics.sealed_position.set(i64::try_from(end.get()).unwrap_or(i64::MAX));
    }

    fn refused(&mut self, token: u64, error: AppendError) {
        if let Some(waiter) = self.core.waiters.take(token) {
            self.core.metrics.waiting_appends.dec();
            let _ = waiter.reply.send(Err(error));
        }
    }
}
