//! DescribeConfigs, AlterConfigs and IncrementalAlterConfigs.

use chronik_types::ErrorCode;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
    incremental_alter_configs_request,
};

use crate::gateway::{Gateway, text};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const METRICS: i8 = 16;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// A setting, the operation on it, and the value.
type ConfigChange<'a> = (&'a str, i8, Option<&'a str>);

async fn describe(gateway: &mut Gateway, kind: i8, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(None);
    describe_with(gateway, resource).await
}

async fn describe_with(gateway: &mut Gateway, resource: DescribeConfigsResource) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true)
        .with_include_documentation(true);
    gateway.ask(4, request).await.results.remove(0)
}

async fn value_of(gateway: &mut Gateway, kind: i8, name: &str, key: &str) -> (Option<String>, i8) {
    let result = describe(gateway, kind, name).await;
    assert_eq!(result.error_code, 0);
    let config = find(&result, key);
    (config.value.as_ref().map(ToString::to_string), config.config_source)
}

fn find<'a>(result: &'a DescribeConfigsResult, key: &str) -> &'a DescribeConfigsResourceResult {
    result.configs.iter().find(|config| config.name.as_str() == key).unwrap()
}

fn change(
    kind: i8,
    name: &str,
    changes: &[ConfigChange<'_>],
) -> incremental_alter_configs_request::AlterConfigsResource {
    let config = |(key, operation, value): &ConfigChange<'_>| {
        incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    };
    incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(changes.iter().map(config).collect())
}

async fn alter(gateway: &mut Gateway, kind: i8, name: &str, changes: &[ConfigChange<'_>]) -> ErrorCode {
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![change(kind, name, changes)]);
    let response = gateway.ask(1, request).await.responses.remove(0);
    ErrorCode::from_code(response.error_code).unwrap()
}

fn replacement(kind: i8, name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsRequest {
    let config = |(key, value): &(&str, Option<&str>)| {
        alter_configs_request::AlterableConfig::default().with_name(text(key)).with_value(value.map(text))
    };
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.iter().map(config).collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

#[tokio::test]
async fn an_answer_has_room_for_so_many_settings() {
    let mut gateway = Gateway::start().await;
    let each = describe(&mut gateway, GROUP, "g").await.configs;
    let groups = 200_000 / each.len() + 10;
    let request = |keys: Option<Vec<_>>| {
        let group = |number| {
            DescribeConfigsResource::default()
                .with_resource_type(GROUP)
                .with_resource_name(text(&format!("a group with a longer name {number}")))
                .with_configuration_keys(keys.clone())
        };
        DescribeConfigsRequest::default().with_resources((0..groups).map(group).collect())
    };
    let results = gateway.ask(4, request(None)).await.results;
    let answered = results.partition_point(|result| result.error_code == 0);
    assert_eq!((answered, results.len()), (200_000 / each.len(), groups));
    assert!(results[..answered].iter().all(|result| result.configs.len() == each.len()));
    for refused in &results[answered..] {
        assert_eq!(ErrorCode::from_code(refused.error_code), Some(ErrorCode::InvalidRequest));
        assert!(refused.configs.is_empty());
        assert!(refused.error_message.as_ref().unwrap().contains("ask for fewer"));
    }
    let results = gateway.ask(4, request(Some(vec![each[0].name.clone()]))).await.results;
    assert!(results.iter().all(|result| (result.error_code, result.configs.len()) == (0, 1)));
}

#[tokio::test]
async fn a_topic_shows_every_setting_with_its_origin() {
    let mut gateway =
        Gateway::with(|settings| settings.topics.max_message_bytes = chronik_config::ByteSize::new(2000))
            .await;
    gateway.create("t", 1).await;
    assert_eq!(
        alter(&mut gateway, TOPIC, "t", &[("retention.ms", SET, Some("5000"))]).await,
        ErrorCode::None
    );
    let result = describe(&mut gateway, TOPIC, "t").await;
    assert_eq!((result.error_code, result.resource_type, result.resource_name.as_str()), (0, TOPIC, "t"));
    assert!(result.configs.len() >= 30, "{}", result.configs.len());
    assert!(
        result
            .configs
            .iter()
            .all(|config| config.documentation.as_ref().is_some_and(|text| !text.is_empty()))
    );

    let retention = find(&result, "retention.ms");
    assert_eq!(
        (retention.value.clone(), retention.config_source, retention.config_type),
        (Some(text("5000")), 1, 5)
    );
    let synonyms: Vec<_> =
        retention.synonyms.iter().map(|synonym| (synonym.name.as_str(), synonym.source)).collect();
    assert_eq!(synonyms.first(), Some(&("retention.ms", 1)));
    let size = find(&result, "max.message.bytes");
    assert_eq!((size.value.clone(), size.config_source), (Some(text("2000")), 4));
    assert_eq!(size.synonyms[0].name.as_str(), "message.max.bytes");
    assert!(!size.read_only && !size.is_sensitive);
}

#[tokio::test]
async fn names_filter_and_extras_are_left_out_unless_asked_for() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("t"))
        .with_configuration_keys(Some(vec![text("segment.bytes"), text("nonsense")]));
    let response = gateway.ask(4, DescribeConfigsRequest::default().with_resources(vec![resource])).await;
    let configs = &response.results[0].configs;
    assert_eq!(configs.len(), 1);
    assert_eq!((configs[0].name.as_str(), configs[0].documentation.clone()), ("segment.bytes", None));
    assert!(configs[0].synonyms.is_empty());
}

#[tokio::test]
async fn a_resource_is_described_once_in_an_answer() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let resource = |kind, name: &str| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    let resources = vec![resource(BROKER, "1"), resource(TOPIC, "t"), resource(BROKER, "1")];
    let results = gateway.ask(4, DescribeConfigsRequest::default().with_resources(resources)).await.results;
    let codes: Vec<_> = results.iter().map(|result| result.error_code).collect();
    let refused = ErrorCode::InvalidRequest.code();
    assert_eq!(codes, [refused, 0, refused]);
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_described() {
    let mut gateway = Gateway::start().await;
    use ErrorCode::{InvalidRequest, InvalidTopicException, UnknownTopicOrPartition};
    let cases = [
        (TOPIC, "gone", UnknownTopicOrPartition),
        (TOPIC, "?", InvalidTopicException),
        (BROKER, "7", InvalidRequest),
        (BROKER, "one", InvalidRequest),
        (LOGGER, "", InvalidRequest),
        (METRICS, "", InvalidRequest),
        (GROUP, "", InvalidRequest),
        (99, "x", InvalidRequest),
    ];
    for (kind, name, code) in cases {
        assert_eq!(describe(&mut gateway, kind, name).await.error_code, code.code(), "{kind} {name}");
    }
}

#[tokio::test]
async fn a_broker_shows_its_settings_and_what_all_brokers_share() {
    let mut gateway = Gateway::start().await;
    assert_eq!(value_of(&mut gateway, BROKER, "1", "num.partitions").await, (Some("1".to_owned()), 5));
    let result = describe(&mut gateway, BROKER, "1").await;
    assert!(find(&result, "node.id").read_only);
    assert!(result.configs.iter().all(|config| !config.is_sensitive || config.value.is_none()));
    assert!(describe(&mut gateway, BROKER, "").await.configs.is_empty());

    let code = alter(&mut gateway, BROKER, "", &[("log.retention.ms", SET, Some("7000"))]).await;
    assert_eq!(code, ErrorCode::None);
    assert_eq!(value_of(&mut gateway, BROKER, "", "log.retention.ms").await, (Some("7000".to_owned()), 3));
    assert_eq!(value_of(&mut gateway, BROKER, "1", "log.retention.ms").await, (Some("7000".to_owned()), 3));
    // Topics fall back to it at once.
    gateway.create("t", 1).await;
    assert_eq!(value_of(&mut gateway, TOPIC, "t", "retention.ms").await, (Some("7000".to_owned()), 3));

    let code = alter(&mut gateway, BROKER, "1", &[("log.retention.ms", SET, Some("8000"))]).await;
    assert_eq!(code, ErrorCode::None);
    assert_eq!(value_of(&mut gateway, TOPIC, "t", "retention.ms").await, (Some("8000".to_owned()), 2));
}

#[tokio::test]
async fn groups_and_loggers_have_their_defaults() {
    let mut gateway = Gateway::start().await;
    let (value, source) = value_of(&mut gateway, GROUP, "g", "consumer.session.timeout.ms").await;
    assert_eq!((value.as_deref(), source), (Some("45000"), 5));
    assert_eq!(describe(&mut gateway, LOGGER, "1").await.configs[0].name.as_str(), "root");
}

#[tokio::test]
async fn settings_are_set_deleted_appended_and_subtracted() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let mut policy = async |changes: &[ConfigChange<'_>]| {
        assert_eq!(alter(&mut gateway, TOPIC, "t", changes).await, ErrorCode::None);
        value_of(&mut gateway, TOPIC, "t", "cleanup.policy").await.0.unwrap()
    };
    assert_eq!(policy(&[("cleanup.policy", APPEND, Some("compact"))]).await, "delete,compact");
    assert_eq!(policy(&[("cleanup.policy", SUBTRACT, Some("delete"))]).await, "compact");
    assert_eq!(policy(&[("cleanup.policy", SET, Some("delete"))]).await, "delete");
    assert_eq!(policy(&[("cleanup.policy", DELETE, None)]).await, "delete");
    assert!(gateway.broker.topic("t").unwrap().overrides().is_empty());
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    use ErrorCode::{InvalidConfig, InvalidRequest, InvalidTopicException, UnknownTopicOrPartition};
    let good = ("segment.ms", SET, Some("1000"));
    let cases: [(i8, &str, &[ConfigChange<'_>], ErrorCode); 13] = [
        (TOPIC, "t", &[good, ("nonsense", SET, Some("1"))], InvalidConfig),
        (TOPIC, "t", &[good, ("retention.ms", SET, Some("x"))], InvalidConfig),
        (TOPIC, "t", &[good, ("retention.ms", APPEND, Some("1"))], InvalidConfig),
        (TOPIC, "t", &[good, good], InvalidRequest),
        (TOPIC, "t", &[good, ("retention.ms", SET, None)], InvalidRequest),
        (TOPIC, "t", &[("retention.ms", 9, Some("1"))], InvalidRequest),
        (TOPIC, "gone", &[good], UnknownTopicOrPartition),
        (TOPIC, "?", &[good], InvalidTopicException),
        (TOPIC, "", &[good], InvalidRequest),
        (BROKER, "7", &[("log.retention.ms", SET, Some("1"))], InvalidRequest),
        (BROKER, "1", &[("node.id", SET, Some("2"))], InvalidRequest),
        (LOGGER, "1", &[("root", SET, Some("DEBUG"))], InvalidRequest),
        (99, "x", &[good], InvalidRequest),
    ];
    for (kind, name, changes, code) in cases {
        assert_eq!(alter(&mut gateway, kind, name, changes).await, code, "{kind} {name} {changes:?}");
    }
    assert!(gateway.broker.topic("t").unwrap().overrides().is_empty());
}

#[tokio::test]
async fn a_resource_named_twice_is_refused_in_both_places() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let change = change(TOPIC, "t", &[("segment.ms", SET, Some("1000"))]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![change.clone(), change]);
    let codes: Vec<_> =
        gateway.ask(1, request).await.responses.iter().map(|response| response.error_code).collect();
    assert_eq!(codes, [ErrorCode::InvalidRequest.code(); 2]);
}

#[tokio::test]
async fn validate_only_changes_nothing() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let change = change(TOPIC, "t", &[("segment.ms", SET, Some("1000"))]);
    let request =
        IncrementalAlterConfigsRequest::default().with_resources(vec![change]).with_validate_only(true);
    assert_eq!(gateway.ask(1, request).await.responses[0].error_code, 0);
    let request = replacement(TOPIC, "t", &[("segment.ms", Some("1000"))]).with_validate_only(true);
    assert_eq!(gateway.ask(2, request).await.responses[0].error_code, 0);
    assert!(gateway.broker.topic("t").unwrap().overrides().is_empty());
}

#[tokio::test]
async fn the_older_request_replaces_all_that_was_set() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let both = replacement(TOPIC, "t", &[("segment.ms", Some("1000")), ("retention.ms", Some("2000"))]);
    assert_eq!(gateway.ask(2, both).await.responses[0].error_code, 0);
    let one = replacement(TOPIC, "t", &[("retention.ms", Some("3000"))]);
    assert_eq!(gateway.ask(2, one).await.responses[0].error_code, 0);
    let overrides = gateway.broker.topic("t").unwrap().overrides();
    assert_eq!(overrides.iter().collect::<Vec<_>>(), [("retention.ms", "3000")]);

    let null = replacement(TOPIC, "t", &[("retention.ms", None)]);
    assert_eq!(gateway.ask(2, null).await.responses[0].error_code, ErrorCode::InvalidRequest.code());
    let unknown = replacement(TOPIC, "t", &[("nonsense", Some("1"))]);
    assert_eq!(gateway.ask(2, unknown).await.responses[0].error_code, ErrorCode::InvalidConfig.code());
}
