//! How many members and groups there may be.

use kafka_protocol::messages::*;

use crate::support::{Target, heartbeat, join, settings, text, unique};

#[tokio::test]
async fn a_full_group_takes_no_more_members() {
    let target = Target::start().await;
    let group = unique("full");
    let mut first = target.client().await;
    let leader = first.only_member(&group).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut client = target.client().await;
        let given = client.call(9, join(&group)).await;
        assert_eq!(given.error_code, 79);
        client.send(9, join(&group).with_member_id(given.member_id)).await;
        others.push(client);
    }
    while first.call(4, heartbeat(&group, &leader, 1)).await.error_code != 27 {}
    first.send(9, join(&group).with_member_id(leader.clone())).await;
    assert_eq!(first.receive::<JoinGroupRequest>(9).await.members.len(), 3);
    for client in &mut others {
        assert_eq!(client.receive::<JoinGroupRequest>(9).await.error_code, 0);
    }
    let refused = target.client().await.call(9, join(&group)).await;
    assert_eq!((refused.error_code, refused.member_id.as_str()), (81, ""));
}

#[tokio::test]
async fn all_groups_together_have_so_many_members() {
    let mut settings = settings();
    settings.groups.max_members = 2;
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let (one, two) = (unique("members"), unique("members"));
    let id = client.only_member(&one).await;
    assert_eq!(client.call(9, join(&two)).await.error_code, 79, "who is given an id counts");
    assert_eq!(client.call(9, join(&two)).await.error_code, 81);
    assert_eq!(client.call(9, join(&unique("members"))).await.error_code, 81);
    let again = client.call(9, join(&one).with_member_id(id)).await;
    assert_eq!((again.error_code, again.generation_id), (0, 2), "members may go on");
}

#[tokio::test]
async fn what_members_bring_is_limited() {
    let mut settings = settings();
    settings.groups.max_member_bytes = chronik_config::ByteSize::mib(1);
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let large = |bytes: usize| {
        join(&unique("bytes")).with_protocols(vec![crate::support::protocol("range", vec![0; bytes].into())])
    };
    assert_eq!(client.join(9, large(700_000)).await.error_code, 0);
    assert_eq!(client.join(9, large(700_000)).await.error_code, 81);
    assert_eq!(client.join(9, large(200_000)).await.error_code, 0);
}

#[tokio::test]
async fn there_are_so_many_groups() {
    let mut settings = settings();
    settings.groups.max_groups = 2;
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let topic = client.create_topic(1).await;
    let commit = |group: &str| {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default();
        let topic = offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(&topic)))
            .with_partitions(vec![partition]);
        OffsetCommitRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic])
    };
    let code = |response: OffsetCommitResponse| response.topics[0].partitions[0].error_code;
    let (one, two) = (unique("groups"), unique("groups"));
    assert_eq!(code(client.call(9, commit(&one)).await), 0);
    client.only_member(&two).await;
    assert_eq!(code(client.call(9, commit(&unique("groups"))).await), 44);
    assert_eq!(client.call(9, join(&unique("groups"))).await.error_code, 81);
    assert_eq!(code(client.call(9, commit(&one)).await), 0);
    assert_eq!(client.join(9, join(&one)).await.error_code, 0);
}

fn commit_to(group: &str, topic: &str, metadata: usize) -> OffsetCommitRequest {
    let partition = offset_commit_request::OffsetCommitRequestPartition::default()
        .with_committed_metadata(Some(text(&"m".repeat(metadata))));
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic])
}

#[tokio::test]
async fn names_and_offsets_of_all_groups_take_so_much_memory() {
    const MOST_GROUPS: usize = (1 << 20) / 4_000;
    let mut settings = settings();
    settings.groups.max_offset_bytes = chronik_config::ByteSize::mib(1);
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let topic = client.create_topic(1).await;
    let code = |response: OffsetCommitResponse| response.topics[0].partitions[0].error_code;
    let mut groups = Vec::new();
    let refused = loop {
        let group = unique("bytes");
        match code(client.call(9, commit_to(&group, &topic, 4_000)).await) {
            0 => groups.push(group),
            refused => break refused,
        }
        assert!(groups.len() < MOST_GROUPS, "there is no end to it");
    };
    assert_eq!(refused, 28, "INVALID_COMMIT_OFFSET_SIZE");
    assert!(groups.len() > MOST_GROUPS / 2, "{}", groups.len());
    let long = format!("{}-{}", unique("bytes"), "g".repeat(8_000));
    assert_eq!(client.call(9, join(&long)).await.error_code, 81, "names count");
    assert_eq!(
        code(client.call(9, commit_to(&groups[0], &topic, 4_000)).await),
        0,
        "who has committed goes on"
    );
    let delete = DeleteGroupsRequest::default()
        .with_groups_names(groups.iter().take(3).map(|group| GroupId(text(group))).collect());
    assert!(client.call(2, delete).await.results.iter().all(|result| result.error_code == 0));
    assert_eq!(
        code(client.call(9, commit_to(&unique("bytes"), &topic, 4_000)).await),
        0,
        "there is room again"
    );
}

#[tokio::test]
async fn what_members_are_called_is_limited() {
    let mut settings = settings();
    settings.groups.max_member_bytes = chronik_config::ByteSize::mib(1);
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let mut joined = 0;
    let refused = loop {
        let instance = text(&"i".repeat(30_000));
        let joining = join(&unique("names"))
            .with_group_instance_id(Some(instance))
            .with_protocols(vec![crate::support::protocol("range", bytes::Bytes::new())]);
        match client.join(9, joining).await.error_code {
            0 => joined += 1,
            refused => break refused,
        }
        assert!(joined < 35, "there is no end to it");
    };
    assert_eq!((refused, joined > 10), (81, true), "{joined} members");
}
