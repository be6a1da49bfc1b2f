//! From the bytes of a request to a batch that can be appended: checks by header and CRC, and what the topic demands.
//!
//! The common case looks at the header and computes the CRC; the bytes are not copied. `LogAppendTime` copies once. The
//! records are walked for compacted topics and recompressed where `compression.type` says so, and batches of that kind
//! that are large, or become so when they are decompressed, are worked on away from the async threads.

use bytes::{Bytes, BytesMut};
use chronik_config::kafka::TopicConfigs;
use chronik_types::{CompressionType, TimestampMs, TimestampType};
use chronik_wire::batch::{
    AppendRules, BatchError, BatchHeader, DecodedRecords, HEADER_LEN, LENGTH_PREFIX_LEN, RecordBatch,
    RecordError, crc32c, single_batch,
};
use chronik_wire::compression::{DecompressError, compress};

use super::ProduceError;
use crate::Broker;

/// Batches up to this size are worked on in place even when their records have to be walked,
const INLINE_BYTES: usize = 16 << 10;
/// if they decompress to no more than this.
const INLINE_DECOMPRESSED_BYTES: usize = 64 << 10;

/// Where the bytes start that the CRC of a batch covers.
const CRC_START: usize = 21;

/// Checks a batch for a topic with these configs and makes it what will be stored.
pub(super) async fn prepare(
    broker: &Broker,
    records: Bytes,
    configs: &TopicConfigs,
    zstd_allowed: bool,
    now: TimestampMs,
) -> Result<RecordBatch, ProduceError> {
    let batch = single_batch(records)?;
    let rules = AppendRules {
        max_message_bytes: configs.max_message_bytes.as_usize(),
        timestamp_type: configs.message_timestamp_type,
        timestamp_before_max_ms: configs.message_timestamp_before_max_ms.get(),
        timestamp_after_max_ms: configs.message_timestamp_after_max_ms.get(),
        zstd_allowed,
    };
    batch.validate_append(&rules, now)?;
    let work = RecordWork::of(&batch, configs);
    let batch = match work {
        Some(work) => work.run(broker, configs, batch).await?,
        None => batch,
    };
    Ok(match configs.message_timestamp_type {
        TimestampType::CreateTime => batch,
        TimestampType::LogAppendTime => batch.with_log_append_time(now),
    })
}

/// What needs the records themselves.
#[derive(Clone, Copy, Debug)]
struct RecordWork {
    keys_required: bool,
    /// The codec to change to, and its level.
    codec: Option<(CompressionType, Option<i32>)>,
    max_message_bytes: usize,
}

impl RecordWork {
    /// The work on a batch; `None`, as nearly always, when there is none.
    fn of(batch: &RecordBatch, configs: &TopicConfigs) -> Option<Self> {
        let codec = demanded_codec(configs).filter(|(codec, _)| batch.header().codec() != Some(*codec));
        let keys_required = configs.is_compacted();
        let work = Self { keys_required, codec, max_message_bytes: configs.max_message_bytes.as_usize() };
        (keys_required || codec.is_some()).then_some(work)
    }

    async fn run(
        self,
        broker: &Broker,
        configs: &TopicConfigs,
        batch: RecordBatch,
    ) -> Result<RecordBatch, ProduceError> {
        // How long it takes depends on what comes out, of which the compressed size says nothing.
        if batch.bytes().len() <= INLINE_BYTES {
            match batch.decode(INLINE_DECOMPRESSED_BYTES) {
                Err(RecordError::Decompress(DecompressError::LimitExceeded { .. })) => {}
                records => return self.finish(batch, &records?),
            }
        }
        let limit = broker.decompression_limit(configs);
        let work = move || {
            let records = batch.decode(limit)?;
            self.finish(batch, &records)
        };
        // The one wait that is rare: boxed, it does not weigh on every submission.
        Box::pin(broker.work_on_records(work)).await
    }

    fn finish(self, batch: RecordBatch, records: &DecodedRecords) -> Result<RecordBatch, ProduceError> {
        for record in records {
            if record?.key.is_none() && self.keys_required {
                return Err(ProduceError::MissingKey);
            }
        }
        let Some((codec, level)) = self.codec else { return Ok(batch) };
        let recompressed = recompressed(batch.header(), codec, level, records.body())?;
        let size = recompressed.bytes().len();
        if size > self.max_message_bytes {
            return Err(BatchError::TooLarge { size, max: self.max_message_bytes }.into());
        }
        Ok(recompressed)
    }
}

/// The codec that `compression.type` demands, with its level; `None` when the producer's is kept.
fn demanded_codec(configs: &TopicConfigs) -> Option<(CompressionType, Option<i32>)> {
    let codec = configs.compression_type.codec()?;
    let level = match codec {
        // -1 is gzip's own default.
        CompressionType::Gzip => Some(configs.compression_gzip_level).filter(|level| *level >= 0),
        CompressionType::Lz4 => Some(configs.compression_lz4_level),
        CompressionType::Zstd => Some(configs.compression_zstd_level),
        CompressionType::None | CompressionType::Snappy => None,
    };
    Some((codec, level))
}

/// The batch with that header, its records compressed with another codec.
fn recompressed(
    header: &BatchHeader,
    codec: CompressionType,
    level: Option<i32>,
    body: &[u8],
) -> Result<RecordBatch, ProduceError> {
    let body = compress(codec, level, body)?;
    let size = HEADER_LEN + body.len();
    let batch_length = u32::try_from(size - LENGTH_PREFIX_LEN)
        .map_err(|_| BatchError::TooLarge { size, max: i32::MAX as usize })?;
    let mut header = BatchHeader { batch_length, attributes: header.attributes.with_codec(codec), ..*header };
    let mut bytes = BytesMut::with_capacity(size);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(&body);
    header.crc = crc32c(bytes.get(CRC_START..).unwrap_or_default());
    bytes[..HEADER_LEN].copy_from_slice(&header.encode());
    Ok(RecordBatch::parse(bytes.freeze())?)
}
