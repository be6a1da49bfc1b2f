//! ListGroups, DescribeGroups and DeleteGroups.

use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

use crate::support::{Client, Target, heartbeat, join, leave, leaving, subscription, sync, text, unique};

/// State, kind and protocol type of a group in the list, if it is there.
async fn listed(
    client: &mut Client,
    version: i16,
    group: &str,
    states: &[&str],
    types: &[&str],
) -> Option<(String, String, String)> {
    let words = |words: &[&str]| words.iter().map(|word| text(word)).collect::<Vec<StrBytes>>();
    let request =
        ListGroupsRequest::default().with_states_filter(words(states)).with_types_filter(words(types));
    let response = client.call(version, request).await;
    assert_eq!(response.error_code, 0);
    let found = response.groups.into_iter().find(|listed| listed.group_id.as_str() == group)?;
    Some((found.group_state.to_string(), found.group_type.to_string(), found.protocol_type.to_string()))
}

fn words(state: &str, kind: &str, protocol_type: &str) -> Option<(String, String, String)> {
    Some((state.to_owned(), kind.to_owned(), protocol_type.to_owned()))
}

#[tokio::test]
async fn groups_are_listed_in_every_state_and_version() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("listed"));
    assert_eq!(listed(&mut client, 5, &group, &[], &[]).await, None);
    let joined = client.join(9, join(&group)).await;
    let id = joined.member_id;
    assert_eq!(
        listed(&mut client, 5, &group, &[], &[]).await,
        words("CompletingRebalance", "classic", "consumer")
    );
    client.call(5, sync(&group, &id, 1, &[])).await;
    for version in 0..=5 {
        let state = if version >= 4 { "Stable" } else { "" };
        let kind = if version >= 5 { "classic" } else { "" };
        let found = listed(&mut client, version, &group, &[], &[]).await;
        assert_eq!(found, words(state, kind, "consumer"), "v{version}");
    }
    let mut other = target.client().await;
    let given = other.call(9, join(&group)).await.member_id;
    other.send(9, join(&group).with_member_id(given.clone())).await;
    while client.call(4, heartbeat(&group, &id, 1)).await.error_code != 27 {}
    assert_eq!(
        listed(&mut client, 5, &group, &[], &[]).await,
        words("PreparingRebalance", "classic", "consumer")
    );
    client.call(5, leave(&group, vec![leaving(&id, None)])).await;
    other.receive::<JoinGroupRequest>(9).await;
    client.call(5, leave(&group, vec![leaving(&given, None)])).await;
    assert_eq!(listed(&mut client, 5, &group, &[], &[]).await, words("Empty", "classic", "consumer"));
}

#[tokio::test]
async fn the_list_can_be_filtered() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("filtered"));
    client.only_member(&group).await;
    let table: [(&[&str], &[&str], bool); 9] = [
        (&["Stable"], &[], true),
        (&["stable"], &["Classic"], true),
        (&[" STABLE "], &["classic", "consumer"], true),
        (&["Empty", "Stable"], &[], true),
        (&["Empty"], &[], false),
        (&["nonsense"], &[], false),
        (&[], &["classic"], true),
        (&[], &["consumer"], false),
        (&["Stable"], &["consumer"], false),
    ];
    for (states, types, found) in table {
        let listed = listed(&mut client, 5, &group, states, types).await;
        assert_eq!(listed.is_some(), found, "{states:?} {types:?}");
    }
}

async fn describe(
    client: &mut Client,
    version: i16,
    groups: &[&str],
    operations: bool,
) -> DescribeGroupsResponse {
    let groups = groups.iter().map(|group| GroupId(text(group))).collect();
    let request =
        DescribeGroupsRequest::default().with_groups(groups).with_include_authorized_operations(operations);
    client.call(version, request).await
}

#[tokio::test]
async fn groups_are_described_in_every_version() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("described"));
    let id = client.only_member_with(join(&group).with_group_instance_id(Some(text("i")))).await;
    for version in 0..=6 {
        let response = describe(&mut client, version, &[&group], false).await;
        let described = &response.groups[0];
        assert_eq!((described.error_code, described.group_id.as_str()), (0, &*group));
        assert_eq!(
            (described.group_state.as_str(), described.protocol_type.as_str()),
            ("Stable", "consumer")
        );
        assert_eq!(described.protocol_data.as_str(), "range");
        assert_eq!(described.authorized_operations, i32::MIN);
        let [member] = &described.members[..] else { panic!("{described:?}") };
        assert_eq!((&member.member_id, member.client_id.as_str()), (&id, "test"));
        assert_eq!(member.client_host.as_str(), "/127.0.0.1");
        assert_eq!(member.group_instance_id.as_deref(), (version >= 4).then_some("i"));
        assert_eq!(member.member_metadata, subscription(&["t"]));
        assert_eq!(&member.member_assignment[..], b"mine");
    }
    for version in 3..=6 {
        let response = describe(&mut client, version, &[&group], true).await;
        // Read, Delete, Describe, DescribeConfigs, AlterConfigs.
        assert_eq!(response.groups[0].authorized_operations, 0b1101_0100_1000, "v{version}");
    }
}

#[tokio::test]
async fn a_group_that_is_named_again_is_described_once() {
    let target = Target::gateway(crate::support::settings()).await;
    let (mut client, group, none) = (target.client().await, unique("again"), unique("none"));
    client.only_member(&group).await;
    let names: Vec<&str> = [&*group, &none].into_iter().cycle().take(20_000).collect();
    let response = describe(&mut client, 5, &names, false).await;
    let described: Vec<_> =
        response.groups.iter().map(|one| (one.group_id.as_str(), one.members.len())).collect();
    assert_eq!(described, [(&*group, 1), (&none, 0)]);
    let names = names.into_iter().map(|name| GroupId(text(name))).collect();
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(names);
    let response = client.call(1, request).await;
    let described: Vec<_> = response.groups.iter().map(|one| one.group_id.as_str()).collect();
    assert_eq!(described, [&*group, &none]);
}

#[tokio::test]
async fn what_cannot_be_described_is_dead_or_unknown() {
    let target = Target::start().await;
    let (mut client, none) = (target.client().await, unique("none"));
    for version in 0..=6 {
        let response = describe(&mut client, version, &[&none, ""], version >= 3).await;
        assert_eq!(response.groups.len(), 2);
        for dead in response.groups {
            let code = if version < 6 { 0 } else { 69 };
            assert_eq!((dead.error_code, dead.group_state.as_str()), (code, "Dead"), "v{version}");
            assert_eq!((dead.members.len(), dead.protocol_type.as_str()), (0, ""));
            let message = format!("Group {} not found.", dead.group_id.as_str());
            assert_eq!(dead.error_message.as_deref(), (version >= 6).then_some(&*message));
            let operations = if (3..6).contains(&version) { 0b1101_0100_1000 } else { i32::MIN };
            assert_eq!(dead.authorized_operations, operations, "v{version}");
        }
    }
}

#[tokio::test]
async fn members_of_a_rebalancing_group_are_described_without_metadata() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("rebalancing"));
    client.join(9, join(&group)).await;
    let response = describe(&mut client, 5, &[&group], false).await;
    let described = &response.groups[0];
    assert_eq!(
        (described.group_state.as_str(), described.protocol_data.as_str()),
        ("CompletingRebalance", "")
    );
    assert!(
        described.members[0].member_metadata.is_empty() && described.members[0].member_assignment.is_empty()
    );
}

#[tokio::test]
async fn groups_are_deleted_when_they_are_empty() {
    let target = Target::start().await;
    let (mut client, group, none) = (target.client().await, unique("deleted"), unique("none"));
    let id = client.only_member(&group).await;
    for version in 0..=2 {
        let names = [&*group, &none, "", &group].map(|name| GroupId(text(name)));
        let response =
            client.call(version, DeleteGroupsRequest::default().with_groups_names(names.to_vec())).await;
        let mut results: Vec<_> =
            response.results.iter().map(|result| (result.group_id.to_string(), result.error_code)).collect();
        results.sort();
        let mut expected = vec![(String::new(), 69), (group.clone(), 68), (none.clone(), 69)];
        expected.sort();
        assert_eq!(results, expected, "v{version}");
    }
    client.call(5, leave(&group, vec![leaving(&id, None)])).await;
    let request = || DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(&group))]);
    assert_eq!(client.call(2, request()).await.results[0].error_code, 0);
    assert_eq!(client.call(2, request()).await.results[0].error_code, 69);
    assert_eq!(listed(&mut client, 5, &group, &[], &[]).await, None);
    assert_eq!(client.join(9, join(&group)).await.generation_id, 1, "it begins anew");
}
