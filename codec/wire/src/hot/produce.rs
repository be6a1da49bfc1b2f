//! Produce (0), versions 3 to 13.
#![warn(clippy::indexing_slicing)]

use bytes::Bytes;
use chronik_types::TopicId;
use kafka_protocol::messages::ProduceRequest as Wire;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::protocol::StrBytes;

use super::input::Input;
use super::output::Output;
use crate::request::{Proven, decode_request};
use crate::response::{EncodeError, Segments};
use crate::wellformed::requests::{
    PRODUCE, PRODUCE_PARTITION, PRODUCE_PARTITION_COST, PRODUCE_TOPIC, PRODUCE_TOPIC_COST,
};
use crate::wellformed::{MAX_HANDLED_BYTES, Malformed, WellFormed};

/// The version from which topics go by id (KIP-516).
pub const TOPIC_IDS_SINCE: i16 = 13;
/// The first version with compact lengths and tagged fields.
const FLEXIBLE_SINCE: i16 = 9;

/// A request. Names and records share the memory of its frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceRequest {
    /// How many acknowledgements are asked for.
    pub acks: i16,
    /// The transactional id, if it belongs to a transaction.
    pub transactional_id: Option<StrBytes>,
    /// The topics, in order.
    pub topics: Vec<ProduceTopic>,
}

/// A topic of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Its name, up to version 12.
    pub name: StrBytes,
    /// Its id, from version 13 on.
    pub id: TopicId,
    /// Its partitions, in order.
    pub partitions: Vec<ProducePartition>,
}

/// A partition of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Its index.
    pub index: i32,
    /// What is to be appended.
    pub records: Option<Bytes>,
}

// What the check of well-formedness allows is enough for these too.
const _: () = assert!(size_of::<ProduceRequest>() <= PRODUCE.memory);
const _: () = assert!(size_of::<ProduceTopic>() <= PRODUCE_TOPIC.memory);
const _: () = assert!(size_of::<ProducePartition>() <= PRODUCE_PARTITION.memory);

impl ProduceRequest {
    /// Decodes the body of a request.
    ///
    /// # Errors
    /// Those of [`decode_request`].
    pub fn decode(version: i16, mut body: Bytes) -> Result<Self, Malformed> {
        match Self::decode_small(version, &body, MAX_HANDLED_BYTES) {
            Some(request) => Ok(request),
            None => decode_request::<Wire>(version, &mut body).map(Self::from),
        }
    }

    /// The request, if its partitions take no more than `most_bytes` until they are answered; else, or when it is not one
    /// that can be read in one go, it has to be weighed.
    #[must_use]
    pub fn decode_small(version: i16, body: &Bytes, most_bytes: usize) -> Option<Self> {
        if !(3..=13).contains(&version) {
            return None;
        }
        let input = &mut Input::new(body, version >= FLEXIBLE_SINCE, PRODUCE.memory, most_bytes)?;
        let transactional_id = input.nullable_string()?;
        let acks = input.int16()?;
        let _timeout_ms = input.int32()?;
        let count = input.count_costing(PRODUCE_TOPIC.memory, PRODUCE_TOPIC_COST)?;
        let mut topics = Vec::with_capacity(count);
        for _ in 0..count {
            let (name, id) = input.topic(version >= TOPIC_IDS_SINCE)?;
            let count = input.count_costing(PRODUCE_PARTITION.memory, PRODUCE_PARTITION_COST)?;
            let mut partitions = Vec::with_capacity(count);
            for _ in 0..count {
                partitions.push(ProducePartition { index: input.int32()?, records: input.records()? });
                input.end_of_struct()?;
            }
            topics.push(ProduceTopic { name, id, partitions });
            input.end_of_struct()?;
        }
        input.end_of_struct()?;
        input.is_at_end().then_some(Self { acks, transactional_id, topics })
    }

    /// What the body of a request would take.
    ///
    /// # Errors
    /// Those of [`decode_request`].
    pub fn weigh(version: i16, body: &Bytes) -> Result<WellFormed, Malformed> {
        Proven::<Wire>::new(version, body.clone(), 0).map(|proven| proven.weighed())
    }
}

/// Every list is taken over element by element, which needs no memory for a second one.
impl From<Wire> for ProduceRequest {
    fn from(wire: Wire) -> Self {
        let partition =
            |data: PartitionProduceData| ProducePartition { index: data.index, records: data.records };
        let topic = |topic: TopicProduceData| ProduceTopic {
            name: topic.name.0,
            id: TopicId::from_bytes(*topic.topic_id.as_bytes()),
            partitions: topic.partition_data.into_iter().map(partition).collect(),
        };
        Self {
            acks: wire.acks,
            transactional_id: wire.transactional_id.map(|id| id.0),
            topics: wire.topic_data.into_iter().map(topic).collect(),
        }
    }
}

/// What became of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionResponse {
    /// Its index.
    pub index: i32,
    /// The code of the error, or 0.
    pub error_code: i16,
    /// The offset of the first record, or -1.
    pub base_offset: i64,
    /// The broker's timestamp, or -1.
    pub log_append_time_ms: i64,
    /// The first offset of the partition, or -1. Told from version 5 on.
    pub log_start_offset: i64,
    /// A text for people. Told from version 8 on.
    pub error_message: Option<String>,
}

/// Writes a response: topics in order, after each of them its partitions.
#[derive(Debug)]
pub struct ProduceResponse {
    version: i16,
    output: Output,
    has_topic: bool,
}

/// Bytes of a partition without a message, at most; and of a topic without its name.
const PARTITION_BYTES: usize = 48;
const TOPIC_BYTES: usize = 24;

impl ProduceResponse {
    /// Begins a response with so many topics and, over all of them, partitions.
    #[must_use]
    pub fn new(version: i16, correlation_id: i32, topics: usize, partitions: usize) -> Self {
        let size = topics * (TOPIC_BYTES + 32) + partitions * PARTITION_BYTES;
        let flexible = version >= FLEXIBLE_SINCE;
        let mut output = Output::new(correlation_id, flexible, version >= TOPIC_IDS_SINCE, size);
        output.length(Some(topics));
        Self { version, output, has_topic: false }
    }

    /// Begins a topic with so many partitions.
    pub fn topic(&mut self, name: &str, id: TopicId, partitions: usize) {
        self.end_topic();
        self.output.topic(name, id);
        self.output.length(Some(partitions));
        self.has_topic = true;
    }

    /// Adds a partition to the topic.
    pub fn partition(&mut self, partition: &PartitionResponse) {
        let output = &mut self.output;
        output.int32(partition.index);
        output.int16(partition.error_code);
        output.int64(partition.base_offset);
        output.int64(partition.log_append_time_ms);
        if self.version >= 5 {
            output.int64(partition.log_start_offset);
        }
        if self.version >= 8 {
            // No errors of single records.
            output.length(Some(0));
            output.string(partition.error_message.as_deref());
        }
        output.end_of_struct();
    }

    /// Ends it: the whole frame.
    ///
    /// # Errors
    /// When it is too long to send.
    pub fn finish(mut self) -> Result<Segments, EncodeError> {
        self.end_topic();
        // No throttle time.
        self.output.int32(0);
        self.output.end_of_struct();
        self.output.finish()
    }

    fn end_topic(&mut self) {
        if self.has_topic {
            self.output.end_of_struct();
        }
    }
}
