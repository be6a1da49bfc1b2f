//! Reading and writing of the two persisted forms, entries and checkpoints: plain little-endian fields, no alignment.
//!
//! Text is a u32 length and UTF-8; a list is a u32 count and its items; an optional field is a byte 0 or 1 and the
//! field. Nothing is trusted on reading: a count is checked against the bytes that are left before anything is
//! allocated for it. Layouts stand with the types that own them.

use chronik_types::{NodeId, Offset, PartitionIndex, TimestampMs, TopicId, TopicName, TopicPartition};
use thiserror::Error;

/// Why bytes are not an entry or a checkpoint that this program can read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end within a field.
    #[error("the bytes end within the field `{field}`: {needed} bytes needed, {left} left")]
    Truncated {
        /// The field that was being read.
        field: &'static str,
        /// Bytes that it needs, at least.
        needed: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{bytes} bytes follow the last field")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A later program wrote it.
    #[error(
        "{what} has format version {found}, this program reads up to {known}: start the version that wrote it"
    )]
    UnknownVersion {
        /// What was being read.
        what: &'static str,
        /// The version found.
        found: u16,
        /// The newest version known.
        known: u16,
    },
    /// A kind that does not exist in this version of the format.
    #[error("entry kind {kind} does not exist in format version {version}")]
    UnknownKind {
        /// The ordinal found.
        kind: u8,
        /// The version of the format.
        version: u8,
    },
    /// A field with an impossible value.
    #[error("the field `{field}` is impossible: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes do not start as a checkpoint does.
    #[error("this is not a checkpoint: it does not start with `CHKSTATE`")]
    NotACheckpoint,
    /// The bytes of a checkpoint have changed since they were written.
    #[error("the checkpoint is damaged: checksum {stored:016x} stored, {computed:016x} computed")]
    Checksum {
        /// The checksum at its end.
        stored: u64,
        /// The checksum of what is there.
        computed: u64,
    },
}

/// Appends fields to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    /// The count of a list or the length of a text. One beyond u32 fits no frame and no memory; it would be refused
    /// on reading.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(crate) fn topic_id(&mut self, id: TopicId) {
        self.raw(id.as_bytes());
    }

    pub(crate) fn topic_partition(&mut self, at: TopicPartition) {
        self.topic_id(at.topic_id);
        self.i32(at.partition.get());
    }

    /// A list of lists of node ids: the replicas of each partition.
    pub(crate) fn assignments(&mut self, assignments: &[Vec<NodeId>]) {
        self.count(assignments.len());
        for replicas in assignments {
            self.count(replicas.len());
            replicas.iter().for_each(|node| self.i32(node.get()));
        }
    }
}

/// Takes fields off the front of a slice.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Trailing { bytes: self.0.len() }) }
    }

    pub(crate) fn raw(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], DecodeError> {
        let needed = u64::try_from(length).unwrap_or(u64::MAX);
        let (taken, rest) = self.0.split_at_checked(length).ok_or(self.truncated(field, needed))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let needed = u64::try_from(N).unwrap_or(u64::MAX);
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(self.truncated(field, needed))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn truncated(&self, field: &'static str, needed: u64) -> DecodeError {
        DecodeError::Truncated { field, needed, left: self.0.len() }
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16, DecodeError> {
        self.array(field).map(i16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(i64::from_le_bytes)
    }

    pub(crate) fn timestamp(&mut self, field: &'static str) -> Result<TimestampMs, DecodeError> {
        self.i64(field).map(TimestampMs::new)
    }

    pub(crate) fn offset(&mut self, field: &'static str) -> Result<Offset, DecodeError> {
        self.i64(field).map(Offset::new)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = self.u32(field)?;
        let length = usize::try_from(length).map_err(|_| self.truncated(field, length.into()))?;
        self.raw(field, length)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(field)?)
            .map_err(|error| DecodeError::Invalid { field, reason: error.to_string() })
    }

    pub(crate) fn topic_name(&mut self, field: &'static str) -> Result<TopicName, DecodeError> {
        TopicName::new(self.text(field)?)
            .map_err(|error| DecodeError::Invalid { field, reason: error.to_string() })
    }

    pub(crate) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            other => Err(DecodeError::Invalid { field, reason: format!("presence is 0 or 1, not {other}") }),
        }
    }

    /// A list whose items take at least `item_bytes` each, which bounds what a false count can make us allocate.
    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        item_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u32(field)?;
        let needed = u64::from(count).saturating_mul(u64::try_from(item_bytes).unwrap_or(u64::MAX));
        let count = usize::try_from(count).map_err(|_| self.truncated(field, needed))?;
        if count.saturating_mul(item_bytes) > self.0.len() {
            return Err(self.truncated(field, needed));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub(crate) fn topic_id(&mut self, field: &'static str) -> Result<TopicId, DecodeError> {
        self.array(field).map(TopicId::from_bytes)
    }

    pub(crate) fn topic_partition(&mut self, field: &'static str) -> Result<TopicPartition, DecodeError> {
        let topic_id = self.topic_id(field)?;
        Ok(TopicPartition::new(topic_id, PartitionIndex::new(self.i32(field)?)))
    }

    pub(crate) fn assignments(&mut self, field: &'static str) -> Result<Vec<Vec<NodeId>>, DecodeError> {
        self.list(field, 4, |r| r.list(field, 4, |r| r.i32(field).map(NodeId::new)))
    }
}
