//! The admin requests that were captured with Apache Kafka's answers, replayed in their order: ours say the same.
//!
//! Compared are whole messages but for what has to differ: ids, addresses and sizes, the order of lists that Kafka keeps
//! in hash maps, and the words of errors and documentation, which are ours.

use bytes::Bytes;
use chronik_config::ReplicationFactorPolicy;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, StrBytes};
use uuid::Uuid;

use crate::gateway::Gateway;

/// Sources of configs.
const FOR_ALL_BROKERS: i8 = 3;
const BY_DEFAULT: i8 = 5;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Takes out of a response what has to differ.
trait Comparable {
    fn comparable(&mut self);
}

macro_rules! without_messages {
    ($($response:ty: $list:ident;)*) => {
        $(impl Comparable for $response {
            fn comparable(&mut self) {
                self.$list.iter_mut().for_each(|result| result.error_message = None);
            }
        })*
    };
}

without_messages! {
    AlterConfigsResponse: responses;
    IncrementalAlterConfigsResponse: responses;
    CreatePartitionsResponse: results;
}

impl Comparable for CreateTopicsResponse {
    fn comparable(&mut self) {
        for topic in &mut self.topics {
            topic.topic_id = Uuid::nil();
            topic.error_message = None;
            for config in topic.configs.iter_mut().flatten() {
                // As below.
                if config.config_source == FOR_ALL_BROKERS {
                    config.config_source = BY_DEFAULT;
                }
            }
        }
    }
}

impl Comparable for DeleteTopicsResponse {
    fn comparable(&mut self) {
        for topic in &mut self.responses {
            topic.topic_id = Uuid::nil();
            topic.error_message = None;
        }
    }
}

impl Comparable for DescribeConfigsResponse {
    fn comparable(&mut self) {
        for result in &mut self.results {
            result.error_message = None;
            result.configs.sort_by(|one, other| one.name.cmp(&other.name));
            for config in &mut result.configs {
                // Kafka 4.3 sets min.insync.replicas for the whole cluster at its first start.
                config.synonyms.retain(|synonym| synonym.source != FOR_ALL_BROKERS);
                if config.config_source == FOR_ALL_BROKERS {
                    config.config_source = BY_DEFAULT;
                }
                // There is no pool of threads here that could be resized.
                if config.name.as_str() == "num.io.threads" {
                    config.read_only = false;
                }
                // In Kafka's file, and not in ours.
                if config.name.as_str() == "node.id" {
                    config.config_source = BY_DEFAULT;
                    config.synonyms.clear();
                }
                config.documentation = config.documentation.take().map(|_| StrBytes::default());
            }
        }
    }
}

impl Comparable for ElectLeadersResponse {
    fn comparable(&mut self) {
        let topics = self.replica_election_results.iter_mut();
        topics.flat_map(|topic| &mut topic.partition_result).for_each(|result| result.error_message = None);
    }
}

impl Comparable for DescribeProducersResponse {
    fn comparable(&mut self) {
        let topics = self.topics.iter_mut();
        topics.flat_map(|topic| &mut topic.partitions).for_each(|partition| partition.error_message = None);
    }
}

impl Comparable for DescribeTopicPartitionsResponse {
    fn comparable(&mut self) {
        self.topics.iter_mut().for_each(|topic| topic.topic_id = Uuid::nil());
    }
}

impl Comparable for DescribeClusterResponse {
    fn comparable(&mut self) {
        self.cluster_id = StrBytes::default();
        self.brokers.iter_mut().for_each(|broker| broker.port = 0);
    }
}

impl Comparable for DescribeLogDirsResponse {
    fn comparable(&mut self) {
        for directory in &mut self.results {
            directory.log_dir = StrBytes::default();
            (directory.total_bytes, directory.usable_bytes) = (-1, -1);
            directory.topics.sort_by(|one, other| one.name.cmp(&other.name));
            for topic in &mut directory.topics {
                topic.partitions.sort_by_key(|partition| partition.partition_index);
                topic.partitions.iter_mut().for_each(|partition| partition.partition_size = 0);
            }
        }
    }
}

impl Comparable for ListConfigResourcesResponse {
    fn comparable(&mut self) {
        let key = |resource: &list_config_resources_response::ConfigResource| {
            (resource.resource_type, resource.resource_name.clone())
        };
        self.config_resources.sort_by_key(key);
    }
}

impl Comparable for DeleteRecordsResponse {
    fn comparable(&mut self) {}
}

impl Comparable for ListPartitionReassignmentsResponse {
    fn comparable(&mut self) {}
}

fn decode<R: Decodable + Comparable + std::fmt::Debug>(mut body: Bytes, version: i16) -> String {
    let mut response = R::decode(&mut body, version).unwrap();
    response.comparable();
    format!("{response:#?}")
}

/// What a frame says that can be compared; `None` when it is of none of the admin APIs.
fn said(key: i16, version: i16, frame: &[u8]) -> Option<String> {
    let api = ApiKey::try_from(key).unwrap();
    let mut body = Bytes::copy_from_slice(&frame[4..]);
    ResponseHeader::decode(&mut body, api.response_header_version(version)).unwrap();
    let decode = match api {
        ApiKey::CreateTopics => decode::<CreateTopicsResponse>,
        ApiKey::DeleteTopics => decode::<DeleteTopicsResponse>,
        ApiKey::DeleteRecords => decode::<DeleteRecordsResponse>,
        ApiKey::DescribeConfigs => decode::<DescribeConfigsResponse>,
        ApiKey::AlterConfigs => decode::<AlterConfigsResponse>,
        ApiKey::DescribeLogDirs => decode::<DescribeLogDirsResponse>,
        ApiKey::CreatePartitions => decode::<CreatePartitionsResponse>,
        ApiKey::ElectLeaders => decode::<ElectLeadersResponse>,
        ApiKey::IncrementalAlterConfigs => decode::<IncrementalAlterConfigsResponse>,
        ApiKey::ListPartitionReassignments => decode::<ListPartitionReassignmentsResponse>,
        ApiKey::DescribeCluster => decode::<DescribeClusterResponse>,
        ApiKey::DescribeProducers => decode::<DescribeProducersResponse>,
        ApiKey::ListConfigResources => decode::<ListConfigResourcesResponse>,
        ApiKey::DescribeTopicPartitions => decode::<DescribeTopicPartitionsResponse>,
        _ => return None,
    };
    Some(decode(body, version))
}

/// The first lines in which two answers differ.
fn difference(theirs: &str, ours: &str) -> String {
    let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.lines().collect(), ours.lines().collect());
    let at = theirs.iter().zip(&ours).position(|(one, other)| one != other).unwrap_or(0);
    let near =
        |lines: &[&str]| lines[at.saturating_sub(8).min(lines.len())..(at + 6).min(lines.len())].join("\n");
    format!("Kafka:\n{}\nours:\n{}", near(&theirs), near(&ours))
}

#[tokio::test]
async fn the_admin_apis_say_what_kafka_says() {
    let mut gateway = Gateway::with(|settings| {
        // What the captured Kafka was started with.
        settings.topics.partitions = 4;
        settings.topics.replication_factor = ReplicationFactorPolicy::Strict;
    })
    .await;
    gateway.create("golden", 2).await;
    gateway.append("golden", 1, 12).await;
    let text = std::fs::read_to_string("../../tests/golden/exchanges.jsonl").unwrap();
    let mut compared = 0;
    let mut failures = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number =
            |field: &str| line[field].as_i64().and_then(|number| i16::try_from(number).ok()).unwrap();
        let (key, version, case) = (number("api"), number("version"), line["case"].as_str().unwrap());
        let Some(theirs) = line["response"].as_str().and_then(|frame| said(key, version, &unhex(frame)))
        else {
            continue;
        };
        let ours = gateway.exchange(&unhex(line["request"].as_str().unwrap())).await;
        let ours = said(key, version, &ours).unwrap();
        compared += 1;
        let name = line["name"].as_str().unwrap();
        if ours != theirs {
            failures.push(format!("{name} version {version}, {case}\n{}", difference(&theirs, &ours)));
        }
    }
    assert!(compared > 100, "only {compared} exchanges");
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n\n"));
}
