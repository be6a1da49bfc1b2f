//! Whole lives of groups: joining, assignment, heartbeats, commits, leaving, in every version.

use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

use crate::support::{
    Client, Target, heartbeat, join, leave, leaving, protocol, subscription, sync, text, unique,
};

#[tokio::test]
async fn a_member_joins_works_and_leaves_in_every_version() {
    let target = Target::start().await;
    let mut client = target.client().await;
    for version in 0..=9 {
        let group = unique("versions");
        let joined = client.join(version, join(&group)).await;
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "version {version}");
        let id = joined.member_id.clone();
        assert!(id.starts_with("test-") && id.len() == "test-".len() + 36, "{id}");
        assert_eq!((&joined.leader, joined.members.len(), joined.skip_assignment), (&id, 1, false));
        assert_eq!(joined.members[0].metadata, subscription(&["t"]));
        assert_eq!(joined.protocol_name.as_deref(), Some("range"));
        assert_eq!(joined.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        let sync_version = version.min(5);
        let mut request = sync(&group, &id, 1, &[(&id, "work")]);
        if sync_version < 5 {
            request = request.with_protocol_type(None).with_protocol_name(None);
        }
        let synced = client.call(sync_version, request).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"work"[..]), "version {sync_version}");
        assert_eq!(synced.protocol_type.as_deref(), (sync_version == 5).then_some("consumer"));
        assert_eq!(synced.protocol_name.as_deref(), (sync_version == 5).then_some("range"));
        assert_eq!(client.call(version.min(4), heartbeat(&group, &id, 1)).await.error_code, 0);
        let request = if version < 3 {
            LeaveGroupRequest::default().with_group_id(GroupId(text(&group))).with_member_id(id.clone())
        } else {
            leave(&group, vec![leaving(&id, None)])
        };
        let left = client.call(version.min(5), request).await;
        assert_eq!(left.error_code, 0);
        let members: Vec<_> =
            left.members.iter().map(|one| (one.member_id.clone(), one.error_code)).collect();
        assert_eq!(members, if version < 3 { vec![] } else { vec![(id.clone(), 0)] });
        assert_eq!(client.call(version.min(4), heartbeat(&group, &id, 1)).await.error_code, 25);
    }
}

/// Joins the rest of a group, whose members have to join again.
async fn rejoin(client: &mut Client, group: &str, id: &StrBytes, version: i16) {
    client.send(version, join(group).with_member_id(id.clone())).await;
}

#[tokio::test]
async fn two_members_share_a_group_and_one_takes_over() {
    let target = Target::start().await;
    let (mut one, mut two) = (target.client().await, target.client().await);
    let group = unique("two");
    let first = one.only_member(&group).await;
    let given = two.call(9, join(&group)).await;
    assert_eq!(given.error_code, 79);
    let second = given.member_id;
    two.send(9, join(&group).with_member_id(second.clone())).await;
    while one.call(4, heartbeat(&group, &first, 1)).await.error_code != 27 {}
    rejoin(&mut one, &group, &first, 9).await;
    let led = one.receive::<JoinGroupRequest>(9).await;
    let followed = two.receive::<JoinGroupRequest>(9).await;
    assert_eq!((led.error_code, led.generation_id, led.members.len()), (0, 2, 2));
    assert_eq!((followed.error_code, followed.generation_id, followed.members.len()), (0, 2, 0));
    assert_eq!((&led.leader, &followed.leader), (&first, &first));
    // The follower asks first, and waits.
    two.send(5, sync(&group, &second, 2, &[])).await;
    let synced = one.call(5, sync(&group, &first, 2, &[(&first, "a"), (&second, "b")])).await;
    assert_eq!(&synced.assignment[..], b"a");
    assert_eq!(&two.receive::<SyncGroupRequest>(5).await.assignment[..], b"b");
    assert_eq!(one.call(5, leave(&group, vec![leaving(&first, None)])).await.members[0].error_code, 0);
    assert_eq!(two.call(4, heartbeat(&group, &second, 2)).await.error_code, 27);
    rejoin(&mut two, &group, &second, 9).await;
    let alone = two.receive::<JoinGroupRequest>(9).await;
    assert_eq!((alone.generation_id, &alone.leader, alone.members.len()), (3, &second, 1));
}

#[tokio::test]
async fn a_member_that_dies_is_replaced_after_its_session() {
    let target = Target::start().await;
    let (mut one, mut two) = (target.client().await, target.client().await);
    let group = unique("dies");
    let short = join(&group).with_session_timeout_ms(500).with_rebalance_timeout_ms(1_000);
    one.only_member_with(short.clone()).await;
    drop(one);
    let joined = two.join(9, short).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 2, 1));
}

#[tokio::test]
async fn a_static_member_comes_back_without_a_rebalance() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("static"));
    let request = join(&group).with_group_instance_id(Some(text("instance")));
    let joined = client.call(9, request.clone()).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 1), "no id is given in advance");
    assert!(joined.member_id.starts_with("instance-"));
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("instance"));
    let old = joined.member_id;
    client.call(5, sync(&group, &old, 1, &[(&old, "kept")])).await;
    let back = client.call(9, request.clone()).await;
    assert_eq!((back.error_code, back.generation_id, back.skip_assignment), (0, 1, true));
    assert_eq!((&back.leader, back.members.len()), (&back.member_id, 1));
    let synced = client.call(5, sync(&group, &back.member_id, 1, &[])).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"kept"[..]));
    // Under the old id nothing goes any more.
    let instance = Some(text("instance"));
    let beat = heartbeat(&group, &old, 1).with_group_instance_id(instance.clone());
    assert_eq!(client.call(4, beat).await.error_code, 82);
    let late = sync(&group, &old, 1, &[]).with_group_instance_id(instance.clone());
    assert_eq!(client.call(5, late).await.error_code, 82);
    assert_eq!(client.call(9, request.clone().with_member_id(old.clone())).await.error_code, 82);
    let left = client.call(5, leave(&group, vec![leaving(&old, Some("instance"))])).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 82));
    // Clients that know nothing of skipping are told of the old leader.
    let early = client.call(8, request).await;
    assert_eq!((early.error_code, &early.leader, early.members.len()), (0, &back.member_id, 0));
    // An operator removes it by its instance.
    let left =
        client.call(5, leave(&group, vec![leaving("", Some("instance")), leaving("", Some("none"))])).await;
    let codes: Vec<_> = left.members.iter().map(|one| one.error_code).collect();
    assert_eq!((left.error_code, codes), (0, vec![0, 25]));
    assert_eq!(left.members[0].group_instance_id.as_deref(), Some("instance"));
}

/// Members of Connect do other things with the same protocol.
#[tokio::test]
async fn other_protocol_types_work_alike() {
    let target = Target::start().await;
    let (mut client, group) = (target.client().await, unique("connect"));
    let request = join(&group)
        .with_protocol_type(text("connect"))
        .with_protocols(vec![protocol("sessioned", "anything".into()), protocol("default", "else".into())]);
    let joined = client.join(9, request).await;
    assert_eq!((joined.error_code, joined.protocol_name.as_deref()), (0, Some("sessioned")));
    assert_eq!(joined.protocol_type.as_deref(), Some("connect"));
    assert_eq!(&joined.members[0].metadata[..], b"anything");
}
