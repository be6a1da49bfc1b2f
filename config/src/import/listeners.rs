//! Kafka's listeners: names, protocols and advertised addresses come from four properties.

use std::collections::BTreeMap;

use super::Import;
use super::properties::Property;
use crate::values::{HostPort, Listener, SettingValue};

/// The properties that are read here.
pub(super) const KEYS: [&str; 4] =
    ["listeners", "advertised.listeners", "listener.security.protocol.map", "controller.listener.names"];

/// Imports listeners and what they advertise.
pub(super) fn import(properties: &[Property], hostname: &str, import: &mut Import) {
    let find = |key: &str| properties.iter().find(|property| property.key == key);
    let kafka = Kafka {
        protocols: find("listener.security.protocol.map")
            .map(|map| protocols(&map.value))
            .unwrap_or_default(),
        controllers: find("controller.listener.names").map(|names| items(&names.value)).unwrap_or_default(),
    };
    for name in ["listener.security.protocol.map", "controller.listener.names"] {
        if let Some(property) = find(name) {
            import.leave(
                property,
                "Used to read the listeners; listeners here are plaintext, and none is a controller's.",
            );
        }
    }
    for name in ["listeners", "advertised.listeners"] {
        if let Some(property) = find(name).filter(|property| property.value.trim().is_empty()) {
            import.leave(property, "It is empty, so the default is used.");
        }
    }
    let listeners = find("listeners").map(|property| (property, kafka.read(property, import)));
    if let Some((property, listeners)) = &listeners
        && !listeners.is_empty()
    {
        import.settings.kafka.listeners = listeners.clone();
        import.take("kafka.listeners", property);
    }
    let mut advertised =
        find("advertised.listeners").map(|property| kafka.read(property, import)).unwrap_or_default();
    let names: Vec<String> =
        import.settings.kafka.listeners.iter().map(|listener| listener.name.clone()).collect();
    if let Some(property) = find("advertised.listeners") {
        if advertised.iter().any(|listener| !names.contains(&listener.name)) {
            import.leave(property, "Only the names that are among the listeners are advertised.");
        }
        advertised.retain(|listener| names.contains(&listener.name));
    }
    advertise_wildcards(&mut advertised, hostname, &import.settings.kafka.listeners);
    if !advertised.is_empty() {
        let from = find("advertised.listeners").or(listeners.map(|(property, _)| property));
        if let Some(from) = from {
            import.take("kafka.advertised_listeners", from);
        }
        import.settings.kafka.advertised_listeners = advertised;
    }
}

/// Kafka advertises the name of the machine for a listener without an address.
fn advertise_wildcards(advertised: &mut Vec<Listener>, hostname: &str, listeners: &[Listener]) {
    let hostname = if hostname.is_empty() { "localhost" } else { hostname };
    for listener in listeners.iter().filter(|listener| listener.address.is_wildcard()) {
        if !advertised.iter().any(|other| other.name == listener.name) {
            let address = HostPort::new(hostname, listener.address.port);
            advertised.push(Listener { address, ..listener.clone() });
        }
    }
    for listener in advertised.iter_mut().filter(|listener| listener.address.is_wildcard()) {
        hostname.clone_into(&mut listener.address.host);
    }
}

/// What the other properties say about listener names.
struct Kafka {
    protocols: BTreeMap<String, String>,
    controllers: Vec<String>,
}

impl Kafka {
    /// The listeners of a property that can be here; the others are left with the reason.
    fn read(&self, property: &Property, import: &mut Import) -> Vec<Listener> {
        let mut listeners = Vec::new();
        for item in items(&property.value) {
            let name = item.split("://").next().unwrap_or(&item).to_ascii_uppercase();
            let protocol = self.protocols.get(&name).unwrap_or(&name);
            let secured = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"].contains(&protocol.as_str());
            if self.controllers.contains(&name) {
                import
                    .leave(property, &format!("{item} is a controller's listener; there is no controller."));
            } else if secured {
                import
                    .leave(property, &format!("{item} is protected by {protocol}, which is not there yet."));
            } else {
                // A name such as SSL that is mapped to plaintext cannot keep its name.
                match Listener::read_kafka(&item) {
                    Ok(listener) => listeners.push(listener),
                    Err(why) => import.leave(property, &format!("{item}: {}", why.unwrap_or_default())),
                }
            }
        }
        listeners
    }
}

fn items(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn protocols(map: &str) -> BTreeMap<String, String> {
    let upper = |text: &str| text.trim().to_ascii_uppercase();
    items(map)
        .iter()
        .filter_map(|item| item.split_once(':'))
        .map(|(name, protocol)| (upper(name), upper(protocol)))
        .collect()
}
