//! FindCoordinator (10), versions 0 to 6. KIP-98, KIP-699.
//!
//! This gateway coordinates all groups and transactions. Share groups (version 6, KIP-932) are not spoken. The topics in
//! which Kafka keeps what it coordinates are made on the way. Codes: INVALID_REQUEST for other coordinators.

use std::sync::Arc;

use chronik_types::ErrorCode;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Context, Request, Response, internal_topics};

/// The first version that asks for several at once.
const MANY_SINCE: i16 = 4;
/// The first version with a message beside the code.
const MESSAGE_SINCE: i16 = 1;

/// Kinds of coordinators.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<FindCoordinatorRequest>,
) -> Response<FindCoordinatorResponse> {
    let asked = request.message;
    let topic = match asked.key_type {
        GROUP => Some(internal_topics::CONSUMER_OFFSETS),
        TRANSACTION => Some(internal_topics::TRANSACTION_STATE),
        _ => None,
    };
    if let Some(topic) = topic {
        internal_topics::ensure(&context, topic).await;
    }
    let error = if topic.is_some() { ErrorCode::None } else { ErrorCode::InvalidRequest };
    let listener = &request.connection.listener;
    let (node_id, host, port) = if topic.is_some() {
        let host = StrBytes::from_string(listener.advertised_host.clone());
        (context.node_id().get(), host, i32::from(listener.advertised_port))
    } else {
        (-1, StrBytes::default(), -1)
    };
    let message = if request.version < MANY_SINCE {
        // Kafka has a message without an error, too.
        let message = if error.is_none() { "NONE" } else { error.message() };
        FindCoordinatorResponse::default()
            .with_error_code(error.code())
            .with_error_message(
                (request.version >= MESSAGE_SINCE).then_some(StrBytes::from_static_str(message)),
            )
            .with_node_id(BrokerId(node_id))
            .with_host(host)
            .with_port(port)
    } else {
        // Kafka has an empty message without an error here.
        let message = if error.is_none() { "" } else { error.message() };
        let coordinator = |key| {
            Coordinator::default()
                .with_key(key)
                .with_node_id(BrokerId(node_id))
                .with_host(host.clone())
                .with_port(port)
                .with_error_code(error.code())
                .with_error_message(Some(StrBytes::from_static_str(message)))
        };
        let coordinators = asked.coordinator_keys.into_iter().map(coordinator).collect();
        FindCoordinatorResponse::default().with_coordinators(coordinators)
    };
    Response { message, error }
}
