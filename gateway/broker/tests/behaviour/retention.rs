//! Retention by age and by size, and the space that comes back.

use std::sync::Arc;
use std::time::Duration;

use chronik_backend::AppendError;
use chronik_broker::{ProduceBatch, ProduceRequest};
use chronik_config::Settings;
use chronik_types::{Entropy, Offset};

use crate::support::{NOW, Rig, batch, batch_at, eventually};

#[tokio::test]
async fn records_go_by_age_and_no_earlier() {
    let rig = Rig::new().await;
    rig.topic_with("t", 1, &[("retention.ms", "1000")]).await;
    rig.topic_with("kept", 1, &[("retention.ms", "-1")]).await;
    rig.topic_with("compacted", 1, &[("retention.ms", "1"), ("cleanup.policy", "compact")]).await;
    let partition = rig.partition("t", 0);
    for topic in ["kept", "compacted"] {
        rig.produce(&rig.partition(topic, 0), batch_at(&[1])).await.unwrap();
    }
    // The third is newer than the fourth, which it keeps.
    for age in [900, 400, -500, 300] {
        rig.produce(&partition, batch_at(&[NOW.get() - age, NOW.get() - age - 50])).await.unwrap();
    }
    for (advance, log_start) in [(0, 0), (100, 0), (1, 2), (499, 2), (1, 4), (899, 4), (1, 8)] {
        rig.clock.advance(Duration::from_millis(advance));
        rig.broker.run_retention().await.unwrap();
        assert_eq!(partition.log_start_offset().get(), log_start, "after {advance} more");
    }
    for topic in ["kept", "compacted"] {
        assert_eq!(rig.partition(topic, 0).log_start_offset(), Offset::ZERO);
    }
}

#[tokio::test]
async fn a_refusal_keeps_a_thousand_partitions_at_most() {
    let rig = Rig::new().await;
    let topic = rig.topic_with("t", 1_003, &[("retention.ms", "1000")]).await;
    let batches = topic
        .partitions()
        .iter()
        .map(|partition| ProduceBatch { partition: Arc::clone(partition), records: batch(1) });
    let request = ProduceRequest { batches: batches.collect(), zstd_allowed: true, transaction: None };
    assert!(rig.broker.produce(request).await.iter().all(Result::is_ok));
    rig.clock.advance(Duration::from_secs(2));
    let kept = || topic.partitions().iter().filter(|partition| partition.size_bytes() > 0).count();
    rig.faults.fail_append(1, AppendError::Overloaded { queued: 2, limit: 1 });
    rig.broker.run_retention().await.unwrap_err();
    assert_eq!(kept(), 1_000);
    rig.broker.run_retention().await.unwrap();
    assert_eq!(kept(), 0);
}

#[tokio::test]
async fn records_go_by_size_but_never_more_than_needed() {
    let mut rig = Rig::new().await;
    let size = batch(1).len();
    let limit = (size * 3).to_string();
    rig.topic_with("t", 1, &[("retention.bytes", &limit), ("retention.ms", "-1")]).await;
    for round in 0..4 {
        let partition = rig.partition("t", 0);
        for _ in 0..5 {
            rig.produce(&partition, batch(1)).await.unwrap();
        }
        rig.broker.run_retention().await.unwrap();
        let end = partition.high_watermark().get();
        assert_eq!(partition.log_start_offset().get(), end - 3, "round {round}");
        assert_eq!(partition.size_bytes(), u64::try_from(size * 3).unwrap());
        // With the next round the part on the border is in an index object.
        rig.checkpoint().await;
        if round == 1 {
            rig.restart().await;
        }
    }
}

#[tokio::test]
async fn space_comes_back_and_a_restart_finds_the_rest() {
    let mut rig = Rig::with(Settings::default(), 4_000).await;
    rig.topic_with("t", 2, &[("retention.ms", "1000")]).await;
    let mut kept = Vec::new();
    for round in 0..10 {
        for index in [0, 1] {
            for _ in 0..20 {
                let now = NOW.get() + round * 400;
                rig.produce(&rig.partition("t", index), batch_at(&[now])).await.unwrap();
            }
        }
        rig.clock.advance(Duration::from_millis(400));
        rig.broker.run_retention().await.unwrap();
        kept.push(rig.partition("t", 0).log_start_offset().get());
    }
    assert!(kept.is_sorted() && kept[9] > 100, "{kept:?}");
    eventually(|| rig.backend.start().get() > 4_000).await;
    let before = rig.backend.status().bytes_used;
    let all = rig.all(&rig.partition("t", 1)).await;
    rig.restart().await;
    assert_eq!(rig.all(&rig.partition("t", 1)).await, all);

    // Once all of it is too old, nothing is left but what describes the cluster.
    rig.clock.advance(Duration::from_secs(3_600));
    rig.broker.run_retention().await.unwrap();
    let end = rig.partition("t", 0).high_watermark();
    assert_eq!(rig.partition("t", 0).log_start_offset(), end);
    eventually(|| rig.backend.status().bytes_used < before / 2).await;
    eventually(|| rig.backend.status().segments == 1).await;
    rig.restart().await;
    assert_eq!(rig.partition("t", 0).high_watermark(), end);
    assert_eq!(rig.produce(&rig.partition("t", 0), batch(1)).await.unwrap().base_offset, end);
    assert!(rig.objects("index").await.len() <= 1);
}

#[tokio::test]
async fn deleting_topics_and_records_gives_space_back() {
    let rig = Rig::with(Settings::default(), 8_000).await;
    let topic = rig.topic("doomed", 3).await;
    rig.topic("emptied", 1).await;
    let entropy = Entropy::seeded(3);
    for _ in 0..300 {
        let index = i32::try_from(entropy.below(3)).unwrap();
        rig.produce(&rig.partition("doomed", index), batch(1)).await.unwrap();
        rig.produce(&rig.partition("emptied", 0), batch(1)).await.unwrap();
    }
    let before = rig.backend.status().bytes_used;
    rig.broker.delete_topic(topic.id()).await.unwrap();
    let at = rig.partition("emptied", 0).topic_partition();
    rig.broker.delete_records(vec![(at, Offset::new(290))]).await.unwrap();
    eventually(|| rig.backend.status().bytes_used < before / 4).await;
    let left = rig.all(&rig.partition("emptied", 0)).await;
    assert_eq!(
        left.iter().map(|batch| batch.header().base_offset.get()).collect::<Vec<_>>(),
        (290..300).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn nothing_is_given_up_that_no_checkpoint_covers() {
    // There is nothing left to index, so that the first object is the checkpoint, and the second its copy.
    for failing in [1, 2] {
        let mut rig = Rig::new().await;
        let topic = rig.topic("doomed", 1).await;
        rig.topic("kept", 1).await;
        rig.produce(&rig.partition("doomed", 0), batch(1)).await.unwrap();
        rig.broker.delete_topic(topic.id()).await.unwrap();
        rig.faults.fail_put(failing, std::io::ErrorKind::Other);
        rig.backend.seal();
        eventually(|| rig.broker.metrics().checkpoint_errors.get() > 0).await;
        assert_eq!(rig.backend.start().get(), 0);
        rig.restart().await;
        assert!(rig.broker.topic("kept").is_some());
        // One of the two is not enough; the next checkpoint is written twice.
        rig.broker.allocate_producer_id().await.unwrap();
        rig.checkpoint().await;
        assert!(rig.backend.start().get() > 0);
        let newest = rig.objects("checkpoint").await.pop().unwrap();
        assert!(newest.name().ends_with(".copy"), "{newest}");
    }
}
