//! Blobs by their shapes, cut and with lengths that lie; and those that Apache Kafka's own classes wrote.

use chronik_types::Entropy;
use kafka_protocol::messages::{
    JoinGroupRequest, SyncGroupRequest, SyncGroupResponse, consumer_protocol_assignment as assignment,
    consumer_protocol_subscription as subscription,
};
use kafka_protocol::protocol::StrBytes;

use super::*;
use crate::frame::next_frame;
use crate::header::parse_request_header;
use crate::request::decode_request;
use crate::wellformed::tests::generator::{Generated, generate};
use crate::wellformed::tests::golden::exchanges;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// Both messages in all versions: reads one, and writes again what was read.
type Check = fn(&Bytes) -> Result<Bytes, Malformed>;

fn read_subscription(blob: &Bytes) -> Result<Bytes, Malformed> {
    decode_subscription(blob).map(|read| encode_subscription(version_of(blob), &read).unwrap())
}

fn read_assignment(blob: &Bytes) -> Result<Bytes, Malformed> {
    decode_assignment(blob).map(|read| encode_assignment(version_of(blob), &read).unwrap())
}

fn version_of(blob: &[u8]) -> i16 {
    i16::from_be_bytes(*blob.first_chunk().unwrap())
}

const BOTH: [(&Shape, Check); 2] = [
    (&groups::CONSUMER_PROTOCOL_SUBSCRIPTION, read_subscription),
    (&groups::CONSUMER_PROTOCOL_ASSIGNMENT, read_assignment),
];

fn prefixed(version: i16, body: &[u8]) -> Bytes {
    [&version.to_be_bytes()[..], body].concat().into()
}

fn for_each_blob(seed: u64, mut check: impl FnMut(i16, &Generated, Check)) {
    let entropy = Entropy::seeded(seed);
    for (shape, read) in BOTH {
        for version in 0..=MAX_VERSION {
            for _ in 0..20 {
                check(version, &generate(shape, version, false, &entropy), read);
            }
        }
    }
}

#[test]
fn what_a_shape_describes_is_read_and_written_to_the_same_bytes() {
    for_each_blob(1, |version, message, read| {
        let blob = prefixed(version, &message.bytes);
        assert_eq!(read(&blob), Ok(blob.clone()), "v{version}");
    });
}

#[test]
fn every_truncation_and_every_length_that_lies_is_refused() {
    for_each_blob(2, |version, message, read| {
        let blob = prefixed(version, &message.bytes);
        for cut in 0..blob.len() {
            assert!(read(&blob.slice(..cut)).is_err(), "v{version} cut at {cut} of {}", blob.len());
        }
        for length in &message.lengths {
            let (before, rest) = message.bytes.split_at(length.at);
            for lie in [[0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0]] {
                let lying = [before, &lie[..length.width], &rest[length.width..]].concat();
                assert!(read(&prefixed(version, &lying)).is_err(), "v{version}: {lie:02x?} at {}", length.at);
            }
        }
    });
}

#[test]
fn random_bytes_are_read_or_refused() {
    let entropy = Entropy::seeded(3);
    let mut read = 0;
    for round in 0..20_000 {
        let mut bytes = vec![0; round % 40];
        entropy.fill(&mut bytes);
        // Small numbers make counts that fit.
        bytes.iter_mut().for_each(|byte| *byte = if *byte < 200 { 0 } else { *byte % 5 });
        let blob = Bytes::from(bytes);
        read +=
            usize::from(decode_subscription(&blob).is_ok()) + usize::from(decode_assignment(&blob).is_ok());
    }
    assert!(read > 100, "some are blobs");
}

/// What would make kafka-protocol ask for 50 GB.
#[test]
fn a_count_without_elements_is_refused() {
    let claimed = decode_subscription(&prefixed(1, b"\x7f\xff\xff\xff")).unwrap_err();
    assert_eq!(
        claimed.to_string(),
        "ConsumerProtocolSubscription v1: topics: claims 2147483647 elements where 0 bytes are left (at byte 0 of the body)"
    );
    let names = [&10_000_u32.to_be_bytes()[..], &[0; 2 * 10_000], b"\xff\xff\xff\xff"].concat();
    let greedy = decode_subscription(&prefixed(0, &names)).unwrap_err();
    assert!(matches!(greedy.reason, Reason::Memory { .. }), "{greedy}");
}

#[test]
fn later_versions_are_read_as_the_last_one_and_negative_ones_not_at_all() {
    let known = ConsumerProtocolSubscription::default()
        .with_topics(vec![text("one")])
        .with_owned_partitions(vec![
            subscription::TopicPartition::default()
                .with_topic(kafka_protocol::messages::TopicName(text("one")))
                .with_partitions(vec![3]),
        ])
        .with_generation_id(7)
        .with_rack_id(Some(text("rack")));
    let blob = encode_subscription(3, &known).unwrap();
    let later = prefixed(9, &[&blob[2..], b"a field of version 9"].concat());
    assert_eq!(decode_subscription(&later), Ok(known));
    let negative = decode_subscription(&prefixed(-1, &blob[2..])).unwrap_err();
    assert_eq!((negative.version, negative.reason), (-1, Reason::UnsupportedVersion));
    assert!(encode_subscription(4, &ConsumerProtocolSubscription::default()).is_err());
}

/// The blobs in the requests and answers that were captured.
fn golden_blobs() -> (Vec<Bytes>, Vec<Bytes>) {
    let (mut subscriptions, mut assignments) = (Vec::new(), Vec::new());
    for mut exchange in exchanges() {
        let mut body = next_frame(&mut exchange.request, 1 << 20).unwrap().unwrap();
        let Ok(header) = parse_request_header(&mut body) else { continue };
        let version = header.api_version;
        match header.api.name {
            "JoinGroup" => {
                let request: JoinGroupRequest = decode_request(version, &mut body).unwrap();
                subscriptions.extend(request.protocols.into_iter().map(|protocol| protocol.metadata));
            }
            "SyncGroup" => {
                let request: SyncGroupRequest = decode_request(version, &mut body).unwrap();
                assignments.extend(request.assignments.into_iter().map(|member| member.assignment));
                let header = 8 + usize::try_from(header.response_header_version()).unwrap();
                let mut answer = exchange.response.unwrap().slice(header..);
                let answer = SyncGroupResponse::decode(&mut answer, version).unwrap();
                assignments.extend(Some(answer.assignment).filter(|assignment| !assignment.is_empty()));
            }
            _ => {}
        }
    }
    (subscriptions, assignments)
}

#[test]
fn blobs_of_kafkas_classes_are_read_and_written_to_the_same_bytes() {
    let (subscriptions, assignments) = golden_blobs();
    let versions = |blobs: &[Bytes]| blobs.iter().map(|blob| version_of(blob)).collect();
    let all: std::collections::BTreeSet<i16> = (0..=MAX_VERSION).collect();
    assert_eq!((versions(&subscriptions), versions(&assignments)), (all.clone(), all));
    for blob in subscriptions {
        assert_eq!(decode_subscription(&blob).unwrap().topics, [text("golden")]);
        assert_eq!(read_subscription(&blob), Ok(blob));
    }
    for blob in assignments {
        let read = decode_assignment(&blob).unwrap();
        let partitions: Vec<&assignment::TopicPartition> = read.assigned_partitions.iter().collect();
        assert_eq!((partitions[0].topic.as_str(), &partitions[0].partitions), ("golden", &vec![0, 1]));
        assert_eq!(read_assignment(&blob), Ok(blob));
    }
}
