//! Groups over `kill -9`: what was acknowledged is there, and nobody has to rebalance.

use std::sync::Arc;

use chronik_backend::{MemoryBackend, MemoryOptions};
use kafka_protocol::messages::*;

use crate::support::{Target, heartbeat, join, leave, leaving, settings, sync, text, unique};

#[tokio::test]
async fn members_keep_their_assignment_over_a_restart() {
    let backend = MemoryBackend::new(MemoryOptions::default());
    let mut faults = backend.faults();
    let mut target = Target::over(settings(), Arc::new(backend)).await;
    let group = unique("restarts");
    let id = target.client().await.only_member(&group).await;
    for _ in 0..3 {
        let backend = faults.restart();
        faults = backend.faults();
        target = Target::over(settings(), Arc::new(backend)).await;
        let mut client = target.client().await;
        assert_eq!(client.call(4, heartbeat(&group, &id, 1)).await.error_code, 0);
        let synced = client.call(5, sync(&group, &id, 1, &[])).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"mine"[..]));
    }
    let mut client = target.client().await;
    let left = client.call(5, leave(&group, vec![leaving(&id, None)])).await;
    assert_eq!(left.members[0].error_code, 0);
    let target = Target::over(settings(), Arc::new(faults.restart())).await;
    let mut client = target.client().await;
    assert_eq!(client.call(4, heartbeat(&group, &id, 1)).await.error_code, 25, "who has left stays away");
    assert_eq!(client.join(9, join(&group)).await.generation_id, 3);
}

#[tokio::test]
async fn a_member_that_does_not_come_back_after_a_restart_is_given_up() {
    let backend = MemoryBackend::new(MemoryOptions::default());
    let faults = backend.faults();
    let target = Target::over(settings(), Arc::new(backend)).await;
    let group = unique("lost");
    let short = join(&group).with_session_timeout_ms(200).with_rebalance_timeout_ms(200);
    let id = target.client().await.only_member_with(short.clone()).await;
    let target = Target::over(settings(), Arc::new(faults.restart())).await;
    let mut client = target.client().await;
    let joined = client.join(9, short.with_session_timeout_ms(30_000)).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 2, 1));
    assert_ne!(joined.member_id, id);
}

#[tokio::test]
async fn a_member_that_waits_when_the_gateway_stops_is_sent_to_look_for_its_coordinator() {
    let target = Target::gateway(settings()).await;
    let group = unique("stops");
    let (mut one, mut two) = (target.client().await, target.client().await);
    let id = one.only_member(&group).await;
    let given = two.call(9, join(&group)).await.member_id;
    two.send(9, join(&group).with_member_id(given.clone())).await;
    while one.call(4, heartbeat(&group, &id, 1)).await.error_code != 27 {}
    let (server, _) = target.gateway.unwrap();
    let stopping = tokio::spawn(server.shutdown());
    let answer = two.receive::<JoinGroupRequest>(9).await;
    assert_eq!((answer.error_code, answer.member_id), (16, given));
    assert!(stopping.await.unwrap());
}

#[tokio::test]
async fn silent_members_are_found_by_the_timers_of_the_gateway() {
    let target = Target::gateway(settings()).await;
    let (mut client, group) = (target.client().await, unique("timers"));
    client.only_member_with(join(&group).with_session_timeout_ms(200).with_rebalance_timeout_ms(200)).await;
    let describe = || DescribeGroupsRequest::default().with_groups(vec![GroupId(text(&group))]);
    while client.call(5, describe()).await.groups[0].group_state.as_str() != "Empty" {
        tokio::task::yield_now().await;
    }
    // That is stored soon after.
    while !target.broker().state(|state| state.group(&group).is_some_and(chronik_state::Group::is_empty)) {
        tokio::task::yield_now().await;
    }
}
