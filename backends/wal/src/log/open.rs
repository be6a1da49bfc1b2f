//! Opens a directory: which log it is, in which epoch, and which segments there are.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use chronik_types::Entropy;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::{Builder, Delivery, Log, Nearby, Queue, Settings};
use crate::OpenError;
use crate::buffer::Pool;
use crate::cache::Cache;
use crate::disk::Disk;
use crate::identity::{self, Found, Identity};
use crate::metrics::Metrics;
use crate::segments::{self, Segment, Segments};
use crate::slabs::Slabs;
use crate::windows::Windows;

impl Log {
    /// Opens the log in a directory, or begins one. Reads headers only, and writes nothing.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        entropy: &Entropy,
    ) -> Result<Self, OpenError> {
        let found = segments::find(disk.as_ref())?;
        let mut damage = Vec::new();
        let boot = disk.boot();
        let mut identity = match Identity::read(disk.as_ref())? {
            Found::Identity(identity) => identity,
            Found::Missing if found.is_empty() => Identity::draw(entropy, boot.clone()),
            Found::Missing => rebuild(disk.as_ref(), &found, "the file is missing", &mut damage)?,
            Found::Damaged => rebuild(disk.as_ref(), &found, "no valid content", &mut damage)?,
        };
        let same_boot = identity.boot == boot && !boot.is_empty();
        identity.epoch = identity.epoch.saturating_add(1);
        let pool = Arc::new(Pool::default());
        let failed = |source: io::Error| OpenError::io("read", &disk.show(""), source);
        let segments = Segments::new(Arc::clone(&disk), Arc::clone(&pool), identity.log_id, found);
        Ok(Self {
            segments: segments.map_err(failed)?,
            metrics: Metrics::default(),
            cache: Cache::new(settings.cache_bytes),
            windows: Arc::new(Windows::new(settings.cache_bytes / 4 * WINDOWS_QUARTERS)),
            pool,
            slabs: Slabs::new(settings.cache_bytes),
            log_id: identity.log_id,
            epoch: AtomicU64::new(identity.epoch),
            identity,
            same_boot,
            builder: Mutex::new(Builder::default()),
            housework: Condvar::new(),
            preparing: Mutex::new(()),
            queue: Mutex::new(Queue::default()),
            work: Condvar::new(),
            nearby: Nearby::default(),
            delivery: Mutex::new(Delivery::default()),
            committed: AtomicU64::new(0),
            synced: Mutex::new(0),
            ended: Notify::new(),
            damage: Mutex::new(damage),
            read_only: OnceLock::new(),
            settings,
            disk,
        })
    }
}

/// Makes up for a lost `format` file from what the segments say.
fn rebuild(
    disk: &dyn Disk,
    found: &[(Segment, Option<u64>)],
    reason: &str,
    damage: &mut Vec<String>,
) -> Result<Identity, OpenError> {
    let file = disk.show(identity::NAME);
    let Some(log_id) = found.iter().find_map(|(_, log_id)| *log_id) else {
        return Err(OpenError::Damaged {
            file,
            offset: 0,
            reason: format!("{reason}, and no segment to go by"),
        });
    };
    let newest = found.iter().map(|(segment, _)| segment.epoch).max().unwrap_or_default();
    tracing::error!(file, reason, "damage in the log: what it says is taken from the segments");
    damage.push(format!("{file}: damaged at byte 0: {reason}; what it says is taken from the segments"));
    // How often the log was opened after its newest segment was made is not known; epochs must not be used twice.
    Ok(Identity { log_id, epoch: newest.saturating_add(EPOCHS_SKIPPED), boot: String::new() })
}

const EPOCHS_SKIPPED: u64 = 1_000_000;

/// Old data may use this many quarters of the memory that recent data has, beside it. Readers of many partitions drift
/// apart, and whoever falls behind what is held makes all that he wants be read once more: sixteen of them on a log of 1 GiB
/// read three times what they wanted with 32 MiB, and less than once with 96 MiB.
const WINDOWS_QUARTERS: u64 = 3;
