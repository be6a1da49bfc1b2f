//! DescribeCluster and ListConfigResources.

use chronik_types::ErrorCode;
use kafka_protocol::messages::{DescribeClusterRequest, ListConfigResourcesRequest};

use crate::gateway::{Gateway, text};

#[tokio::test]
async fn the_cluster_is_this_gateway_at_the_address_of_the_listener() {
    let mut gateway = Gateway::with(|settings| settings.kafka.rack = Some("zone-1".to_owned())).await;
    let request = DescribeClusterRequest::default().with_endpoint_type(1);
    let response = gateway.ask(2, request.clone()).await;
    assert_eq!(response.cluster_id.as_str(), gateway.broker.cluster_id().as_str());
    assert_eq!((response.controller_id.0, response.cluster_authorized_operations), (1, i32::MIN));
    let broker = &response.brokers[0];
    assert_eq!(
        (broker.broker_id.0, broker.host.as_str(), broker.rack.clone()),
        (1, "127.0.0.1", Some(text("zone-1")))
    );
    assert_ne!(broker.port, 0);

    let asked = gateway.ask(2, request.with_include_cluster_authorized_operations(true)).await;
    assert_eq!(asked.cluster_authorized_operations, 0b1_1111_1010_0000);
}

#[tokio::test]
async fn endpoints_of_controllers_are_not_here() {
    let mut gateway = Gateway::start().await;
    for (endpoint, code) in [(2, ErrorCode::MismatchedEndpointType), (9, ErrorCode::UnsupportedEndpointType)]
    {
        let request = DescribeClusterRequest::default().with_endpoint_type(endpoint);
        assert_eq!(gateway.ask(1, request).await.error_code, code.code());
    }
}

#[tokio::test]
async fn resources_with_configs_are_listed_by_type() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let mut list = async |version, types: Vec<i8>| {
        let response =
            gateway.ask(version, ListConfigResourcesRequest::default().with_resource_types(types)).await;
        let resources = response.config_resources.into_iter();
        let resources =
            resources.map(|resource| (resource.resource_type, resource.resource_name.to_string()));
        (response.error_code, resources.collect::<Vec<_>>())
    };
    let entry = |kind, name: &str| (kind, name.to_owned());
    assert_eq!(list(1, vec![]).await, (0, vec![entry(2, "t"), entry(4, "1"), entry(8, "1")]));
    assert_eq!(list(1, vec![2]).await, (0, vec![entry(2, "t")]));
    assert_eq!(list(1, vec![2, 99]).await, (ErrorCode::UnsupportedVersion.code(), vec![]));
    assert_eq!(list(0, vec![]).await, (0, vec![]));
}
