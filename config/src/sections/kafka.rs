//! `[kafka]`: where clients connect and what they are told about this gateway.

use super::section;
use crate::values::Listener;

section! {
    /// Where Kafka clients connect, and what they are told about this gateway.
    pub struct KafkaSettings as SECTION at kafka {
        /// Addresses to listen on, NAME://host:port. An empty host, 0.0.0.0 or :: binds every address of the machine and
        /// needs an advertised listener of the same name.
        listeners: Vec<Listener> = vec![Listener::plaintext("127.0.0.1", 9092)];
        /// What clients are told to connect to, for the listeners where that is not the address they are bound to.
        advertised_listeners: Vec<Listener> = Vec::new();
        /// The id under which this gateway appears as a broker.
        node_id: i32 = 1, in 0 => i32::MAX;
        /// The id of the cluster. When it is not set, one is made at the first start and kept in the journal.
        cluster_id: Option<String> = None;
        /// The rack or zone of this gateway; clients in the same one prefer it.
        rack: Option<String> = None;
    }
}

impl KafkaSettings {
    /// What clients of that listener are told to connect to.
    #[must_use]
    pub fn advertised<'a>(&'a self, listener: &'a Listener) -> &'a Listener {
        self.advertised_listeners.iter().find(|other| other.name == listener.name).unwrap_or(listener)
    }
}
