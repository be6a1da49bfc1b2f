//! The log as a [`StorageBackend`]: its threads, its reads, its objects.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use chronik_backend::{
    Append, AppendError, BoxFuture, DataRef, FollowError, Follower, ObjectError, ObjectName, Objects,
    Position, ReadError, Status, StorageBackend,
};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use crate::cold;
use crate::disk::Disk;
use crate::disk::real::RealDisk;
use crate::log::{Log, Settings};
use crate::metrics::QueueCollector;
use crate::objects::ObjectFiles;
use crate::reader::{Workers, closed};
use crate::{Durability, FatalError, MOST_WRITES_IN_FLIGHT, OpenError, WalOptions};

/// The local write-ahead log.
#[derive(Debug)]
pub struct WalBackend {
    log: Arc<Log>,
    objects: Arc<ObjectFiles>,
    workers: Workers,
    writers: Mutex<Vec<JoinHandle<()>>>,
    writes_in_flight: usize,
    durability: Durability,
    /// What the disk says about how it is written.
    real: Option<Arc<RealDisk>>,
}

impl WalBackend {
    /// Opens the log in a directory, or begins one there. Entries are taken after
    /// [`follow`](StorageBackend::follow).
    ///
    /// # Errors
    /// When the directory is in use, not usable, or written by a newer program.
    pub fn open(options: WalOptions) -> Result<Self, OpenError> {
        let disk = Arc::new(RealDisk::lock(&options.dir, options.direct_io)?);
        let mut backend = Self::open_on(Arc::clone(&disk) as Arc<dyn Disk>, options)?;
        backend.real = Some(disk);
        Ok(backend)
    }

    /// Opens the log on any disk.
    pub(crate) fn open_on(disk: Arc<dyn Disk>, options: WalOptions) -> Result<Self, OpenError> {
        check(&options)?;
        let shown = disk.show("");
        let failed = |what: &'static str| {
            let shown = shown.clone();
            move |source: io::Error| OpenError::io(what, &shown, source)
        };
        let WalOptions { durability, writes_in_flight, read_threads, entropy, .. } = options;
        let settings = Settings {
            durability,
            segment_bytes: crate::format::padded(options.segment_bytes),
            writes_in_flight,
            second_write_bytes: SECOND_WRITE_BYTES,
            cache_bytes: options.cache_bytes,
            queue_bytes: options.queue_bytes,
            zero_ahead: 32 << 20,
            zero_chunk: 1 << 20,
            clock: options.clock,
            on_fatal: options.on_fatal,
        };
        let log = Arc::new(Log::open(Arc::clone(&disk), settings, &entropy)?);
        let objects = Arc::new(ObjectFiles::new(disk));
        let workers = Workers::start(read_threads).map_err(failed("start threads for"))?;
        let writers = Mutex::new(Vec::new());
        Ok(Self { log, objects, workers, writers, writes_in_flight, durability, real: None })
    }

    /// Adds the metrics of the log to a registry, as `wal_*` below the prefix of the registry.
    pub fn register(&self, registry: &mut Registry) {
        register(&self.log, registry);
    }

    fn spawn(&self, name: String, run: impl Fn(&Log) + Send + 'static) -> Result<(), FollowError> {
        let log = Arc::clone(&self.log);
        let guarded = move || {
            // Without this a panic of the follower would leave producers waiting for ever.
            if catch_unwind(AssertUnwindSafe(|| run(&log))).is_err() {
                panicked(&log);
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(guarded);
        let thread = thread.map_err(|source| FollowError::Io {
            context: "cannot start a thread of the log".into(),
            source,
        })?;
        self.writers.lock().push(thread);
        Ok(())
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.writers.lock());
        let current = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log has panicked");
            }
        }
    }
}

impl Drop for WalBackend {
    fn drop(&mut self) {
        self.log.stop();
        self.join();
        self.workers.stop();
    }
}

impl StorageBackend for WalBackend {
    fn follow(&self, from: Position, follower: Box<dyn Follower>) -> Result<Position, FollowError> {
        let end = self.log.recover(from, follower)?;
        if self.log.read_only().is_some() {
            return Ok(end);
        }
        self.objects.prepare().map_err(|source| FollowError::Io {
            context: format!("cannot prepare objects in {}", self.log.disk.show("")),
            source,
        })?;
        self.spawn("wal-housekeeping".into(), |log| {
            while log.wait_for_housework() {
                log.do_housework();
            }
        })?;
        for number in 0..self.writes_in_flight {
            self.spawn(format!("wal-write-{number}"), |log| {
                while log.wait_for_work() {
                    if let Some(group) = log.take() {
                        let written = log.write(&group);
                        log.complete(group, written);
                    }
                }
            })?;
        }
        self.log.start_nearby(panicked);
        Ok(end)
    }

    fn append(&self, append: Append) -> Result<(), AppendError> {
        self.log.append(append)
    }

    fn cached(&self, data: DataRef) -> Option<Bytes> {
        let bytes = self.log.cache.get(data.at.get(), data.len)?;
        Some(if self.log.slabs.is_crowded() { Bytes::copy_from_slice(&bytes) } else { bytes })
    }

    fn read(&self, data: DataRef) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        Box::pin(async move {
            match self.cached(data) {
                Some(bytes) => Ok(bytes),
                None => cold::read(&self.log, &self.workers, data).await,
            }
        })
    }

    fn expect(&self, spans: &[DataRef]) {
        cold::expect(&self.log, &self.workers, spans);
    }

    fn start(&self) -> Position {
        Position::new(self.log.start())
    }

    fn seal(&self) {
        self.log.seal();
    }

    fn trim(&self, upto: Position) -> BoxFuture<'_, Result<Position, ObjectError>> {
        Box::pin(async move {
            self.check_writable()?;
            let log = Arc::clone(&self.log);
            let trimmed = self.workers.run(move || log.trim(upto.get())).await;
            let failed = |source| ObjectError::Io { context: "cannot remove old segments".into(), source };
            trimmed.unwrap_or_else(|| Err(closed())).map(Position::new).map_err(failed)
        })
    }

    fn status(&self) -> Status {
        let how = self.real.as_ref().map_or("simulated", |disk| disk.describe());
        let durability = match self.durability {
            Durability::Fsync => format!("fsync: on disk before it is acknowledged ({how})"),
            Durability::Os => format!("os: with the operating system, lost in a power cut ({how})"),
        };
        Status { durability, location: self.log.disk.show(""), ..self.log.status() }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.log.close();
            self.log.ended().await;
        })
    }
}

impl Objects for WalBackend {
    fn put(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectError>> {
        Box::pin(async move {
            self.check_writable()?;
            let log = Arc::clone(&self.log);
            self.with_objects(move |objects| log.put(objects, &name, &bytes)).await
        })
    }

    fn get(&self, name: ObjectName) -> BoxFuture<'_, Result<Bytes, ObjectError>> {
        self.with_objects(move |objects| objects.get(&name))
    }

    fn list(&self, kind: &str) -> BoxFuture<'_, Result<Vec<ObjectName>, ObjectError>> {
        let kind = kind.to_owned();
        self.with_objects(move |objects| objects.list(&kind))
    }

    fn delete(&self, name: ObjectName) -> BoxFuture<'_, Result<(), ObjectError>> {
        Box::pin(async move {
            self.check_writable()?;
            self.with_objects(move |objects| objects.delete(&name)).await
        })
    }
}

impl WalBackend {
    fn check_writable(&self) -> Result<(), ObjectError> {
        match self.log.read_only() {
            Some(damage) => Err(ObjectError::ReadOnly { damage: damage.clone() }),
            None => Ok(()),
        }
    }

    fn with_objects<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ObjectFiles) -> Result<T, ObjectError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, ObjectError>> {
        Box::pin(async move {
            let objects = Arc::clone(&self.objects);
            let done = self.workers.run(move || work(&objects)).await;
            done.unwrap_or_else(|| {
                Err(ObjectError::Io { context: "cannot reach objects".into(), source: closed() })
            })
        })
    }
}

/// Adds the metrics of a log to a registry.
pub(crate) fn register(log: &Arc<Log>, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("wal");
    log.metrics.register(registry);
    registry.register_collector(Box::new(QueueCollector(Arc::downgrade(log))));
}

/// Ends a log after a panic of one of its writers.
fn panicked(log: &Log) {
    let source = io::Error::other("a writer of the log has panicked");
    log.fail(FatalError { file: log.disk.show(""), operation: "work", offset: 0, source });
}

/// Refuses options that cannot work.
fn check(options: &WalOptions) -> Result<(), OpenError> {
    let impossible = |setting, value, allowed| Err(OpenError::Setting { setting, value, allowed });
    if !(1..=MOST_WRITES_IN_FLIGHT).contains(&options.writes_in_flight) {
        return impossible("writes_in_flight", options.writes_in_flight as u64, "1 to 16");
    }
    if !(SMALLEST_SEGMENT..=LARGEST_SEGMENT).contains(&options.segment_bytes) {
        return impossible("segment_bytes", options.segment_bytes, "64 KiB to 64 GiB");
    }
    Ok(())
}

/// With a write under way, what has to wait before another one starts. A write costs a thread's wake-up and a command of the
/// device however small it is, so that many small ones side by side bring less than a few larger ones.
const SECOND_WRITE_BYTES: u64 = 512 << 10;
const SMALLEST_SEGMENT: u64 = 64 << 10;
const LARGEST_SEGMENT: u64 = 64 << 30;
