//! A broker over a memory backend that outlives it, and batches to feed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::memory::Faults;
use chronik_backend::{
    Append, AppendError, BoxFuture, DataRef, FollowError, Follower, MemoryBackend, MemoryOptions,
    ObjectError, ObjectName, Objects, Position, ReadError as StorageError, Status, StorageBackend,
};
use chronik_broker::{
    Broker, BrokerOptions, OpenError, Partition, ProduceBatch, ProduceError, ProduceRequest, Produced,
    ReadError, ReadRequest, Records, Topic,
};
use chronik_config::Settings;
use chronik_state::{Configs, CreateTopic};
use chronik_types::{
    Entropy, IsolationLevel, ManualClock, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    TimestampMs, TopicName,
};
use chronik_wire::batch::{BatchBuilder, Batches, NewRecord, RecordBatch};

/// The wall clock at the start of every test.
pub(crate) const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

/// A broker, what it stands on, and what moves it.
pub(crate) struct Rig {
    pub(crate) broker: Arc<Broker>,
    pub(crate) backend: Arc<dyn StorageBackend>,
    pub(crate) faults: Faults,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: Settings,
}

impl Rig {
    /// Over segments that no test fills by itself.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), 1 << 20).await
    }

    pub(crate) async fn with(settings: Settings, segment_bytes: u64) -> Self {
        let options = MemoryOptions { segment_bytes, ..MemoryOptions::default() };
        Self::over(settings, MemoryBackend::new(options)).await
    }

    pub(crate) async fn over(settings: Settings, backend: MemoryBackend) -> Self {
        let faults = backend.faults();
        let clock = Arc::new(ManualClock::new(NOW));
        let backend: Arc<dyn StorageBackend> = Arc::new(backend);
        let broker = open(&settings, &clock, &backend).await.unwrap();
        Self { broker, backend, faults, clock, settings }
    }

    /// Ends the broker as `kill -9` does and opens another one over what was safe.
    pub(crate) async fn restart(&mut self) {
        let backend = self.faults.restart();
        self.reopen(backend).await.unwrap();
    }

    /// Opens another broker over `backend`.
    pub(crate) async fn reopen(&mut self, backend: MemoryBackend) -> Result<(), OpenError> {
        self.faults = backend.faults();
        self.backend = Arc::new(backend);
        self.broker = open(&self.settings, &self.clock, &self.backend).await?;
        Ok(())
    }

    /// All metrics of the broker core, as Prometheus reads them.
    pub(crate) fn metrics(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.broker.register_metrics(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    pub(crate) async fn topic(&self, name: &str, partitions: i32) -> Arc<Topic> {
        self.topic_with(name, partitions, &[]).await
    }

    pub(crate) async fn topic_with(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Arc<Topic> {
        self.broker.create_topic(self.new_topic(name, partitions, configs)).await.unwrap()
    }

    pub(crate) fn new_topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreateTopic {
        CreateTopic {
            name: TopicName::new(name).unwrap(),
            topic_id: self.broker.new_topic_id(),
            partitions,
            replication_factor: 1,
            configs: configs.iter().copied().collect::<Configs>(),
            assignments: Vec::new(),
            limits: self.broker.topic_limits(),
        }
    }

    /// The partition as the broker of now has it.
    pub(crate) fn partition(&self, topic: &str, index: i32) -> Arc<Partition> {
        let topic = self.broker.topic(topic).expect("the topic exists");
        Arc::clone(topic.partition(PartitionIndex::new(index)).expect("the partition exists"))
    }

    pub(crate) async fn produce(
        &self,
        partition: &Arc<Partition>,
        records: Bytes,
    ) -> Result<Produced, ProduceError> {
        let batches = vec![ProduceBatch { partition: Arc::clone(partition), records }];
        let request = ProduceRequest { batches, zstd_allowed: true, transaction: None };
        self.broker.produce(request).await.pop().expect("one result for one batch")
    }

    pub(crate) async fn read(&self, partition: &Arc<Partition>, from: i64) -> Result<Records, ReadError> {
        self.broker.read(partition, read_from(from)).await
    }

    /// Every batch of a partition, each with a checksum that is right.
    pub(crate) async fn all(&self, partition: &Arc<Partition>) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        let mut from = partition.log_start_offset().get();
        while from < partition.high_watermark().get() {
            let records = self.read(partition, from).await.unwrap();
            assert!(records.batches > 0, "stuck at {from}");
            from = records.next_offset.get();
            batches.extend(batches_of(&records));
        }
        batches
    }

    /// Seals the open segment, in which there is something, and waits for the checkpoint at its end.
    pub(crate) async fn checkpoint(&self) {
        let metrics = self.broker.metrics();
        let before = metrics.sealed_position.get();
        self.backend.seal();
        eventually(|| metrics.sealed_position.get() > before).await;
        self.settled().await;
    }

    /// Waits until everything that was sealed is covered by a checkpoint.
    pub(crate) async fn settled(&self) {
        let metrics = self.broker.metrics();
        eventually(|| metrics.checkpoint_position.get() >= metrics.sealed_position.get()).await;
    }

    pub(crate) async fn objects(&self, kind: &str) -> Vec<ObjectName> {
        self.backend.list(kind).await.unwrap()
    }
}

pub(crate) async fn open(
    settings: &Settings,
    clock: &Arc<ManualClock>,
    backend: &Arc<dyn StorageBackend>,
) -> Result<Arc<Broker>, OpenError> {
    let options = BrokerOptions::new(settings.clone(), Arc::clone(clock) as _, Entropy::seeded(1));
    Broker::open(options, Arc::clone(backend)).await
}

pub(crate) fn read_from(from: i64) -> ReadRequest {
    ReadRequest {
        from: Offset::new(from),
        max_bytes: 1 << 20,
        min_one_batch: true,
        isolation: IsolationLevel::ReadUncommitted,
    }
}

/// What was read, as batches.
pub(crate) fn batches_of(records: &Records) -> Vec<RecordBatch> {
    let bytes = Bytes::from(records.segments.concat());
    assert_eq!(bytes.len(), records.bytes);
    let batches: Vec<_> = Batches::new(bytes).map(Result::unwrap).collect();
    batches.iter().for_each(|batch| batch.verify_crc().unwrap());
    assert_eq!(u64::try_from(batches.len()).unwrap(), records.batches);
    batches
}

/// A batch of `count` records of now.
pub(crate) fn batch(count: i32) -> Bytes {
    batch_at(&vec![NOW.get(); usize::try_from(count).unwrap()])
}

/// A batch of records with these timestamps.
pub(crate) fn batch_at(timestamps: &[i64]) -> Bytes {
    records(BatchBuilder::new(), timestamps).build().unwrap()
}

/// A batch of an idempotent producer.
pub(crate) fn sequenced(producer: i64, epoch: i16, sequence: i32, count: i32) -> Bytes {
    let (id, epoch) = (ProducerId::new(producer), ProducerEpoch::new(epoch));
    let builder = BatchBuilder::new().producer(id, epoch, Sequence::new(sequence));
    records(builder, &vec![NOW.get(); usize::try_from(count).unwrap()]).build().unwrap()
}

pub(crate) fn records(builder: BatchBuilder, timestamps: &[i64]) -> BatchBuilder {
    timestamps.iter().enumerate().fold(builder, |builder, (at, timestamp)| {
        let value = format!("value {at} at {timestamp}");
        let timestamp = TimestampMs::new(*timestamp);
        builder.record(&NewRecord { timestamp, key: Some(b"k"), value: Some(value.as_bytes()), headers: &[] })
    })
}

/// Waits until a condition holds that another task brings about.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the condition comes true");
}

/// A backend whose data is never in memory, and may come damaged from the medium; it counts what would change it.
pub(crate) struct Cold {
    inner: Arc<dyn StorageBackend>,
    /// The address whose byte is flipped.
    pub(crate) damaged: parking_lot::Mutex<Option<Position>>,
    /// Objects that cannot be read, and why.
    pub(crate) unreadable: parking_lot::Mutex<Option<(Vec<ObjectName>, std::io::ErrorKind)>>,
    changes: AtomicU64,
}

impl Cold {
    pub(crate) fn over(inner: Arc<dyn StorageBackend>) -> Self {
        let unreadable = parking_lot::Mutex::default();
        Self { inner, damaged: parking_lot::Mutex::default(), unreadable, changes: AtomicU64::new(0) }
    }

    /// Changes that were asked for, whether they were made or not.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn change(&self) -> &dyn StorageBackend {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.inner.as_ref()
    }
}

impl StorageBackend for Cold {
    fn follow(&self, from: Position, follower: Box<dyn Follower>) -> Result<Position, FollowError> {
        self.inner.follow(from, follower)
    }

    fn append(&self, append: Append) -> Result<(), AppendError> {
        self.change().append(append)
    }

    fn cached(&self, _: DataRef) -> Option<Bytes> {
        None
    }

    fn read(&self, data: DataRef) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let bytes = self.inner.read(data).await?;
            let Some(damaged) = *self.damaged.lock() else { return Ok(bytes) };
            let at = damaged.get().checked_sub(data.at.get()).and_then(|at| usize::try_from(at).ok());
            let mut bytes = bytes.to_vec();
            if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                *byte ^= 1;
            }
            Ok(bytes.into())
        })
    }

    fn start(&self) -> Position {
        self.inner.start()
    }

    fn seal(&self) {
        self.change().seal();
    }

    fn trim(&self, upto: Position) -> BoxFuture<'_, Result<Position, ObjectError>> {
        self.change().trim(upto)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

impl Objects for Cold {
    fn put(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectError>> {
        self.change().put(name, bytes)
    }

    fn get(&self, name: ObjectName) -> BoxFuture<'_, Result<Bytes, ObjectError>> {
        let unreadable = self.unreadable.lock();
        match unreadable.as_ref().filter(|(names, _)| names.contains(&name)) {
            Some((_, kind)) => {
                let error =
                    ObjectError::Io { context: format!("cannot read {name}"), source: (*kind).into() };
                Box::pin(async move { Err(error) })
            }
            None => self.inner.get(name),
        }
    }

    fn list(&self, kind: &str) -> BoxFuture<'_, Result<Vec<ObjectName>, ObjectError>> {
        self.inner.list(kind)
    }

    fn delete(&self, name: ObjectName) -> BoxFuture<'_, Result<(), ObjectError>> {
        self.change().delete(name)
    }
}
