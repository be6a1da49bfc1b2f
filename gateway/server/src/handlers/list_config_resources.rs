//! ListConfigResources (74), versions 0 and 1 (KIP-714, KIP-1142).
//!
//! Version 0 was ListClientMetricsResources and lists only subscriptions to metrics of clients, of which there are none.
//! Version 1 lists the resources of the types asked for, or of all; another type answers UNSUPPORTED_VERSION.

use std::sync::Arc;

use chronik_types::ErrorCode;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use kafka_protocol::protocol::StrBytes;

use super::config_resources::ResourceType;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ListConfigResourcesRequest>,
) -> Response<ListConfigResourcesResponse> {
    let asked = types_asked(&request.message.resource_types, request.version);
    let Some(types) = asked else {
        let error = ErrorCode::UnsupportedVersion;
        return Response {
            message: ListConfigResourcesResponse::default().with_error_code(error.code()),
            error,
        };
    };
    let resources = types.into_iter().flat_map(|kind| resources(&context, kind)).collect();
    Response::ok(ListConfigResourcesResponse::default().with_config_resources(resources))
}

/// The types to list, each once; `None` when one of them does not exist.
fn types_asked(asked: &[i8], version: i16) -> Option<Vec<ResourceType>> {
    if version == 0 {
        return Some(vec![ResourceType::ClientMetrics]);
    }
    if asked.is_empty() {
        return Some(ResourceType::ALL.to_vec());
    }
    let mut types = asked.iter().map(|id| ResourceType::from_wire(*id)).collect::<Option<Vec<_>>>()?;
    types.sort_unstable();
    types.dedup();
    Some(types)
}

fn resources(context: &Context, kind: ResourceType) -> Vec<ConfigResource> {
    let resource = |name: String| {
        ConfigResource::default()
            .with_resource_type(kind.wire())
            .with_resource_name(StrBytes::from_string(name))
    };
    match kind {
        ResourceType::Topic => {
            context.broker.topics().iter().map(|topic| resource(topic.name().to_string())).collect()
        }
        ResourceType::Broker | ResourceType::BrokerLogger => vec![resource(context.node_id().to_string())],
        ResourceType::Group => context
            .broker
            .state(|state| state.groups_with_configs().map(|group| resource(group.to_string())).collect()),
        ResourceType::ClientMetrics => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_listed_once_and_an_unknown_one_refuses_all() {
        assert_eq!(types_asked(&[2], 0), Some(vec![ResourceType::ClientMetrics]));
        assert_eq!(types_asked(&[], 1), Some(ResourceType::ALL.to_vec()));
        assert_eq!(types_asked(&[4, 2, 4], 1), Some(vec![ResourceType::Topic, ResourceType::Broker]));
        assert_eq!(types_asked(&[2, 3], 1), None);
    }
}
