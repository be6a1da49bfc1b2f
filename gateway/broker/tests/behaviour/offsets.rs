//! Offsets by time and by epoch, against a search by hand.

use chronik_broker::{ListedOffset, OffsetSpec};
use chronik_types::{CompressionType, IsolationLevel, LeaderEpoch, Offset, TimestampMs};
use chronik_wire::batch::BatchBuilder;

use crate::support::{NOW, Rig, batch, batch_at, records};

async fn list(rig: &Rig, spec: OffsetSpec) -> ListedOffset {
    rig.broker.list_offset(&rig.partition("t", 0), spec, IsolationLevel::ReadUncommitted).await.unwrap()
}

#[tokio::test]
async fn the_special_ones() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    assert_eq!(list(&rig, OffsetSpec::Latest).await.offset, Offset::ZERO);
    assert_eq!(list(&rig, OffsetSpec::MaxTimestamp).await, ListedOffset::NONE);
    assert_eq!(list(&rig, OffsetSpec::At(TimestampMs::new(0))).await, ListedOffset::NONE);
    rig.produce(&rig.partition("t", 0), batch(5)).await.unwrap();
    let at = rig.partition("t", 0).topic_partition();
    rig.broker.delete_records(vec![(at, Offset::new(2))]).await.unwrap();
    for (spec, offset) in [
        (OffsetSpec::Earliest, 2),
        (OffsetSpec::EarliestLocal, 2),
        (OffsetSpec::Latest, 5),
        (OffsetSpec::LatestTiered, -1),
        (OffsetSpec::EarliestPendingUpload, -1),
    ] {
        let found = list(&rig, spec).await;
        assert_eq!((found.offset.get(), found.timestamp), (offset, TimestampMs::NONE), "{spec:?}");
    }
}

#[tokio::test]
async fn by_time_as_a_search_through_all_records() {
    // Out of order on purpose, within batches and between them.
    let batches: [&[i64]; 7] =
        [&[100, 103, 101], &[90], &[200, 150, 210], &[205], &[210, 10], &[50, 60, 300, 300], &[250]];
    let codecs = CompressionType::ALL.into_iter().cycle();
    let mut rig = Rig::new().await;
    rig.topic("t", 1).await;
    for (at, (timestamps, codec)) in batches.iter().zip(codecs).enumerate() {
        let batch = records(BatchBuilder::new().codec(codec), timestamps).build().unwrap();
        rig.produce(&rig.partition("t", 0), batch).await.unwrap();
        if at % 3 == 1 {
            rig.checkpoint().await;
        }
    }
    let all: Vec<(i64, i64)> = (0..).zip(batches.concat()).collect();
    for log_start in [0, 2, 3, 5, 12, 14, 15] {
        let at = rig.partition("t", 0).topic_partition();
        rig.broker.delete_records(vec![(at, Offset::new(log_start))]).await.unwrap();
        let live: Vec<_> = all.iter().copied().filter(|(offset, _)| *offset >= log_start).collect();
        for timestamp in (0..320).step_by(5).chain([101, 103]) {
            // Kafka takes the first batch in offset order whose greatest timestamp suffices, and its first such record.
            let expected = live.iter().copied().find(|(_, time)| *time >= timestamp).unwrap_or((-1, -1));
            let found = list(&rig, OffsetSpec::At(TimestampMs::new(timestamp))).await;
            assert_eq!((found.offset.get(), found.timestamp.get()), expected, "{timestamp} from {log_start}");
        }
        let newest = live.iter().map(|(_, time)| *time).max();
        let expected = live.iter().copied().find(|(_, time)| Some(*time) == newest).unwrap_or((-1, -1));
        let found = list(&rig, OffsetSpec::MaxTimestamp).await;
        assert_eq!((found.offset.get(), found.timestamp.get()), expected, "newest from {log_start}");
        if log_start == 5 {
            rig.restart().await;
        }
    }
}

#[tokio::test]
async fn log_append_time_gives_the_first_record_of_the_batch() {
    let rig = Rig::new().await;
    rig.topic_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    rig.produce(&rig.partition("t", 0), batch_at(&[1, 2, 3])).await.unwrap();
    let found = list(&rig, OffsetSpec::At(NOW)).await;
    assert_eq!((found.offset, found.timestamp), (Offset::ZERO, NOW));
}

#[tokio::test]
async fn there_is_one_leader_epoch() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, batch(3)).await.unwrap();
    let end = |epoch| rig.broker.offset_for_leader_epoch(&partition, LeaderEpoch::new(epoch));
    assert_eq!(end(0), (LeaderEpoch::ZERO, Offset::new(3)));
    assert_eq!(end(1), (LeaderEpoch::NONE, Offset::NONE));
}
