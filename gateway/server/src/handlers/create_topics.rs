//! CreateTopics (19), versions 2 to 7 (KIP-4, KIP-464, KIP-516, KIP-525).
//!
//! Counts of -1 take the defaults of this gateway. Explicit assignments are checked, kept and reported back. From
//! version 5 on a success answers the effective configs, as long as there is room for them: a topic behind that has
//! POLICY_VIOLATION in their place. Codes: INVALID_REQUEST for a topic that is named twice,
//! INVALID_TOPIC_EXCEPTION for an illegal or colliding name, TOPIC_ALREADY_EXISTS, INVALID_CONFIG, INVALID_PARTITIONS,
//! INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, POLICY_VIOLATION beyond the limits of this gateway.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chronik_config::kafka::{Described, Overrides, check_topic, describe_topic};
use chronik_state::{CreateTopic, Rejection};
use chronik_types::{ErrorCode, NodeId, TopicName};
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::task::coop::consume_budget;

use super::config_resources::configs_of;
use super::new_topics::{check_partition_limit, check_replicas, check_replication_factor};
use super::refused::{Refused, error_fields};
use super::together::together;
use super::topic_ids::uuid_of;
use super::{Context, Request, Response};

/// The topic in which Kafka's controllers keep their own log.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// The most topics of one request, as Kafka counts partitions.
const MAX_TOPICS: usize = 10_000;

/// The most settings of one answer, those of some 1,500 topics.
const MAX_CONFIGS: usize = 50_000;

/// The first version that answers what a topic was made with (KIP-525).
const ANSWERS_CONFIGS_SINCE: i16 = 5;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<CreateTopicsRequest>,
) -> Response<CreateTopicsResponse> {
    let CreateTopicsRequest { topics, validate_only, .. } = request.message;
    let (count, version) = (topics.len(), request.version);
    let mut times: HashMap<StrBytes, usize> = HashMap::with_capacity(topics.len());
    topics.iter().for_each(|topic| *times.entry(topic.name.0.clone()).or_default() += 1);
    // A name that was there before has its answer already.
    let distinct = topics.into_iter().filter_map(|topic| Some((times.remove(&topic.name.0)?, topic)));
    let context = &*context;
    let created = together(distinct.map(async |(times, topic)| {
        consume_budget().await;
        let created = if count > MAX_TOPICS {
            Err(Refused::new(ErrorCode::PolicyViolation, "There are too many topics in one request."))
        } else if times > 1 {
            Err(Refused::request("Duplicate topic name."))
        } else {
            create(context, &topic, validate_only).await
        };
        (topic, created)
    }))
    .await;
    let (mut results, mut room) = (Vec::with_capacity(created.len()), MAX_CONFIGS);
    for (topic, created) in created {
        consume_budget().await;
        results.push(result(context, version, topic, created, &mut room));
    }
    let errors: Vec<i16> = results.iter().map(|result| result.error_code).collect();
    Response::with_errors(CreateTopicsResponse::default().with_topics(results), errors)
}

async fn create(
    context: &Context,
    asked: &CreatableTopic,
    validate_only: bool,
) -> Result<CreateTopic, Refused> {
    let create = plan(context, asked)?;
    if validate_only {
        context.broker.check_create_topic(&create)?;
    } else {
        context.broker.create_topic(create.clone()).await?;
    }
    Ok(create)
}

/// The topic that a request asks for, in the order of Kafka's checks.
fn plan(context: &Context, asked: &CreatableTopic) -> Result<CreateTopic, Refused> {
    if asked.name.as_str() == CLUSTER_METADATA {
        return Err(Refused::request(format!("The internal topic {CLUSTER_METADATA} cannot be created.")));
    }
    let name = TopicName::new(&asked.name)?;
    if context.broker.topic(name.as_str()).is_some() {
        return Err(Rejection::TopicExists { name }.into());
    }
    let overrides = overrides(context, asked)?;
    let (partitions, replication_factor, assignments) = counts(context, asked)?;
    check_partition_limit(context, partitions)?;
    Ok(CreateTopic {
        name,
        topic_id: context.broker.new_topic_id(),
        partitions,
        replication_factor,
        configs: configs_of(&overrides),
        assignments,
        limits: context.broker.topic_limits(),
    })
}

fn overrides(context: &Context, asked: &CreatableTopic) -> Result<Overrides, Refused> {
    let nulls: Vec<&str> = asked
        .configs
        .iter()
        .filter(|config| config.value.is_none())
        .map(|config| config.name.as_str())
        .collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err(Refused::new(ErrorCode::InvalidConfig, message));
    }
    let set = asked
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
    Ok(check_topic(&context.broker.settings(), set.collect())?)
}

/// Partitions, replication factor, and the assignments if these were given instead.
fn counts(context: &Context, asked: &CreatableTopic) -> Result<(i32, i16, Vec<Vec<NodeId>>), Refused> {
    if !asked.assignments.is_empty() {
        return explicit(context, asked);
    }
    if asked.replication_factor < -1 || asked.replication_factor == 0 {
        return Err(Refused::new(
            ErrorCode::InvalidReplicationFactor,
            "The replication factor is at least 1, or -1 for the default.",
        ));
    }
    if asked.num_partitions < -1 || asked.num_partitions == 0 {
        return Err(Refused::new(
            ErrorCode::InvalidPartitions,
            "The number of partitions is at least 1, or -1 for the default.",
        ));
    }
    let settings = context.broker.settings();
    let topics = &settings.topics;
    let partitions = if asked.num_partitions == -1 { topics.partitions } else { asked.num_partitions };
    let factor = if asked.replication_factor == -1 {
        topics.replication_factor_default
    } else {
        asked.replication_factor
    };
    check_replication_factor(context, factor)?;
    Ok((partitions, factor, Vec::new()))
}

fn explicit(context: &Context, asked: &CreatableTopic) -> Result<(i32, i16, Vec<Vec<NodeId>>), Refused> {
    if asked.replication_factor != -1 {
        return Err(Refused::request("With an explicit assignment the replication factor has to be -1."));
    }
    if asked.num_partitions != -1 {
        return Err(Refused::request("With an explicit assignment the number of partitions has to be -1."));
    }
    let refuse = |message: String| Refused::new(ErrorCode::InvalidReplicaAssignment, message);
    let mut by_partition = BTreeMap::new();
    let mut factor = None;
    for CreatableReplicaAssignment { partition_index, broker_ids, .. } in &asked.assignments {
        let replicas = check_replicas(context, broker_ids, factor)?;
        factor = Some(replicas.len());
        if by_partition.insert(*partition_index, replicas).is_some() {
            return Err(refuse(format!("Partition {partition_index} is assigned more than once.")));
        }
    }
    if !by_partition.keys().copied().eq((0..).take(by_partition.len())) {
        return Err(refuse("The assigned partitions are not numbered from 0 without gaps.".to_owned()));
    }
    let too_many = |_| refuse("There are more partitions or replicas than can be counted.".to_owned());
    let partitions = i32::try_from(by_partition.len()).map_err(too_many)?;
    let factor = i16::try_from(factor.unwrap_or_default()).map_err(too_many)?;
    Ok((partitions, factor, by_partition.into_values().collect()))
}

fn result(
    context: &Context,
    version: i16,
    asked: CreatableTopic,
    created: Result<CreateTopic, Refused>,
    room: &mut usize,
) -> CreatableTopicResult {
    let (code, message) = error_fields(created.as_ref().err());
    let result = CreatableTopicResult::default()
        .with_name(asked.name)
        .with_error_code(code)
        .with_error_message(message);
    let Ok(created) = created else { return result };
    let result = result.with_topic_id(uuid_of(created.topic_id));
    if version < ANSWERS_CONFIGS_SINCE {
        return result;
    }
    if *room == 0 {
        return result.with_topic_config_error_code(ErrorCode::PolicyViolation.code());
    }
    let overrides: Overrides =
        created.configs.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let configs = describe_topic(&context.settings, &context.broker.dynamic_configs(), &overrides);
    *room = room.saturating_sub(configs.len());
    result
        .with_num_partitions(created.partitions)
        .with_replication_factor(created.replication_factor)
        .with_configs(Some(configs.into_iter().map(effective_config).collect()))
}

fn effective_config(described: Described) -> CreatableTopicConfigs {
    CreatableTopicConfigs::default()
        .with_name(StrBytes::from_static_str(described.name))
        .with_value(described.value.map(StrBytes::from_string))
        .with_read_only(described.read_only)
        .with_config_source(described.source.wire())
        .with_is_sensitive(described.sensitive)
}
