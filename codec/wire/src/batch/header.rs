//! The 61 bytes in front of the records.

use chronik_types::{
    CompressionType, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TimestampType,
};

use super::BatchError;

/// Bytes of a batch without records.
pub const HEADER_LEN: usize = 61;

/// Bytes that the batch length does not count: base offset and the length itself.
pub const LENGTH_PREFIX_LEN: usize = 12;

/// Where the bytes start that the CRC covers.
pub(super) const CRC_START: usize = 21;

const MAGIC: i8 = 2;
const MAGIC_END: usize = 17;
const MIN_BATCH_LENGTH: u32 = 49;

/// The attribute bits of a batch.
///
/// | bit | meaning |
/// |---|---|
/// | 0 to 2 | codec |
/// | 3 | timestamps are the broker's |
/// | 4 | transactional |
/// | 5 | control |
/// | 6 | the base timestamp is a delete horizon (KIP-534) |
///
/// The others are unused, kept as they are, and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The bits as they go over the wire.
    #[must_use]
    pub const fn from_bits(bits: i16) -> Self {
        Self(bits)
    }

    /// The bits as they go over the wire.
    #[must_use]
    pub const fn bits(self) -> i16 {
        self.0
    }

    /// The number of the codec, known or not.
    #[must_use]
    pub const fn codec_id(self) -> u8 {
        let [_, low] = (self.0 & Self::CODEC).to_be_bytes();
        low
    }

    /// The codec, or `None` if its number is unknown.
    #[must_use]
    pub const fn codec(self) -> Option<CompressionType> {
        CompressionType::from_id(self.codec_id())
    }

    /// Whose clock stamped the records.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// Whether the batch holds a control record, which consumers do not see.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// Whether the base timestamp is a delete horizon.
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    /// These, with the codec replaced.
    #[must_use]
    pub const fn with_codec(self, codec: CompressionType) -> Self {
        Self((self.0 & !Self::CODEC) | i16::from_be_bytes([0, codec.id()]))
    }

    /// These, with the timestamp type replaced.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    /// These, with the transactional bit set.
    #[must_use]
    pub const fn with_transactional(self) -> Self {
        Self(self.0 | Self::TRANSACTIONAL)
    }

    /// These, with the control bit set.
    #[must_use]
    pub const fn with_control(self) -> Self {
        Self(self.0 | Self::CONTROL)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }
}

/// The fields of a batch. The magic is not among them: it is always 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record. A producer sends 0.
    pub base_offset: Offset,
    /// Bytes after this field; at least 49, at most `i32::MAX`.
    pub batch_length: u32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// CRC-32C of the bytes from the attributes to the end.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Offset of the last record, less the base offset. Compaction keeps it when it drops that record.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, which the deltas of all records refer to; or the delete horizon.
    pub base_timestamp: TimestampMs,
    /// Greatest timestamp of the records as the producer says, or when they were appended (LogAppendTime).
    pub max_timestamp: TimestampMs,
    /// Producer, or `NONE`.
    pub producer_id: ProducerId,
    /// Epoch of the producer.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, or `NONE`.
    pub base_sequence: Sequence,
    /// Records in the batch.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header that `bytes` start with. The rest of the batch need not be there.
    ///
    /// # Errors
    ///
    /// [`BatchError::Truncated`], [`BatchError::LegacyFormat`], [`BatchError::UnknownMagic`] or
    /// [`BatchError::LengthTooSmall`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        // The three formats share the place of the magic, and an old message can be shorter than this header.
        if let Some(&magic) = bytes.get(MAGIC_END - 1) {
            match i8::from_be_bytes([magic]) {
                MAGIC => {}
                magic @ 0..MAGIC => return Err(BatchError::LegacyFormat { magic }),
                magic => return Err(BatchError::UnknownMagic { magic }),
            }
        }
        let header =
            Self::read(bytes).ok_or(BatchError::Truncated { needed: HEADER_LEN, available: bytes.len() })?;
        if header.batch_length < MIN_BATCH_LENGTH || i32::try_from(header.batch_length).is_err() {
            let length = i32::from_be_bytes(header.batch_length.to_be_bytes());
            return Err(BatchError::LengthTooSmall { length });
        }
        Ok(header)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let base_offset = Offset::new(i64::from_be_bytes(fields.take()?));
        let batch_length = u32::from_be_bytes(fields.take()?);
        let partition_leader_epoch = LeaderEpoch::new(i32::from_be_bytes(fields.take()?));
        let [_magic] = fields.take()?;
        Some(Self {
            base_offset,
            batch_length,
            partition_leader_epoch,
            crc: u32::from_be_bytes(fields.take()?),
            attributes: Attributes(i16::from_be_bytes(fields.take()?)),
            last_offset_delta: i32::from_be_bytes(fields.take()?),
            base_timestamp: TimestampMs::new(i64::from_be_bytes(fields.take()?)),
            max_timestamp: TimestampMs::new(i64::from_be_bytes(fields.take()?)),
            producer_id: ProducerId::new(i64::from_be_bytes(fields.take()?)),
            producer_epoch: ProducerEpoch::new(i16::from_be_bytes(fields.take()?)),
            base_sequence: Sequence::new(i32::from_be_bytes(fields.take()?)),
            record_count: i32::from_be_bytes(fields.take()?),
        })
    }

    /// The bytes that [`BatchHeader::parse`] reads.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut rest = bytes.as_mut_slice();
        let mut put = |field: &[u8]| {
            if let Some((head, tail)) = std::mem::take(&mut rest).split_at_mut_checked(field.len()) {
                head.copy_from_slice(field);
                rest = tail;
            }
        };
        put(&self.base_offset.get().to_be_bytes());
        put(&self.batch_length.to_be_bytes());
        put(&self.partition_leader_epoch.get().to_be_bytes());
        put(&MAGIC.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.0.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.get().to_be_bytes());
        put(&self.max_timestamp.get().to_be_bytes());
        put(&self.producer_id.get().to_be_bytes());
        put(&self.producer_epoch.get().to_be_bytes());
        put(&self.base_sequence.get().to_be_bytes());
        put(&self.record_count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub const fn size_in_bytes(&self) -> usize {
        self.batch_length as usize + LENGTH_PREFIX_LEN
    }

    /// Bytes of the records as they are stored.
    #[must_use]
    pub const fn body_len(&self) -> usize {
        self.size_in_bytes().saturating_sub(HEADER_LEN)
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Sequence of the last record, across the wrap to 0; `NONE` if there is no base sequence.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence.get() < 0 {
            return Sequence::NONE;
        }
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// The codec, or `None` if its number is unknown.
    #[must_use]
    pub const fn codec(&self) -> Option<CompressionType> {
        self.attributes.codec()
    }

    /// When tombstones and markers of the batch may go (KIP-534), if log cleaning has set it.
    #[must_use]
    pub const fn delete_horizon(&self) -> Option<TimestampMs> {
        if self.attributes.has_delete_horizon() { Some(self.base_timestamp) } else { None }
    }

    /// Whether an idempotent producer sent the batch.
    #[must_use]
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id.is_some()
    }
}

/// Takes fixed-width fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}
