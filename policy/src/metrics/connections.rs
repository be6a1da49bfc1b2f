//! Counters of connections: how many there are, who was refused, why they ended, and which software they run.

use std::collections::HashSet;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of all connections of a server.
#[derive(Debug)]
pub struct ConnectionMetrics {
    open: Family<ListenerLabels, Gauge>,
    accepted: Family<ListenerLabels, Counter>,
    refused: Family<ListenerLabels, Counter>,
    closed: Family<ReasonLabels, Counter>,
    software: Family<SoftwareLabels, Counter>,
    known_software: Mutex<HashSet<SoftwareLabels>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SoftwareLabels {
    software: String,
    version: String,
}

/// A connection that counts as open until this is dropped.
#[derive(Debug)]
pub struct OpenConnection {
    open: Gauge,
}

/// Names of client software that are told apart; clients choose them, so all further ones are `other`.
const SOFTWARE_LIMIT: usize = 100;
/// Names and versions that are longer are `other` too.
const NAME_LIMIT: usize = 255;

impl ConnectionMetrics {
    /// Registers the metrics.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            open: Family::default(),
            accepted: Family::default(),
            refused: Family::default(),
            closed: Family::default(),
            software: Family::default(),
            known_software: Mutex::default(),
        };
        registry.register("chronik_kafka_connections", "Connections open now", metrics.open.clone());
        registry.register(
            "chronik_kafka_connections_accepted",
            "Connections accepted",
            metrics.accepted.clone(),
        );
        registry.register(
            "chronik_kafka_connections_refused",
            "Connections closed at once, because their address had too many",
            metrics.refused.clone(),
        );
        registry.register(
            "chronik_kafka_connections_closed",
            "Connections that have ended, by reason; client: the client closed it",
            metrics.closed.clone(),
        );
        registry.register(
            "chronik_kafka_client_software",
            "Connections whose client named its software in ApiVersions",
            metrics.software.clone(),
        );
        metrics
    }

    /// Counts a connection of a listener as accepted, and as open for as long as the result lives.
    #[must_use]
    pub fn opened(&self, listener: &str) -> OpenConnection {
        let labels = ListenerLabels { listener: listener.to_owned() };
        self.accepted.get_or_create(&labels).inc();
        let open = self.open.get_or_create(&labels).clone();
        open.inc();
        OpenConnection { open }
    }

    /// Counts a connection that was not let in.
    pub fn refused(&self, listener: &str) {
        self.refused.get_or_create(&ListenerLabels { listener: listener.to_owned() }).inc();
    }

    /// Counts a connection that has ended, whoever closed it.
    pub fn closed(&self, reason: &'static str) {
        self.closed.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a connection whose client told its software (KIP-511): such as `apache-kafka-java` in version `4.1.0`.
    pub fn software(&self, name: &str, version: &str) {
        let labels = SoftwareLabels { software: name.to_owned(), version: version.to_owned() };
        let is_known = name.len().max(version.len()) <= NAME_LIMIT && {
            let mut known = self.known_software.lock();
            if known.len() < SOFTWARE_LIMIT {
                known.insert(labels.clone());
            }
            known.contains(&labels)
        };
        if is_known {
            self.software.get_or_create(&labels).inc();
        } else {
            let other = || "other".to_owned();
            self.software.get_or_create(&SoftwareLabels { software: other(), version: other() }).inc();
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn invented_software_does_not_grow_the_metrics() {
        let mut registry = Registry::default();
        let metrics = ConnectionMetrics::register(&mut registry);
        for version in 0..1_000 {
            metrics.software("invented", &version.to_string());
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(text.matches("chronik_kafka_client_software_total{").count(), SOFTWARE_LIMIT + 1);
        assert!(text.contains(r#"software="other",version="other"} 900"#), "{text}");
    }

    #[test]
    fn names_that_are_very_long_are_not_shown() {
        let mut registry = Registry::default();
        let metrics = ConnectionMetrics::register(&mut registry);
        metrics.software(&"n".repeat(255), "1");
        metrics.software(&"n".repeat(256), "1");
        metrics.software("short", &"1".repeat(30_000));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(&format!(r#"software="{}",version="1"}} 1"#, "n".repeat(255))), "{text}");
        assert!(text.contains(r#"software="other",version="other"} 2"#), "{text}");
    }

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let mut registry = Registry::default();
        let metrics = ConnectionMetrics::register(&mut registry);
        let gauge = |listener: &str| {
            metrics.open.get_or_create(&ListenerLabels { listener: listener.to_owned() }).get()
        };
        let open = metrics.opened("PLAINTEXT");
        assert_eq!((gauge("PLAINTEXT"), gauge("OTHER")), (1, 0));
        drop(open);
        assert_eq!(gauge("PLAINTEXT"), 0);
    }
}
