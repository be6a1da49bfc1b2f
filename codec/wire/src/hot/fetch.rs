//! Fetch (1), versions 4 to 18.
#![warn(clippy::indexing_slicing)]

use bytes::Bytes;
use chronik_types::TopicId;
use kafka_protocol::messages::FetchRequest as Wire;
use kafka_protocol::messages::fetch_request::FetchPartition as WirePartition;
use kafka_protocol::protocol::StrBytes;

use super::input::Input;
use super::output::Output;
use crate::request::decode_request;
use crate::response::{EncodeError, Segments};
use crate::wellformed::MAX_HANDLED_BYTES;
use crate::wellformed::Malformed;
use crate::wellformed::requests::{
    FETCH, FETCH_FORGOTTEN_TOPIC, FETCH_PARTITION, FETCH_PARTITION_COST, FETCH_TOPIC,
};

/// The version from which topics go by id (KIP-516).
pub const TOPIC_IDS_SINCE: i16 = 13;
/// The first version with compact lengths and tagged fields.
const FLEXIBLE_SINCE: i16 = 12;
/// The first version with sessions (KIP-227), and with a code for the whole response.
const SESSIONS_SINCE: i16 = 7;

/// A request. Names share the memory of its frame: copy what outlives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Whether a broker asks.
    pub is_from_replica: bool,
    /// How long to wait, in ms.
    pub max_wait_ms: i32,
    /// For how many bytes to wait.
    pub min_bytes: i32,
    /// How many bytes to answer with at most.
    pub max_bytes: i32,
    /// The isolation level.
    pub isolation_level: i8,
    /// The session; 0 for none.
    pub session_id: i32,
    /// The epoch of the request in its session.
    pub session_epoch: i32,
    /// The topics to fetch from, or those of which the session is told.
    pub topics: Vec<FetchTopic>,
    /// What the session is to forget.
    pub forgotten: Vec<ForgottenTopic>,
}

/// A topic of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    /// Its name, up to version 12.
    pub name: StrBytes,
    /// Its id, from version 13 on.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// A partition of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// Its index.
    pub index: i32,
    /// The leader epoch that the client knows, or -1.
    pub current_leader_epoch: i32,
    /// Where to start.
    pub fetch_offset: i64,
    /// The epoch of the last record that the client has, or -1.
    pub last_fetched_epoch: i32,
    /// How many bytes of it to answer with at most.
    pub max_bytes: i32,
}

/// A topic of which a session is to forget partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// Its name, up to version 12.
    pub name: StrBytes,
    /// Its id, from version 13 on.
    pub id: TopicId,
    /// The indexes of the partitions.
    pub partitions: Vec<i32>,
}

// What the check of well-formedness allows is enough for these too.
const _: () = assert!(size_of::<FetchRequest>() <= FETCH.memory);
const _: () = assert!(size_of::<FetchTopic>() <= FETCH_TOPIC.memory);
const _: () = assert!(size_of::<FetchPartition>() <= FETCH_PARTITION.memory);
const _: () = assert!(size_of::<ForgottenTopic>() <= FETCH_FORGOTTEN_TOPIC.memory);

impl FetchRequest {
    /// Decodes the body of a request.
    ///
    /// # Errors
    /// Those of [`decode_request`].
    pub fn decode(version: i16, mut body: Bytes) -> Result<Self, Malformed> {
        match Self::read(version, &body) {
            Some(request) => Ok(request),
            None => decode_request::<Wire>(version, &mut body).map(Self::from),
        }
    }

    /// The request, if it is one that can be read in one go.
    pub(super) fn read(version: i16, body: &Bytes) -> Option<Self> {
        if !(4..=18).contains(&version) {
            return None;
        }
        let input = &mut Input::new(body, version >= FLEXIBLE_SINCE, FETCH.memory, MAX_HANDLED_BYTES)?;
        // Later it stands in a tagged field, which only brokers send.
        let replica_id = if version <= 14 { input.int32()? } else { -1 };
        let mut request = Self {
            is_from_replica: replica_id >= 0,
            max_wait_ms: input.int32()?,
            min_bytes: input.int32()?,
            max_bytes: input.int32()?,
            isolation_level: input.int8()?,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten: Vec::new(),
        };
        if version >= SESSIONS_SINCE {
            request.session_id = input.int32()?;
            request.session_epoch = input.int32()?;
        }
        let count = input.count(FETCH_TOPIC.memory)?;
        request.topics.reserve_exact(count);
        for _ in 0..count {
            request.topics.push(FetchTopic::read(version, input)?);
        }
        if version >= SESSIONS_SINCE {
            let count = input.count(FETCH_FORGOTTEN_TOPIC.memory)?;
            request.forgotten.reserve_exact(count);
            for _ in 0..count {
                request.forgotten.push(ForgottenTopic::read(version, input)?);
            }
        }
        if version >= 11 {
            // The rack of the client; null is refused elsewhere.
            input.string()?;
        }
        input.end_of_struct()?;
        input.is_at_end().then_some(request)
    }
}

impl FetchTopic {
    fn read(version: i16, input: &mut Input<'_>) -> Option<Self> {
        let (name, id) = input.topic(version >= TOPIC_IDS_SINCE)?;
        let count = input.count_costing(FETCH_PARTITION.memory, FETCH_PARTITION_COST)?;
        let mut partitions = Vec::with_capacity(count);
        for _ in 0..count {
            partitions.push(FetchPartition::read(version, input)?);
        }
        input.end_of_struct()?;
        Some(Self { name, id, partitions })
    }
}

impl FetchPartition {
    fn read(version: i16, input: &mut Input<'_>) -> Option<Self> {
        let index = input.int32()?;
        let current_leader_epoch = if version >= 9 { input.int32()? } else { -1 };
        let fetch_offset = input.int64()?;
        let last_fetched_epoch = if version >= 12 { input.int32()? } else { -1 };
        if version >= 5 {
            let _log_start_offset = input.int64()?;
        }
        let max_bytes = input.int32()?;
        input.end_of_struct()?;
        Some(Self { index, current_leader_epoch, fetch_offset, last_fetched_epoch, max_bytes })
    }
}

impl ForgottenTopic {
    fn read(version: i16, input: &mut Input<'_>) -> Option<Self> {
        let (name, id) = input.topic(version >= TOPIC_IDS_SINCE)?;
        let count = input.count(size_of::<i32>())?;
        let mut partitions = Vec::with_capacity(count);
        for _ in 0..count {
            partitions.push(input.int32()?);
        }
        input.end_of_struct()?;
        Some(Self { name, id, partitions })
    }
}

/// Every list is taken over element by element, which needs no memory for a second one.
impl From<Wire> for FetchRequest {
    fn from(wire: Wire) -> Self {
        let topic = |topic: kafka_protocol::messages::fetch_request::FetchTopic| FetchTopic {
            name: topic.topic.0,
            id: TopicId::from_bytes(*topic.topic_id.as_bytes()),
            partitions: topic.partitions.into_iter().map(FetchPartition::from).collect(),
        };
        let forgotten = |topic: kafka_protocol::messages::fetch_request::ForgottenTopic| ForgottenTopic {
            name: topic.topic.0,
            id: TopicId::from_bytes(*topic.topic_id.as_bytes()),
            partitions: topic.partitions,
        };
        Self {
            is_from_replica: wire.replica_id.0 >= 0 || wire.replica_state.replica_id.0 >= 0,
            max_wait_ms: wire.max_wait_ms,
            min_bytes: wire.min_bytes,
            max_bytes: wire.max_bytes,
            isolation_level: wire.isolation_level,
            session_id: wire.session_id,
            session_epoch: wire.session_epoch,
            topics: wire.topics.into_iter().map(topic).collect(),
            forgotten: wire.forgotten_topics_data.into_iter().map(forgotten).collect(),
        }
    }
}

impl From<WirePartition> for FetchPartition {
    fn from(wire: WirePartition) -> Self {
        Self {
            index: wire.partition,
            current_leader_epoch: wire.current_leader_epoch,
            fetch_offset: wire.fetch_offset,
            last_fetched_epoch: wire.last_fetched_epoch,
            max_bytes: wire.partition_max_bytes,
        }
    }
}

/// A transaction whose records a reader of committed ones leaves out: those of the producer from the first offset up to
/// the marker that aborts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The id of its producer.
    pub producer_id: i64,
    /// The offset of its first record in the partition.
    pub first_offset: i64,
}

/// What was found in one partition, without the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionResponse<'a> {
    /// Its index.
    pub index: i32,
    /// The code of the error, or 0.
    pub error_code: i16,
    /// The high watermark, or -1.
    pub high_watermark: i64,
    /// The last stable offset, or -1.
    pub last_stable_offset: i64,
    /// The first offset, or -1. Told from version 5 on.
    pub log_start_offset: i64,
    /// Where the client's log parts from this one: an epoch and its end. Told from version 12 on.
    pub diverging: Option<(i32, i64)>,
    /// The aborted transactions among the records, by ascending first offset; null for a reader that sees all records.
    pub aborted_transactions: Option<&'a [AbortedTransaction]>,
}

/// Writes a response: topics in order, after each of them its partitions. Records stay where they are.
#[derive(Debug)]
pub struct FetchResponse {
    version: i16,
    output: Output,
    has_topic: bool,
}

/// Bytes of a partition with the start of its records, and of a topic without its name.
const PARTITION_BYTES: usize = 80;
const TOPIC_BYTES: usize = 24;

impl FetchResponse {
    /// Begins a response with so many topics and, over all of them, partitions.
    #[must_use]
    pub fn new(
        version: i16,
        correlation_id: i32,
        (error_code, session_id): (i16, i32),
        topics: usize,
        partitions: usize,
    ) -> Self {
        let size = topics * (TOPIC_BYTES + 32) + partitions * PARTITION_BYTES;
        let flexible = version >= FLEXIBLE_SINCE;
        let mut output = Output::new(correlation_id, flexible, version >= TOPIC_IDS_SINCE, size);
        // No throttle time.
        output.int32(0);
        if version >= SESSIONS_SINCE {
            output.int16(error_code);
            output.int32(session_id);
        }
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

    /// Adds a partition to the topic. Pieces below 1 KiB are copied, all others are shared; no pieces are no records (not
    /// null, which some clients do not expect).
    pub fn partition(&mut self, partition: PartitionResponse<'_>, records: Vec<Bytes>) {
        let output = &mut self.output;
        output.int32(partition.index);
        output.int16(partition.error_code);
        output.int64(partition.high_watermark);
        output.int64(partition.last_stable_offset);
        if self.version >= 5 {
            output.int64(partition.log_start_offset);
        }
        output.length(partition.aborted_transactions.map(<[_]>::len));
        for aborted in partition.aborted_transactions.unwrap_or_default() {
            output.int64(aborted.producer_id);
            output.int64(aborted.first_offset);
            output.end_of_struct();
        }
        if self.version >= 11 {
            // No preferred replica.
            output.int32(-1);
        }
        output.records(records);
        match partition.diverging.filter(|_| self.version >= FLEXIBLE_SINCE) {
            Some((epoch, end_offset)) => {
                // One tagged field, the first: a struct of 13 bytes.
                output.put(&[1, 0, 13]);
                output.int32(epoch);
                output.int64(end_offset);
                output.end_of_struct();
            }
            None => output.end_of_struct(),
        }
    }

    /// Ends it: the whole frame.
    ///
    /// # Errors
    /// When it is too long to send.
    pub fn finish(mut self) -> Result<Segments, EncodeError> {
        self.end_topic();
        self.output.end_of_struct();
        self.output.finish()
    }

    fn end_topic(&mut self) {
        if self.has_topic {
            self.output.end_of_struct();
        }
    }
}
