//! A damaged journal: what lies before the damage is read, and nothing is changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::{AppendError, MemoryBackend, MemoryOptions, ObjectName, Position, StorageBackend};
use chronik_broker::{ChangeError, ListedOffset, OffsetSpec, OpenError, ProduceError, ReadError};
use chronik_config::Settings;
use chronik_state::{ConfigChange, ConfigResource, CreatePartitions};
use chronik_types::{ErrorCode, IsolationLevel, ManualClock, Offset};

use crate::support::{Cold, NOW, Rig, batch, batches_of, open};

/// The position of the newest entry.
fn newest(rig: &Rig) -> Position {
    Position::new(rig.broker.state(|state| state.applied()).expect("an entry"))
}

/// A broker over two topics whose journal is damaged behind a checkpoint: of `lost` the second of two batches and the
/// whole topic `later` lie behind the damage.
async fn damaged() -> Rig {
    let mut rig = Rig::new().await;
    rig.topic_with("kept", 1, &[("retention.ms", "1")]).await;
    rig.topic("lost", 2).await;
    rig.produce(&rig.partition("kept", 0), batch(3)).await.unwrap();
    rig.checkpoint().await;
    rig.produce(&rig.partition("lost", 1), batch(2)).await.unwrap();
    rig.produce(&rig.partition("lost", 1), batch(5)).await.unwrap();
    let damage = newest(&rig);
    rig.topic("later", 1).await;
    rig.produce(&rig.partition("kept", 0), batch(1)).await.unwrap();
    rig.faults.damage(damage);
    rig.restart().await;
    rig
}

async fn objects(rig: &Rig) -> Vec<(ObjectName, Bytes)> {
    let mut found = Vec::new();
    for kind in ["checkpoint", "index"] {
        for name in rig.objects(kind).await {
            found.push((name.clone(), rig.backend.get(name).await.unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn what_lies_before_the_damage_is_read_start_after_start() {
    let mut rig = damaged().await;
    for _ in 0..2 {
        assert_eq!(rig.broker.topic_count(), 2);
        assert_eq!(rig.broker.metrics().storage_read_only.get(), 1);
        let (kept, lost) = (rig.partition("kept", 0), rig.partition("lost", 1));
        assert_eq!((rig.all(&kept).await.len(), kept.high_watermark()), (1, Offset::new(3)));
        assert_eq!((rig.all(&lost).await.len(), lost.high_watermark()), (1, Offset::new(2)));
        let latest =
            rig.broker.list_offset(&lost, OffsetSpec::Latest, IsolationLevel::ReadUncommitted).await.unwrap();
        assert!(matches!(latest, ListedOffset { offset, .. } if offset == Offset::new(2)), "{latest:?}");
        assert!(batches_of(&rig.read(&lost, 2).await.unwrap()).is_empty(), "the end is a place to wait at");
        rig.restart().await;
    }
}

#[tokio::test]
async fn an_offset_behind_the_damage_is_not_called_out_of_range() {
    let rig = damaged().await;
    let error = rig.read(&rig.partition("lost", 1), 4).await.unwrap_err();
    assert!(matches!(error, ReadError::BehindDamage { .. }), "{error}");
    assert_eq!(error.error_code(), ErrorCode::KafkaStorageError);
}

#[tokio::test]
async fn every_change_is_refused_with_the_damage() {
    let rig = damaged().await;
    let damage = rig.broker.storage().read_only.expect("read-only");
    let before = objects(&rig).await;
    let (kept, lost) = (rig.partition("kept", 0), rig.broker.topic("lost").unwrap());
    let error = rig.produce(&kept, batch(1)).await.unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::KafkaStorageError);
    let ProduceError::Storage(AppendError::ReadOnly { damage: found }) = &error else { panic!("{error}") };
    assert_eq!(*found, damage);
    let limits = rig.broker.topic_limits();
    let more = CreatePartitions { topic_id: lost.id(), total: 4, assignments: Vec::new(), limits };
    let config = ConfigChange { key: "retention.ms".into(), value: Some("1".into()) };
    let changes: [Result<(), ChangeError>; 8] = [
        rig.broker.create_topic(rig.new_topic("new", 1, &[])).await.map(drop),
        rig.broker.create_partitions(more).await.map(drop),
        rig.broker.delete_topic(lost.id()).await.map(drop),
        rig.broker.delete_records(vec![(kept.topic_partition(), Offset::new(1))]).await.map(drop),
        rig.broker.alter_configs(ConfigResource::Topic(lost.id()), vec![config]).await,
        rig.broker.allocate_producer_id().await.map(drop),
        {
            rig.clock.advance(Duration::from_secs(60));
            rig.broker.run_retention().await
        },
        rig.broker.run_state_check().await,
    ];
    for change in changes {
        let error = change.unwrap_err();
        assert_eq!(error.error_code(), ErrorCode::KafkaStorageError, "{error}");
        assert!(error.to_string().contains(&damage.to_string()), "{error}");
    }
    rig.backend.seal();
    rig.broker.close().await;
    assert_eq!(objects(&rig).await, before);
}

#[tokio::test]
async fn a_journal_that_is_damaged_at_its_start_is_refused() {
    let mut rig = Rig::new().await;
    rig.faults.damage(newest(&rig));
    let error = rig.reopen(rig.faults.restart()).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn there_is_no_upkeep() {
    let clock = Arc::new(ManualClock::new(NOW));
    let mut tried = Vec::new();
    for backend in [MemoryBackend::new(MemoryOptions::default()), damaged().await.faults.restart()] {
        let cold = Arc::new(Cold::over(Arc::new(backend)));
        let shared: Arc<dyn StorageBackend> = Arc::clone(&cold) as _;
        let broker = open(&Settings::default(), &clock, &shared).await.unwrap();
        let opened = cold.changes();
        // Virtual time: all intervals of upkeep pass.
        tokio::time::sleep(Duration::from_secs(7200)).await;
        tried.push(cold.changes() - opened);
        drop(broker);
    }
    assert!(tried[0] > 0 && tried[1] == 0, "{tried:?}");
}
