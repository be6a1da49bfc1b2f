//! DescribeCluster (60), versions 0 to 2 (KIP-700, KIP-919, KIP-1073).
//!
//! The brokers are the live gateways with the addresses of the listener that the client came in on. Any of them does what
//! a controller does; this one names itself. A request for the endpoints of controllers is refused as Kafka's brokers do.

use std::sync::Arc;

use chronik_types::ErrorCode;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::refused::{Refused, error_fields};
use super::{Context, Request, Response, operations};

/// Endpoint types of KIP-919.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeClusterRequest>,
) -> Response<DescribeClusterResponse> {
    let asked = &request.message;
    if let Err(refused) = check_endpoint_type(asked.endpoint_type, request.version) {
        let (code, message) = error_fields(Some(&refused));
        let response = DescribeClusterResponse::default().with_error_code(code).with_error_message(message);
        return Response { message: response, error: refused.code };
    }
    let kafka = &context.settings.kafka;
    let listener = &request.connection.listener;
    let this = DescribeClusterBroker::default()
        .with_broker_id(kafka.node_id.into())
        .with_host(StrBytes::from_string(listener.advertised_host.clone()))
        .with_port(listener.advertised_port.into())
        .with_rack(kafka.rack.clone().map(StrBytes::from_string));
    let operations = operations::if_asked(asked.include_cluster_authorized_operations, operations::CLUSTER);
    let response = DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_id(StrBytes::from_string(context.broker.cluster_id().to_string()))
        .with_controller_id(kafka.node_id.into())
        .with_brokers(vec![this])
        .with_cluster_authorized_operations(operations);
    Response::ok(response)
}

fn check_endpoint_type(asked: i8, version: i16) -> Result<(), Refused> {
    // Version 0 has no such field, and so no code for it.
    let code = |code| if version == 0 { ErrorCode::InvalidRequest } else { code };
    match asked {
        BROKERS => Ok(()),
        CONTROLLERS => Err(Refused::new(
            code(ErrorCode::MismatchedEndpointType),
            "The endpoints of controllers were asked for, and this is one of brokers.",
        )),
        other => Err(Refused::new(
            code(ErrorCode::UnsupportedEndpointType),
            format!("Unsupported endpoint type {other}"),
        )),
    }
}
