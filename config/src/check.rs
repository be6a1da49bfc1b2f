//! The rules that span several settings.
//!
//! Each finds a contradiction and blames the key that a person would change, at the place where that key was set.

use std::collections::BTreeSet;

use crate::error::{ConfigError, Origins};
use crate::sections::{Settings, key};
use crate::values::{Backend, HostPort, Listener, RebalanceProtocol};

/// Everything that does not fit together.
pub(crate) fn check(settings: &Settings, origins: &Origins) -> Vec<ConfigError> {
    let mut checker = Checker { settings, origins, errors: Vec::new() };
    checker.listeners();
    checker.advertised();
    checker.ports();
    checker.topics();
    checker.limits();
    checker.storage();
    checker.groups();
    checker.log_filter();
    checker.errors
}

struct Checker<'a> {
    settings: &'a Settings,
    origins: &'a Origins,
    errors: Vec<ConfigError>,
}

impl Checker<'_> {
    /// Blames the setting `path`, whose value is shown.
    fn refuse(&mut self, path: &str, problem: impl Into<String>, hint: &str) {
        let value = key(path).and_then(|key| (key.toml)(self.settings)).unwrap_or_default();
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.errors.push(ConfigError::new(self.origins.of(path), path, problem).value(value).hint(hint));
    }

    fn listeners(&mut self) {
        const PATH: &str = "kafka.listeners";
        let kafka = &self.settings.kafka;
        if kafka.listeners.is_empty() {
            self.refuse(
                PATH,
                "there is no listener",
                "Kafka clients need one: [\"PLAINTEXT://127.0.0.1:9092\"]",
            );
        }
        for name in doubles(&kafka.listeners) {
            self.refuse(
                PATH,
                format!("the listener name {name} is there twice"),
                "give each listener its own name",
            );
        }
        for listener in &kafka.listeners {
            let advertised = kafka.advertised_listeners.iter().any(|other| other.name == listener.name);
            if listener.address.is_wildcard() && !advertised {
                let hint = format!(
                    "clients cannot connect to a wildcard address; set kafka.advertised_listeners = \
                     [\"{}://HOST:{}\"] with a name or address that they can reach, or listen on one",
                    listener.name, listener.address.port
                );
                self.refuse(PATH, format!("{listener} binds every address and advertises none"), &hint);
            }
        }
    }

    fn advertised(&mut self) {
        const PATH: &str = "kafka.advertised_listeners";
        let kafka = &self.settings.kafka;
        for name in doubles(&kafka.advertised_listeners) {
            self.refuse(PATH, format!("the listener name {name} is there twice"), "");
        }
        for advertised in &kafka.advertised_listeners {
            if !kafka.listeners.iter().any(|listener| listener.name == advertised.name) {
                let names: Vec<&str> =
                    kafka.listeners.iter().map(|listener| listener.name.as_str()).collect();
                let hint = format!("kafka.listeners has {}", names.join(", "));
                self.refuse(PATH, format!("there is no listener {} to advertise", advertised.name), &hint);
            }
            if advertised.address.is_wildcard() {
                let hint = "use a name or an address that clients can reach";
                self.refuse(PATH, format!("{advertised} is not an address to connect to"), hint);
            }
            if advertised.address.port == 0 {
                self.refuse(PATH, format!("{advertised} has no port to connect to"), "");
            }
        }
    }

    fn ports(&mut self) {
        let kafka = &self.settings.kafka;
        for (i, listener) in kafka.listeners.iter().enumerate() {
            for other in
                kafka.listeners.iter().take(i).filter(|other| collide(&other.address, &listener.address))
            {
                let problem = format!("{other} and {listener} want the same port");
                self.refuse("kafka.listeners", problem, "give each listener its own port");
            }
            if collide(&listener.address, &self.settings.admin.listen) {
                self.refuse(
                    "admin.listen",
                    format!("{listener} wants the same port"),
                    "give one another port",
                );
            }
        }
    }

    fn topics(&mut self) {
        let topics = &self.settings.topics;
        if topics.min_compaction_lag_ms > topics.max_compaction_lag_ms {
            self.refuse("topics.min_compaction_lag_ms", "more than topics.max_compaction_lag_ms", "");
        }
        if topics.compression_gzip_level == 0 {
            self.refuse(
                "topics.compression_gzip_level",
                "0 is no level",
                "use 1 to 9, or -1 for the default",
            );
        }
        if i64::from(topics.partitions) > i64::from(topics.max_partitions_per_topic) {
            self.refuse("topics.partitions", "more than topics.max_partitions_per_topic", "");
        }
        if topics.max_partitions_per_topic > topics.max_partitions {
            self.refuse("topics.max_partitions_per_topic", "more than topics.max_partitions", "");
        }
        if topics.max_message_bytes > self.settings.limits.socket_request_max_bytes {
            let problem = "more than limits.socket_request_max_bytes: such a batch could never arrive";
            self.refuse("topics.max_message_bytes", problem, "raise the one or lower the other");
        }
    }

    fn limits(&mut self) {
        let limits = &self.settings.limits;
        if limits.socket_request_max_bytes > limits.queued_max_request_bytes {
            let problem = "more than limits.queued_max_request_bytes: such a request could never be admitted";
            self.refuse("limits.socket_request_max_bytes", problem, "raise the one or lower the other");
        }
    }

    fn storage(&mut self) {
        let (backend, segment_bytes) =
            (self.settings.storage.backend, self.settings.storage.wal.segment_bytes);
        // A segment keeps a part of itself for what must be possible on a full disk.
        if backend == Backend::Wal && segment_bytes.get() / 2 < self.settings.topics.max_message_bytes.get() {
            let problem =
                "less than twice topics.max_message_bytes: such a batch might not fit into a segment";
            self.refuse("storage.wal.segment_bytes", problem, "raise the one or lower the other");
        }
    }

    fn groups(&mut self) {
        let groups = &self.settings.groups;
        if !groups.rebalance_protocols.contains(&RebalanceProtocol::Classic) {
            let problem = "the classic protocol cannot be turned off";
            self.refuse("groups.rebalance_protocols", problem, "add \"classic\"");
        }
        if groups.consumer_assignors.is_empty() {
            self.refuse("groups.consumer_assignors", "there is no assignor", "use [\"uniform\", \"range\"]");
        }
        if groups.min_session_timeout > groups.max_session_timeout {
            self.refuse("groups.min_session_timeout", "more than groups.max_session_timeout", "");
        }
        let session = (groups.consumer_min_session_timeout, groups.consumer_max_session_timeout);
        if !(session.0..=session.1).contains(&groups.consumer_session_timeout) {
            let problem =
                "not between groups.consumer_min_session_timeout and groups.consumer_max_session_timeout";
            self.refuse("groups.consumer_session_timeout", problem, "");
        }
        let heartbeat = (groups.consumer_min_heartbeat_interval, groups.consumer_max_heartbeat_interval);
        if !(heartbeat.0..=heartbeat.1).contains(&groups.consumer_heartbeat_interval) {
            let problem = "not between groups.consumer_min_heartbeat_interval and groups.consumer_max_heartbeat_interval";
            self.refuse("groups.consumer_heartbeat_interval", problem, "");
        }
        let assignment = (groups.consumer_min_assignment_interval, groups.consumer_max_assignment_interval);
        if !(assignment.0..=assignment.1).contains(&groups.consumer_assignment_interval) {
            let problem = "not between groups.consumer_min_assignment_interval and groups.consumer_max_assignment_interval";
            self.refuse("groups.consumer_assignment_interval", problem, "");
        }
        if groups.consumer_heartbeat_interval >= groups.consumer_session_timeout {
            let problem = "not less than groups.consumer_session_timeout: every member would be lost";
            self.refuse("groups.consumer_heartbeat_interval", problem, "");
        }
    }

    fn log_filter(&mut self) {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        let filter = &self.settings.log.filter;
        let level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
        for part in filter.split(',').map(str::trim) {
            let known = match part.rsplit_once('=') {
                Some((target, value)) => !target.is_empty() && level(value),
                None => level(part),
            };
            if !known {
                let hint = "write a level (error, warn, info, debug, trace, off) or target=level, by comma";
                self.refuse("log.filter", format!("{part:?} is not a level"), hint);
            }
        }
    }
}

/// The names that are there more than once.
fn doubles(listeners: &[Listener]) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    listeners.iter().map(|listener| listener.name.as_str()).filter(|name| !seen.insert(*name)).collect()
}

/// Whether only one of two sockets could be bound.
fn collide(a: &HostPort, b: &HostPort) -> bool {
    a.port != 0 && a.port == b.port && (a.host == b.host || a.is_wildcard() || b.is_wildcard())
}
