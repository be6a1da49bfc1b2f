//! Reading: from every offset, within limits, from memory and from the medium.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use chronik_backend::{Position, StorageBackend};
use chronik_broker::{ReadError, ReadRequest};
use chronik_types::{ErrorCode, LeaderEpoch};
use chronik_wire::batch::{BatchBuilder, NewRecord};

use crate::support::{Cold, NOW, Rig, batch, batches_of, open, read_from};

#[tokio::test]
async fn every_offset_of_every_batch_can_be_read() {
    let mut rig = Rig::new().await;
    rig.topic("t", 2).await;
    let counts = [1, 5, 2, 7, 1, 3];
    for round in 0..3 {
        for count in counts {
            rig.produce(&rig.partition("t", 0), batch(count)).await.unwrap();
            rig.produce(&rig.partition("t", 1), batch(1)).await.unwrap();
        }
        // The first two rounds end up in index objects, of two segments; the last one is in memory.
        if round < 2 {
            rig.checkpoint().await;
        }
    }
    for _ in 0..2 {
        let partition = rig.partition("t", 0);
        let mut base = 0;
        for count in counts.iter().cycle().take(18) {
            for offset in base..base + i64::from(*count) {
                let records = rig.read(&partition, offset).await.unwrap();
                let first = &batches_of(&records)[0];
                assert_eq!(first.header().base_offset.get(), base, "offset {offset}");
                assert_eq!(first.header().record_count, *count);
                assert_eq!(first.header().partition_leader_epoch, LeaderEpoch::ZERO);
                assert_eq!(records.high_watermark.get(), 57);
            }
            base += i64::from(*count);
        }
        let all = rig.all(&partition).await;
        assert_eq!(all.len(), 18);
        assert!(all.windows(2).all(|pair| pair[0].header().next_offset() == pair[1].header().base_offset));
        rig.restart().await;
    }
}

#[tokio::test]
async fn a_read_ends_at_its_limits() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let value = vec![b'x'; 2_000];
    let record = NewRecord { timestamp: NOW, value: Some(&value), ..NewRecord::default() };
    let large = BatchBuilder::new().record(&record).build().unwrap();
    for _ in 0..4 {
        rig.produce(&partition, large.clone()).await.unwrap();
    }
    let read = |max_bytes, min_one_batch| {
        let request = ReadRequest { max_bytes, min_one_batch, ..read_from(0) };
        let (broker, partition) = (Arc::clone(&rig.broker), Arc::clone(&partition));
        async move { broker.read(&partition, request).await.unwrap().batches }
    };
    assert_eq!(read(0, true).await, 1);
    assert_eq!(read(0, false).await, 0);
    assert_eq!(read(large.len() - 1, false).await, 0);
    assert_eq!(read(large.len() - 1, true).await, 1);
    assert_eq!(read(large.len(), false).await, 1);
    assert_eq!(read(large.len() * 2 + 1, false).await, 2);
    assert_eq!(read(large.len() * 10, false).await, 4);
    let at_end = rig.read(&partition, 4).await.unwrap();
    assert_eq!((at_end.batches, at_end.next_offset.get()), (0, 4));
    for outside in [-1, 5] {
        let error = rig.read(&partition, outside).await.unwrap_err();
        assert!(matches!(error, ReadError::OffsetOutOfRange { .. }), "{error}");
    }
}

#[tokio::test]
async fn large_batches_are_not_copied() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let value = vec![b'x'; 5_000];
    let record = NewRecord { timestamp: NOW, value: Some(&value), ..NewRecord::default() };
    rig.produce(&partition, BatchBuilder::new().record(&record).build().unwrap()).await.unwrap();
    let (one, two) = (rig.read(&partition, 0).await.unwrap(), rig.read(&partition, 0).await.unwrap());
    assert_eq!(one.segments.len(), 2);
    assert_eq!(one.segments[1].as_ptr(), two.segments[1].as_ptr());
}

#[tokio::test]
async fn damage_on_the_medium_is_found_and_stays_where_it_is() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    for _ in 0..5 {
        rig.produce(&rig.partition("t", 0), batch(2)).await.unwrap();
    }
    let restarted = rig.faults.restart();
    let cold = Arc::new(Cold::over(Arc::new(restarted)));
    let backend: Arc<dyn StorageBackend> = Arc::clone(&cold) as _;
    let broker = open(&rig.settings, &rig.clock, &backend).await.unwrap();
    let partition = Arc::clone(&broker.topic("t").unwrap().partitions()[0]);
    let whole = broker.read(&partition, read_from(0)).await.unwrap();
    assert_eq!((batches_of(&whole).len(), broker.metrics().cold_batches.get()), (5, 5));

    // Every byte of the third batch in turn; addresses are found by looking for the one that makes its read fail.
    let len = i64::try_from(batch(2).len()).unwrap();
    let mut damaging = 0;
    for address in 0..2_000 {
        *cold.damaged.lock() = Some(Position::new(address));
        let Err(error) = broker.read(&partition, read_from(4)).await else { continue };
        damaging += 1;
        assert_eq!(error.error_code(), ErrorCode::CorruptMessage, "{error}");
        let before = broker.read(&partition, read_from(0)).await.unwrap();
        assert_eq!((before.batches, before.next_offset.get()), (2, 4));
        let after = broker.read(&partition, read_from(6)).await.unwrap();
        assert_eq!(after.batches, 2);
    }
    // Base offset and leader epoch are written anew for every reader; damage there does no harm.
    assert_eq!(damaging, len - 12);
}

#[tokio::test]
async fn others_have_their_turn_while_much_is_read_from_the_medium() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let value = vec![b'x'; 100_000];
    let record = NewRecord { timestamp: NOW, value: Some(&value), ..NewRecord::default() };
    let large = BatchBuilder::new().record(&record).build().unwrap();
    for _ in 0..40 {
        rig.produce(&rig.partition("t", 0), large.clone()).await.unwrap();
    }
    let cold = Arc::new(Cold::over(Arc::new(rig.faults.restart())));
    let backend: Arc<dyn StorageBackend> = Arc::clone(&cold) as _;
    let broker = open(&rig.settings, &rig.clock, &backend).await.unwrap();
    let partition = Arc::clone(&broker.topic("t").unwrap().partitions()[0]);
    let request = ReadRequest { max_bytes: 100 * large.len(), ..read_from(0) };
    let mut read = pin!(broker.read(&partition, request));
    let mut turns = 0;
    let records = poll_fn(|cx| {
        turns += 1;
        read.as_mut().poll(cx)
    });
    assert_eq!(records.await.unwrap().batches, 40);
    // The medium answers at once here, and every turn is given up.
    assert!(turns > 40 * large.len() / (512 << 10), "{turns}");
}

#[tokio::test]
async fn a_deleted_topic_cannot_be_read() {
    let rig = Rig::new().await;
    let topic = rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, batch(1)).await.unwrap();
    rig.broker.delete_topic(topic.id()).await.unwrap();
    let error = rig.read(&partition, 0).await.unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::UnknownTopicOrPartition);
    let error = rig.produce(&partition, batch(1)).await.unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::UnknownTopicOrPartition);
}
