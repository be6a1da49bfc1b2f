//! AlterConfigs (33), versions 0 to 2 (KIP-133).
//!
//! The settings of a request replace all that were set on the resource before; IncrementalAlterConfigs is what newer
//! clients use instead. Codes: INVALID_REQUEST, INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION.

use std::sync::Arc;

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::config_resources::{Named, ResourceKey, Wanted, alter};
use super::refused::error_fields;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<AlterConfigsRequest>,
) -> Response<AlterConfigsResponse> {
    let AlterConfigsRequest { resources, validate_only, .. } = request.message;
    let named = Named::new(resources.iter().map(key_of));
    let mut responses = Vec::with_capacity(resources.len());
    for resource in resources {
        let key = key_of(&resource);
        let altered = match named.once(&key) {
            Ok(()) => alter(&context, &key, wanted(&resource), validate_only).await,
            Err(refused) => Err(refused),
        };
        let (code, message) = error_fields(altered.as_ref().err());
        responses.push(
            AlterConfigsResourceResponse::default()
                .with_error_code(code)
                .with_error_message(message)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name),
        );
    }
    let errors: Vec<i16> = responses.iter().map(|response| response.error_code).collect();
    Response::with_errors(AlterConfigsResponse::default().with_responses(responses), errors)
}

fn key_of(resource: &AlterConfigsResource) -> ResourceKey {
    ResourceKey::new(resource.resource_type, &resource.resource_name)
}

fn wanted(resource: &AlterConfigsResource) -> Wanted {
    let configs = resource.configs.iter();
    Wanted::Replacement(
        configs
            .map(|config| (config.name.to_string(), config.value.as_ref().map(ToString::to_string)))
            .collect(),
    )
}
