//! DescribeConfigs (32), versions 1 to 4 (KIP-133, KIP-226, KIP-569).
//!
//! Every setting of a topic, of this gateway as a broker, or of a group, with where its value comes from; a broker with
//! an empty name has what was set at run time for all brokers. Loggers have one level here. Codes: INVALID_REQUEST,
//! UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION.

use std::collections::HashSet;
use std::sync::Arc;

use chronik_config::kafka::{
    ConfigSource, ConfigType, Described, Synonym, describe_broker, describe_broker_defaults, describe_group,
    describe_topic,
};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::task::coop::consume_budget;
use tracing::level_filters::LevelFilter;

use super::config_resources::{Named, ResourceKey, ResourceType, check_broker_id, overrides_of, topic_of};
use super::refused::{Refused, error_fields};
use super::{Context, Request, Response};

/// The most settings of one answer, those of some 6,000 topics, or of more when it names the settings: a small request must
/// not make a gateway fill its memory.
const MAX_CONFIGS: usize = 200_000;

/// What a request wants beside the values.
#[derive(Clone, Copy, Debug)]
struct Extras {
    synonyms: bool,
    documentation: bool,
}

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeConfigsRequest>,
) -> Response<DescribeConfigsResponse> {
    let DescribeConfigsRequest { resources, include_synonyms, include_documentation, .. } = request.message;
    let extras = Extras { synonyms: include_synonyms, documentation: include_documentation };
    let named = Named::new(resources.iter().map(key_of));
    let mut room = MAX_CONFIGS;
    let mut results = Vec::with_capacity(resources.len());
    for resource in resources {
        consume_budget().await;
        let described = named.once(&key_of(&resource)).and_then(|()| wanted(&context, &resource, &mut room));
        results.push(result(resource, described, extras));
    }
    let errors: Vec<i16> = results.iter().map(|result| result.error_code).collect();
    Response::with_errors(DescribeConfigsResponse::default().with_results(results), errors)
}

fn key_of(resource: &DescribeConfigsResource) -> ResourceKey {
    ResourceKey::new(resource.resource_type, &resource.resource_name)
}

/// What the request wants to know of a resource. When that is more than there is room for, so is all that comes after it.
fn wanted(
    context: &Context,
    asked: &DescribeConfigsResource,
    room: &mut usize,
) -> Result<Vec<Described>, Refused> {
    if *room == 0 {
        return Err(too_much());
    }
    let mut described = describe(context, asked)?;
    // No list and an empty one both ask for everything, as in Kafka.
    if let Some(keys) = asked.configuration_keys.as_ref().filter(|keys| !keys.is_empty()) {
        let keys: HashSet<&str> = keys.iter().map(StrBytes::as_str).collect();
        described.retain(|config| keys.contains(config.name));
    }
    let left = room.checked_sub(described.len());
    *room = left.unwrap_or(0);
    left.map(|_| described).ok_or_else(too_much)
}

fn result(
    asked: DescribeConfigsResource,
    described: Result<Vec<Described>, Refused>,
    extras: Extras,
) -> DescribeConfigsResult {
    let (code, message) = error_fields(described.as_ref().err());
    let configs = described.unwrap_or_default().into_iter();
    DescribeConfigsResult::default()
        .with_error_code(code)
        .with_error_message(message)
        .with_resource_type(asked.resource_type)
        .with_resource_name(asked.resource_name)
        .with_configs(configs.map(|config| config_result(config, extras)).collect())
}

fn too_much() -> Refused {
    Refused::request(format!(
        "An answer has room for {MAX_CONFIGS} settings: ask for fewer resources at once."
    ))
}

fn describe(context: &Context, asked: &DescribeConfigsResource) -> Result<Vec<Described>, Refused> {
    let name = asked.resource_name.as_str();
    let dynamic = context.broker.dynamic_configs();
    match ResourceType::from_wire(asked.resource_type) {
        Some(ResourceType::Topic) => {
            let overrides = overrides_of(&topic_of(context, name)?.overrides());
            Ok(describe_topic(&context.settings, &dynamic, &overrides))
        }
        Some(ResourceType::Broker) if name.is_empty() => Ok(describe_broker_defaults(&dynamic)),
        Some(ResourceType::Broker) => {
            check_broker_id(context, name)?;
            Ok(describe_broker(&context.settings, &dynamic))
        }
        Some(ResourceType::BrokerLogger) if name.is_empty() => {
            Err(Refused::request("A logger resource needs the id of a broker."))
        }
        Some(ResourceType::BrokerLogger) => {
            check_broker_id(context, name)?;
            Ok(vec![root_logger()])
        }
        Some(ResourceType::ClientMetrics) if name.is_empty() => {
            Err(Refused::request("A client metrics resource needs a name."))
        }
        Some(ResourceType::ClientMetrics) => Ok(Vec::new()),
        Some(ResourceType::Group) if name.is_empty() => {
            Err(Refused::request("A group resource needs a name."))
        }
        Some(ResourceType::Group) => {
            let overrides = context.broker.state(|state| overrides_of(state.group_configs(name)));
            Ok(describe_group(&context.broker.settings(), &overrides))
        }
        None => Err(Refused::request(format!("Unsupported resource type: {}", asked.resource_type))),
    }
}

/// The most that is logged at all, in Kafka's words.
fn root_logger() -> Described {
    let level = match LevelFilter::current().into_level() {
        Some(level) => level.as_str(),
        None => "OFF",
    };
    Described {
        name: "root",
        value: Some(level.to_owned()),
        source: ConfigSource::DynamicBrokerLogger,
        read_only: true,
        sensitive: false,
        kind: ConfigType::String,
        documentation: "",
        synonyms: Vec::new(),
    }
}

fn config_result(described: Described, extras: Extras) -> DescribeConfigsResourceResult {
    let synonyms = if extras.synonyms { described.synonyms } else { Vec::new() };
    let documentation = extras.documentation.then(|| StrBytes::from_static_str(described.documentation));
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(described.name))
        .with_value(described.value.map(StrBytes::from_string))
        .with_read_only(described.read_only)
        .with_config_source(described.source.wire())
        .with_is_sensitive(described.sensitive)
        .with_synonyms(synonyms.into_iter().map(synonym).collect())
        .with_config_type(described.kind.wire())
        .with_documentation(documentation)
}

fn synonym(synonym: Synonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(StrBytes::from_static_str(synonym.name))
        .with_value(synonym.value.map(StrBytes::from_string))
        .with_source(synonym.source.wire())
}
