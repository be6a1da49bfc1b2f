//! The changes of transactions, and their layout. Limits travel in them, as everywhere.

use chronik_types::{GroupId, ProducerEpoch, ProducerId, TopicPartition, TransactionalId};

use crate::codec::{DecodeError, Reader, Writer};
use crate::groups::CommitOffsets;
use crate::partitions::AppendedBatch;

/// The control batch that travels with an entry, as its only data. Its bytes hold the producer id and the epoch, so that
/// it fits one moment of a transaction only; the base offset is patched on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The producer id in it.
    pub producer_id: ProducerId,
    /// The epoch in it.
    pub producer_epoch: ProducerEpoch,
    /// Its length in bytes.
    pub length: u32,
}

/// Who a producer says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its transactional id.
    pub transactional_id: TransactionalId,
    /// Its producer id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
}

/// A producer asks for an id and an epoch under its transactional id; what an earlier one left open is aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitTransactionalProducer {
    /// The transactional id; not empty.
    pub transactional_id: TransactionalId,
    /// How long its transactions may take, in milliseconds.
    pub timeout_ms: i32,
    /// The id and epoch that it has, when it goes on after an error (KIP-360).
    pub expected: Option<(ProducerId, ProducerEpoch)>,
    /// Aborts the open transaction. Without one, or with one for another moment, an open transaction is left as it is and
    /// the change is refused.
    pub marker: Option<Marker>,
    /// The most transactional ids.
    pub max_transactional_ids: u32,
}

/// Partitions join the open transaction, or begin one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxn {
    /// Whose.
    pub claim: Claim,
    /// The partitions; one that does not exist refuses them all.
    pub partitions: Vec<TopicPartition>,
    /// The most partitions and groups of a transaction.
    pub max_partitions: u32,
}

/// The offsets of a group join the open transaction, or begin one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxn {
    /// Whose.
    pub claim: Claim,
    /// The group.
    pub group_id: GroupId,
    /// The most partitions and groups of a transaction.
    pub max_partitions: u32,
}

/// Offsets are committed for a group when the transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommit {
    /// Whose.
    pub claim: Claim,
    /// Whether the group joins by this (KIP-890); else it has been added before.
    pub joins: bool,
    /// The most partitions and groups of a transaction.
    pub max_partitions: u32,
    /// The offsets.
    pub commit: CommitOffsets,
}

/// Who ends a transaction. Persisted as its number, which is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EndedBy {
    /// The producer, which keeps its epoch (up to EndTxn 4).
    Producer = 0,
    /// The producer, which gets the next epoch (KIP-890, from EndTxn 5 on).
    ProducerWithBump = 1,
    /// Nobody in time: its timeout has passed.
    Timeout = 2,
    /// An operator (KIP-664).
    Operator = 3,
}

/// A transaction ends, in all its partitions and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxn {
    /// Whose.
    pub claim: Claim,
    /// Who ends it.
    pub ended_by: EndedBy,
    /// Whether its records and offsets are to be seen. Only the producer can want that.
    pub committed: bool,
    /// The batch that every partition of it gets.
    pub marker: Marker,
}

/// Batches of one transactional producer are appended; each is judged on its own, in order. Their bytes are the data of
/// the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendTransactional {
    /// The transactional id of the request.
    pub transactional_id: TransactionalId,
    /// Whether partitions join by this (KIP-890, from Produce 12 on); else they have been added before.
    pub joins: bool,
    /// The most partitions and groups of a transaction.
    pub max_partitions: u32,
    /// The batches; each has a producer.
    pub batches: Vec<AppendedBatch>,
}

impl Marker {
    /// Layout: producer id i64, producer epoch i16, length u32.
    fn write(self, w: &mut Writer) {
        w.i64(self.producer_id.get());
        w.i16(self.producer_epoch.get());
        w.u32(self.length);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            producer_id: ProducerId::new(r.i64("marker producer id")?),
            producer_epoch: ProducerEpoch::new(r.i16("marker epoch")?),
            length: r.u32("marker length")?,
        })
    }
}

impl Claim {
    /// Layout: transactional id text, producer id i64, producer epoch i16.
    fn write(&self, w: &mut Writer) {
        w.text(self.transactional_id.as_str());
        w.i64(self.producer_id.get());
        w.i16(self.producer_epoch.get());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: TransactionalId::new(r.text("transactional id")?),
            producer_id: ProducerId::new(r.i64("producer id")?),
            producer_epoch: ProducerEpoch::new(r.i16("producer epoch")?),
        })
    }
}

impl InitTransactionalProducer {
    /// Layout: transactional id text, timeout i32, optional producer id i64 and epoch i16, optional marker, max
    /// transactional ids u32.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.transactional_id.as_str());
        w.i32(self.timeout_ms);
        w.optional(self.expected, |w, (producer_id, epoch)| {
            w.i64(producer_id.get());
            w.i16(epoch.get());
        });
        w.optional(self.marker, |w, marker| marker.write(w));
        w.u32(self.max_transactional_ids);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: TransactionalId::new(r.text("transactional id")?),
            timeout_ms: r.i32("transaction timeout")?,
            expected: r.optional("expected producer", |r| {
                Ok((
                    ProducerId::new(r.i64("expected producer id")?),
                    ProducerEpoch::new(r.i16("expected epoch")?),
                ))
            })?,
            marker: r.optional("marker", Marker::read)?,
            max_transactional_ids: r.u32("max transactional ids")?,
        })
    }
}

impl AddPartitionsToTxn {
    /// Layout: claim, count u32 of topic partitions, max partitions u32.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.claim.write(w);
        w.count(self.partitions.len());
        self.partitions.iter().for_each(|at| w.topic_partition(*at));
        w.u32(self.max_partitions);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            claim: Claim::read(r)?,
            partitions: r.list("added partitions", 20, |r| r.topic_partition("added partition"))?,
            max_partitions: r.u32("max partitions")?,
        })
    }
}

impl AddOffsetsToTxn {
    /// Layout: claim, group id text, max partitions u32.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.claim.write(w);
        w.text(self.group_id.as_str());
        w.u32(self.max_partitions);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            claim: Claim::read(r)?,
            group_id: GroupId::new(r.text("group id")?),
            max_partitions: r.u32("max partitions")?,
        })
    }
}

impl TxnOffsetCommit {
    /// Layout: claim, joins u8, max partitions u32, then as in [`CommitOffsets::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        self.claim.write(w);
        w.u8(u8::from(self.joins));
        w.u32(self.max_partitions);
        self.commit.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            claim: Claim::read(r)?,
            joins: read_flag(r, "joins")?,
            max_partitions: r.u32("max partitions")?,
            commit: CommitOffsets::read(r)?,
        })
    }
}

impl EndTxn {
    /// Layout: claim, ended by u8, committed u8, marker.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.claim.write(w);
        w.u8(self.ended_by as u8);
        w.u8(u8::from(self.committed));
        self.marker.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let claim = Claim::read(r)?;
        let ended_by = match r.u8("ended by")? {
            0 => EndedBy::Producer,
            1 => EndedBy::ProducerWithBump,
            2 => EndedBy::Timeout,
            3 => EndedBy::Operator,
            other => {
                let reason = format!("{other} ends no transaction");
                return Err(DecodeError::Invalid { field: "ended by", reason });
            }
        };
        Ok(Self { claim, ended_by, committed: read_flag(r, "committed")?, marker: Marker::read(r)? })
    }
}

impl AppendTransactional {
    /// Layout: transactional id text, joins u8, max partitions u32, count u32 of batches as in [`AppendedBatch::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.transactional_id.as_str());
        w.u8(u8::from(self.joins));
        w.u32(self.max_partitions);
        w.count(self.batches.len());
        self.batches.iter().for_each(|batch| batch.write(w));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: TransactionalId::new(r.text("transactional id")?),
            joins: read_flag(r, "joins")?,
            max_partitions: r.u32("max partitions")?,
            batches: r.list("batches", AppendedBatch::ENCODED_BYTES, AppendedBatch::read)?,
        })
    }
}

fn read_flag(r: &mut Reader<'_>, field: &'static str) -> Result<bool, DecodeError> {
    match r.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(DecodeError::Invalid { field, reason: format!("it is 0 or 1, not {other}") }),
    }
}
