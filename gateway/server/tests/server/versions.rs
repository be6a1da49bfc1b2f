//! ApiVersions, and what the table says against what is answered.

use chronik_wire::api;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Decodable, StrBytes};
use tokio::io::AsyncWriteExt;

use crate::support::{Gateway, frame};

fn request(version: i16) -> ApiVersionsRequest {
    let request = ApiVersionsRequest::default();
    if version < 3 {
        return request;
    }
    request
        .with_client_software_name(StrBytes::from_static_str("rust-test"))
        .with_client_software_version(StrBytes::from_static_str("1.0"))
}

#[tokio::test]
async fn every_version_lists_the_table() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    for version in 0..=4 {
        let response = client.call(version, &request(version)).await;
        assert_eq!(response.error_code, 0);
        let listed: Vec<_> =
            response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
        let table: Vec<_> = api::all().iter().map(|a| (a.key, a.min_version, a.max_version)).collect();
        assert_eq!(listed, table);
        let names: Vec<_> =
            response.finalized_features.iter().map(|feature| feature.name.to_string()).collect();
        let all = ["group.version", "metadata.version", "transaction.version"];
        assert_eq!(names, if version >= 3 { all.to_vec() } else { vec![] });
        let supported: Vec<_> =
            response.supported_features.iter().map(|feature| feature.name.to_string()).collect();
        let expected = match version {
            0..=2 => vec![],
            // Its clients know no feature that begins at 0.
            3 => vec!["metadata.version"],
            _ => all.to_vec(),
        };
        assert_eq!(supported, expected);
    }
}

/// The Java producer goes by the levels, and looks at none when the epoch is negative.
#[tokio::test]
async fn transactions_and_groups_are_at_the_levels_of_kafka_4() {
    let gateway = Gateway::start().await;
    let response = gateway.client().await.call(4, &request(4)).await;
    assert!(response.finalized_features_epoch >= 0);
    let finalized = response.finalized_features.iter();
    let levels: Vec<_> = finalized
        .map(|feature| (feature.name.as_str(), feature.min_version_level, feature.max_version_level))
        .collect();
    for level in [("group.version", 1, 1), ("transaction.version", 2, 2)] {
        assert!(levels.contains(&level), "{levels:?}");
    }
    let supported = response.supported_features.iter();
    let ranges: Vec<_> =
        supported.map(|feature| (feature.name.as_str(), feature.min_version, feature.max_version)).collect();
    for range in [("group.version", 0, 1), ("transaction.version", 0, 2)] {
        assert!(ranges.contains(&range), "{ranges:?}");
    }
}

#[tokio::test]
async fn an_unknown_version_is_answered_in_version_0_and_the_connection_goes_on() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let mut unknown = frame(4, 9, &request(4)).to_vec();
    unknown[6..8].copy_from_slice(&99_i16.to_be_bytes());
    client.stream.write_all(&unknown).await.unwrap();
    let mut answer = client.receive_frame().await.unwrap();
    assert_eq!(answer.split_to(4), 9_i32.to_be_bytes().as_slice());
    let response = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(response.error_code, 35);
    let own: Vec<_> = response.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
    assert_eq!(own, [(18, 0, 4)]);
    assert_eq!(client.call(3, &request(3)).await.error_code, 0);
}

#[tokio::test]
async fn client_software_is_checked_and_counted() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let bad = request(3).with_client_software_name(StrBytes::from_static_str("-bad"));
    assert_eq!(client.call(3, &bad).await.error_code, 42);
    client.call(3, &request(3)).await;
    let metrics = gateway.metrics();
    let counted = r#"chronik_kafka_client_software_total{software="rust-test",version="1.0"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    let errors = r#"chronik_kafka_requests_total{api="ApiVersions",error="INVALID_REQUEST"} 1"#;
    assert!(metrics.contains(errors), "{metrics}");
}

#[tokio::test]
async fn what_is_not_served_closes_the_connection() {
    let gateway = Gateway::start().await;
    for (key, version) in [(4, 0), (999, 0), (-1, 0), (3, 99), (0, 2), (48, 0)] {
        let mut client = gateway.client().await;
        let mut unknown = frame(0, 1, &request(0)).to_vec();
        unknown[4..6].copy_from_slice(&i16::to_be_bytes(key));
        unknown[6..8].copy_from_slice(&i16::to_be_bytes(version));
        client.stream.write_all(&unknown).await.unwrap();
        client.expect_close().await;
    }
    let mut client = gateway.client().await;
    assert_eq!(client.call(0, &request(0)).await.error_code, 0);
}
