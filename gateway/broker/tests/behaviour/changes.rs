//! Topics, configs, records and producer ids that come and go.

use chronik_broker::ChangeError;
use chronik_state::{ConfigChange, ConfigResource, CreatePartitions, Rejection};
use chronik_types::{ErrorCode, IsolationLevel, NodeId, Offset, PartitionIndex};
use std::sync::Arc;

use crate::support::{NOW, Rig, batch, sequenced};

#[tokio::test]
async fn topics_are_found_by_name_and_id_until_they_are_deleted() {
    let mut rig = Rig::new().await;
    let topic = rig.topic("b", 3).await;
    rig.topic("a", 1).await;
    let again = rig.broker.create_topic(rig.new_topic("b", 1, &[])).await.unwrap_err();
    assert_eq!(again.error_code(), ErrorCode::TopicAlreadyExists);
    assert_eq!((rig.broker.topic_count(), rig.broker.partition_count()), (2, 4));
    let names = |rig: &Rig| rig.broker.topics().iter().map(|t| t.name().to_string()).collect::<Vec<_>>();
    assert_eq!(names(&rig), ["a", "b"]);
    rig.restart().await;
    assert_eq!(rig.broker.topic_by_id(topic.id()).unwrap().name(), topic.name());
    rig.broker.delete_topic(topic.id()).await.unwrap();
    assert_eq!(names(&rig), ["a"]);
    assert_eq!(rig.broker.partition_count(), 1);
    assert!(rig.broker.topic_by_id(topic.id()).is_none());
    let missing = rig.broker.delete_topic(topic.id()).await.unwrap_err();
    assert!(matches!(missing, ChangeError::Rejected(Rejection::UnknownTopic { .. })));
}

#[tokio::test]
async fn more_partitions_leave_the_others_as_they_are() {
    let rig = Rig::new().await;
    let topic = rig.topic("t", 1).await;
    let first = rig.partition("t", 0);
    rig.produce(&first, batch(2)).await.unwrap();
    let limits = rig.broker.topic_limits();
    let create = CreatePartitions { topic_id: topic.id(), total: 4, assignments: Vec::new(), limits };
    rig.broker.check_create_partitions(&create).unwrap();
    assert_eq!(rig.broker.create_partitions(create).await.unwrap(), 1);
    assert!(Arc::ptr_eq(&first, &rig.partition("t", 0)));
    assert_eq!(rig.broker.partition_count(), 4);
    assert_eq!(rig.produce(&rig.partition("t", 3), batch(1)).await.unwrap().base_offset, Offset::ZERO);
    // Handed out before: still the old number.
    assert!(topic.partition(PartitionIndex::new(3)).is_none());
}

#[tokio::test]
async fn configs_are_in_force_at_once_and_after_a_restart() {
    let mut rig = Rig::new().await;
    let own = rig.topic_with("own", 1, &[("max.message.bytes", "5000")]).await;
    rig.topic("default", 1).await;
    let set = |key: &str, value: &str| ConfigChange { key: key.into(), value: Some(value.into()) };
    let max = |rig: &Rig, topic| rig.partition(topic, 0).configs().max_message_bytes.get();
    let change = vec![set("message.max.bytes", "3000")];
    rig.broker.alter_configs(ConfigResource::BrokerDefault, change).await.unwrap();
    assert_eq!((max(&rig, "own"), max(&rig, "default")), (5_000, 3_000));
    let change = vec![set("message.max.bytes", "2000")];
    rig.broker.alter_configs(ConfigResource::Broker(NodeId::new(1)), change).await.unwrap();
    let change = vec![set("message.max.bytes", "1000")];
    rig.broker.alter_configs(ConfigResource::Broker(NodeId::new(2)), change).await.unwrap();
    for checkpointed in [false, true] {
        assert_eq!((max(&rig, "own"), max(&rig, "default")), (5_000, 2_000));
        assert_eq!(rig.broker.settings().topics.max_message_bytes.get(), 2_000);
        assert_eq!(rig.broker.dynamic_configs().cluster.len(), 1);
        if checkpointed {
            rig.checkpoint().await;
        }
        rig.restart().await;
    }
    let remove = vec![ConfigChange { key: "max.message.bytes".into(), value: None }];
    rig.broker.alter_configs(ConfigResource::Topic(own.id()), remove).await.unwrap();
    assert_eq!(max(&rig, "own"), 2_000);
    assert!(rig.broker.topic("own").unwrap().overrides().is_empty());
}

#[tokio::test]
async fn deleted_records_are_out_of_range() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    for _ in 0..3 {
        rig.produce(&partition, batch(4)).await.unwrap();
    }
    let at = partition.topic_partition();
    let starts = rig.broker.delete_records(vec![(at, Offset::new(6)), (at, Offset::new(13))]).await.unwrap();
    assert_eq!(starts[0], Ok(Offset::new(6)));
    assert_eq!(starts[1].as_ref().unwrap_err().error_code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(rig.read(&partition, 5).await.unwrap_err().error_code(), ErrorCode::OffsetOutOfRange);
    // The batch of the log start is read whole; the client drops what comes before.
    assert_eq!(rig.all(&partition).await[0].header().base_offset, Offset::new(4));
    assert_eq!(partition.size_bytes(), u64::try_from(batch(4).len() * 2).unwrap());
    rig.broker.delete_records(vec![(at, Offset::NONE)]).await.unwrap();
    assert_eq!((partition.log_start_offset().get(), partition.size_bytes()), (12, 0));
}

#[tokio::test]
async fn producer_ids_are_never_handed_out_twice() {
    let mut rig = Rig::new().await;
    let first = rig.broker.allocate_producer_id().await.unwrap();
    rig.restart().await;
    let second = rig.broker.allocate_producer_id().await.unwrap();
    rig.checkpoint().await;
    rig.restart().await;
    let third = rig.broker.allocate_producer_id().await.unwrap();
    assert!(first < second && second < third);
}

#[tokio::test]
async fn idle_producers_are_forgotten() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, sequenced(1, 0, 0, 1)).await.unwrap();
    rig.clock.advance(rig.settings.limits.producer_id_expiration);
    rig.produce(&partition, sequenced(2, 0, 0, 1)).await.unwrap();
    rig.broker.run_producer_expiry().await.unwrap();
    assert_eq!(rig.broker.producers(&partition).len(), 2);
    rig.clock.advance(std::time::Duration::from_millis(1));
    rig.broker.run_producer_expiry().await.unwrap();
    let left: Vec<_> = rig.broker.producers(&partition).iter().map(|p| p.producer_id.get()).collect();
    assert_eq!(left, [2]);
    assert!(rig.broker.producers(&partition)[0].last_timestamp == NOW);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_may_be_deleted_under_producers_and_readers() {
    let rig = Arc::new(Rig::new().await);
    for round in 0..20 {
        let topic = rig.topic("t", 1).await;
        let partition = rig.partition("t", 0);
        let producer = tokio::spawn({
            let (rig, partition) = (Arc::clone(&rig), Arc::clone(&partition));
            async move {
                loop {
                    if let Err(error) = rig.produce(&partition, batch(1)).await {
                        return error.error_code();
                    }
                }
            }
        });
        let reader = tokio::spawn({
            let (rig, partition) = (Arc::clone(&rig), Arc::clone(&partition));
            async move {
                let mut from = 0;
                loop {
                    let watch =
                        rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadUncommitted);
                    match rig.read(&partition, from).await {
                        Ok(records) if records.batches == 0 => watch.appended(1).await,
                        Ok(records) => from = records.next_offset.get(),
                        Err(error) => return error.error_code(),
                    }
                }
            }
        });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        rig.broker.delete_topic(topic.id()).await.unwrap();
        assert_eq!(producer.await.unwrap(), ErrorCode::UnknownTopicOrPartition);
        assert_eq!(reader.await.unwrap(), ErrorCode::UnknownTopicOrPartition);
    }
}

#[tokio::test]
async fn hashes_the_state_when_it_has_changed_and_only_then() {
    let mut rig = Rig::new().await;
    let hash = |rig: &Rig| rig.broker.state(chronik_state::State::last_hash);
    rig.broker.run_state_check().await.unwrap();
    let first = hash(&rig).unwrap();
    rig.broker.run_state_check().await.unwrap();
    assert_eq!(hash(&rig), Some(first), "nothing was applied in between");
    rig.topic("hashed", 1).await;
    rig.broker.run_state_check().await.unwrap();
    let second = hash(&rig).unwrap();
    assert!(second.position > first.position && second.hash != first.hash);
    // A replay takes the same hashes, or the broker would halt.
    rig.restart().await;
    assert_eq!(hash(&rig), Some(second));
}
