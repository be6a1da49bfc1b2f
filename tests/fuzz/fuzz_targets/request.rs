//! Every API and version: header, well-formedness, then kafka-protocol, and the readers of Produce and Fetch of our own.
//! What is proven well-formed decodes, and no step takes more memory than the frame allows.
#![no_main]

use bytes::Bytes;
use chronik_fuzz::peak_of;
use chronik_wire::header::parse_request_header;
use chronik_wire::hot::{fetch, produce};
use chronik_wire::request::decode_request;
use chronik_wire::wellformed::{allowed_memory, check_request};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut frame = Bytes::copy_from_slice(input);
    let Ok(header) = parse_request_header(&mut frame) else { return };
    if !header.is_supported() {
        return;
    }
    let version = header.api_version;
    let (checked, check_peak) = peak_of(|| check_request(header.api, version, &frame));
    assert!(check_peak <= CHECK_BYTES, "the check itself took {check_peak} bytes");
    let body = frame.len();
    if let Some((read, peak)) = read_by_hand(header.api.key, version, &frame) {
        assert_eq!(checked.is_ok(), read, "{} v{version} by hand: {checked:?}", header.api.name);
        assert!(peak <= allowed_memory(body), "{} v{version} took {peak} bytes for {body}", header.api.name);
    }
    let (decoded, peak) = peak_of(|| decode(header.api.key, version, frame));
    assert_eq!(checked.is_ok(), decoded, "{} v{version}: {checked:?}", header.api.name);
    assert!(peak <= allowed_memory(body), "{} v{version} took {peak} bytes for {body}", header.api.name);
});

/// Whether our own reader takes the body, and the memory that took; `None` for APIs that have none.
fn read_by_hand(key: i16, version: i16, body: &Bytes) -> Option<(bool, usize)> {
    let body = body.clone();
    match key {
        <ProduceRequest as Request>::KEY => {
            Some(peak_of(|| produce::ProduceRequest::decode(version, body).is_ok()))
        }
        <FetchRequest as Request>::KEY => {
            Some(peak_of(|| fetch::FetchRequest::decode(version, body).is_ok()))
        }
        _ => None,
    }
}

/// Whether the body decodes.
fn decode(key: i16, version: i16, body: Bytes) -> bool {
    macro_rules! by_key {
        ($($request:ty),* $(,)?) => {
            match key {
                $(<$request as Request>::KEY => decode_request::<$request>(version, &mut { body }).is_ok(),)*
                _ => panic!("API {key} is advertised but not fuzzed: add it here"),
            }
        };
    }
    by_key!(
        ProduceRequest,
        FetchRequest,
        ListOffsetsRequest,
        MetadataRequest,
        ApiVersionsRequest,
        CreateTopicsRequest,
        DeleteTopicsRequest,
        DeleteRecordsRequest,
        InitProducerIdRequest,
        OffsetForLeaderEpochRequest,
        DescribeConfigsRequest,
        AlterConfigsRequest,
        DescribeLogDirsRequest,
        CreatePartitionsRequest,
        ElectLeadersRequest,
        IncrementalAlterConfigsRequest,
        ListPartitionReassignmentsRequest,
        DescribeClusterRequest,
        DescribeProducersRequest,
        ListConfigResourcesRequest,
        DescribeTopicPartitionsRequest,
        OffsetCommitRequest,
        OffsetFetchRequest,
        FindCoordinatorRequest,
        JoinGroupRequest,
        HeartbeatRequest,
        LeaveGroupRequest,
        SyncGroupRequest,
        DescribeGroupsRequest,
        ListGroupsRequest,
        AddPartitionsToTxnRequest,
        AddOffsetsToTxnRequest,
        EndTxnRequest,
        WriteTxnMarkersRequest,
        TxnOffsetCommitRequest,
        DeleteGroupsRequest,
        OffsetDeleteRequest,
        DescribeTransactionsRequest,
        ListTransactionsRequest,
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupDescribeRequest,
    )
}

/// The walk needs its stack and, when it refuses, the path of the field.
const CHECK_BYTES: usize = 16 * 1024;
