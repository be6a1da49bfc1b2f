//! A producer outside of transactions, idempotent or not.

use bytes::Bytes;
use chronik_types::{CompressionType, ErrorCode, ProducerEpoch, ProducerId, Sequence};
use chronik_wire::batch::BatchBuilder;
use kafka_protocol::messages::InitProducerIdRequest;

use super::producer::{filled, request_of};
use super::{Produced, code};
use crate::{ClientError, Connection};

const PRODUCE_VERSION: i16 = 12;
const INIT_PRODUCER_ID_VERSION: i16 = 4;

/// A producer that writes to one partition.
#[derive(Debug, Clone)]
pub struct PlainProducer {
    topic: String,
    partition: i32,
    /// How it compresses.
    pub codec: CompressionType,
    /// Producer id and epoch; none of one that is not idempotent.
    identity: Option<(i64, i16)>,
    next_sequence: i32,
}

impl PlainProducer {
    /// One that is not idempotent.
    #[must_use]
    pub fn new(topic: &str, partition: i32, codec: CompressionType) -> Self {
        Self { topic: topic.to_owned(), partition, codec, identity: None, next_sequence: 0 }
    }

    /// Makes it idempotent.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn init(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let answer = connection.call(INIT_PRODUCER_ID_VERSION, &request)?;
        self.identity = Some((answer.producer_id.0, answer.producer_epoch));
        Ok(code(answer.error_code))
    }

    /// Sends a batch; the sequence of an idempotent producer is used up when the broker takes it.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn produce(&mut self, connection: &mut Connection, values: &[&str]) -> Result<Produced, ClientError> {
        let mut builder = BatchBuilder::new().codec(self.codec);
        if let Some((producer_id, epoch)) = self.identity {
            let sequence = Sequence::new(self.next_sequence);
            builder = builder.producer(ProducerId::new(producer_id), ProducerEpoch::new(epoch), sequence);
        }
        let records = filled(builder, values)?;
        let produced = produce_bytes(connection, None, &self.topic, self.partition, records)?;
        if produced.error == ErrorCode::None {
            let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
            self.next_sequence = self.next_sequence.wrapping_add(count) & i32::MAX;
        }
        Ok(produced)
    }
}

/// Sends bytes as records, whatever they are.
///
/// # Errors
/// When no answer comes.
pub fn produce_bytes(
    connection: &mut Connection,
    transactional_id: Option<&str>,
    topic: &str,
    partition: i32,
    records: Bytes,
) -> Result<Produced, ClientError> {
    let request = request_of(transactional_id, topic, partition, records);
    Produced::of(&connection.call(PRODUCE_VERSION, &request)?)
}
