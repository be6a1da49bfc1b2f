//! Everything at once: producers, readers, deletions of records, seals, checkpoints and trims; then a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chronik_config::Settings;
use chronik_types::{Entropy, ErrorCode, IsolationLevel, Offset};

use crate::support::{Rig, batch, batches_of};

const PARTITIONS: i32 = 3;

/// Reads a partition to its end, over and over; whatever is there is contiguous and whole.
async fn reader(rig: Arc<Rig>, index: i32, done: Arc<AtomicBool>) -> i64 {
    let partition = rig.partition("t", index);
    let mut from = 0;
    loop {
        let watch = rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadUncommitted);
        match rig.read(&partition, from).await {
            Ok(records) if records.batches == 0 => {
                if done.load(Ordering::SeqCst) && from == partition.high_watermark().get() {
                    return from;
                }
                tokio::select! {
                    () = watch.appended(1) => {}
                    () = tokio::task::yield_now() => {}
                }
            }
            Ok(records) => {
                let batches = batches_of(&records);
                let header = batches[0].header();
                assert!(header.base_offset.get() <= from && from < header.next_offset().get());
                let next = |pair: &[_]| -> bool {
                    let [one, two]: &[chronik_wire::batch::RecordBatch; 2] = pair.try_into().unwrap();
                    one.header().next_offset() == two.header().base_offset
                };
                assert!(batches.windows(2).all(next));
                from = records.next_offset.get();
            }
            // Deleted meanwhile.
            Err(error) => {
                assert_eq!(error.error_code(), ErrorCode::OffsetOutOfRange, "{error}");
                let log_start = partition.log_start_offset().get();
                assert!(log_start > from, "{from} is not below {log_start}");
                from = log_start;
            }
        }
    }
}

async fn producer(rig: Arc<Rig>, seed: u64) {
    let entropy = Entropy::seeded(seed);
    for _ in 0..120 {
        let index = i32::try_from(entropy.below(3)).unwrap();
        let partition = rig.partition("t", index);
        let count = i32::try_from(entropy.below(9)).unwrap() + 1;
        rig.produce(&partition, batch(count)).await.unwrap();
        if entropy.below(10) == 0 {
            let lag = i64::try_from(entropy.below(200)).unwrap();
            let start = (partition.high_watermark().get() - lag).max(0);
            let at = partition.topic_partition();
            rig.broker.delete_records(vec![(at, Offset::new(start))]).await.unwrap();
        }
        if entropy.below(30) == 0 {
            rig.broker.run_retention().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_in_the_way_of_anything_else() {
    for seed in 0..4 {
        let rig = Arc::new(Rig::with(Settings::default(), 2_000).await);
        rig.topic_with("t", PARTITIONS, &[("retention.bytes", "20000")]).await;
        let done = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..PARTITIONS)
            .map(|index| tokio::spawn(reader(Arc::clone(&rig), index, Arc::clone(&done))))
            .collect();
        let producers: Vec<_> =
            (0..4).map(|each| tokio::spawn(producer(Arc::clone(&rig), seed * 10 + each))).collect();
        for producer in producers {
            producer.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        let mut ends = Vec::new();
        for reader in readers {
            ends.push(reader.await.unwrap());
        }
        rig.settled().await;
        assert!(rig.backend.start().get() > 0, "the journal was trimmed");
        let mut contents = Vec::new();
        for index in 0..PARTITIONS {
            contents.push(rig.all(&rig.partition("t", index)).await);
        }
        let hash = rig.broker.state(|state| state.hash());
        let mut rig = Arc::into_inner(rig).expect("nobody else has it any more");
        rig.restart().await;
        assert_eq!(rig.broker.state(|state| state.hash()), hash);
        for (index, (end, batches)) in (0..).zip(ends.into_iter().zip(contents)) {
            let partition = rig.partition("t", index);
            assert_eq!(partition.high_watermark().get(), end);
            assert_eq!(rig.all(&partition).await, batches);
        }
    }
}
