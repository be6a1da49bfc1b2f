//! The broker core: opening it, and what can be asked of it without waiting.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chronik_backend::{Damage, Status, StorageBackend};
use chronik_config::Settings;
use chronik_config::kafka::{DynamicConfigs, TopicConfigs};
use chronik_state::{Change, Outcome, State};
use chronik_types::{
    ClusterId, Entropy, IsolationLevel, NodeId, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs,
    TopicId,
};
use chronik_wire::compression::decompression_limit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::applier::Applier;
use crate::catalog::PartsByPartition;
use crate::checkpoint::{self, Checkpoint, Checkpointer};
use crate::configs::EffectiveConfigs;
use crate::core::Core;
use crate::groups::{Consumers, Coordinator};
use crate::index::IndexCache;
use crate::{BrokerOptions, ChangeError, Halt, Metrics, OpenError, Partition, Topic, Watch, upkeep};

/// The broker core: produce, read and administration over a storage backend and the state machine. Shared as `Arc`.
pub struct Broker {
    pub(crate) core: Arc<Core>,
    pub(crate) backend: Arc<dyn StorageBackend>,
    pub(crate) index_cache: Arc<IndexCache>,
    pub(crate) groups: Coordinator,
    pub(crate) consumers: Consumers,
    pub(crate) entropy: Entropy,
    cluster_id: ClusterId,
    node_id: NodeId,
    /// The damage of the journal because of which nothing can be changed.
    read_only: Option<Damage>,
    /// Room for records on their way to storage, in KiB.
    room: Arc<Semaphore>,
    room_kib: u32,
    /// Who may work on records at the same time.
    workers: Arc<Semaphore>,
    /// Ends the upkeep tasks when it says so, or goes.
    stop: watch::Sender<bool>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("cluster_id", &self.cluster_id).finish_non_exhaustive()
    }
}

/// An idempotent producer of a partition, as DescribeProducers shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record.
    pub last_sequence: Sequence,
    /// The greatest timestamp of its last batch.
    pub last_timestamp: TimestampMs,
    /// Whether it has a transactional id.
    pub is_transactional: bool,
    /// Where its open transaction begins in the partition; `None` when it has none there.
    pub transaction_start: Option<Offset>,
}

/// Opening and closing.
impl Broker {
    /// Opens the broker core over a backend: loads the newest checkpoint that is whole, replays what comes after it, names
    /// the cluster at its first start, and starts the upkeep tasks on the present runtime, which has to live as long as
    /// the broker.
    ///
    /// Over a damaged journal the broker is as it was before the damage, for good: it reads, refuses every change, and has
    /// no upkeep.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed in storage then, except perhaps that the cluster was named.
    pub async fn open(
        options: BrokerOptions,
        backend: Arc<dyn StorageBackend>,
    ) -> Result<Arc<Self>, OpenError> {
        let metrics = Arc::new(Metrics::default());
        let index_cache = Arc::new(IndexCache::new(options.index_cache_bytes, Arc::clone(&metrics)));
        let start = checkpoint::choose(&*backend, &index_cache).await?;
        let node_id = NodeId::new(options.settings.kafka.node_id);
        let configs = EffectiveConfigs::new(options.settings.clone());
        let core = Arc::new(Core::new(configs, metrics, Arc::clone(&options.clock)));
        if let Some(checkpoint) = start.checkpoint {
            restore(&core, node_id, checkpoint);
        }
        follow(&core, node_id, &backend, start.follow_from).await?;

        let room_kib = u32::try_from(options.append_room_bytes / 1024).unwrap_or(u32::MAX).max(1);
        let checkpointer = Checkpointer::new(
            Arc::clone(&core),
            Arc::clone(&backend),
            Arc::clone(&index_cache),
            start.covered,
        );
        let mut broker = Self {
            core,
            index_cache,
            groups: Coordinator::new(),
            consumers: Consumers::default(),
            entropy: options.entropy,
            cluster_id: ClusterId::new(""),
            node_id,
            read_only: backend.status().read_only,
            room: Arc::new(Semaphore::new(usize::try_from(room_kib).unwrap_or(usize::MAX))),
            room_kib,
            workers: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
            stop: watch::Sender::new(false),
            backend,
        };
        broker.cluster_id = broker.name_cluster(options.settings.kafka.cluster_id.as_deref()).await?;
        let broker = Arc::new(broker);
        broker.restore_groups();
        broker.restore_consumer_sessions();
        if broker.read_only.is_none() {
            upkeep::start(&broker, checkpointer, &broker.stop);
        }
        broker.core.metrics.storage_read_only.set(broker.read_only.is_some().into());
        Ok(broker)
    }

    /// The name that the cluster has; at the first start it gets one.
    async fn name_cluster(&self, wanted: Option<&str>) -> Result<ClusterId, OpenError> {
        let known = self.state(|state| state.cluster_id().cloned());
        if let Some(known) = known {
            if wanted.is_some_and(|wanted| wanted != known.as_str()) {
                tracing::warn!(cluster_id = %known, "the cluster keeps the id it was given at its first start");
            }
            return Ok(known);
        }
        if let Some(damage) = &self.read_only
            && self.state(|state| state.applied().is_none())
        {
            return Err(OpenError::Damaged { damage: damage.clone() });
        }
        // The entry that names the cluster is the first of its journal.
        if self.state(|state| state.applied().is_some()) {
            return Err(OpenError::NoCheckpoint { start: self.backend.start() });
        }
        let cluster_id = wanted.map_or_else(|| ClusterId::random(&self.entropy), ClusterId::new);
        match self.propose(Change::NameCluster { cluster_id }).await {
            Ok(Outcome::ClusterNamed(cluster_id)) => Ok(cluster_id),
            Ok(_) => Err(OpenError::Name(ChangeError::Stopped)),
            Err(error) => Err(OpenError::Name(error)),
        }
    }

    /// Ends the upkeep tasks, commits what was accepted and closes storage. Produces and changes are refused from then on.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        self.backend.close().await;
    }

    /// Resolves when the journal says something that this process cannot follow: it has to end then. Never, if it does
    /// not.
    pub async fn halted(&self) -> Arc<Halt> {
        self.core.until_halted().await
    }
}

/// Takes over what a checkpoint knows.
fn restore(core: &Core, node: NodeId, checkpoint: Checkpoint) {
    let mut parts = PartsByPartition::new();
    for segment in checkpoint.segments {
        let mut live = 0;
        for (at, part) in segment.parts {
            // What is not in the state cannot be given up later either, and must not keep the segment.
            if checkpoint.state.partition(at).is_some() {
                live += 1;
                parts.entry(at).or_default().push(part);
            }
        }
        core.segments.restore(segment.start, segment.end, live);
    }
    let state = checkpoint.state;
    core.configs.set_brokers(state.default_broker_configs(), state.broker_configs(node));
    core.catalog.restore(&state, &mut parts, |configs| core.configs.topic(configs));
    core.catalog.measure(&core.metrics);
    for (at, transactions) in state.partitions_with_transactions() {
        if let Some(partition) = core.catalog.partition(at) {
            partition.restore_transactions(transactions);
        }
    }
    core.metrics.set_open_transactions(state.ongoing_transaction_count());
    core.transaction_bytes.store(state.transaction_bytes(), std::sync::atomic::Ordering::Relaxed);
    *core.state.lock() = state;
}

/// Replays the journal from `from` on, and has its further entries applied as they come.
async fn follow(
    core: &Arc<Core>,
    node: NodeId,
    backend: &Arc<dyn StorageBackend>,
    from: chronik_backend::Position,
) -> Result<(), OpenError> {
    let applier = Applier::new(Arc::clone(core), node, from);
    let backend = Arc::clone(backend);
    tokio::task::spawn_blocking(move || backend.follow(from, Box::new(applier)))
        .await?
        .map_err(OpenError::Follow)?;
    match core.halted() {
        Some(halt) => Err(OpenError::Halted(halt)),
        None => Ok(()),
    }
}

/// Queries.
impl Broker {
    /// The id of the cluster.
    pub fn cluster_id(&self) -> &ClusterId {
        &self.cluster_id
    }

    /// The id of this gateway.
    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.core.catalog.named(name)
    }

    /// The topic with that id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.core.catalog.by_id(id)
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> Arc<[Arc<Topic>]> {
        self.core.catalog.sorted().1
    }

    /// All topics in the order of their names, and a number that is greater whenever there are others, or one of them has
    /// got more partitions.
    pub fn topics_and_generation(&self) -> (u64, Arc<[Arc<Topic>]>) {
        self.core.catalog.sorted()
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.core.catalog.counts().0
    }

    /// How many partitions there are, over all topics.
    pub fn partition_count(&self) -> usize {
        self.core.catalog.counts().1
    }

    /// The settings with the dynamic broker configs in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.core.configs.settings()
    }

    /// The dynamic broker configs, of all brokers and of this one.
    pub fn dynamic_configs(&self) -> Arc<DynamicConfigs> {
        self.core.configs.dynamic()
    }

    /// Asks something of the state under its lock, which the applier needs too: be quick.
    pub fn state<T>(&self, ask: impl FnOnce(&State) -> T) -> T {
        ask(&self.core.state.lock())
    }

    /// The idempotent producers of a partition that have not expired, in the order of their ids.
    pub fn producers(&self, partition: &Partition) -> Vec<ActiveProducer> {
        let state = self.core.state.lock();
        let at = partition.topic_partition();
        let producers = state.partition(at).into_iter().flat_map(|p| p.producers());
        producers
            .map(|(producer_id, producer)| ActiveProducer {
                producer_id,
                producer_epoch: producer.epoch(),
                last_sequence: producer.last_sequence(),
                last_timestamp: producer.last_timestamp(),
                is_transactional: state.transactional_id_of(producer_id).is_some(),
                transaction_start: state.transaction_start(producer_id, at),
            })
            .collect()
    }

    /// Whether any producer's last append was before that time.
    pub(crate) fn has_producers_inactive_since(&self, inactive_before: TimestampMs) -> bool {
        let state = self.core.state.lock();
        let mut partitions = state.topics().flat_map(|topic| topic.partitions());
        partitions.any(|partition| {
            partition.producers().any(|(_, producer)| producer.last_append() < inactive_before)
        })
    }

    /// Bytes that each topic's partitions hold, by the index of the partition.
    pub fn partition_sizes(&self, topic: &Topic) -> BTreeMap<i32, u64> {
        topic.partitions().iter().map(|partition| (partition.index().get(), partition.size_bytes())).collect()
    }

    /// The wall clock of the gateway.
    pub fn now(&self) -> TimestampMs {
        self.core.clock.now()
    }

    /// Facts about storage.
    pub fn storage(&self) -> Status {
        self.backend.status()
    }

    /// The damage of the journal because of which nothing can be changed, if there is any.
    pub(crate) fn read_only(&self) -> Option<&Damage> {
        self.read_only.as_ref()
    }

    /// The metrics of the broker core.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Starts to watch partitions for what a reader can see more of. Make the watch before reading, so that nothing is
    /// missed.
    pub fn watch(&self, partitions: Vec<Arc<Partition>>, isolation: IsolationLevel) -> Watch {
        Watch::new(partitions, isolation, self.core.metrics.waiting_fetches.clone())
    }

    pub(crate) fn core_handle(&self) -> Arc<Core> {
        Arc::clone(&self.core)
    }

    /// Does work for which records are decompressed, away from the async threads. As much is done at once as there are
    /// cores: each piece can take as much memory as [`Broker::decompression_limit`] says, and a small request can ask
    /// for very many.
    pub(crate) async fn work_on_records<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        // The semaphore is never closed. The permit goes along: the work goes on when nobody waits for it any longer.
        let permit = Arc::clone(&self.workers).acquire_owned().await.ok();
        crate::blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
    }

    /// The most bytes that a batch of a topic with these configs may decompress to.
    pub(crate) fn decompression_limit(&self, configs: &TopicConfigs) -> usize {
        let cap = self.settings().limits.socket_request_max_bytes.as_usize();
        decompression_limit(configs.max_message_bytes.as_usize(), cap)
    }

    /// Waits for room for that many bytes on their way to storage. Those who wait are served in order.
    pub(crate) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(self.room_kib);
        // The semaphore is never closed.
        Arc::clone(&self.room).acquire_many_owned(kib).await.ok()
    }
}
