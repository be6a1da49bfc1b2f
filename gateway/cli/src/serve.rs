//! `chronik serve`: puts the parts together, runs until it is told to stop, and takes them apart in order.

mod open_files;

use std::sync::Arc;

use chronik_admin::{AdminParts, AdminServer, Check, ProcessCollector, Readiness};
use chronik_backend::{READ_ONLY_ADVICE, StorageBackend};
use chronik_broker::{Broker, BrokerOptions, Halt};
use chronik_config::Settings;
use chronik_server::{Parts, Server};
use chronik_types::{Clock, Entropy, SystemClock};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::args::SettingsArguments;
use crate::exit::Exit;
use crate::signals::Signals;
use crate::{banner, complain, logging, settings, storage};

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &SettingsArguments) -> Exit {
    let loaded = match settings::load(arguments) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Settings;
        }
    };
    if let Err(error) = logging::start(&loaded.settings.log) {
        complain(&error);
        return Exit::Settings;
    }
    open_files::raise_limit(loaded.settings.limits.max_connections);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    let exit = runtime.block_on(serve(&loaded.settings));
    // A replay that was told to stop does not look up from its work; it changes nothing.
    runtime.shutdown_background();
    exit
}

async fn serve(settings: &Settings) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy = Entropy::from_os();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessCollector));
    let opened = storage::open(settings, Arc::clone(&clock), entropy.clone(), &mut registry, |error| {
        tracing::error!(%error, "storage failed: nothing is acknowledged any more, the process ends");
        // From a thread of the log, at once: an orderly end would try to write.
        std::process::exit(Exit::Storage.code().into());
    });
    let backend = match opened {
        Ok(backend) => backend,
        Err(error) => {
            complain(&error);
            return Exit::Storage;
        }
    };
    let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), entropy.clone());
    let opened = tokio::select! {
        opened = Broker::open(options, Arc::clone(&backend)) => opened,
        () = signals.told() => return Exit::Ok,
    };
    let broker = match opened {
        Ok(broker) => broker,
        Err(error) => {
            complain(&error);
            return Exit::Storage;
        }
    };
    broker.register_metrics(registry.sub_registry_with_prefix("chronik"));
    let exit = match start(settings, &broker, &backend, registry, clock, entropy).await {
        Ok(listeners) => listeners.until_told(&broker, &mut signals).await,
        Err(exit) => exit,
    };
    broker.close().await;
    exit
}

/// Everything that clients connect to.
struct Listeners {
    server: Server,
    admin: AdminServer,
}

/// Opens the listeners and says so.
async fn start(
    settings: &Settings,
    broker: &Arc<Broker>,
    backend: &Arc<dyn StorageBackend>,
    mut registry: Registry,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
) -> Result<Listeners, Exit> {
    let failed = |error: &dyn std::error::Error| {
        complain(error);
        Exit::Failure
    };
    let parts = Parts { settings, broker: Arc::clone(broker), registry: &mut registry, clock, entropy };
    let server = Server::bind(parts).await.map_err(|error| failed(&error))?;
    let watched = Arc::clone(backend);
    let parts = AdminParts {
        registry,
        readiness: Box::new(move || readiness(watched.as_ref())),
        version: env!("CARGO_PKG_VERSION"),
    };
    let address = settings.admin.listen.to_string();
    let admin = AdminServer::bind(&address, parts).await.map_err(|error| failed(&error))?;
    let running = banner::Running {
        settings,
        kafka: server.local_addresses(),
        admin: admin.local_address(),
        storage: &backend.status(),
        cluster_id: broker.cluster_id().as_str(),
        topics: broker.topic_count(),
        partitions: broker.partition_count(),
    };
    print!("{}", banner::text(&running));
    Ok(Listeners { server, admin })
}

impl Listeners {
    /// Waits for a signal, or for the journal to say what this process cannot follow; then closes in order.
    async fn until_told(self, broker: &Broker, signals: &mut Signals) -> Exit {
        let (stop, stopped) = watch::channel(false);
        let admin = tokio::spawn(self.admin.serve(stopped));
        let exit = tokio::select! {
            () = signals.told() => Exit::Ok,
            halt = broker.halted() => halted(&halt),
        };
        tracing::info!("stopping: no new requests, finishing what was accepted");
        if !self.server.shutdown().await {
            tracing::warn!(
                "some clients were cut off: they did not take their answers within limits.shutdown_grace"
            );
        }
        stop.send_replace(true);
        // Probes may fail from here on; whoever asks sees a closed port.
        admin.abort();
        exit
    }
}

fn halted(halt: &Halt) -> Exit {
    complain(halt);
    Exit::Storage
}

/// What `/readyz` looks at.
fn readiness(backend: &dyn StorageBackend) -> Readiness {
    let status = backend.status();
    let detail = match &status.read_only {
        Some(damage) => format!(
            "read-only: {damage}; what lies before the damage can be read, every change is refused; {READ_ONLY_ADVICE}"
        ),
        None if status.full => "no space left: produces are refused, reads go on".to_owned(),
        None => format!("{}, {} bytes in {} segments", status.backend, status.bytes_used, status.segments),
    };
    // A gateway that takes no records is not ready, though those who know of it can still read from it.
    let mut checks = vec![Check { name: "storage", ok: !status.full && status.read_only.is_none(), detail }];
    // Damage to records concerns single ranges; the rest is served, so it does not make the gateway unready.
    checks.extend(status.damage.into_iter().map(|detail| Check { name: "damage", ok: true, detail }));
    Readiness { checks }
}
