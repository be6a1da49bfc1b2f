//! A transactional producer.

use std::collections::BTreeMap;

use bytes::Bytes;
use chronik_types::{CompressionType, ErrorCode, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, ProduceRequest,
    ProduceResponse, TxnOffsetCommitRequest,
};

use super::{Coded, Standing, code, first_refusal, group_id, missing, text, topic_name, transactional_id};
use crate::{ClientError, Connection};

const TIMESTAMP: TimestampMs = TimestampMs::new(1_700_000_000_000);

/// Which of the two ways of writing in transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Partitions and groups are added first: AddPartitionsToTxn 3, Produce 11, EndTxn 4.
    V1,
    /// Of KIP-890: Produce 12 and TxnOffsetCommit 5 add them, EndTxn 5 brings the next epoch.
    V2,
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Its error code.
    pub error: ErrorCode,
    /// Where it lies.
    pub base_offset: i64,
}

impl Coded for Produced {
    fn error_code(&self) -> ErrorCode {
        self.error
    }
}

impl Produced {
    /// What an answer says about its one batch.
    ///
    /// # Errors
    /// When there is none in it.
    pub fn of(answer: &ProduceResponse) -> Result<Self, ClientError> {
        let mut found = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        let found = found.next().ok_or_else(|| missing("the partition"))?;
        Ok(Self { error: code(found.error_code), base_offset: found.base_offset })
    }
}

/// What came of the end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its error code.
    pub error: ErrorCode,
    /// The identity to go on with (KIP-890), -1 and -1 before.
    pub identity: (i64, i16),
}

impl Coded for Ended {
    fn error_code(&self) -> ErrorCode {
        self.error
    }
}

/// A producer with its identity. A clone is what it was before: a zombie, or a late retry.
#[derive(Debug, Clone)]
pub struct TransactionalProducer {
    /// In which way it works.
    pub flow: Flow,
    /// Its transactional id.
    pub transactional_id: String,
    /// Producer id and epoch; -1 before the first [`TransactionalProducer::init`].
    pub identity: (i64, i16),
    /// How long its transactions may take.
    pub timeout_ms: i32,
    /// How it compresses.
    pub codec: CompressionType,
    sequences: BTreeMap<(String, i32), i32>,
}

impl TransactionalProducer {
    /// A producer that the broker does not know yet.
    #[must_use]
    pub fn new(transactional_id: &str, flow: Flow) -> Self {
        Self {
            flow,
            transactional_id: transactional_id.to_owned(),
            identity: (-1, -1),
            timeout_ms: 60_000,
            codec: CompressionType::None,
            sequences: BTreeMap::new(),
        }
    }

    /// Takes the transactional id over, or, with an identity, asks for a new epoch (KIP-360). What was open is aborted.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn init(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional_id(&self.transactional_id)))
            .with_transaction_timeout_ms(self.timeout_ms)
            .with_producer_id(self.identity.0.into())
            .with_producer_epoch(self.identity.1);
        let answer = connection.call(self.version(4, 5), &request)?;
        if answer.error_code == 0 {
            self.become_next((answer.producer_id.0, answer.producer_epoch));
        }
        Ok(code(answer.error_code))
    }

    /// Goes on with another identity, from sequence 0.
    pub fn become_next(&mut self, identity: (i64, i16)) {
        self.identity = identity;
        self.sequences.clear();
    }

    /// Adds partitions to the transaction; only needed by [`Flow::V1`].
    ///
    /// # Errors
    /// When no answer comes.
    pub fn add_partitions(
        &self,
        connection: &mut Connection,
        topic: &str,
        partitions: &[i32],
    ) -> Result<ErrorCode, ClientError> {
        let answer = connection.call(3, &self.add_partitions_request(topic, partitions))?;
        let found = answer.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
        Ok(first_refusal(found.map(|found| found.partition_error_code)))
    }

    /// The request of [`TransactionalProducer::add_partitions`], version 3.
    #[must_use]
    pub fn add_partitions_request(&self, topic: &str, partitions: &[i32]) -> AddPartitionsToTxnRequest {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.to_vec());
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(&self.transactional_id))
            .with_v3_and_below_producer_id(self.identity.0.into())
            .with_v3_and_below_producer_epoch(self.identity.1)
            .with_v3_and_below_topics(vec![topic])
    }

    /// Sends a batch; its sequence is used up when the broker takes it.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn produce(
        &mut self,
        connection: &mut Connection,
        topic: &str,
        partition: i32,
        values: &[&str],
    ) -> Result<Produced, ClientError> {
        let sequence = self.next_sequence(topic, partition);
        let request = self.produce_request(topic, partition, values, sequence)?;
        let produced = Produced::of(&connection.call(self.produce_version(), &request)?)?;
        if produced.error == ErrorCode::None {
            self.advance(topic, partition, values.len());
        }
        Ok(produced)
    }

    /// The request of [`TransactionalProducer::produce`] with a sequence of one's own choosing.
    ///
    /// # Errors
    /// When the batch cannot be encoded.
    pub fn produce_request(
        &self,
        topic: &str,
        partition: i32,
        values: &[&str],
        sequence: i32,
    ) -> Result<ProduceRequest, ClientError> {
        let records = self.batch(values, sequence)?;
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
        let data = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
        Ok(ProduceRequest::default()
            .with_transactional_id(Some(transactional_id(&self.transactional_id)))
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![data]))
    }

    /// The sequence of the next batch of a partition.
    #[must_use]
    pub fn next_sequence(&self, topic: &str, partition: i32) -> i32 {
        self.sequences.get(&(topic.to_owned(), partition)).copied().unwrap_or(0)
    }

    /// Counts records that the broker has taken.
    fn advance(&mut self, topic: &str, partition: i32, records: usize) {
        let next = self.sequences.entry((topic.to_owned(), partition)).or_default();
        *next = next.wrapping_add(i32::try_from(records).unwrap_or(i32::MAX)) & i32::MAX;
    }

    /// Adds a group to the transaction; only needed by [`Flow::V1`].
    ///
    /// # Errors
    /// When no answer comes.
    pub fn add_offsets(&self, connection: &mut Connection, group: &str) -> Result<ErrorCode, ClientError> {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(transactional_id(&self.transactional_id))
            .with_producer_id(self.identity.0.into())
            .with_producer_epoch(self.identity.1)
            .with_group_id(group_id(group));
        Ok(code(connection.call(3, &request)?.error_code))
    }

    /// Commits offsets of a group in the transaction.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn commit_offsets(
        &self,
        connection: &mut Connection,
        group: &str,
        standing: &Standing,
        topic: &str,
        offsets: &[(i32, i64)],
    ) -> Result<ErrorCode, ClientError> {
        let partitions = offsets.iter().map(|(partition, offset)| {
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
        });
        let asked = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.collect());
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional_id(&self.transactional_id))
            .with_group_id(group_id(group))
            .with_producer_id(self.identity.0.into())
            .with_producer_epoch(self.identity.1)
            .with_generation_id(standing.generation_id)
            .with_member_id(text(&standing.member_id))
            .with_group_instance_id(standing.group_instance_id.as_deref().map(text))
            .with_topics(vec![asked]);
        let answer = connection.call(self.version(3, 5), &request)?;
        let found = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(first_refusal(found.map(|found| found.error_code)))
    }

    /// Ends the transaction; with [`Flow::V2`] the producer goes on with the next epoch.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn end(&mut self, connection: &mut Connection, commit: bool) -> Result<Ended, ClientError> {
        let answer = connection.call(self.end_version(), &self.end_request(commit))?;
        let identity = (answer.producer_id.0, answer.producer_epoch);
        let ended = Ended { error: code(answer.error_code), identity };
        if ended.error == ErrorCode::None && self.flow == Flow::V2 {
            self.become_next(identity);
        }
        Ok(ended)
    }

    /// The request of [`TransactionalProducer::end`].
    #[must_use]
    pub fn end_request(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest::default()
            .with_transactional_id(transactional_id(&self.transactional_id))
            .with_producer_id(self.identity.0.into())
            .with_producer_epoch(self.identity.1)
            .with_committed(commit)
    }

    /// The version of Produce in which it writes.
    #[must_use]
    pub fn produce_version(&self) -> i16 {
        self.version(11, 12)
    }

    /// The version of EndTxn in which it ends transactions.
    #[must_use]
    pub fn end_version(&self) -> i16 {
        self.version(4, 5)
    }

    fn version(&self, first: i16, second: i16) -> i16 {
        match self.flow {
            Flow::V1 => first,
            Flow::V2 => second,
        }
    }

    fn batch(&self, values: &[&str], sequence: i32) -> Result<Bytes, ClientError> {
        let (producer_id, epoch) = self.identity;
        let builder = BatchBuilder::new()
            .producer(ProducerId::new(producer_id), ProducerEpoch::new(epoch), Sequence::new(sequence))
            .transactional()
            .codec(self.codec);
        filled(builder, values)
    }
}

/// A batch with these values.
pub(super) fn filled(mut builder: BatchBuilder, values: &[&str]) -> Result<Bytes, ClientError> {
    for value in values {
        let value = Some(value.as_bytes());
        builder.push(&NewRecord { timestamp: TIMESTAMP, key: None, value, headers: &[] });
    }
    builder.build().map_err(|error| ClientError::Unencodable(error.to_string()))
}

/// The request for one batch.
pub(super) fn request_of(id: Option<&str>, topic: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let data = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_transactional_id(id.map(transactional_id))
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data])
}
