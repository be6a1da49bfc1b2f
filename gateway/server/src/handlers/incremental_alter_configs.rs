//! IncrementalAlterConfigs (44), versions 0 and 1 (KIP-339).
//!
//! Sets and removes single settings, and adds to or takes from those that are lists. Codes: INVALID_REQUEST,
//! INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION.

use std::sync::Arc;

use chronik_config::kafka::{AlterOp, Alteration};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::config_resources::{Named, ResourceKey, Wanted, alter};
use super::refused::{Refused, error_fields};
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<IncrementalAlterConfigsRequest>,
) -> Response<IncrementalAlterConfigsResponse> {
    let IncrementalAlterConfigsRequest { resources, validate_only, .. } = request.message;
    let named = Named::new(resources.iter().map(key_of));
    let mut responses = Vec::with_capacity(resources.len());
    for resource in resources {
        let key = key_of(&resource);
        let altered = match named.once(&key).and_then(|()| wanted(&resource)) {
            Ok(wanted) => alter(&context, &key, wanted, validate_only).await,
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
    Response::with_errors(IncrementalAlterConfigsResponse::default().with_responses(responses), errors)
}

fn key_of(resource: &AlterConfigsResource) -> ResourceKey {
    ResourceKey::new(resource.resource_type, &resource.resource_name)
}

fn wanted(resource: &AlterConfigsResource) -> Result<Wanted, Refused> {
    let alterations = resource.configs.iter().map(|config| {
        let op = AlterOp::from_wire(config.config_operation)?;
        Ok(Alteration {
            name: config.name.to_string(),
            op,
            value: config.value.as_ref().map(ToString::to_string),
        })
    });
    alterations.collect::<Result<_, Refused>>().map(Wanted::Alterations)
}
