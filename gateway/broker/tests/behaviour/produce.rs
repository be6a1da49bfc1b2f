//! Appending: offsets, checks, idempotence, order, storage that says no.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, AppendError};
use chronik_broker::{ProduceBatch, ProduceError, ProduceRequest};
use chronik_config::{ByteSize, Settings};
use chronik_types::{CompressionType, ErrorCode, TimestampMs, TimestampType};
use chronik_wire::batch::{BatchBuilder, NewRecord, RecordBatch};

use crate::support::{NOW, Rig, batch, batch_at, eventually, records, sequenced};

#[tokio::test]
async fn offsets_follow_each_other() {
    let rig = Rig::new().await;
    rig.topic("t", 2).await;
    let partition = rig.partition("t", 1);
    for (count, expected) in [(3, 0), (1, 3), (5, 4)] {
        let produced = rig.produce(&partition, batch(count)).await.unwrap();
        assert_eq!(produced.base_offset.get(), expected);
        assert_eq!(produced.log_append_time, TimestampMs::NONE);
    }
    assert_eq!(partition.high_watermark().get(), 9);
    assert_eq!(rig.partition("t", 0).high_watermark().get(), 0);
    let sizes: usize = [3, 1, 5].map(|count| batch(count).len()).iter().sum();
    assert_eq!(partition.size_bytes(), u64::try_from(sizes).unwrap());
}

#[tokio::test]
async fn one_request_may_fail_in_parts() {
    let rig = Rig::new().await;
    rig.topic("t", 3).await;
    let mut corrupt = batch(1).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let batches = vec![
        ProduceBatch { partition: rig.partition("t", 0), records: batch(2) },
        ProduceBatch { partition: rig.partition("t", 1), records: corrupt.into() },
        ProduceBatch { partition: rig.partition("t", 2), records: batch(1) },
        ProduceBatch { partition: rig.partition("t", 2), records: batch(1) },
    ];
    let results = rig.broker.produce(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await;
    let offsets: Vec<_> =
        results.iter().map(|result| result.as_ref().ok().map(|p| p.base_offset.get())).collect();
    assert_eq!(offsets, [Some(0), None, Some(0), Some(1)]);
    assert_eq!(results[1].as_ref().unwrap_err().error_code(), ErrorCode::CorruptMessage);
    assert_eq!(rig.partition("t", 1).high_watermark().get(), 0);
}

#[tokio::test]
async fn refuses_what_the_topic_does_not_accept() {
    let rig = Rig::new().await;
    rig.topic_with("small", 1, &[("max.message.bytes", "100")]).await;
    rig.topic_with("compacted", 1, &[("cleanup.policy", "compact")]).await;
    rig.topic("plain", 1).await;
    let keyless = BatchBuilder::new().record(&NewRecord { timestamp: NOW, ..NewRecord::default() });
    let transactional = sequenced(1, 0, 0, 1);
    let transactional = {
        let record = NewRecord { timestamp: NOW, key: Some(b"k"), ..NewRecord::default() };
        let header = *RecordBatch::parse(transactional).unwrap().header();
        let builder =
            BatchBuilder::new().producer(header.producer_id, header.producer_epoch, header.base_sequence);
        builder.transactional().record(&record).build().unwrap()
    };
    let future = batch_at(&[NOW.get() + 3_600_001]);
    let control = records(BatchBuilder::new().control(), &[NOW.get()]).build().unwrap();
    for (topic, records, code) in [
        ("small", batch(9), ErrorCode::MessageTooLarge),
        ("compacted", keyless.build().unwrap(), ErrorCode::InvalidRecord),
        ("plain", transactional, ErrorCode::TransactionalIdAuthorizationFailed),
        ("plain", future, ErrorCode::InvalidTimestamp),
        ("plain", control, ErrorCode::InvalidRecord),
        ("plain", Bytes::new(), ErrorCode::InvalidRecord),
    ] {
        let partition = rig.partition(topic, 0);
        let error = rig.produce(&partition, records).await.unwrap_err();
        assert_eq!(error.error_code(), code, "{topic}: {error}");
        assert_eq!(partition.high_watermark().get(), 0);
    }
    let keyless = BatchBuilder::new().record(&NewRecord { timestamp: NOW, ..NewRecord::default() });
    rig.produce(&rig.partition("plain", 0), keyless.build().unwrap()).await.unwrap();
    rig.produce(&rig.partition("compacted", 0), batch(2)).await.unwrap();
}

#[tokio::test]
async fn stamps_batches_with_the_time_of_the_append() {
    let rig = Rig::new().await;
    rig.topic_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let partition = rig.partition("t", 0);
    let produced = rig.produce(&partition, batch_at(&[5, 6])).await.unwrap();
    assert_eq!(produced.log_append_time, NOW);
    let stored = rig.all(&partition).await;
    let header = stored[0].header();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.max_timestamp, NOW);
}

#[tokio::test]
async fn recompresses_when_the_topic_says_so() {
    let rig = Rig::new().await;
    rig.topic_with("t", 1, &[("compression.type", "zstd")]).await;
    let partition = rig.partition("t", 0);
    let many: Vec<i64> = vec![NOW.get(); 2_000];
    for codec in [CompressionType::None, CompressionType::Gzip, CompressionType::Zstd] {
        let sent = records(BatchBuilder::new().codec(codec), &many).build().unwrap();
        rig.produce(&partition, sent).await.unwrap();
    }
    let expected = RecordBatch::parse(batch_at(&many)).unwrap().decode(1 << 20).unwrap();
    for stored in rig.all(&partition).await {
        assert_eq!(stored.header().codec(), Some(CompressionType::Zstd));
        assert_eq!(stored.decode(1 << 20).unwrap().body(), expected.body());
    }
}

#[tokio::test]
async fn what_decompresses_to_more_than_a_request_is_refused_whatever_the_topic_allows() {
    let mut settings = Settings::default();
    settings.limits.socket_request_max_bytes = ByteSize::mib(20);
    let rig = Rig::with(settings, 1 << 20).await;
    let configs = [("cleanup.policy", "compact"), ("max.message.bytes", "2147483647")];
    rig.topic_with("t", 1, &configs).await;
    let partition = rig.partition("t", 0);
    let zeros = |bytes: usize| {
        let value = vec![0; bytes];
        let record =
            NewRecord { timestamp: NOW, key: Some(b"k"), value: Some(&value), ..NewRecord::default() };
        BatchBuilder::new().codec(CompressionType::Zstd).record(&record).build().unwrap()
    };
    let large = zeros(21 << 20);
    assert!(large.len() < 16 << 10, "small enough to be worked on in place, by the look of it");
    let refused = rig.produce(&partition, large).await.unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::MessageTooLarge, "{refused}");
    // More of them than there are cores, after one that failed.
    let records = zeros(2 << 20);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let batches = vec![ProduceBatch { partition: Arc::clone(&partition), records: records.clone() }];
        let (broker, request) =
            (Arc::clone(&rig.broker), ProduceRequest { batches, zstd_allowed: true, transaction: None });
        waiting.spawn(async move { broker.produce(request).await });
    }
    for results in waiting.join_all().await {
        assert!(results[0].is_ok(), "{results:?}");
    }
    assert_eq!(partition.high_watermark().get(), 40);
}

#[tokio::test]
async fn duplicates_answer_the_original_offset_also_after_a_restart() {
    let mut rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, batch(4)).await.unwrap();
    let first = rig.produce(&partition, sequenced(7, 0, 0, 3)).await.unwrap();
    rig.produce(&partition, sequenced(7, 0, 3, 1)).await.unwrap();
    for checkpointed in [false, true] {
        if checkpointed {
            rig.checkpoint().await;
        }
        rig.restart().await;
        let partition = rig.partition("t", 0);
        let again = rig.produce(&partition, sequenced(7, 0, 0, 3)).await.unwrap();
        assert_eq!(again.base_offset, first.base_offset);
        let gap = rig.produce(&partition, sequenced(7, 0, 9, 1)).await.unwrap_err();
        assert_eq!(gap.error_code(), ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(partition.high_watermark().get(), 8);
    }
    let producers = rig.broker.producers(&rig.partition("t", 0));
    assert_eq!(
        (producers.len(), producers[0].producer_id.get(), producers[0].last_sequence.get()),
        (1, 7, 3)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_producers_share_a_partition_without_gaps() {
    let rig = Arc::new(Rig::new().await);
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let producers: Vec<_> = (0..8)
        .map(|_| {
            let (rig, partition) = (Arc::clone(&rig), Arc::clone(&partition));
            tokio::spawn(async move {
                let mut ranges = Vec::new();
                for count in 1..=25 {
                    let base = rig.produce(&partition, batch(count)).await.unwrap().base_offset.get();
                    ranges.push((base, base + i64::from(count)));
                }
                ranges
            })
        })
        .collect();
    let mut ranges = Vec::new();
    for producer in producers {
        ranges.extend(producer.await.unwrap());
    }
    ranges.sort_unstable();
    let stored: Vec<_> = rig
        .all(&partition)
        .await
        .iter()
        .map(|batch| (batch.header().base_offset.get(), batch.header().next_offset().get()))
        .collect();
    assert_eq!(stored, ranges);
    assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0));
}

#[tokio::test]
async fn submitted_requests_keep_their_order() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.faults.hold();
    let mut waiting = Vec::new();
    for sequence in 0..20 {
        let records = sequenced(1, 0, sequence, 1);
        let batches = vec![ProduceBatch { partition: Arc::clone(&partition), records }];
        waiting
            .push(rig.broker.submit(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await);
    }
    assert_eq!(partition.high_watermark().get(), 0);
    rig.faults.release();
    for (offset, submitted) in (0..).zip(waiting) {
        let produced = submitted.committed(&rig.broker).await.pop().unwrap().unwrap();
        assert_eq!(produced.base_offset.get(), offset);
    }
}

#[tokio::test]
async fn a_full_or_failed_storage_is_told() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.faults.fail_append(1, AppendError::Full { detail: "test".into() });
    let error = rig.produce(&partition, batch(1)).await.unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::KafkaStorageError);
    assert_eq!(rig.produce(&partition, batch(1)).await.unwrap().base_offset.get(), 0);

    rig.faults.fail_write(1);
    let batches = vec![ProduceBatch { partition: Arc::clone(&partition), records: batch(1) }];
    let pending = rig.broker.submit(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await;
    let probe =
        || Append { token: u64::MAX, entry: Bytes::new(), data: Vec::new(), class: AppendClass::Data };
    eventually(|| rig.backend.append(probe()).is_err()).await;
    let after = rig.produce(&partition, batch(1)).await.unwrap_err();
    assert!(matches!(after, ProduceError::Storage(AppendError::Closed)), "{after}");
    // What was under way is never acknowledged; the process ends, as S3 says.
    let acknowledged = tokio::select! {
        biased;
        results = pending.committed(&rig.broker) => results.iter().any(Result::is_ok),
        () = std::future::ready(()) => false,
    };
    assert!(!acknowledged);
    assert_eq!(partition.high_watermark().get(), 1);
}

#[tokio::test]
async fn a_request_larger_than_an_entry_takes_several() {
    let rig = Rig::with(Settings::default(), 64 << 20).await;
    rig.topic_with("t", 1, &[("max.message.bytes", "20000000")]).await;
    let value = vec![7; 9 << 20];
    let record = NewRecord { timestamp: NOW, key: Some(b"k"), value: Some(&value), headers: &[] };
    let large = BatchBuilder::new().record(&record).build().unwrap();
    let partition = rig.partition("t", 0);
    let batches =
        (0..3).map(|_| ProduceBatch { partition: Arc::clone(&partition), records: large.clone() }).collect();
    let results = rig.broker.produce(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await;
    let offsets: Vec<_> = results.into_iter().map(|result| result.unwrap().base_offset.get()).collect();
    assert_eq!(offsets, [0, 1, 2]);
}
