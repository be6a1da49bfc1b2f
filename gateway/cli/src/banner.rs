//! What a person sees when the gateway is up: where it listens, how safe a record is, and what to try.

use std::fmt::Write;
use std::net::SocketAddr;

use chronik_backend::{READ_ONLY_ADVICE, Status};
use chronik_config::Settings;

/// Facts for the banner that are known only once everything is bound.
pub(crate) struct Running<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) kafka: &'a [SocketAddr],
    pub(crate) admin: SocketAddr,
    pub(crate) storage: &'a Status,
    pub(crate) cluster_id: &'a str,
    pub(crate) topics: usize,
    pub(crate) partitions: usize,
}

/// The banner, with a line break at its end.
pub(crate) fn text(running: &Running<'_>) -> String {
    let mut text = format!("chronik {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<9}{value}");
    };
    for (listener, bound) in running.settings.kafka.listeners.iter().zip(running.kafka) {
        let told = running.settings.kafka.advertised(listener);
        let advertised =
            if told == listener { String::new() } else { format!(", clients are told {}", told.address) };
        line("kafka", &format!("{}://{bound}{advertised}", listener.name));
    }
    line("admin", &format!("http://{}", running.admin));
    let storage = running.storage;
    line("storage", &format!("{} in {}: {}", storage.backend, storage.location, storage.durability));
    for damage in &storage.damage {
        line("damage", damage);
    }
    if let Some(damage) = &storage.read_only {
        line("damage", &damage.to_string());
        line("writes", &format!("refused; what lies before the damage can be read; {READ_ONLY_ADVICE}"));
    }
    let (cluster, node) = (running.cluster_id, running.settings.kafka.node_id);
    let (topics, partitions) = (running.topics, running.partitions);
    line("cluster", &format!("{cluster}, node {node}, {topics} topics, {partitions} partitions"));
    if let Some(kafka) = running.kafka.first() {
        let admin = running.admin;
        let _ = write!(
            text,
            "try\n  echo hello | kcat -P -b {kafka} -t greetings\n  kcat -C -b {kafka} -t greetings -e\n  \
             curl 'http://{admin}/readyz?verbose'\n"
        );
    }
    text
}
