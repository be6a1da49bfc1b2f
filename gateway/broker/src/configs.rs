//! The effective configs of topics: their own over the broker's dynamic ones over the settings.

use std::sync::Arc;

use chronik_config::Settings;
use chronik_config::kafka::{DynamicConfigs, Overrides, TopicConfigs};
use chronik_state::Configs;
use parking_lot::Mutex;

/// What the configs of topics are worked out from. Changed by the applier only.
#[derive(Debug)]
pub(crate) struct EffectiveConfigs {
    base: Settings,
    live: Mutex<Live>,
}

#[derive(Clone, Debug)]
struct Live {
    dynamic: Arc<DynamicConfigs>,
    settings: Arc<Settings>,
    /// Of topics without configs of their own; they share it.
    default: Arc<TopicConfigs>,
}

impl EffectiveConfigs {
    /// The settings as they were loaded; nothing dynamic yet.
    pub(crate) fn new(base: Settings) -> Self {
        let live = Live {
            dynamic: Arc::default(),
            settings: Arc::new(base.clone()),
            default: Arc::new(TopicConfigs::from(&base.topics)),
        };
        Self { base, live: Mutex::new(live) }
    }

    /// Takes over the dynamic configs of all brokers and of this one. Values are checked before they are proposed; one
    /// that is wrong all the same, because a later version wrote it, leaves what was in force.
    pub(crate) fn set_brokers(&self, cluster: &Configs, broker: &Configs) {
        let dynamic = DynamicConfigs { cluster: overrides(cluster), broker: overrides(broker) };
        let settings = dynamic.apply(&self.base).unwrap_or_else(|refusal| {
            tracing::warn!(%refusal, "dynamic configs of the broker are not in force");
            (*self.settings()).clone()
        });
        let default = Arc::new(TopicConfigs::from(&settings.topics));
        *self.live.lock() = Live { dynamic: Arc::new(dynamic), settings: Arc::new(settings), default };
    }

    /// The effective configs of a topic with these overrides.
    pub(crate) fn topic(&self, configs: &Configs) -> Arc<TopicConfigs> {
        let live = self.live.lock().clone();
        if configs.is_empty() {
            return live.default;
        }
        match TopicConfigs::new(&live.settings, &overrides(configs)) {
            Ok(configs) => Arc::new(configs),
            Err(refusal) => {
                tracing::warn!(%refusal, "configs of a topic are not in force");
                live.default
            }
        }
    }

    /// The settings with the dynamic ones in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.live.lock().settings)
    }

    /// The dynamic configs.
    pub(crate) fn dynamic(&self) -> Arc<DynamicConfigs> {
        Arc::clone(&self.live.lock().dynamic)
    }
}

/// Configs as the config crate takes them.
pub(crate) fn overrides(configs: &Configs) -> Overrides {
    configs.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
