//! Dynamic configs of topics and brokers.

use chronik_state::{AlterConfigs, Change, ConfigChange, ConfigResource, Outcome, Rejection, State};
use chronik_types::{GroupId, NodeId};

use crate::support::{Life, topic_id};

fn alter(
    life: &mut Life,
    resource: ConfigResource,
    changes: &[(&str, Option<&str>)],
) -> Result<(), Rejection> {
    let changes = changes
        .iter()
        .map(|(key, value)| ConfigChange { key: (*key).to_owned(), value: value.map(str::to_owned) })
        .collect();
    match life.apply(Change::AlterConfigs(AlterConfigs { resource, changes })) {
        Outcome::ConfigsAltered(result) => result,
        other => panic!("{other:?} of configs"),
    }
}

#[test]
fn keys_are_set_overwritten_and_removed() {
    let mut life = Life::with_topic(1);
    let topic = ConfigResource::Topic(topic_id(1));
    alter(&mut life, topic.clone(), &[("b", Some("1")), ("a", Some("2")), ("b", Some("3"))]).unwrap();
    let configs = |life: &Life| {
        let configs = life.state.topic("t").unwrap().configs();
        configs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(configs(&life), ["a=2", "b=3"]);
    alter(&mut life, topic, &[("a", None), ("c", None), ("b", Some(""))]).unwrap();
    assert_eq!(configs(&life), ["b="]);
}

#[test]
fn brokers_have_a_common_set_and_their_own() {
    let mut life = Life::default();
    let one = NodeId::new(1);
    alter(&mut life, ConfigResource::BrokerDefault, &[("k", Some("all"))]).unwrap();
    alter(&mut life, ConfigResource::Broker(one), &[("k", Some("one"))]).unwrap();
    assert_eq!(life.state.default_broker_configs().get("k"), Some("all"));
    assert_eq!(life.state.broker_configs(one).get("k"), Some("one"));
    assert!(life.state.broker_configs(NodeId::new(2)).is_empty());
    alter(&mut life, ConfigResource::Broker(one), &[("k", None)]).unwrap();
    assert!(life.state.broker_configs(one).is_empty());
}

#[test]
fn configs_of_an_unknown_topic_are_refused() {
    let mut life = Life::default();
    let refused = alter(&mut life, ConfigResource::Topic(topic_id(1)), &[("k", Some("v"))]);
    assert_eq!(refused, Err(Rejection::UnknownTopic { topic_id: topic_id(1) }));
}

#[test]
fn groups_have_configs_whether_they_exist_or_not() {
    let mut life = Life::default();
    let group = || ConfigResource::Group(GroupId::new("g"));
    let before = life.state.hash();
    alter(&mut life, group(), &[("k", Some("v"))]).unwrap();
    assert_eq!(life.state.group_configs("g").get("k"), Some("v"));
    assert!(life.state.group_configs("h").is_empty());
    assert_eq!(life.state.groups_with_configs().map(GroupId::as_str).collect::<Vec<_>>(), ["g"]);
    assert_eq!(State::decode(&life.state.encode()).as_ref(), Ok(&life.state));
    assert_ne!(life.state.hash(), before);
    alter(&mut life, group(), &[("k", None)]).unwrap();
    assert_eq!(life.state.groups_with_configs().count(), 0);
}
