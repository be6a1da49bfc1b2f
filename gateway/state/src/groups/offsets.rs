//! Committed offsets, and those that wait for the end of a transaction.
//!
//! Offsets belong to topics by their ids: a topic that is deleted takes them along, and one that is made again under the
//! same name has none.

use std::collections::BTreeMap;

use chronik_types::{
    GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, ProducerId, TimestampMs, TopicId, TopicPartition,
};

use super::weight;
use crate::codec::{DecodeError, Reader, Writer};

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committer {
    /// A client that is no member, such as one that assigns partitions by hand. The group must not have members.
    Anyone,
    /// A member.
    Member {
        /// Its id.
        member_id: MemberId,
        /// Set for a static member.
        instance_id: Option<GroupInstanceId>,
        /// The generation it is in, or its epoch in the consumer protocol.
        generation: i32,
    },
}

/// Offsets are committed for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsets {
    /// The group.
    pub group_id: GroupId,
    /// Who commits.
    pub committer: Committer,
    /// Where it got to in each partition.
    pub offsets: Vec<(TopicPartition, CommittedOffset)>,
}

/// Offsets of a group are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// The group.
    pub group_id: GroupId,
    /// Their partitions.
    pub partitions: Vec<TopicPartition>,
}

/// An offset as it was committed. When that was, the entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to be read.
    pub offset: Offset,
    /// The leader epoch of the last record read; [`LeaderEpoch::NONE`] when the client did not say.
    pub leader_epoch: LeaderEpoch,
    /// What the client wants to remember.
    pub metadata: Box<str>,
    /// When it was committed, by the clock of the gateway that proposed it.
    pub committed_at: TimestampMs,
    /// When it expires, for a client that said so (OffsetCommit 2 to 4).
    pub expires_at: Option<TimestampMs>,
}

/// The offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// By the producer of an open transaction.
    kept_back: BTreeMap<ProducerId, BTreeMap<TopicPartition, KeptBack>>,
    /// What they weigh. Not encoded.
    bytes: usize,
}

/// An offset that waits for the end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptBack {
    /// Its place in the order of those that wait.
    order: u64,
    /// `None` when a later one has been committed meanwhile: the newest commit wins, whichever transaction ends first.
    pub(super) offset: Option<CommittedOffset>,
}

impl Offsets {
    /// The committed offset of a partition.
    #[must_use]
    pub fn get(&self, at: TopicPartition) -> Option<&CommittedOffset> {
        self.committed.get(&at)
    }

    /// All committed offsets, in the order of their partitions.
    pub fn iter(&self) -> impl Iterator<Item = (TopicPartition, &CommittedOffset)> {
        self.committed.iter().map(|(at, offset)| (*at, offset))
    }

    /// The partitions that it has offsets for, committed or not.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        let waiting = self.kept_back.values().flat_map(BTreeMap::keys);
        self.committed.keys().chain(waiting).copied()
    }

    /// Whether nothing is committed, and nothing waits for the end of a transaction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.kept_back.is_empty()
    }

    /// How much memory they take, about.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// [`Offsets::bytes`], counted anew.
    pub(crate) fn weigh(&self) -> usize {
        let committed: usize = self.committed.values().map(CommittedOffset::bytes).sum();
        let kept_back = self.kept_back.values().flat_map(BTreeMap::values).map(KeptBack::bytes);
        committed + kept_back.sum::<usize>() + self.kept_back.len() * weight::PRODUCER
    }

    /// Whether an open transaction has an offset for that partition (`require_stable` of OffsetFetch, KIP-447).
    #[must_use]
    pub fn is_unstable(&self, at: TopicPartition) -> bool {
        self.kept_back.values().any(|offsets| offsets.contains_key(&at))
    }

    pub(super) fn commit<'a>(
        &mut self,
        time: TimestampMs,
        offsets: impl Iterator<Item = &'a (TopicPartition, CommittedOffset)>,
    ) {
        for (at, offset) in offsets {
            self.supersede(*at, u64::MAX);
            self.insert(*at, offset.clone().at_time(time));
        }
    }

    pub(super) fn keep_back<'a>(
        &mut self,
        time: TimestampMs,
        producer_id: ProducerId,
        offsets: impl Iterator<Item = &'a (TopicPartition, CommittedOffset)>,
    ) {
        let waiting = self.kept_back.values().flat_map(BTreeMap::values);
        let order = waiting.map(|kept| kept.order).max().map_or(0, |last| last + 1);
        let kept = self.kept_back.entry(producer_id).or_insert_with(|| {
            self.bytes += weight::PRODUCER;
            BTreeMap::new()
        });
        for (at, offset) in offsets {
            let offset = KeptBack { order, offset: Some(offset.clone().at_time(time)) };
            self.bytes += offset.bytes();
            self.bytes -= kept.insert(*at, offset).as_ref().map_or(0, KeptBack::bytes);
        }
    }

    pub(super) fn end_transaction(&mut self, producer_id: ProducerId, committed: bool) {
        let Some(offsets) = self.kept_back.remove(&producer_id) else { return };
        self.bytes -= weight::PRODUCER + offsets.values().map(KeptBack::bytes).sum::<usize>();
        for (at, kept) in offsets {
            if let Some(offset) = kept.offset.filter(|_| committed) {
                self.supersede(at, kept.order);
                self.insert(at, offset);
            }
        }
    }

    fn insert(&mut self, at: TopicPartition, offset: CommittedOffset) {
        self.bytes += offset.bytes();
        self.bytes -= self.committed.insert(at, offset).as_ref().map_or(0, CommittedOffset::bytes);
    }

    /// Lets what waits for a partition, and came before that place in the order, never be published.
    fn supersede(&mut self, at: TopicPartition, before: u64) {
        for offsets in self.kept_back.values_mut() {
            if let Some(kept) = offsets.get_mut(&at).filter(|kept| kept.order < before) {
                self.bytes -= kept.offset.take().map_or(0, |offset| offset.metadata.len());
            }
        }
    }

    /// Forgets the offset of a partition, also one that waits.
    pub(super) fn delete(&mut self, at: TopicPartition) {
        self.retain(|partition, _| partition != at);
        self.supersede(at, u64::MAX);
    }

    /// Keeps the committed offsets of which that holds; returns how many went.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(TopicPartition, &CommittedOffset) -> bool) -> usize {
        let before = self.committed.len();
        self.committed.retain(|at, offset| {
            let stays = keep(*at, offset);
            self.bytes -= if stays { 0 } else { offset.bytes() };
            stays
        });
        before - self.committed.len()
    }

    pub(super) fn forget_topic(&mut self, topic_id: TopicId) {
        self.retain(|at, _| at.topic_id != topic_id);
        for offsets in self.kept_back.values_mut() {
            offsets.retain(|at, kept| {
                let stays = at.topic_id != topic_id;
                self.bytes -= if stays { 0 } else { kept.bytes() };
                stays
            });
        }
    }

    /// Layout: committed offsets (count u32, each partition and [`CommittedOffset::write`]), then count u32 of producers,
    /// each id i64 and count u32 of offsets that wait, each partition, order u64 and optional [`CommittedOffset::write`].
    pub(super) fn write(&self, w: &mut Writer) {
        write_offsets(w, self.committed.iter());
        w.count(self.kept_back.len());
        for (producer, offsets) in &self.kept_back {
            w.i64(producer.get());
            w.count(offsets.len());
            for (at, kept) in offsets {
                w.topic_partition(*at);
                w.u64(kept.order);
                w.optional(kept.offset.as_ref(), |w, offset| offset.write(w));
            }
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let committed = read_offsets(r)?.into_iter().collect();
        let kept_back = r.list("producers with offsets", 12, |r| {
            let producer = ProducerId::new(r.i64("producer id")?);
            let offsets = r.list("offsets that wait", 29, |r| {
                let at = r.topic_partition("offset partition")?;
                let order = r.u64("order of an offset")?;
                let offset = r.optional("offset that waits", CommittedOffset::read)?;
                Ok((at, KeptBack { order, offset }))
            })?;
            Ok((producer, offsets.into_iter().collect()))
        })?;
        let mut offsets = Self { committed, kept_back: kept_back.into_iter().collect(), bytes: 0 };
        offsets.bytes = offsets.weigh();
        Ok(offsets)
    }
}

impl CommittedOffset {
    /// Bytes of an encoded offset with its partition, at least.
    const ENCODED_BYTES: usize = 45;

    fn at_time(mut self, time: TimestampMs) -> Self {
        self.committed_at = time;
        self
    }

    /// Layout: offset i64, leader epoch i32, metadata text, committed at i64, optional expires at i64.
    fn write(&self, w: &mut Writer) {
        w.i64(self.offset.get());
        w.i32(self.leader_epoch.get());
        w.text(&self.metadata);
        w.i64(self.committed_at.get());
        w.optional(self.expires_at, |w, time| w.i64(time.get()));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            offset: r.offset("committed offset")?,
            leader_epoch: LeaderEpoch::new(r.i32("committed leader epoch")?),
            metadata: r.text("offset metadata")?.into(),
            committed_at: r.timestamp("committed at")?,
            expires_at: r.optional("expires at", |r| r.timestamp("expires at"))?,
        })
    }
}

impl DeleteOffsets {
    /// Layout: group id text, count u32 of partitions.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        w.count(self.partitions.len());
        self.partitions.iter().for_each(|at| w.topic_partition(*at));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: GroupId::new(r.text("group id")?),
            partitions: r.list("partitions", 20, |r| r.topic_partition("partition"))?,
        })
    }
}

impl CommitOffsets {
    /// Layout: group id text, optional committer (member id text, optional instance id text, generation i32), count u32 of
    /// offsets, each partition and [`CommittedOffset::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        match &self.committer {
            Committer::Anyone => w.u8(0),
            Committer::Member { member_id, instance_id, generation } => {
                w.u8(1);
                w.text(member_id.as_str());
                w.optional(instance_id.as_ref(), |w, id| w.text(id.as_str()));
                w.i32(*generation);
            }
        }
        write_offsets(w, self.offsets.iter().map(|(at, offset)| (at, offset)));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let group_id = GroupId::new(r.text("group id")?);
        let member = r.optional("committer", |r| {
            Ok(Committer::Member {
                member_id: MemberId::new(r.text("member id")?),
                instance_id: r
                    .optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
                generation: r.i32("generation")?,
            })
        })?;
        Ok(Self { group_id, committer: member.unwrap_or(Committer::Anyone), offsets: read_offsets(r)? })
    }
}

fn write_offsets<'a>(
    w: &mut Writer,
    offsets: impl ExactSizeIterator<Item = (&'a TopicPartition, &'a CommittedOffset)>,
) {
    w.count(offsets.len());
    for (at, offset) in offsets {
        w.topic_partition(*at);
        offset.write(w);
    }
}

fn read_offsets(r: &mut Reader<'_>) -> Result<Vec<(TopicPartition, CommittedOffset)>, DecodeError> {
    r.list("offsets", CommittedOffset::ENCODED_BYTES, |r| {
        Ok((r.topic_partition("offset partition")?, CommittedOffset::read(r)?))
    })
}
