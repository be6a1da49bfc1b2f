//! The broker core over the write-ahead log, where old batches have to be read from files and indexes outlive a process.
#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::StorageBackend;
use chronik_broker::{Broker, BrokerOptions, Partition, ProduceBatch, ProduceRequest, ReadRequest};
use chronik_config::Settings;
use chronik_state::{Configs, CreateTopic};
use chronik_types::{Entropy, IsolationLevel, ManualClock, Offset, TimestampMs, TopicName};
use chronik_wal::{WalBackend, WalOptions};
use chronik_wire::batch::{BatchBuilder, Batches, NewRecord};

const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

/// Opens the log, as soon as the tasks of the broker before, which end by themselves, have let go of it.
async fn open_log(dir: &Path, clock: &Arc<ManualClock>) -> WalBackend {
    loop {
        let fatal = Box::new(|error| panic!("{error}"));
        let mut options = WalOptions::new(dir.to_owned(), Arc::clone(clock) as _, Entropy::seeded(1), fatal);
        options.segment_bytes = 1 << 20;
        options.cache_bytes = 256 << 10;
        match WalBackend::open(options) {
            Err(chronik_wal::OpenError::Locked { .. }) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

async fn open(dir: &Path) -> (Arc<Broker>, Arc<WalBackend>) {
    let clock = Arc::new(ManualClock::new(NOW));
    let opened = tokio::time::timeout(Duration::from_secs(10), open_log(dir, &clock)).await;
    let backend = Arc::new(opened.expect("nobody else has the log open"));
    let options = BrokerOptions::new(Settings::default(), clock, Entropy::seeded(2));
    (Broker::open(options, Arc::clone(&backend) as _).await.unwrap(), backend)
}

fn batch(entropy: &Entropy) -> Bytes {
    // Mostly small, sometimes larger than what is copied into an answer.
    let size = if entropy.below(4) == 0 { entropy.below(30_000) } else { entropy.below(300) };
    let mut value = vec![0; usize::try_from(size).unwrap()];
    entropy.fill(&mut value);
    let record = NewRecord { timestamp: NOW, key: Some(b"k"), value: Some(&value), headers: &[] };
    (0..=entropy.below(3)).fold(BatchBuilder::new(), |builder, _| builder.record(&record)).build().unwrap()
}

async fn produce(broker: &Broker, partition: &Arc<Partition>, records: Bytes) -> Offset {
    let batches = vec![ProduceBatch { partition: Arc::clone(partition), records }];
    let request = ProduceRequest { batches, zstd_allowed: true, transaction: None };
    broker.produce(request).await.pop().unwrap().unwrap().base_offset
}

/// Offset and bytes, as sent, of every batch from the log start on.
async fn read_all(broker: &Broker, partition: &Arc<Partition>) -> BTreeMap<i64, Bytes> {
    let mut found = BTreeMap::new();
    let mut from = partition.log_start_offset();
    while from < partition.high_watermark() {
        let isolation = IsolationLevel::ReadUncommitted;
        let request = ReadRequest { from, max_bytes: 100_000, min_one_batch: true, isolation };
        let records = broker.read(partition, request).await.unwrap();
        assert!(records.next_offset > from);
        from = records.next_offset;
        for batch in Batches::new(records.segments.concat().into()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            let base = batch.header().base_offset;
            // Less what the broker assigns.
            found.insert(base.get(), batch.into_bytes().slice(16..));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_come_back_from_files_and_files_go_when_nothing_is_left_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let entropy = Entropy::seeded(5);
    let (mut broker, mut backend) = open(dir.path()).await;
    let create = CreateTopic {
        name: TopicName::new("t").unwrap(),
        topic_id: broker.new_topic_id(),
        partitions: 3,
        replication_factor: 1,
        configs: Configs::default(),
        assignments: Vec::new(),
        limits: broker.topic_limits(),
    };
    broker.create_topic(create).await.unwrap();
    let mut sent = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    for _ in 0..2 {
        let topic = broker.topic("t").unwrap();
        for _ in 0..300 {
            let index = usize::try_from(entropy.below(3)).unwrap();
            let records = batch(&entropy);
            let base = produce(&broker, &topic.partitions()[index], records.clone()).await;
            sent[index].insert(base.get(), records.slice(16..));
        }
        for (partition, sent) in topic.partitions().iter().zip(&sent) {
            assert_eq!(read_all(&broker, partition).await, *sent);
        }
        assert!(broker.metrics().cold_batches.get() > 0, "the cache is too small for all of it");
        broker.close().await;
        drop((topic, broker, backend));
        (broker, backend) = open(dir.path()).await;
    }
    let topic = broker.topic("t").unwrap();
    for (partition, sent) in topic.partitions().iter().zip(&sent) {
        assert_eq!(read_all(&broker, partition).await, *sent);
    }

    let before = backend.status().segments;
    assert!(before > 2, "{before}");
    let ends = topic.partitions().iter().map(|partition| (partition.topic_partition(), Offset::NONE));
    broker.delete_records(ends.collect()).await.unwrap();
    broker.run_retention().await.unwrap();
    let freed = async {
        while backend.status().segments > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.expect("segments are given up");
    let ends: Vec<_> = topic.partitions().iter().map(|partition| partition.high_watermark()).collect();
    broker.close().await;
    drop((topic, broker, backend));
    let (broker, _backend) = open(dir.path()).await;
    for (partition, end) in broker.topic("t").unwrap().partitions().iter().zip(ends) {
        assert_eq!((partition.log_start_offset(), partition.high_watermark()), (end, end));
        assert_eq!(produce(&broker, partition, batch(&entropy)).await, end);
    }
}
