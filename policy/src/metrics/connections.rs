//! Counters of connections: how many there are, who was refused, why they were closed, and which software they run.

use std::collections::HashSet;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::ClientSoftware;

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
            "Connections that the gateway closed, by reason",
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

    /// Counts a connection that the gateway closed.
    pub fn closed(&self, reason: &'static str) {
        self.closed.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a connection whose client told its software.
    pub fn software(&self, software: &ClientSoftware) {
        let mut labels =
            SoftwareLabels { software: software.name.clone(), version: software.version.clone() };
        {
            let mut known = self.known_software.lock();
            if known.len() < SOFTWARE_LIMIT {
                known.insert(labels.clone());
            } else if !known.contains(&labels) {
                labels = SoftwareLabels { software: "other".to_owned(), version: "other".to_owned() };
            }
        }
        self.software.get_or_create(&labels).inc();
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
            metrics.software(&ClientSoftware { name: "invented".to_owned(), version: version.to_string() });
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(text.matches("chronik_kafka_client_software_total{").count(), SOFTWARE_LIMIT + 1);
        assert!(text.contains(r#"software="other",version="other"} 900"#), "{text}");
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
