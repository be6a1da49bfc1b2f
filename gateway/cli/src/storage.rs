//! Opens the backend that the settings name. Nothing else in the program knows which backends there are.

use std::sync::Arc;

use chronik_backend::StorageBackend;
use chronik_backend::memory::{MemoryBackend, MemoryOptions};
use chronik_config::{Backend, Durability, Settings};
use chronik_types::{Clock, Entropy};
use chronik_wal::{FatalError, OpenError, WalBackend, WalOptions};
use prometheus_client::registry::Registry;

/// Opens the configured backend and registers its metrics. `on_fatal` ends the process.
///
/// # Errors
/// When the log cannot be opened; the text says why and what to do.
pub(crate) fn open(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
    registry: &mut Registry,
    on_fatal: impl Fn(FatalError) + Send + Sync + 'static,
) -> Result<Arc<dyn StorageBackend>, OpenError> {
    // Admission bounds what is under way; the queue must not refuse what admission let in.
    let queue_bytes = settings.limits.queued_max_request_bytes.get();
    match settings.storage.backend {
        Backend::Memory => {
            let memory = &settings.storage.memory;
            Ok(Arc::new(MemoryBackend::new(MemoryOptions {
                segment_bytes: memory.segment_bytes.get(),
                limit_bytes: memory.limit_bytes.get(),
                queue_bytes,
                ..MemoryOptions::default()
            })))
        }
        Backend::Wal => {
            let wal = &settings.storage.wal;
            let options = WalOptions {
                durability: match wal.durability {
                    Durability::Fsync => chronik_wal::Durability::Fsync,
                    Durability::Os => chronik_wal::Durability::Os,
                },
                segment_bytes: wal.segment_bytes.get(),
                writes_in_flight: usize::try_from(wal.writes_in_flight).unwrap_or(usize::MAX),
                cache_bytes: wal.cache_bytes.get(),
                queue_bytes,
                direct_io: wal.direct_io,
                ..WalOptions::new(wal.dir.clone(), clock, entropy, Box::new(on_fatal))
            };
            let backend = WalBackend::open(options)?;
            backend.register(registry.sub_registry_with_prefix("chronik"));
            Ok(Arc::new(backend))
        }
    }
}
