//! `chronik serve`: puts the parts together, runs until it is told to stop, and takes them apart in order.

use std::sync::Arc;

use chronik_admin::{AdminParts, AdminServer, Check, ProcessCollector, Readiness};
use chronik_backend::StorageBackend;
use chronik_broker::{Broker, BrokerOptions, Halt};
use chronik_config::Settings;
use chronik_server::{Parts, Server};
use chronik_types::{Clock, Entropy, SystemClock};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::SettingsArguments;
use crate::exit::Exit;
use crate::{banner, complain, logging, settings, storage};

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &SettingsArguments) -> Exit {
    let loaded = match settings::load(arguments) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprint!("{errors}");
            return Exit::Settings;
        }
    };
    if let Err(error) = logging::start(&loaded.settings.log) {
        complain(&error);
        return Exit::Settings;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    runtime.block_on(serve(&loaded.settings))
}

async fn serve(settings: &Settings) -> Exit {
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
    let broker = match Broker::open(options, Arc::clone(&backend)).await {
        Ok(broker) => broker,
        Err(error) => {
            complain(&error);
            return Exit::Storage;
        }
    };
    broker.metrics().register(&mut registry);
    let exit = serve_clients(settings, &broker, &backend, registry, clock, entropy).await;
    broker.close().await;
    exit
}

/// Everything between the open broker and its close.
async fn serve_clients(
    settings: &Settings,
    broker: &Arc<Broker>,
    backend: &Arc<dyn StorageBackend>,
    mut registry: Registry,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
) -> Exit {
    let parts = Parts { settings, broker: Arc::clone(broker), registry: &mut registry, clock, entropy };
    let server = match Server::bind(parts).await {
        Ok(server) => server,
        Err(error) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    let watched = Arc::clone(backend);
    let parts = AdminParts {
        registry,
        readiness: Box::new(move || readiness(watched.as_ref())),
        version: env!("CARGO_PKG_VERSION"),
    };
    let admin = match AdminServer::bind(&settings.admin.listen.to_string(), parts).await {
        Ok(admin) => admin,
        Err(error) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    print!(
        "{}",
        banner::text(&banner::Running {
            settings,
            kafka: server.local_addresses(),
            admin: admin.local_address(),
            storage: &backend.status(),
            cluster_id: broker.cluster_id().as_str(),
            topics: broker.topic_count(),
            partitions: broker.partition_count(),
        })
    );
    let (stop, stopped) = watch::channel(false);
    let admin = tokio::spawn(admin.serve(stopped));
    let exit = until_told(broker).await;
    tracing::info!("stopping: no new requests, finishing what was accepted");
    if !server.shutdown().await {
        tracing::warn!(
            "some clients were cut off: they did not take their answers within limits.shutdown_grace"
        );
    }
    stop.send_replace(true);
    // Probes may fail from here on; whoever asks sees a closed port.
    admin.abort();
    exit
}

/// Waits for a signal, or for the journal to say what this process cannot follow.
async fn until_told(broker: &Broker) -> Exit {
    let (terminate, interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => {
            complain(&error);
            return Exit::Failure;
        }
    };
    let (mut terminate, mut interrupt) = (terminate, interrupt);
    tokio::select! {
        _ = terminate.recv() => Exit::Ok,
        _ = interrupt.recv() => Exit::Ok,
        halt = broker.halted() => halted(&halt),
    }
}

fn halted(halt: &Halt) -> Exit {
    complain(halt);
    Exit::Storage
}

/// What `/readyz` looks at.
fn readiness(backend: &dyn StorageBackend) -> Readiness {
    let status = backend.status();
    let mut checks = vec![Check {
        name: "storage",
        ok: !status.full,
        detail: if status.full {
            "no space left: produces are refused, reads go on".to_owned()
        } else {
            format!("{}, {} bytes in {} segments", status.backend, status.bytes_used, status.segments)
        },
    }];
    // Damage concerns single ranges; the rest is served, so it does not make the gateway unready.
    checks.extend(status.damage.into_iter().map(|detail| Check { name: "damage", ok: true, detail }));
    Readiness { checks }
}
