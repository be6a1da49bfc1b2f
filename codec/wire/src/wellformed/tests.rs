//! Shapes against kafka-protocol, and the walk against hostile bytes.
//!
//! A generator writes random messages by their shape and remembers where every length and count stands. Whatever it
//! writes must pass, decode to the last byte and encode to the same bytes again; whatever is cut or lies must not pass.

pub(crate) mod generator;
pub(crate) mod golden;
mod kafka_protocol_values;

use bytes::{Bytes, BytesMut};
use chronik_types::Entropy;
use kafka_protocol::messages;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::*;
use crate::api;
use generator::{Generated, LengthKind, generate};

/// Calls a generic function with the request type of an API.
macro_rules! for_request_type {
    ($key:expr, $function:ident($($argument:expr),*)) => {
        match $key {
            0 => $function::<messages::ProduceRequest>($($argument),*),
            1 => $function::<messages::FetchRequest>($($argument),*),
            2 => $function::<messages::ListOffsetsRequest>($($argument),*),
            3 => $function::<messages::MetadataRequest>($($argument),*),
            8 => $function::<messages::OffsetCommitRequest>($($argument),*),
            9 => $function::<messages::OffsetFetchRequest>($($argument),*),
            10 => $function::<messages::FindCoordinatorRequest>($($argument),*),
            11 => $function::<messages::JoinGroupRequest>($($argument),*),
            12 => $function::<messages::HeartbeatRequest>($($argument),*),
            13 => $function::<messages::LeaveGroupRequest>($($argument),*),
            14 => $function::<messages::SyncGroupRequest>($($argument),*),
            15 => $function::<messages::DescribeGroupsRequest>($($argument),*),
            16 => $function::<messages::ListGroupsRequest>($($argument),*),
            18 => $function::<messages::ApiVersionsRequest>($($argument),*),
            19 => $function::<messages::CreateTopicsRequest>($($argument),*),
            20 => $function::<messages::DeleteTopicsRequest>($($argument),*),
            21 => $function::<messages::DeleteRecordsRequest>($($argument),*),
            22 => $function::<messages::InitProducerIdRequest>($($argument),*),
            23 => $function::<messages::OffsetForLeaderEpochRequest>($($argument),*),
            24 => $function::<messages::AddPartitionsToTxnRequest>($($argument),*),
            25 => $function::<messages::AddOffsetsToTxnRequest>($($argument),*),
            26 => $function::<messages::EndTxnRequest>($($argument),*),
            27 => $function::<messages::WriteTxnMarkersRequest>($($argument),*),
            28 => $function::<messages::TxnOffsetCommitRequest>($($argument),*),
            32 => $function::<messages::DescribeConfigsRequest>($($argument),*),
            33 => $function::<messages::AlterConfigsRequest>($($argument),*),
            35 => $function::<messages::DescribeLogDirsRequest>($($argument),*),
            37 => $function::<messages::CreatePartitionsRequest>($($argument),*),
            42 => $function::<messages::DeleteGroupsRequest>($($argument),*),
            43 => $function::<messages::ElectLeadersRequest>($($argument),*),
            44 => $function::<messages::IncrementalAlterConfigsRequest>($($argument),*),
            46 => $function::<messages::ListPartitionReassignmentsRequest>($($argument),*),
            47 => $function::<messages::OffsetDeleteRequest>($($argument),*),
            60 => $function::<messages::DescribeClusterRequest>($($argument),*),
            61 => $function::<messages::DescribeProducersRequest>($($argument),*),
            65 => $function::<messages::DescribeTransactionsRequest>($($argument),*),
            66 => $function::<messages::ListTransactionsRequest>($($argument),*),
            68 => $function::<messages::ConsumerGroupHeartbeatRequest>($($argument),*),
            69 => $function::<messages::ConsumerGroupDescribeRequest>($($argument),*),
            74 => $function::<messages::ListConfigResourcesRequest>($($argument),*),
            75 => $function::<messages::DescribeTopicPartitionsRequest>($($argument),*),
            key => panic!("API {key} is in the table, but not in its test"),
        }
    };
}
pub(crate) use for_request_type;

fn decode_and_encode<T: Decodable + Encodable>(version: i16, bytes: &[u8]) -> Bytes {
    let mut body = Bytes::copy_from_slice(bytes);
    let message = T::decode(&mut body, version).unwrap();
    assert!(body.is_empty(), "kafka-protocol leaves {} bytes", body.len());
    let mut encoded = BytesMut::new();
    message.encode(&mut encoded, version).unwrap();
    encoded.freeze()
}

fn decodes<T: Decodable>(version: i16, bytes: &[u8], surplus: usize) -> bool {
    let mut body = Bytes::copy_from_slice(bytes);
    T::decode(&mut body, version).is_ok() && body.len() <= surplus
}

/// Some random messages of every API and version.
fn for_each_message(seed: u64, rounds: usize, mut check: impl FnMut(&'static Api, i16, &Generated)) {
    let entropy = Entropy::seeded(seed);
    for api in api::all() {
        for version in api.min_decodable..=api.max_version {
            for _ in 0..rounds {
                let message = generate(api.request, version, api.is_flexible(version), &entropy);
                check(api, version, &message);
            }
        }
    }
}

#[test]
fn what_a_shape_describes_passes_and_is_what_kafka_protocol_reads() {
    for_each_message(1, 20, |api, version, message| {
        let passed = check_request(api, version, &message.bytes);
        assert!(passed.is_ok(), "{}", passed.unwrap_err());
        let again = for_request_type!(api.key, decode_and_encode(version, &message.bytes));
        assert!(
            again == message.bytes,
            "{} v{version}: {:02x?} became {again:02x?}",
            api.name,
            message.bytes
        );
    });
}

#[test]
fn every_truncation_is_refused() {
    for_each_message(2, 3, |api, version, message| {
        for cut in 0..message.bytes.len() {
            let refused = check_request(api, version, &message.bytes[..cut]);
            assert!(refused.is_err(), "{} v{version} cut at {cut} of {}", api.name, message.bytes.len());
        }
    });
}

#[test]
fn every_length_that_lies_is_refused() {
    for_each_message(3, 3, |api, version, message| {
        for length in &message.lengths {
            let lies: &[&[u8]] = match length.kind {
                LengthKind::Int16 => &[b"\x7f\xff", b"\x80\x00", b"\xff\xfe"],
                LengthKind::Int32 => &[b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x0f\xff\xff"],
                LengthKind::Varint => &[
                    b"\xff\xff\xff\xff\x0f",
                    b"\xff\xff\xff\xff\x1f",
                    b"\xff\xff\xff\xff\xff\x01",
                    b"\xff\xff\x7f",
                ],
            };
            for lie in lies {
                let (before, rest) = message.bytes.split_at(length.at);
                let hostile = [before, lie, &rest[length.width..]].concat();
                let refused = check_request(api, version, &hostile);
                assert!(refused.is_err(), "{} v{version}: {lie:02x?} at {}", api.name, length.at);
            }
        }
    });
}

#[test]
fn trailing_bytes_are_refused() {
    for_each_message(4, 1, |api, version, message| {
        let left = surplus(api, version) + 1;
        let longer = [message.bytes.clone(), vec![0; left]].concat();
        let refused = check_request(api, version, &longer).unwrap_err();
        assert_eq!(refused.reason, Reason::Trailing { left }, "{} v{version}", api.name);
    });
}

#[test]
fn librdkafkas_request_for_all_topics_passes() {
    let metadata = api::lookup(3).unwrap();
    // As sent: topics null in four bytes, allow_auto_topic_creation, include_topic_authorized_operations, tags.
    let sent = b"\0\0\0\0\x01\0\0";
    check_request(metadata, 13, sent).unwrap();
    let mut body = Bytes::from_static(sent);
    let request: messages::MetadataRequest = crate::request::decode_request(13, &mut body).unwrap();
    assert_eq!((request.topics, body.len()), (None, 0));
    assert!(
        check_request(metadata, 8, b"\xff\xff\xff\xff\x01\0\0\0").is_err(),
        "only flexible versions are so long"
    );
}

#[test]
fn librdkafkas_list_of_groups_passes() {
    let list_groups = api::lookup(16).unwrap();
    // As sent: no states, tags, and tags again.
    let sent = b"\x01\0\0";
    check_request(list_groups, 4, sent).unwrap();
    let mut body = Bytes::from_static(sent);
    let request: messages::ListGroupsRequest = crate::request::decode_request(4, &mut body).unwrap();
    assert_eq!((request.states_filter.len(), body.len()), (0, 0));
    assert!(check_request(list_groups, 2, b"\0").is_err(), "only flexible versions are so long");
}

/// The property that everything else serves: what passes, kafka-protocol decodes, to the last byte and within the limit.
#[test]
fn mutated_bytes_are_refused_or_decode() {
    let entropy = Entropy::seeded(5);
    let mut passed = 0;
    for_each_message(5, 10, |api, version, message| {
        let mut bytes = message.bytes.clone();
        if bytes.is_empty() {
            return;
        }
        for _ in 0..4 {
            let at = usize::try_from(entropy.below(bytes.len() as u64)).unwrap();
            bytes[at] = entropy.next_u64().to_le_bytes()[0];
            if let Ok(well_formed) = check_request(api, version, &bytes) {
                passed += 1;
                assert!(well_formed.decoded_bytes <= allowed_memory(bytes.len()));
                let decoded = for_request_type!(api.key, decodes(version, &bytes, surplus(api, version)));
                assert!(decoded, "{} v{version}: {bytes:02x?}", api.name);
            }
        }
    });
    assert!(passed > 100, "mutations of numbers pass");
}

#[test]
fn random_bytes_never_panic() {
    let entropy = Entropy::seeded(6);
    for api in api::all() {
        for version in api.min_decodable..=api.max_version {
            for length in 0..48 {
                let mut bytes = vec![0; length];
                entropy.fill(&mut bytes);
                if check_request(api, version, &bytes).is_ok() {
                    assert!(
                        for_request_type!(api.key, decodes(version, &bytes, surplus(api, version))),
                        "{} v{version}",
                        api.name
                    );
                }
            }
        }
    }
}

#[test]
fn the_four_bytes_that_abort_kafka_protocol_are_refused() {
    let metadata = api::lookup(3).unwrap();
    let refused = check_request(metadata, 1, b"\x7f\xff\xff\xff").unwrap_err();
    assert_eq!(refused.reason, Reason::Count { count: 0x7fff_ffff, left: 0 });
    assert_eq!(
        refused.to_string(),
        "Metadata v1: topics: claims 2147483647 elements where 0 bytes are left (at byte 0 of the body)"
    );
    let compact = check_request(metadata, 12, b"\xff\xff\xff\xff\x0f\0\0\0").unwrap_err();
    assert_eq!(compact.reason, Reason::Count { count: 0xffff_fffe, left: 3 });
}

#[test]
fn errors_name_the_field() {
    let list_offsets = api::lookup(2).unwrap();
    let body =
        b"\xff\xff\xff\xff\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0";
    let refused = check_request(list_offsets, 1, body).unwrap_err();
    assert_eq!(refused.path, "topics[0].partitions");
    let fetch = api::lookup(1).unwrap();
    let mut body = vec![0; 4 * 3 + 1 + 4 * 2];
    body.extend_from_slice(b"\x01\x01\x01\x01\x01\x02ab");
    let refused = check_request(fetch, 16, &body).unwrap_err();
    assert_eq!(
        (refused.path.as_str(), refused.reason),
        ("replica_state.replica_id", Reason::Truncated { needed: 4, left: 2 })
    );
}

#[test]
fn tagged_fields_are_held_to_their_size_and_version() {
    let fetch = api::lookup(1).unwrap();
    let body = |tagged: &[u8]| [&[0; 4 * 4 + 1 + 4 * 2][..], b"\x01\x01\x01", tagged].concat();
    let reason = |tagged: &[u8]| check_request(fetch, 12, &body(tagged)).map_err(|refused| refused.reason);
    assert!(reason(b"\x01\x00\x03\x03ab").is_ok());
    assert_eq!(reason(b"\x01\x00\x04\x03ab\0"), Err(Reason::TaggedSize));
    assert_eq!(reason(b"\x01\x01\x00"), Err(Reason::TaggedVersion));
    assert_eq!(reason(b"\x01\x05\x04ab"), Err(Reason::Truncated { needed: 4, left: 2 }));
    assert_eq!(reason(b"\x03\x05\x00\x06\x00"), Err(Reason::Count { count: 3, left: 4 }));
}

#[test]
fn null_and_strings_are_judged_as_kafka_does() {
    let metadata = api::lookup(3).unwrap();
    let reason =
        |version, body: &[u8]| check_request(metadata, version, body).map_err(|refused| refused.reason);
    assert_eq!(reason(0, b"\xff\xff\xff\xff"), Err(Reason::Null));
    assert!(reason(1, b"\xff\xff\xff\xff").is_ok());
    assert_eq!(reason(1, b"\xff\xff\xff\xfe"), Err(Reason::NegativeLength { length: -2 }));
    assert_eq!(reason(1, b"\0\0\0\x01\xff\xff"), Err(Reason::Null));
    assert_eq!(reason(1, b"\0\0\0\x01\0\x02\xc3\x28"), Err(Reason::NotUtf8));
    let long = [b"\x02\x81\x80\x02", &[b'a'; 0x8000][..], b"\0\x01\0\0\0"].concat();
    assert_eq!(reason(9, &long), Err(Reason::StringTooLong { length: 0x8000 }));
    let describe = api::lookup(75).unwrap();
    let mark = check_request(describe, 0, b"\x01\0\0\0\0\x02\0").unwrap_err();
    assert_eq!((mark.path.as_str(), mark.reason), ("cursor", Reason::PresenceMark { mark: 2 }));
}

/// Two bytes of an empty name become a struct of 72: within the grace of 64 KiB that passes, beyond it does not.
#[test]
fn small_elements_cannot_buy_much_memory() {
    let metadata = api::lookup(3).unwrap();
    let names = |count: u32, name: &[u8]| {
        let mut body = count.to_be_bytes().to_vec();
        for _ in 0..count {
            body.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
            body.extend_from_slice(name);
        }
        body
    };
    assert!(check_request(metadata, 1, &names(1_000, b"")).is_ok());
    let refused = check_request(metadata, 1, &names(10_000, b"")).unwrap_err();
    assert!(matches!(refused.reason, Reason::Memory { .. }), "{refused}");
    assert!(check_request(metadata, 1, &names(100_000, b"a-topic-name")).is_ok());
}

/// A tagged field of two bytes makes kafka-protocol allocate a tree node of over 400.
#[test]
fn unknown_tags_cannot_buy_much_memory() {
    let create_partitions = api::lookup(37).unwrap();
    let body = |assignments: usize| {
        let mut body = b"\x02\x02t\0\0\0\x09".to_vec();
        let (low, high) = ((assignments + 1) & 0x7f, (assignments + 1) >> 7);
        body.extend_from_slice(&[u8::try_from(low).unwrap() | 0x80, u8::try_from(high).unwrap()]);
        body.extend(std::iter::repeat_n(*b"\x01\x01\x07\x00", assignments).flatten());
        body.extend_from_slice(b"\0\0\0\0\0\0\0");
        body
    };
    assert!(check_request(create_partitions, 2, &body(127)).is_ok());
    let refused = check_request(create_partitions, 2, &body(1_000)).unwrap_err();
    assert!(matches!(refused.reason, Reason::Memory { .. }), "{refused}");
}

/// The estimate against what decoding really holds, counted by hand for messages of each kind of allocation.
#[test]
fn the_estimate_is_not_below_what_decoding_takes() {
    for_each_message(7, 10, |api, version, message| {
        let Ok(estimate) = check_request(api, version, &message.bytes) else { return };
        let mut bytes = Bytes::copy_from_slice(&message.bytes);
        let held = match api.key {
            1 => {
                let fetch = messages::FetchRequest::decode(&mut bytes, version).unwrap();
                let partitions: usize =
                    fetch.topics.iter().map(|topic| size_of_val(topic.partitions.as_slice())).sum();
                let forgotten: usize = fetch
                    .forgotten_topics_data
                    .iter()
                    .map(|topic| size_of_val(topic.partitions.as_slice()))
                    .sum();
                size_of_val(fetch.topics.as_slice())
                    + size_of_val(fetch.forgotten_topics_data.as_slice())
                    + partitions
                    + forgotten
            }
            19 => {
                let create = messages::CreateTopicsRequest::decode(&mut bytes, version).unwrap();
                let of_topic = |topic: &messages::create_topics_request::CreatableTopic| {
                    let brokers: usize =
                        topic.assignments.iter().map(|one| size_of_val(one.broker_ids.as_slice())).sum();
                    size_of_val(topic.assignments.as_slice())
                        + size_of_val(topic.configs.as_slice())
                        + brokers
                };
                size_of_val(create.topics.as_slice()) + create.topics.iter().map(of_topic).sum::<usize>()
            }
            20 if version < 6 => {
                let delete = messages::DeleteTopicsRequest::decode(&mut bytes, version).unwrap();
                size_of_val(delete.topic_names.as_slice())
            }
            _ => return,
        };
        assert!(
            estimate.decoded_bytes >= held,
            "{} v{version}: {} < {held}",
            api.name,
            estimate.decoded_bytes
        );
    });
}

#[test]
fn every_shape_is_reached_by_the_generator() {
    let mut deepest = 0;
    for_each_message(8, 5, |_, _, message| deepest = deepest.max(message.depth));
    assert_eq!(deepest, 3, "the walk recurses as deep as the deepest shape");
}
