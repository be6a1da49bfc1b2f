//! Full storage: what clients go on doing leaves the room in which space can be freed.

use std::time::Duration;

use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Committing, CoordinatorError, MemberIdentity};
use chronik_config::Settings;
use chronik_state::{CommittedOffset, ConfigChange, ConfigResource};
use chronik_types::{ErrorCode, GroupId, LeaderEpoch, MemberId, Offset, TimestampMs, TopicPartition};

use crate::support::{Rig, batch, eventually};

async fn commit(rig: &Rig, at: TopicPartition) -> Result<(), CoordinatorError> {
    let offset = CommittedOffset {
        offset: Offset::new(7),
        leader_epoch: LeaderEpoch::NONE,
        metadata: "metadata of a commit".into(),
        committed_at: TimestampMs::NONE,
        expires_at: None,
    };
    let who = MemberIdentity { member_id: MemberId::new(""), instance_id: None };
    let committing = Committing { who, generation: -1, in_transaction: false };
    rig.broker.commit_offsets(GroupId::new("g"), &committing, vec![(at, offset)]).await
}

/// A broker over storage that its commits have filled.
async fn filled() -> Rig {
    let options = MemoryOptions {
        segment_bytes: 8_000,
        limit_bytes: 100_000,
        reserve_bytes: 4_000,
        ..MemoryOptions::default()
    };
    let rig = Rig::over(Settings::default(), MemoryBackend::new(options)).await;
    rig.topic("doomed", 1).await;
    for _ in 0..300 {
        rig.produce(&rig.partition("doomed", 0), batch(1)).await.unwrap();
    }
    rig.topic("kept", 1).await;
    rig.settled().await;
    let at = rig.partition("kept", 0).topic_partition();
    let mut refusals = 0;
    let refused = loop {
        match commit(&rig, at).await {
            Ok(()) => refusals = 0,
            // What a checkpoint replaces has to go before nothing more comes back by itself.
            Err(_) if refusals == 0 => refusals += 1,
            Err(refused) => break refused,
        }
        rig.settled().await;
    };
    assert_eq!(refused.error_code(), ErrorCode::CoordinatorNotAvailable, "{refused}");
    // Nothing is smaller.
    let refused = loop {
        if let Err(refused) = rig.broker.allocate_producer_id().await {
            break refused;
        }
    };
    assert_eq!(refused.error_code(), ErrorCode::KafkaStorageError, "{refused}");
    rig
}

#[tokio::test]
async fn a_topic_can_be_deleted_when_commits_have_filled_storage() {
    let rig = filled().await;
    let doomed = rig.broker.topic("doomed").unwrap().id();
    let before = rig.backend.status().bytes_used;
    rig.broker.delete_topic(doomed).await.unwrap();
    eventually(|| rig.backend.status().bytes_used < before / 2).await;
    commit(&rig, rig.partition("kept", 0).topic_partition()).await.unwrap();
}

#[tokio::test]
async fn records_can_be_given_up_when_commits_have_filled_storage() {
    let rig = filled().await;
    let topic = rig.broker.topic("doomed").unwrap().id();
    let shorter = ConfigChange { key: "retention.ms".into(), value: Some("1000".into()) };
    rig.broker.alter_configs(ConfigResource::Topic(topic), vec![shorter]).await.unwrap();
    let before = rig.backend.status().bytes_used;
    rig.clock.advance(Duration::from_secs(2));
    rig.broker.run_retention().await.unwrap();
    eventually(|| rig.backend.status().bytes_used < before / 2).await;
    commit(&rig, rig.partition("kept", 0).topic_partition()).await.unwrap();
}
