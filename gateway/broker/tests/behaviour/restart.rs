//! Starting again: from checkpoints, from the journal alone, over damage, after a power cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, ObjectName, Objects, StorageBackend};
use chronik_broker::{Halt, OpenError, ProduceBatch, ProduceRequest};
use chronik_config::Settings;
use chronik_types::{Entropy, ErrorCode, Offset};

use crate::support::{self, Cold, Rig, batch, batches_of, eventually, sequenced};

/// What a broker answers: the hash of its state, and every batch with its offset.
async fn answers(rig: &Rig) -> (u64, BTreeMap<String, Vec<Bytes>>) {
    let mut partitions = BTreeMap::new();
    for topic in rig.broker.topics().iter() {
        for partition in topic.partitions() {
            let batches = rig.all(partition).await;
            let name = format!("{}-{}", topic.name(), partition.index());
            partitions.insert(name, batches.iter().map(|batch| batch.bytes().clone()).collect());
        }
    }
    (rig.broker.state(|state| state.hash()), partitions)
}

/// Some of everything, with checkpoints on the way.
async fn populated(seed: u64, segment_bytes: u64) -> Rig {
    let entropy = Entropy::seeded(seed);
    let rig = Rig::with(Settings::default(), segment_bytes).await;
    for name in ["a", "b", "c"] {
        rig.topic(name, 4).await;
    }
    let mut sequences = BTreeMap::new();
    for _ in 0..150 {
        let topic = ["a", "b", "c"][usize::try_from(entropy.below(3)).unwrap()];
        let Some(_) = rig.broker.topic(topic) else { continue };
        let index = i32::try_from(entropy.below(4)).unwrap();
        let partition = rig.partition(topic, index);
        match entropy.below(40) {
            0 => {
                let end = partition.high_watermark().get();
                let start = i64::try_from(entropy.below(u64::try_from(end).unwrap() + 1)).unwrap();
                let at = partition.topic_partition();
                rig.broker.delete_records(vec![(at, Offset::new(start))]).await.unwrap();
            }
            1 => rig.backend.seal(),
            2 if topic == "c" => drop(rig.broker.delete_topic(partition.topic_partition().topic_id).await),
            _ => {
                let sequence = sequences.entry((topic, index)).or_insert(0);
                let count = i32::try_from(entropy.below(6)).unwrap() + 1;
                rig.produce(&partition, sequenced(5, 0, *sequence, count)).await.unwrap();
                *sequence += count;
            }
        }
    }
    rig
}

#[tokio::test]
async fn the_cluster_keeps_its_name() {
    let mut rig = Rig::new().await;
    let id = rig.broker.cluster_id().clone();
    assert_eq!(id.as_str().len(), 22);
    rig.settings.kafka.cluster_id = Some("another".into());
    rig.restart().await;
    assert_eq!(*rig.broker.cluster_id(), id);
    rig.checkpoint().await;
    rig.restart().await;
    assert_eq!(*rig.broker.cluster_id(), id);

    let mut named = Settings::default();
    named.kafka.cluster_id = Some("mine".into());
    assert_eq!(Rig::with(named, 1 << 20).await.broker.cluster_id().as_str(), "mine");
}

#[tokio::test]
async fn a_checkpoint_with_a_tail_equals_a_full_replay() {
    for seed in 0..6 {
        let mut rig = populated(seed, 4_000).await;
        let lived = answers(&rig).await;
        rig.settled().await;
        assert!(rig.broker.metrics().checkpoints.get() > 0);
        rig.restart().await;
        assert_eq!(answers(&rig).await, lived, "from a checkpoint, seed {seed}");

        let backend = rig.faults.restart();
        for kind in ["checkpoint", "index"] {
            for name in backend.list(kind).await.unwrap() {
                backend.delete(name).await.unwrap();
            }
        }
        if backend.start().get() == 0 {
            rig.reopen(backend).await.unwrap();
            assert_eq!(answers(&rig).await, lived, "from the journal alone, seed {seed}");
        }
    }
}

async fn damage(backend: &dyn StorageBackend, name: &ObjectName) {
    let mut bytes = backend.get(name.clone()).await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    backend.delete(name.clone()).await.unwrap();
    backend.put(name.clone(), bytes.into()).await.unwrap();
}

#[tokio::test]
async fn any_damaged_or_missing_object_is_got_over_and_made_again() {
    let mut rig = populated(11, 1 << 20).await;
    for _ in 0..3 {
        rig.produce(&rig.partition("a", 0), batch(1)).await.unwrap();
        rig.checkpoint().await;
    }
    rig.produce(&rig.partition("a", 0), batch(1)).await.unwrap();
    assert_eq!(rig.backend.start().get(), 0, "the journal is whole");
    let lived = answers(&rig).await;
    let mut names = rig.objects("checkpoint").await;
    assert_eq!(names.len(), 4, "two checkpoints and their copies");
    names.extend(rig.objects("index").await);
    assert!(names.len() > 6);
    // Each alone, then all checkpoints, then everything.
    let mut cases: Vec<Vec<ObjectName>> = names.iter().map(|name| vec![name.clone()]).collect();
    cases.push(names[..4].to_vec());
    cases.push(names.clone());
    let original = rig.faults.clone();
    for (at, case) in cases.into_iter().enumerate() {
        let backend = original.restart();
        for name in &case {
            if at % 2 == 0 {
                damage(&backend, name).await;
            } else {
                backend.delete(name.clone()).await.unwrap();
            }
        }
        rig.reopen(backend).await.unwrap();
        assert_eq!(answers(&rig).await, lived, "{case:?}");
        // Whatever was lost is written again at the next seal at the latest; start from it, too.
        rig.broker.allocate_producer_id().await.unwrap();
        rig.checkpoint().await;
        let lived_on = answers(&rig).await;
        rig.restart().await;
        assert_eq!(answers(&rig).await, lived_on);
    }
}

#[tokio::test]
async fn a_damaged_index_of_a_trimmed_journal_costs_only_its_own_records() {
    let mut rig = Rig::new().await;
    rig.topic("t", 1).await;
    rig.topic("gone", 1).await;
    rig.produce(&rig.partition("gone", 0), batch(1)).await.unwrap();
    rig.checkpoint().await;
    let gone = rig.broker.topic("gone").unwrap().id();
    for _ in 0..3 {
        rig.produce(&rig.partition("t", 0), batch(2)).await.unwrap();
        rig.checkpoint().await;
    }
    rig.broker.delete_topic(gone).await.unwrap();
    eventually(|| rig.backend.start().get() > 0).await;
    let indexes = rig.objects("index").await;
    assert_eq!(indexes.len(), 3);
    let backend = rig.faults.restart();
    damage(&backend, &indexes[1]).await;
    rig.reopen(backend).await.unwrap();
    let partition = rig.partition("t", 0);
    assert_eq!(batches_of(&rig.read(&partition, 0).await.unwrap()).len(), 1);
    let lost = rig.read(&partition, 2).await.unwrap_err();
    assert_eq!(lost.error_code(), ErrorCode::KafkaStorageError, "{lost}");
    assert_eq!(batches_of(&rig.read(&partition, 4).await.unwrap()).len(), 1);
    // It stays so, and a further checkpoint says so.
    rig.produce(&partition, batch(1)).await.unwrap();
    rig.checkpoint().await;
    rig.restart().await;
    let partition = rig.partition("t", 0);
    assert!(rig.read(&partition, 2).await.is_err());
    assert_eq!(batches_of(&rig.read(&partition, 4).await.unwrap()).len(), 2);
}

/// A replay from before makes indexes again without what was deleted since, so that rows move.
#[tokio::test]
async fn a_checkpoint_finds_its_records_in_an_index_that_was_made_again() {
    for is_in_checkpoint in [false, true] {
        let mut rig = Rig::new().await;
        let ids = [rig.topic("a", 1).await.id(), rig.topic("b", 1).await.id()];
        // Rows are in the order of ids; the first topic is the one that goes.
        let (gone, kept) = if ids[0] < ids[1] { ("a", "b") } else { ("b", "a") };
        for count in [2, 3] {
            rig.produce(&rig.partition(gone, 0), batch(count)).await.unwrap();
            rig.produce(&rig.partition(kept, 0), batch(count + 10)).await.unwrap();
            rig.checkpoint().await;
        }
        let topic_id = rig.broker.topic(gone).unwrap().id();
        if !is_in_checkpoint {
            rig.broker.delete_topic(topic_id).await.unwrap();
            rig.checkpoint().await;
        }
        let lived = answers(&rig).await.1[&format!("{kept}-0")].clone();
        if is_in_checkpoint {
            rig.broker.delete_topic(topic_id).await.unwrap();
        }
        let backend = rig.faults.restart();
        let mut checkpoints = Vec::new();
        for name in backend.list("checkpoint").await.unwrap() {
            checkpoints.push((name.clone(), backend.get(name.clone()).await.unwrap()));
            backend.delete(name).await.unwrap();
        }
        rig.reopen(backend).await.unwrap();
        rig.settled().await;
        // The checkpoints of before are there, over indexes made without the topic that is gone.
        let backend = rig.faults.restart();
        for (name, bytes) in checkpoints {
            backend.delete(name.clone()).await.unwrap();
            backend.put(name, bytes).await.unwrap();
        }
        rig.reopen(backend).await.unwrap();
        assert_eq!(answers(&rig).await.1, BTreeMap::from([(format!("{kept}-0"), lived)]));
    }
}

/// What a run that lost its end has left must not outlive what this one writes.
#[tokio::test]
async fn a_checkpoint_takes_the_place_of_those_that_lie_behind_it() {
    let mut rig = populated(12, 1 << 20).await;
    rig.checkpoint().await;
    let backend = rig.faults.restart();
    let own = backend.list("checkpoint").await.unwrap();
    for position in ["09000000000000000000", "09000000000000000001", "09000000000000000001.copy"] {
        let name = ObjectName::new("checkpoint", position).unwrap();
        backend.put(name, Bytes::from_static(b"of another history")).await.unwrap();
    }
    rig.reopen(backend).await.unwrap();
    rig.broker.allocate_producer_id().await.unwrap();
    rig.checkpoint().await;
    let names = rig.objects("checkpoint").await;
    assert_eq!(names.len(), 4, "two checkpoints and their copies: {names:?}");
    assert!(names.iter().all(|name| !name.name().starts_with("09")), "{names:?}");
    assert!(names.contains(own.last().unwrap()), "the one before is kept: {names:?}");
}

/// Making everything again takes long, and the checkpoint after it would say for good what was so for a moment.
#[tokio::test]
async fn what_cannot_be_read_now_is_not_taken_for_damaged() {
    let mut rig = populated(11, 1 << 20).await;
    rig.checkpoint().await;
    let lived = answers(&rig).await;
    let [index, checkpoint] = ["index", "checkpoint"].map(|kind| async {
        let names = rig.objects(kind).await;
        names.last().unwrap().clone()
    });
    let (index, copy) = (index.await, checkpoint.await);
    let original = ObjectName::new("checkpoint", copy.name().trim_end_matches(".copy")).unwrap();
    let cases = [
        (vec![index.clone()], std::io::ErrorKind::Other, false),
        (vec![index], std::io::ErrorKind::InvalidData, true),
        (vec![original.clone()], std::io::ErrorKind::Other, true),
        (vec![original.clone(), copy.clone()], std::io::ErrorKind::Other, false),
        (vec![original, copy], std::io::ErrorKind::InvalidData, true),
    ];
    for (names, kind, opens) in cases {
        let backend = rig.faults.restart();
        rig.faults = backend.faults();
        let backend = Cold::over(Arc::new(backend));
        *backend.unreadable.lock() = Some((names.clone(), kind));
        let backend: Arc<dyn StorageBackend> = Arc::new(backend);
        match support::open(&rig.settings, &rig.clock, &backend).await {
            Ok(broker) => {
                assert!(opens, "{names:?} {kind:?}");
                rig.broker = broker;
                assert_eq!(answers(&rig).await, lived, "{names:?} {kind:?}");
            }
            Err(error) => assert!(
                !opens && matches!(error, OpenError::Index { .. } | OpenError::Checkpoint { .. }),
                "{names:?} {kind:?}: {error}"
            ),
        }
    }
}

#[tokio::test]
async fn a_trimmed_journal_without_checkpoints_is_refused() {
    let mut rig = Rig::new().await;
    let topic = rig.topic("t", 1).await;
    rig.produce(&rig.partition("t", 0), batch(1)).await.unwrap();
    rig.checkpoint().await;
    rig.broker.delete_topic(topic.id()).await.unwrap();
    eventually(|| rig.backend.start().get() > 0).await;
    let backend = rig.faults.restart();
    for name in backend.list("checkpoint").await.unwrap() {
        damage(&backend, &name).await;
    }
    let error = rig.reopen(backend).await.unwrap_err();
    assert!(matches!(error, OpenError::NoCheckpoint { .. }), "{error}");
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    for seed in 0..20 {
        let entropy = Entropy::seeded(seed);
        let mut rig = Rig::with(Settings::default(), 3_000).await;
        rig.topic("t", 2).await;
        let mut acknowledged = BTreeMap::new();
        for round in 0..3_i32 {
            for count in 1..=5_i32 {
                let index = count % 2;
                let base = rig.produce(&rig.partition("t", index), batch(count)).await.unwrap().base_offset;
                acknowledged.insert((index, base), count);
            }
            rig.faults.hold();
            let partition = rig.partition("t", round % 2);
            let mut pending = Vec::new();
            for count in 1..=3 {
                let records = batch(count);
                let batches = vec![ProduceBatch { partition: Arc::clone(&partition), records }];
                pending.push(
                    rig.broker
                        .submit(ProduceRequest { batches, zstd_allowed: true, transaction: None })
                        .await,
                );
            }
            rig.backend.seal();
            let backend = rig.faults.cut_power(|_| entropy.below(2) == 0);
            rig.reopen(backend).await.unwrap();
            for ((index, base), count) in &acknowledged {
                let records = rig.read(&rig.partition("t", *index), base.get()).await.unwrap();
                let first = *batches_of(&records)[0].header();
                assert_eq!((first.base_offset, first.record_count), (*base, *count), "seed {seed}");
            }
        }
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_everything() {
    let mut rig = Rig::new().await;
    rig.topic("t", 1).await;
    let partition = rig.partition("t", 0);
    rig.produce(&partition, batch(1)).await.unwrap();
    rig.faults.hold();
    let entry = Bytes::from_static(b"from a later version");
    let append = Append { token: u64::MAX, entry, data: Vec::new(), class: AppendClass::Control };
    rig.backend.append(append).unwrap();
    let batches = vec![ProduceBatch { partition: Arc::clone(&partition), records: batch(1) }];
    let pending = rig.broker.submit(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await;
    rig.faults.release();
    let halt = rig.broker.halted().await;
    assert!(matches!(*halt, Halt::Undecodable { .. }), "{halt}");
    for result in pending.committed(&rig.broker).await {
        assert_eq!(result.unwrap_err().error_code(), ErrorCode::NotLeaderOrFollower);
    }
    assert!(rig.produce(&partition, batch(1)).await.is_err());
    let error = rig.reopen(rig.faults.restart()).await.unwrap_err();
    assert!(matches!(error, OpenError::Halted(_)), "{error}");
}
