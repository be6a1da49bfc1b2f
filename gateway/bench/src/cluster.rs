//! The topic of a run and the brokers that serve it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chronik_types::{Clock, ErrorCode, ProducerEpoch, ProducerId, Sequence, SystemClock};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest, ListOffsetsRequest,
    MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::args::BenchArgs;
use crate::control::Control;
use crate::error::{BenchError, name_of};
use crate::frames::produce::Producer;

/// One broker and the partitions that it leads.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// `HOST:PORT` as the metadata have it.
    pub(crate) address: String,
    /// Ascending.
    pub(crate) partitions: Vec<i32>,
}

/// Both ends of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// How long a new topic may take to be there, or a deleted one to be gone.
const SETTLING: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
const CREATE_TIMEOUT_MS: i32 = 30_000;
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// The leaders of the topic, which is created first if that is asked for.
pub(crate) fn prepare(control: &mut Control, args: &BenchArgs) -> Result<Vec<Leader>, BenchError> {
    if args.create_topic {
        create(control, args)?;
    }
    let waiting = SystemClock::new();
    loop {
        match settled(control, args)? {
            Ok(leaders) => return Ok(leaders),
            // Only what was just created can be expected to appear.
            Err(code) if !args.create_topic || waiting.monotonic() > SETTLING => {
                let detail = match ErrorCode::from_code(code) {
                    Some(ErrorCode::UnknownTopicOrPartition) => "create it with --create-topic -p PARTITIONS",
                    Some(ErrorCode::LeaderNotAvailable) => "some partitions have no leader",
                    _ => "see the log of the broker",
                };
                let what = format!("serve topic {}", args.topic);
                return Err(BenchError::Refused { what, code, detail: detail.to_owned() });
            }
            Err(_) => std::thread::park_timeout(POLL),
        }
    }
}

/// The id of the topic.
pub(crate) fn topic_id(control: &mut Control, topic: &str) -> Result<Uuid, BenchError> {
    let asked =
        MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(topic.to_owned()))));
    let answer = control.call("Metadata", &MetadataRequest::default().with_topics(Some(vec![asked])))?;
    Ok(answer.topics.first().map(|topic| topic.topic_id).unwrap_or_default())
}

/// The leaders, once each of them serves its partitions: a new topic is in the metadata before that.
fn settled(control: &mut Control, args: &BenchArgs) -> Result<Result<Vec<Leader>, i16>, BenchError> {
    let leaders = match leaders(control, &args.topic)? {
        Ok(leaders) if args.create_topic => leaders,
        known => return Ok(known),
    };
    match bounds(&args.topic, &leaders) {
        Ok(_) => Ok(Ok(leaders)),
        Err(BenchError::Refused { code, .. }) => Ok(Err(code)),
        Err(error) => Err(error),
    }
}

/// Who leads which partitions, or the error code that keeps that from being known.
pub(crate) fn leaders(control: &mut Control, topic: &str) -> Result<Result<Vec<Leader>, i16>, BenchError> {
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let asked = MetadataRequestTopic::default().with_name(Some(name));
    let request =
        MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(false);
    let answer: MetadataResponse = control.call("Metadata", &request)?;
    let addresses: HashMap<BrokerId, String> = answer
        .brokers
        .iter()
        .map(|broker| (broker.node_id, format!("{}:{}", broker.host, broker.port)))
        .collect();
    let mut leaders: BTreeMap<BrokerId, Vec<i32>> = BTreeMap::new();
    let absent = ErrorCode::UnknownTopicOrPartition.code();
    let Some(described) = answer.topics.first() else { return Ok(Err(absent)) };
    if described.error_code != 0 {
        return Ok(Err(described.error_code));
    }
    for partition in &described.partitions {
        if !addresses.contains_key(&partition.leader_id) {
            return Ok(Err(ErrorCode::LeaderNotAvailable.code()));
        }
        leaders.entry(partition.leader_id).or_default().push(partition.partition_index);
    }
    if leaders.is_empty() {
        return Ok(Err(absent));
    }
    let named = leaders.into_iter().filter_map(|(id, mut partitions)| {
        partitions.sort_unstable();
        addresses.get(&id).map(|address| Leader { address: address.clone(), partitions })
    });
    Ok(Ok(named.collect()))
}

fn create(control: &mut Control, args: &BenchArgs) -> Result<(), BenchError> {
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(args.topic.clone())))
        .with_num_partitions(args.partitions)
        .with_replication_factor(args.replication_factor);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(CREATE_TIMEOUT_MS);
    let answer = control.call("CreateTopics", &request)?;
    for result in &answer.topics {
        let known = ErrorCode::from_code(result.error_code);
        if result.error_code != 0 && known != Some(ErrorCode::TopicAlreadyExists) {
            return Err(BenchError::Refused {
                what: format!("create topic {} with {} partitions", args.topic, args.partitions),
                code: result.error_code,
                detail: result.error_message.as_ref().map(ToString::to_string).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// Deletes the topic.
pub(crate) fn delete(control: &mut Control, topic: &str) -> Result<(), BenchError> {
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    // Names moved into a structure in version 6; both are set, and each version takes its own.
    let old = DeleteTopicsRequest::default().with_timeout_ms(CREATE_TIMEOUT_MS);
    let request = match control.version(20, (6, 6)) {
        Some(_) => {
            use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
            old.with_topics(vec![DeleteTopicState::default().with_name(Some(name))])
        }
        None => old.with_topic_names(vec![name]),
    };
    let answer = control.call("DeleteTopics", &request)?;
    match answer.responses.iter().find(|result| result.error_code != 0) {
        None => Ok(()),
        Some(result) => Err(BenchError::Refused {
            what: format!("delete topic {topic}"),
            code: result.error_code,
            detail: String::new(),
        }),
    }
}

/// First and next offset of each partition.
pub(crate) fn bounds(topic: &str, leaders: &[Leader]) -> Result<BTreeMap<i32, Bounds>, BenchError> {
    let mut bounds = BTreeMap::new();
    for leader in leaders {
        let mut control = Control::open(&leader.address)?;
        let starts = offsets(&mut control, topic, &leader.partitions, EARLIEST)?;
        let ends = offsets(&mut control, topic, &leader.partitions, LATEST)?;
        for (partition, start) in starts {
            bounds.insert(partition, Bounds { start, end: ends.get(&partition).copied().unwrap_or(start) });
        }
    }
    Ok(bounds)
}

fn offsets(
    control: &mut Control,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
) -> Result<BTreeMap<i32, i64>, BenchError> {
    let partitions = partitions
        .iter()
        .map(|&index| {
            let partition = ListOffsetsPartition::default().with_partition_index(index);
            partition.with_current_leader_epoch(-1).with_timestamp(timestamp)
        })
        .collect();
    let asked = ListOffsetsTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(partitions);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![asked]);
    let answer = control.call("ListOffsets", &request)?;
    let mut offsets = BTreeMap::new();
    for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        if partition.error_code != 0 {
            let what = format!("tell the offsets of {topic}-{}", partition.partition_index);
            return Err(BenchError::Refused { what, code: partition.error_code, detail: String::new() });
        }
        offsets.insert(partition.partition_index, partition.offset);
    }
    Ok(offsets)
}

/// A producer of our own, for idempotent batches.
pub(crate) fn new_producer(control: &mut Control) -> Result<Producer, BenchError> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(kafka_protocol::messages::ProducerId(-1))
        .with_producer_epoch(-1);
    let answer = control.call("InitProducerId", &request)?;
    if answer.error_code != 0 {
        let detail = format!("run without --idempotent ({})", name_of(answer.error_code));
        return Err(BenchError::Refused {
            what: "give a producer id".to_owned(),
            code: answer.error_code,
            detail,
        });
    }
    Ok(Producer {
        id: ProducerId::new(answer.producer_id.0),
        epoch: ProducerEpoch::new(answer.producer_epoch),
        sequence: Sequence::new(0),
    })
}
