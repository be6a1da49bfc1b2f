//! Every request that was captured from Kafka's own client code gets an answer that reads to its end.
//!
//! What the answers say depends on the topics that are there; here only their form is looked at.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use chronik_wire::api;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Decodable;
use tokio::io::AsyncWriteExt;

use crate::captured::{Exchange, exchanges};
use crate::support::{Client, Gateway};

/// Decodes a response of any API of the table and returns what is left.
fn decode(key: i16, version: i16, mut body: Bytes) -> Result<usize, String> {
    macro_rules! responses {
        ($($api:ident => $response:ty,)*) => {
            match ApiKey::try_from(key) {
                $(Ok(ApiKey::$api) => <$response>::decode(&mut body, version).map(|_| body.len()),)*
                _ => panic!("no response is known for API {key}"),
            }
        };
    }
    let left = responses! {
        Produce => ProduceResponse, Fetch => FetchResponse, ListOffsets => ListOffsetsResponse,
        Metadata => MetadataResponse, ApiVersions => ApiVersionsResponse, CreateTopics => CreateTopicsResponse,
        DeleteTopics => DeleteTopicsResponse, DeleteRecords => DeleteRecordsResponse,
        InitProducerId => InitProducerIdResponse, OffsetForLeaderEpoch => OffsetForLeaderEpochResponse,
        DescribeConfigs => DescribeConfigsResponse, AlterConfigs => AlterConfigsResponse,
        DescribeLogDirs => DescribeLogDirsResponse, CreatePartitions => CreatePartitionsResponse,
        ElectLeaders => ElectLeadersResponse, IncrementalAlterConfigs => IncrementalAlterConfigsResponse,
        ListPartitionReassignments => ListPartitionReassignmentsResponse,
        DescribeCluster => DescribeClusterResponse, DescribeProducers => DescribeProducersResponse,
        ListConfigResources => ListConfigResourcesResponse,
        DescribeTopicPartitions => DescribeTopicPartitionsResponse,
        OffsetCommit => OffsetCommitResponse, OffsetFetch => OffsetFetchResponse,
        FindCoordinator => FindCoordinatorResponse, JoinGroup => JoinGroupResponse,
        Heartbeat => HeartbeatResponse, LeaveGroup => LeaveGroupResponse, SyncGroup => SyncGroupResponse,
        DescribeGroups => DescribeGroupsResponse, ListGroups => ListGroupsResponse,
        DeleteGroups => DeleteGroupsResponse, OffsetDelete => OffsetDeleteResponse,
        ConsumerGroupHeartbeat => ConsumerGroupHeartbeatResponse,
        ConsumerGroupDescribe => ConsumerGroupDescribeResponse,
        AddPartitionsToTxn => AddPartitionsToTxnResponse, AddOffsetsToTxn => AddOffsetsToTxnResponse,
        EndTxn => EndTxnResponse, WriteTxnMarkers => WriteTxnMarkersResponse,
        TxnOffsetCommit => TxnOffsetCommitResponse, DescribeTransactions => DescribeTransactionsResponse,
        ListTransactions => ListTransactionsResponse,
    };
    left.map_err(|error| error.to_string())
}

async fn ask(client: &mut Client, exchange: &Exchange) -> Result<(), String> {
    let Exchange { api, version, request, .. } = exchange;
    client.stream.write_all(request).await.unwrap();
    let mut answer = client.receive_frame().await.ok_or("the connection was closed")?;
    if answer.get_i32() != i32::from_be_bytes(request[8..12].try_into().unwrap()) {
        return Err("another correlation id".to_owned());
    }
    // A version of ApiVersions that we do not know is answered in version 0.
    let version = if api.decodes(*version) { *version } else { 0 };
    if api.response_header_version(version) == 1 && answer.get_u8() != 0 {
        return Err("tagged fields in the header".to_owned());
    }
    match decode(api.key, version, answer) {
        Ok(0) => Ok(()),
        Ok(left) => Err(format!("{left} bytes are left")),
        Err(error) => Err(error),
    }
}

#[tokio::test]
async fn every_captured_request_is_answered_in_its_version() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let mut seen = BTreeSet::new();
    let mut failures = Vec::new();
    for exchange in ["exchanges", "groups", "transactions"].into_iter().flat_map(exchanges) {
        if exchange.response.is_empty() {
            continue;
        }
        if let Err(error) = ask(&mut client, &exchange).await {
            failures.push(format!("{}: {error}", exchange.name()));
            client = gateway.client().await;
        }
        seen.insert((exchange.api.key, exchange.version));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for api in api::all() {
        for version in api.min_decodable..=api.max_version {
            assert!(seen.contains(&(api.key, version)), "{} v{version} was not captured", api.name);
        }
    }
}
