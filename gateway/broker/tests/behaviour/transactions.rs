//! Transactions through the broker: what readers of either isolation see at every offset, across checkpoints, restarts,
//! power cuts, cold reads, deletions and timeouts.

mod model;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::StorageBackend;
use chronik_broker::{
    OffsetSpec, Partition, ProduceBatch, ProduceError, ProduceRequest, ProduceTransaction, Produced,
    ReadRequest, Records, TransactionChangeError,
};
use chronik_config::Settings;
use chronik_state::{Claim, EndedBy, EndedTxn};
use chronik_types::{
    Entropy, ErrorCode, IsolationLevel, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs,
    TransactionalId,
};
use chronik_wire::batch::{BatchBuilder, ControlType, EndTxnMarker};

use self::model::{Model, visible};
use crate::support::{Cold, NOW, Rig, batch, batches_of, eventually, open, read_from, records};

const TIMEOUT_MS: i32 = 60_000;

/// What producers ask, in short.
impl Rig {
    async fn init(&self, id: &str) -> Claim {
        let id = TransactionalId::new(id);
        let got = self.broker.init_transactional_producer(id.clone(), TIMEOUT_MS, None).await.unwrap();
        Claim { transactional_id: id, producer_id: got.producer_id, producer_epoch: got.producer_epoch }
    }

    async fn send(
        &self,
        claim: &Claim,
        partition: &Arc<Partition>,
        sequence: i32,
        count: usize,
    ) -> Result<Produced, ProduceError> {
        let request = transactional(claim, partition, sequence, count);
        self.broker.produce(request).await.pop().expect("one result for one batch")
    }

    /// Ends a transaction as EndTxn 5 does; the producer goes on with the next epoch.
    async fn bump(&self, claim: &mut Claim, committed: bool) -> EndedTxn {
        let ended = self.end(claim, EndedBy::ProducerWithBump, committed).await.unwrap();
        (claim.producer_id, claim.producer_epoch) = (ended.producer_id, ended.producer_epoch);
        ended
    }

    async fn end(
        &self,
        claim: &Claim,
        ended_by: EndedBy,
        committed: bool,
    ) -> Result<EndedTxn, TransactionChangeError> {
        self.broker.end_txn(claim.clone(), ended_by, committed).await
    }

    async fn committed(&self, partition: &Arc<Partition>, from: i64) -> Records {
        let request = ReadRequest { isolation: IsolationLevel::ReadCommitted, ..read_from(from) };
        self.broker.read(partition, request).await.unwrap()
    }
}

fn transactional(claim: &Claim, partition: &Arc<Partition>, sequence: i32, count: usize) -> ProduceRequest {
    let builder = BatchBuilder::new()
        .producer(claim.producer_id, claim.producer_epoch, Sequence::new(sequence))
        .transactional();
    let records = records(builder, &vec![NOW.get(); count]).build().unwrap();
    let batches = vec![ProduceBatch { partition: Arc::clone(partition), records }];
    let transaction = ProduceTransaction { transactional_id: claim.transactional_id.clone(), joins: true };
    ProduceRequest { batches, zstd_allowed: true, transaction: Some(transaction) }
}

fn stable(partition: &Partition) -> i64 {
    partition.last_stable_offset().get()
}

#[tokio::test]
async fn readers_see_at_every_offset_what_the_model_says() {
    for seed in 0..8 {
        let entropy = Entropy::seeded(seed);
        let mut rig = Rig::with(Settings::default(), 3_000).await;
        rig.topic("t", 2).await;
        let mut model = Model::default();
        for step in 0..150 {
            model.step(&rig, &entropy).await;
            match entropy.below(40) {
                0 => rig.restart().await,
                1 => rig.backend.seal(),
                2 => rig.settled().await,
                _ => {}
            }
            if step % 10 == 9 {
                model.check(&rig, &entropy).await;
            }
        }
        // From the medium instead of memory, and from the journal alone instead of a checkpoint.
        let inner: Arc<dyn StorageBackend> = Arc::new(rig.faults.restart());
        let cold: Arc<dyn StorageBackend> = Arc::new(Cold::over(inner));
        rig.broker = open(&rig.settings, &rig.clock, &cold).await.unwrap();
        model.check(&rig, &entropy).await;
        let backend = rig.faults.restart();
        if backend.start().get() == 0 {
            for kind in ["checkpoint", "index"] {
                for name in chronik_backend::Objects::list(&backend, kind).await.unwrap() {
                    chronik_backend::Objects::delete(&backend, name).await.unwrap();
                }
            }
            rig.reopen(backend).await.unwrap();
            model.check(&rig, &entropy).await;
        }
    }
}

#[tokio::test]
async fn markers_are_control_batches_with_the_offset_of_each_partition() {
    let rig = Rig::new().await;
    rig.topic("t", 3).await;
    let mut producer = rig.init("tx").await;
    let partitions = [rig.partition("t", 0), rig.partition("t", 1)];
    rig.send(&producer, &partitions[0], 0, 3).await.unwrap();
    rig.send(&producer, &partitions[1], 0, 1).await.unwrap();
    for (committed, control_type) in [(true, ControlType::Commit), (false, ControlType::Abort)] {
        let ends: Vec<_> = partitions.iter().map(|partition| partition.high_watermark().get()).collect();
        let epoch = producer.producer_epoch.get();
        rig.bump(&mut producer, committed).await;
        for (partition, end) in partitions.iter().zip(ends) {
            let all = rig.all(partition).await;
            let marker = all.last().unwrap();
            let header = marker.header();
            assert!(header.attributes.is_control() && header.attributes.is_transactional());
            assert_eq!((header.base_offset.get(), header.producer_id), (end, producer.producer_id));
            assert_eq!(header.producer_epoch.get(), epoch + 1);
            let read = EndTxnMarker::read(marker).unwrap();
            assert_eq!(read, EndTxnMarker { control_type, coordinator_epoch: 0 });
        }
        for partition in &partitions {
            rig.send(&producer, partition, 0, 2).await.unwrap();
        }
    }
    assert_eq!(rig.partition("t", 2).high_watermark(), Offset::ZERO, "it was not in the transaction");
    let metrics = rig.broker.metrics();
    assert_eq!((metrics.committed_transactions.get(), metrics.aborted_transactions.get()), (1, 1));
    assert_eq!(metrics.open_transactions.get(), 1);
}

#[tokio::test]
async fn a_transaction_outlives_a_restart_and_ends_after_it() {
    for checkpoint in [false, true] {
        let mut rig = Rig::new().await;
        rig.topic("t", 1).await;
        let mut producer = rig.init("tx").await;
        rig.send(&producer, &rig.partition("t", 0), 0, 2).await.unwrap();
        if checkpoint {
            rig.checkpoint().await;
        }
        rig.restart().await;
        let partition = rig.partition("t", 0);
        assert_eq!((stable(&partition), partition.high_watermark().get()), (0, 2));
        assert!(rig.committed(&partition, 0).await.segments.is_empty());
        assert_eq!(rig.broker.metrics().open_transactions.get(), 1);
        rig.send(&producer, &partition, 2, 1).await.unwrap();
        let repeated = producer.clone();
        let ended = rig.bump(&mut producer, true).await;
        if checkpoint {
            rig.checkpoint().await;
        }
        rig.restart().await;
        // The answer was lost with the process: it is given again.
        let again = rig.end(&repeated, EndedBy::ProducerWithBump, true).await.unwrap();
        assert_eq!((again.producer_epoch, again.was_open), (ended.producer_epoch, false));
        let partition = rig.partition("t", 0);
        assert_eq!((stable(&partition), partition.high_watermark().get()), (4, 4));
        assert_eq!(visible(&rig.committed(&partition, 0).await, 0), [0, 1, 2]);
        assert_eq!(rig.broker.metrics().open_transactions.get(), 0);
    }
}

#[tokio::test]
async fn a_power_cut_leaves_all_of_a_transaction_or_nothing() {
    let mut ended = [0, 0];
    for seed in 0..30 {
        let entropy = Entropy::seeded(seed);
        let mut rig = Rig::with(Settings::default(), 3_000).await;
        rig.topic("t", 3).await;
        let mut producer = rig.init("tx").await;
        for index in 0..3 {
            rig.send(&producer, &rig.partition("t", index), 0, 2).await.unwrap();
        }
        rig.bump(&mut producer, true).await;
        for index in 0..3 {
            rig.send(&producer, &rig.partition("t", index), 0, 1).await.unwrap();
        }
        rig.faults.hold();
        let broker = Arc::clone(&rig.broker);
        let claim = producer.clone();
        let ending =
            tokio::spawn(async move { broker.end_txn(claim, EndedBy::ProducerWithBump, true).await });
        eventually(|| rig.broker.metrics().waiting_appends.get() > 0).await;
        let backend = rig.faults.cut_power(|_| entropy.below(2) == 0);
        ending.abort();
        rig.reopen(backend).await.unwrap();
        let partitions: Vec<_> = (0..3).map(|index| rig.partition("t", index)).collect();
        let stable: Vec<_> = partitions.iter().map(|partition| stable(partition)).collect();
        let all = stable == [5, 5, 5];
        assert!(all || stable == [3, 3, 3], "seed {seed}: {stable:?}");
        ended[usize::from(all)] += 1;
        for partition in &partitions {
            let seen = visible(&rig.committed(partition, 0).await, 0);
            assert_eq!(seen, if all { vec![0, 1, 3] } else { vec![0, 1] }, "seed {seed}");
        }
        // Asked again, it comes out the same whatever had happened.
        let again = rig.end(&producer, EndedBy::ProducerWithBump, true).await.unwrap();
        assert_eq!((again.was_open, again.producer_epoch), (!all, ProducerEpoch::new(2)));
        assert!(partitions.iter().all(|partition| self::stable(partition) == 5));
    }
    assert!(ended[0] > 0 && ended[1] > 0, "both happen: {ended:?}");
}

#[tokio::test]
async fn a_timeout_aborts_and_fences() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let late = rig.init("late").await;
    rig.send(&late, &partition, 0, 1).await.unwrap();
    rig.clock.advance(Duration::from_secs(30));
    let mut early = rig.init("early").await;
    rig.send(&early, &partition, 0, 1).await.unwrap();
    rig.clock.advance(Duration::from_secs(30));
    assert_eq!(rig.broker.run_transaction_timeouts().await.unwrap(), 0);
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(rig.broker.run_transaction_timeouts().await.unwrap(), 1);
    let refused = rig.end(&late, EndedBy::ProducerWithBump, true).await.unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::ProducerFenced);
    let refused = rig.send(&late, &partition, 1, 1).await.unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidProducerEpoch);
    rig.bump(&mut early, true).await;
    assert_eq!(visible(&rig.committed(&partition, 0).await, 0), [1]);
    let metrics = rig.broker.metrics();
    assert_eq!((metrics.timed_out_transactions.get(), metrics.aborted_transactions.get()), (1, 1));
}

#[tokio::test]
async fn idle_transactional_ids_are_forgotten() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let open = rig.init("open").await;
    rig.send(&open, &rig.partition("t", 0), 0, 1).await.unwrap();
    let idle = rig.init("idle").await;
    rig.clock.advance(Duration::from_secs(604_801));
    assert_eq!(rig.broker.run_transactional_id_expiry().await.unwrap(), 1);
    assert_eq!(rig.broker.run_transactional_id_expiry().await.unwrap(), 0);
    let refused = rig.end(&idle, EndedBy::Producer, false).await.unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidProducerIdMapping);
    assert!(rig.broker.state(|state| state.transactional_producer("open").is_some()));
}

#[tokio::test]
async fn a_takeover_aborts_even_when_the_transaction_moves_meanwhile() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let old = rig.init("tx").await;
    rig.send(&old, &partition, 0, 1).await.unwrap();
    // Both look at the same open transaction; the second one's marker comes too late and is made anew.
    rig.faults.hold();
    let init = || {
        let broker = Arc::clone(&rig.broker);
        tokio::spawn(async move {
            let id = TransactionalId::new("tx");
            broker.init_transactional_producer(id, TIMEOUT_MS, None).await.unwrap()
        })
    };
    let both = (init(), init());
    eventually(|| rig.broker.metrics().waiting_appends.get() == 2).await;
    rig.faults.release();
    let mut epochs = [both.0.await.unwrap().producer_epoch.get(), both.1.await.unwrap().producer_epoch.get()];
    epochs.sort_unstable();
    assert_eq!((epochs, stable(&partition)), ([1, 2], 2));
    assert!(visible(&rig.committed(&partition, 0).await, 0).is_empty());
}

#[tokio::test]
async fn a_reader_of_committed_records_wakes_when_they_become_stable() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    let watch = |isolation| rig.broker.watch(vec![Arc::clone(&partition)], isolation);
    let (all, committed) = (watch(IsolationLevel::ReadUncommitted), watch(IsolationLevel::ReadCommitted));
    let mut one = rig.init("one").await;
    let mut two = rig.init("two").await;
    rig.send(&one, &partition, 0, 1).await.unwrap();
    rig.send(&two, &partition, 0, 50).await.unwrap();
    rig.produce(&partition, batch(1)).await.unwrap();
    let appended = all.appended_bytes();
    assert!(appended > 300);
    assert_eq!(committed.appended_bytes(), 0, "nothing is stable yet");
    // The one that is waited for is not the first.
    rig.bump(&mut two, true).await;
    assert_eq!(committed.appended_bytes(), 0);
    rig.bump(&mut one, false).await;
    assert!(committed.appended_bytes() >= all.appended_bytes(), "all of it at once");
    let before = committed.appended_bytes();
    rig.produce(&partition, batch(1)).await.unwrap();
    assert!(committed.appended_bytes() > before, "and without transactions as ever");
    let pending = watch(IsolationLevel::ReadCommitted);
    rig.send(&one, &partition, 0, 1).await.unwrap();
    let id = partition.topic_partition().topic_id;
    rig.broker.delete_topic(id).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), pending.appended(1 << 40)).await.unwrap();
}

#[tokio::test]
async fn after_a_restart_too_a_reader_wakes_for_all_that_was_waiting() {
    let mut rig = Rig::new().await;
    rig.topic("t", 1).await;
    let mut producer = rig.init("tx").await;
    rig.send(&producer, &rig.partition("t", 0), 0, 50).await.unwrap();
    rig.checkpoint().await;
    rig.restart().await;
    let partition = rig.partition("t", 0);
    let watch = rig.broker.watch(vec![Arc::clone(&partition)], IsolationLevel::ReadCommitted);
    rig.bump(&mut producer, true).await;
    assert!(watch.appended_bytes() >= partition.size_bytes());
}

#[tokio::test]
async fn offsets_by_time_and_at_the_end_respect_the_isolation() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, batch(2)).await.unwrap();
    let mut producer = rig.init("tx").await;
    rig.send(&producer, &partition, 0, 3).await.unwrap();
    let listed = async |spec, isolation| {
        rig.broker.list_offset(&partition, spec, isolation).await.unwrap().offset.get()
    };
    use IsolationLevel::{ReadCommitted, ReadUncommitted};
    assert_eq!(listed(OffsetSpec::Latest, ReadUncommitted).await, 5);
    assert_eq!(listed(OffsetSpec::Latest, ReadCommitted).await, 2);
    assert_eq!(listed(OffsetSpec::At(TimestampMs::new(0)), ReadCommitted).await, 0);
    rig.bump(&mut producer, true).await;
    assert_eq!(listed(OffsetSpec::Latest, ReadCommitted).await, 6);
}

#[tokio::test]
async fn what_is_deleted_is_not_waited_for() {
    let rig = Rig::new().await;
    rig.topic("t", 2).await;
    let partition = rig.partition("t", 0);
    let mut producer = rig.init("tx").await;
    rig.send(&producer, &partition, 0, 2).await.unwrap();
    rig.send(&producer, &rig.partition("t", 1), 0, 2).await.unwrap();
    rig.broker.delete_records(vec![(partition.topic_partition(), Offset::new(1))]).await.unwrap();
    assert_eq!(stable(&partition), 1, "the last stable offset is not before the log");
    rig.broker.delete_records(vec![(partition.topic_partition(), Offset::NONE)]).await.unwrap();
    assert_eq!((stable(&partition), partition.high_watermark().get()), (2, 2));
    rig.bump(&mut producer, false).await;
    assert_eq!(visible(&rig.committed(&partition, 2).await, 2), [0; 0]);
    // A new topic of that name knows nothing of the transactions of the one before.
    let id = partition.topic_partition().topic_id;
    rig.send(&producer, &partition, 0, 1).await.unwrap();
    rig.broker.delete_topic(id).await.unwrap();
    rig.topic("t", 1).await;
    rig.produce(&rig.partition("t", 0), batch(1)).await.unwrap();
    assert_eq!(stable(&rig.partition("t", 0)), 1);
    assert!(rig.bump(&mut producer, true).await.markers.is_empty());
    assert_eq!(rig.partition("t", 0).high_watermark().get(), 1);
}

#[tokio::test]
async fn a_request_may_mix_batches_with_and_without_a_transaction() {
    let rig = Rig::new().await;
    rig.topic("t", 3).await;
    let producer = rig.init("tx").await;
    let mut request = transactional(&producer, &rig.partition("t", 0), 0, 1);
    request.batches.push(ProduceBatch { partition: rig.partition("t", 1), records: batch(1) });
    request.batches.extend(transactional(&producer, &rig.partition("t", 2), 0, 1).batches);
    let results = rig.broker.produce(request).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let stable: Vec<_> = (0..3).map(|index| stable(&rig.partition("t", index))).collect();
    assert_eq!(stable, [0, 1, 0]);
    let mut unnamed = transactional(&producer, &rig.partition("t", 0), 1, 1);
    unnamed.transaction = None;
    let refused = rig.broker.produce(unnamed).await.pop().unwrap().unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::TransactionalIdAuthorizationFailed);
}

#[tokio::test]
async fn producers_of_a_partition_show_where_their_transactions_begin() {
    let rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, crate::support::sequenced(77, 0, 0, 1)).await.unwrap();
    let mut producer = rig.init("tx").await;
    rig.send(&producer, &partition, 0, 2).await.unwrap();
    let shown = || {
        let producers = rig.broker.producers(&partition);
        let show = |p: &chronik_broker::ActiveProducer| {
            (p.producer_id.get(), p.producer_epoch.get(), p.is_transactional, p.transaction_start)
        };
        producers.iter().map(show).collect::<Vec<_>>()
    };
    let open = Some(Offset::new(1));
    assert_eq!(shown(), [(0, 0, true, open), (77, 0, false, None)]);
    rig.bump(&mut producer, true).await;
    assert_eq!(shown(), [(0, 1, true, None), (77, 0, false, None)]);
    assert_eq!(producer.producer_id, ProducerId::new(0));
}

/// The bytes of a batch, for the model.
fn plain(count: usize) -> Bytes {
    records(BatchBuilder::new(), &vec![NOW.get(); count]).build().unwrap()
}

/// Every batch that was read, whole.
fn read_batches(records: &Records) -> Vec<chronik_wire::batch::RecordBatch> {
    batches_of(records)
}

#[tokio::test]
async fn transactional_ids_and_what_they_include_take_so_much_memory() {
    let mut settings = Settings::default();
    settings.transactions.max_bytes = chronik_config::ByteSize::mib(1);
    let rig = Rig::with(settings, 1 << 20).await;
    rig.topic("t", 2).await;
    let (first, second) = (rig.partition("t", 0), rig.partition("t", 1));
    let mut early = rig.init("early").await;
    rig.send(&early, &first, 0, 1).await.unwrap();
    let long = |at: usize| TransactionalId::new(&format!("{at}-{}", "i".repeat(30_000)));
    let mut ids = 0;
    let refused = loop {
        match rig.broker.init_transactional_producer(long(ids), TIMEOUT_MS, None).await {
            Ok(_) => ids += 1,
            Err(refused) => break refused.error_code(),
        }
        assert!(ids < 40, "there is no end to it");
    };
    assert_eq!((refused, ids > 30), (ErrorCode::PolicyViolation, true), "{ids}");
    let added = rig.broker.add_partitions_to_txn(early.clone(), vec![second.topic_partition()]).await;
    assert_eq!(added.unwrap_err().error_code(), ErrorCode::PolicyViolation);
    let joins = rig.send(&early, &second, 0, 1).await.unwrap_err();
    assert_eq!(joins.error_code(), ErrorCode::PolicyViolation);
    rig.send(&early, &first, 1, 1).await.expect("a partition that is included");
    rig.bump(&mut early, true).await;
    rig.broker.init_transactional_producer(long(0), TIMEOUT_MS, None).await.expect("an id that is there");
    let metrics = rig.metrics();
    assert!(metrics.contains("refused_growth_total 3"), "{metrics}");
    assert!(metrics.contains("group_offset_bytes 0"), "{metrics}");
}
