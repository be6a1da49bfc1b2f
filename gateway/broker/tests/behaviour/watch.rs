//! Long polls: woken when it suffices, never too late, and never forgotten.

use std::sync::Arc;
use std::time::Duration;

use chronik_types::IsolationLevel;

use crate::support::{Rig, batch, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_append_is_missed_in_any_interleaving() {
    let rig = Arc::new(Rig::new().await);
    rig.topic("t", 3).await;
    for round in 0..300_i64 {
        let partition = rig.partition("t", i32::try_from(round % 3).unwrap());
        let from = partition.high_watermark().get();
        let reader = {
            let (rig, partition) = (Arc::clone(&rig), Arc::clone(&partition));
            tokio::spawn(async move {
                let watch = rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadUncommitted);
                let mut records = rig.read(&partition, from).await.unwrap();
                if records.bytes == 0 {
                    watch.appended(1).await;
                    records = rig.read(&partition, from).await.unwrap();
                }
                records.bytes
            })
        };
        // Sometimes the reader is first, sometimes the writer.
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        rig.produce(&partition, batch(1)).await.unwrap();
        let bytes = tokio::time::timeout(Duration::from_secs(10), reader).await.expect("woken").unwrap();
        assert_eq!(bytes, batch(1).len());
    }
}

#[tokio::test]
async fn is_woken_only_when_the_bytes_suffice() {
    let rig = Rig::new().await;
    rig.topic("t", 2).await;
    let one = u64::try_from(batch(1).len()).unwrap();
    let partitions = vec![rig.partition("t", 0), rig.partition("t", 1)];
    let watch = Arc::new(rig.broker.watch(partitions.clone(), IsolationLevel::ReadUncommitted));
    let waiting = tokio::spawn({
        let watch = Arc::clone(&watch);
        async move { watch.appended(3 * one).await }
    });
    eventually(|| rig.broker.metrics().waiting_fetches.get() == 1).await;
    for partition in [0, 1] {
        rig.produce(&partitions[partition], batch(1)).await.unwrap();
    }
    // Producers are answered first.
    eventually(|| watch.appended_bytes() == 2 * one).await;
    assert!(!waiting.is_finished());
    rig.produce(&partitions[0], batch(1)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
    assert_eq!(rig.broker.metrics().waiting_fetches.get(), 0);
    // What has been appended already is not waited for.
    watch.appended(3 * one).await;
}

#[tokio::test]
async fn a_whole_commit_group_counts_before_anybody_is_woken() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let one = u64::try_from(batch(1).len()).unwrap();
    let watch = rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadUncommitted);
    rig.faults.hold();
    let mut submitted = Vec::new();
    for _ in 0..10 {
        let batches =
            vec![chronik_broker::ProduceBatch { partition: Arc::clone(&partition), records: batch(1) }];
        let request = chronik_broker::ProduceRequest { batches, zstd_allowed: true, transaction: None };
        submitted.push(rig.broker.submit(request).await);
    }
    let waiting = watch.appended(1);
    tokio::pin!(waiting);
    assert!(futures_pending(&mut waiting).await);
    rig.faults.release();
    waiting.await;
    assert_eq!(watch.appended_bytes(), 10 * one);
}

#[tokio::test]
async fn a_partition_that_is_named_twice_counts_once() {
    let rig = Rig::new().await;
    rig.topic("t", 2).await;
    let one = u64::try_from(batch(1).len()).unwrap();
    let (first, second) = (rig.partition("t", 0), rig.partition("t", 1));
    let named = vec![Arc::clone(&second), Arc::clone(&first), Arc::clone(&second), Arc::clone(&first)];
    let watch = rig.broker.watch(named, IsolationLevel::ReadUncommitted);
    rig.produce(&first, batch(1)).await.unwrap();
    rig.produce(&second, batch(1)).await.unwrap();
    watch.appended(2 * one).await;
    assert_eq!(watch.appended_bytes(), 2 * one);
}

/// Polls once; true when it has to wait.
async fn futures_pending(future: &mut std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn the_end_of_a_topic_wakes_its_readers() {
    let rig = Rig::new().await;
    let topic = rig.topic("t", 1).await;
    let watch = rig.broker.watch(vec![rig.partition("t", 0)], IsolationLevel::ReadUncommitted);
    let waiting = tokio::spawn(async move { watch.appended(u64::MAX).await });
    eventually(|| rig.broker.metrics().waiting_fetches.get() == 1).await;
    rig.broker.delete_topic(topic.id()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
}

#[tokio::test]
async fn a_cancelled_wait_leaves_nothing_behind() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let references = Arc::strong_count(&partition);
    let watch = rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadUncommitted);
    let waiting = tokio::spawn(async move { watch.appended(1).await });
    eventually(|| rig.broker.metrics().waiting_fetches.get() == 1).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(rig.broker.metrics().waiting_fetches.get(), 0);
    assert_eq!(Arc::strong_count(&partition), references);
    rig.produce(&partition, batch(1)).await.unwrap();
}
