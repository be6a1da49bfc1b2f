//! What members are refused, code by code.

use kafka_protocol::messages::*;

use crate::support::{Target, heartbeat, join, leave, leaving, protocol, subscription, sync, text, unique};

#[tokio::test]
async fn joins_are_refused_with_kafkas_codes() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("joins"));
    let id = client.only_member(&group).await;
    let other_type = |request: JoinGroupRequest| request.with_protocol_type(text("connect"));
    let other_name =
        |request: JoinGroupRequest| request.with_protocols(vec![protocol("other", subscription(&["t"]))]);
    let nothing = |request: JoinGroupRequest| request.with_protocols(Vec::new());
    let table = [
        ("no name", join(""), 24, ""),
        ("too short", join(&group).with_session_timeout_ms(99), 26, ""),
        ("too long", join(&group).with_session_timeout_ms(1_800_001), 26, ""),
        ("too short, known", join(&group).with_session_timeout_ms(-1).with_member_id(id.clone()), 26, &id),
        ("unknown member", join(&group).with_member_id(text("x")), 25, "x"),
        ("unknown group", join(&unique("none")).with_member_id(text("x")), 25, "x"),
        ("other type", other_type(join(&group)), 23, ""),
        ("other type, known", other_type(join(&group)).with_member_id(id.clone()), 23, &id),
        ("other name", other_name(join(&group)), 23, ""),
        ("no protocols", nothing(join(&group)), 23, ""),
        ("new group, no protocols", nothing(join(&unique("none"))), 23, ""),
        ("new group, no type", join(&unique("none")).with_protocol_type(text("")), 23, ""),
        (
            "unknown instance",
            join(&group).with_member_id(id.clone()).with_group_instance_id(Some(text("i"))),
            25,
            &id,
        ),
    ];
    for (case, request, code, member) in table {
        for version in [5, 6, 7, 9] {
            let response = client.call(version, request.clone()).await;
            assert_eq!(
                (response.error_code, response.member_id.as_str()),
                (code, member),
                "{case} v{version}"
            );
            assert_eq!(
                (response.generation_id, response.leader.as_str(), response.members.len()),
                (-1, "", 0)
            );
            let protocol = if version < 7 { Some("") } else { None };
            assert_eq!(response.protocol_name.as_deref(), protocol, "{case} v{version}");
        }
    }
    assert_eq!(client.call(4, heartbeat(&group, &id, 1)).await.error_code, 0, "the group is as it was");
}

#[tokio::test]
async fn syncs_are_refused_with_kafkas_codes() {
    let target = Target::start().await;
    let (mut client, mut other, group) = (target.client().await, target.client().await, unique("syncs"));
    let id = client.only_member(&group).await;
    let table = [
        (sync("", &id, 1, &[]), 24),
        (sync(&unique("none"), &id, 1, &[]), 25),
        (sync(&group, "x", 1, &[]), 25),
        (sync(&group, &id, 0, &[]), 22),
        (sync(&group, &id, 2, &[]), 22),
        (sync(&group, &id, 1, &[]).with_group_instance_id(Some(text("i"))), 25),
        (sync(&group, &id, 1, &[]).with_protocol_type(Some(text("connect"))), 23),
        (sync(&group, &id, 1, &[]).with_protocol_type(None), 23),
        (sync("", &id, 1, &[]).with_protocol_name(None), 23),
        (sync(&group, &id, 1, &[]).with_protocol_name(Some(text("sticky"))), 23),
        (sync(&group, &id, 1, &[]), 0),
    ];
    for (request, code) in table {
        let response = client.call(5, request.clone()).await;
        assert_eq!(response.error_code, code, "{request:?}");
        assert_eq!(response.assignment.is_empty(), code != 0);
        assert_eq!(response.protocol_name.is_some(), code == 0);
    }
    let given = other.call(9, join(&group)).await;
    other.send(9, join(&group).with_member_id(given.member_id)).await;
    while client.call(4, heartbeat(&group, &id, 1)).await.error_code != 27 {}
    assert_eq!(client.call(5, sync(&group, &id, 1, &[])).await.error_code, 27);
}

#[tokio::test]
async fn heartbeats_are_refused_with_kafkas_codes() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("beats"));
    let id = client.only_member(&group).await;
    let table = [
        (heartbeat("", &id, 1), 24),
        (heartbeat(&unique("none"), &id, 1), 25),
        (heartbeat(&group, "x", 1), 25),
        (heartbeat(&group, "", 1), 25),
        (heartbeat(&group, &id, 0), 22),
        (heartbeat(&group, &id, 2), 22),
        (heartbeat(&group, &id, 1), 0),
    ];
    for (request, code) in table {
        for version in 0..=4 {
            assert_eq!(
                client.call(version, request.clone()).await.error_code,
                code,
                "v{version} {request:?}"
            );
        }
    }
    let unknown = heartbeat(&group, &id, 1).with_group_instance_id(Some(text("i")));
    assert_eq!(client.call(4, unknown).await.error_code, 25);
}

#[tokio::test]
async fn leaves_are_refused_with_kafkas_codes() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("leaves"));
    let id = client.only_member(&group).await;
    for version in 0..=2 {
        let request = |group: &str, id: &str| {
            LeaveGroupRequest::default().with_group_id(GroupId(text(group))).with_member_id(text(id))
        };
        for (group, member, code) in
            [("", &*id, 24), (&*unique("none"), &*id, 25), (&*group, "x", 25), (&*group, "", 25)]
        {
            let response = client.call(version, request(group, member)).await;
            assert_eq!(response.error_code, code, "v{version} {group} {member}");
        }
    }
    for version in 3..=5 {
        let response = client.call(version, leave("", vec![leaving(&id, None)])).await;
        assert_eq!((response.error_code, response.members.len()), (24, 0));
        let unknown = client.call(version, leave(&unique("none"), vec![leaving("x", None)])).await;
        assert_eq!((unknown.error_code, unknown.members[0].error_code), (0, 25));
        let members =
            vec![leaving("x", None), leaving("", None), leaving("", Some("i")), leaving(&id, Some("i"))];
        let response = client.call(version, leave(&group, members)).await;
        let codes: Vec<_> = response.members.iter().map(|one| one.error_code).collect();
        assert_eq!((response.error_code, codes), (0, vec![25; 4]), "v{version}");
    }
    let response = client.call(5, leave(&group, Vec::new())).await;
    assert_eq!((response.error_code, response.members.len()), (0, 0));
    assert_eq!(client.call(4, heartbeat(&group, &id, 1)).await.error_code, 0, "the group is as it was");
}
