//! Retention: giving up old records by age and size.
//!
//! Kafka deletes whole segment files of a partition. Here the unit is the batch: the log start moves to the first batch
//! that is young enough, or with which the partition is small enough. As in Kafka nothing younger than the limit goes, at
//! least `retention.bytes` stay, and the newest batch can go too when it is old. Space comes back when a whole segment
//! of the journal holds nothing that can be read; one partition that keeps its records for ever keeps the journal.
//! (Per-partition segments, written by a later merge, take that back.)

use std::sync::Arc;

use chronik_types::{Offset, TimestampMs, TopicPartition};

use crate::index::Selection;
use crate::{Broker, ChangeError, Partition, ReadError};

/// How many partitions one entry concerns at most.
const PARTITIONS_PER_ENTRY: usize = 1_000;

impl Broker {
    /// Looks at every partition once and gives up what is too old or too much. What storage refuses waits for the next time;
    /// the rest goes all the same.
    pub(crate) async fn retain(&self) -> Result<(), ChangeError> {
        let now = self.core.clock.now();
        let mut due = Vec::new();
        let mut refused = None;
        for topic in self.topics().iter() {
            let configs = topic.configs();
            let (age, size) = (configs.retention(), configs.retention_size());
            if age.is_none() && size.is_none() {
                continue;
            }
            let oldest = age.map(|age| now.saturating_sub(age));
            for partition in topic.partitions() {
                match self.log_start_due(partition, oldest, size).await {
                    Ok(Some(log_start)) => due.push((partition.topic_partition(), log_start)),
                    Ok(None) => {}
                    Err(error) => {
                        let topic = topic.name();
                        tracing::warn!(%topic, partition = %partition.index(), %error, "retention cannot be worked out");
                    }
                }
                if due.len() >= PARTITIONS_PER_ENTRY
                    && let Err(error) = self.give_up(std::mem::take(&mut due)).await
                {
                    refused.get_or_insert(error);
                }
            }
        }
        self.give_up(due).await?;
        refused.map_or(Ok(()), Err)
    }

    async fn give_up(&self, due: Vec<(TopicPartition, Offset)>) -> Result<(), ChangeError> {
        if due.is_empty() {
            return Ok(());
        }
        let partitions: Vec<_> = due.iter().filter_map(|(at, _)| self.core.catalog.partition(*at)).collect();
        let size = || partitions.iter().map(|partition| partition.size_bytes()).sum::<u64>();
        let before = size();
        self.delete_records(due).await?;
        self.core.metrics.retention_bytes.inc_by(before.saturating_sub(size()));
        Ok(())
    }

    /// The log start that retention demands, if it is not the present one.
    async fn log_start_due(
        &self,
        partition: &Arc<Partition>,
        oldest: Option<TimestampMs>,
        size: Option<u64>,
    ) -> Result<Option<Offset>, ReadError> {
        let log_start = partition.log_start_offset();
        let mut due = log_start;
        if let Some(oldest) = oldest {
            due = due.max(self.first_not_older(partition, log_start, oldest).await?);
        }
        if let Some(size) = size {
            due = due.max(self.first_within(partition, log_start, size).await?);
        }
        Ok((due > log_start).then_some(due))
    }

    /// The first offset of the first batch that is not older; the end of the partition when all are.
    async fn first_not_older(
        &self,
        partition: &Partition,
        log_start: Offset,
        oldest: TimestampMs,
    ) -> Result<Offset, ReadError> {
        // Before the search, so that what is appended meanwhile is not given up unseen.
        let end = partition.high_watermark();
        let mut from = log_start;
        loop {
            let start = partition.batches().first_part_not_older(from, oldest);
            let Some(start) = start else { return Ok(end) };
            let found = self.search(partition, start, &mut Selection::NotOlderThan(oldest)).await?;
            let Some((part_end, entries)) = found else { return Ok(end) };
            if let Some(entry) = entries.first() {
                return Ok(entry.base_offset.max(log_start));
            }
            from = part_end;
        }
    }

    /// The first offset from which on the partition has at least `size` bytes and not a whole batch more.
    async fn first_within(
        &self,
        partition: &Partition,
        log_start: Offset,
        size: u64,
    ) -> Result<Offset, ReadError> {
        let mut excess = self.exact_bytes(partition, log_start).await?.saturating_sub(size);
        let mut from = log_start;
        while excess > 0 {
            let skipped = partition.batches().whole_part(from, excess);
            if let Some((part_end, bytes)) = skipped {
                excess -= bytes;
                from = part_end;
                continue;
            }
            let mut selection = Selection::AfterBytes(excess);
            let found = self.search(partition, from, &mut selection).await?;
            let Some((part_end, entries)) = found else { break };
            if let Some(entry) = entries.first() {
                return Ok(entry.base_offset.max(from));
            }
            excess = left(selection);
            from = part_end;
        }
        Ok(from)
    }

    /// The bytes of a partition from its log start on. Reads the entries on the border when they are not in memory, once
    /// for each place of the log start.
    async fn exact_bytes(&self, partition: &Partition, log_start: Offset) -> Result<u64, ReadError> {
        if !partition.batches().bytes_are_exact() {
            let mut selection = Selection::AfterBytes(u64::MAX);
            self.search(partition, log_start, &mut selection).await?;
            partition.learn_live_bytes(log_start, u64::MAX - left(selection));
        }
        Ok(partition.size_bytes())
    }
}

/// What a search by bytes has not used up.
fn left(selection: Selection) -> u64 {
    match selection {
        Selection::AfterBytes(left) => left,
        Selection::Bytes { .. } | Selection::NotOlderThan(_) | Selection::Newest => 0,
    }
}
