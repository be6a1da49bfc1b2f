//! Broker settings that were changed while the gateway ran, on top of [`Settings`].

use super::definition::Refusal;
use super::{Overrides, broker_key};
use crate::sections::Settings;

/// For which brokers a setting is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerScope {
    /// For all of them: the resource with an empty name.
    Cluster,
    /// For this one, which is stronger: the resource named by its id.
    Broker,
}

/// What was changed, for all brokers and for this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicConfigs {
    /// For all brokers.
    pub cluster: Overrides,
    /// For this broker, which is stronger.
    pub broker: Overrides,
}

impl DynamicConfigs {
    /// What was changed for that scope.
    #[must_use]
    pub const fn of(&self, scope: BrokerScope) -> &Overrides {
        match scope {
            BrokerScope::Cluster => &self.cluster,
            BrokerScope::Broker => &self.broker,
        }
    }

    /// The settings with these changes in force. Names that stand for no setting of ours change nothing.
    ///
    /// # Errors
    /// A value that its setting does not take. [`super::alter_broker`] lets none in.
    pub fn apply(&self, settings: &Settings) -> Result<Settings, Refusal> {
        let mut settings = settings.clone();
        for (name, value) in self.cluster.iter().chain(&self.broker) {
            let Some(key) = broker_key(name) else { continue };
            if let Some(own) = key.own() {
                (own.apply_kafka)(&mut settings, &key.unit.to_setting(value)).map_err(|why| {
                    Refusal::value(
                        name,
                        value,
                        &why.unwrap_or_else(|| format!("expected {}", (own.expected)())),
                    )
                })?;
            }
        }
        Ok(settings)
    }
}
