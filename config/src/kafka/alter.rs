//! Changing settings: IncrementalAlterConfigs, AlterConfigs, and the settings in CreateTopics.
//!
//! Each function takes what is overridden now and gives what is overridden afterwards, or refuses the whole change as
//! Kafka does. Whether the resource exists, and who may change it, is for the caller.

use std::collections::BTreeSet;

use super::definition::{ConfigType, Definition, Refusal};
use super::{
    BrokerScope, DynamicConfigs, GroupConfigs, Overrides, REMOVED_TOPIC_KEYS, TopicConfigs, broker_key,
    group_keys, topic_key,
};
use crate::error::Origins;
use crate::sections::Settings;

/// What to do with a setting (KIP-339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterOp {
    /// Override it.
    Set,
    /// Stop overriding it.
    Delete,
    /// Add items to its list.
    Append,
    /// Take items out of its list.
    Subtract,
}

impl AlterOp {
    /// The operation with that number on the wire.
    ///
    /// # Errors
    /// INVALID_REQUEST when there is none.
    pub fn from_wire(op: i8) -> Result<Self, Refusal> {
        match op {
            0 => Ok(Self::Set),
            1 => Ok(Self::Delete),
            2 => Ok(Self::Append),
            3 => Ok(Self::Subtract),
            _ => Err(Refusal::request(format!("Unknown operations type {op}"))),
        }
    }
}

/// One change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The setting.
    pub name: String,
    /// What to do.
    pub op: AlterOp,
    /// With which value; none is needed to delete.
    pub value: Option<String>,
}

/// What a topic overrides after those changes. `settings` are with what was changed at run time.
///
/// # Errors
/// INVALID_REQUEST for a request that contradicts itself, INVALID_CONFIG for a setting that is refused.
pub fn alter_topic(
    settings: &Settings,
    current: &Overrides,
    changes: &[Alteration],
) -> Result<Overrides, Refusal> {
    let altered = alter(current, changes, |name| {
        topic_key(name).map(|key| (key.definition, key.definition.default.map(str::to_owned)))
    })?;
    check_topic(settings, altered)
}

/// What a group overrides after those changes. `settings` are with what was changed at run time.
///
/// # Errors
/// As [`alter_topic`].
pub fn alter_group(
    settings: &Settings,
    current: &Overrides,
    changes: &[Alteration],
) -> Result<Overrides, Refusal> {
    let altered = alter(current, changes, |name| {
        let definition = group_keys().iter().find(|definition| definition.name == name)?;
        Some((*definition, definition.default.map(str::to_owned)))
    })?;
    GroupConfigs::new(settings, &altered)?;
    Ok(altered)
}

/// What is changed for `scope` after those changes. `settings` are without what was changed at run time.
///
/// # Errors
/// INVALID_REQUEST or INVALID_CONFIG, as Kafka; a name that Kafka would keep for Java classes to read is refused.
pub fn alter_broker(
    settings: &Settings,
    current: &DynamicConfigs,
    scope: BrokerScope,
    changes: &[Alteration],
) -> Result<Overrides, Refusal> {
    let altered = alter(current.of(scope), changes, |name| {
        broker_key(name).map(|key| (key.definition, key.default_value()))
    })?;
    check_broker(settings, current, scope, altered)
}

/// The overrides that AlterConfigs asks for: its list replaces all that were there. To be checked by [`check_topic`],
/// [`check_broker`] or [`GroupConfigs::new`].
///
/// # Errors
/// INVALID_REQUEST for a name that is there twice or a value that is null.
pub fn replacement(configs: &[(String, Option<String>)]) -> Result<Overrides, Refusal> {
    refuse_doubles(configs.iter().map(|(name, _)| name))?;
    refuse_nulls(configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name))?;
    let set = configs.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    Ok(set.collect())
}

/// Checks what a topic overrides, at its creation and at a change. Gives back what is to be kept, which is the same unless
/// `topics.ignore_removed_configs` drops a name.
///
/// # Errors
/// INVALID_CONFIG for what Kafka would refuse, in its words.
pub fn check_topic(settings: &Settings, mut overrides: Overrides) -> Result<Overrides, Refusal> {
    if settings.topics.ignore_removed_configs {
        overrides.retain(|name, _| !REMOVED_TOPIC_KEYS.contains(&name.as_str()));
    }
    // Names before values, as Kafka.
    if let Some(name) = overrides.keys().find(|name| topic_key(name).is_none()) {
        return Err(Refusal::config(format!("Unknown topic config name: {name}")));
    }
    let configs = TopicConfigs::new(settings, &overrides)?;
    if configs.min_compaction_lag_ms > configs.max_compaction_lag_ms {
        return Err(Refusal::config(format!(
            "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
            configs.min_compaction_lag_ms.get(),
            configs.max_compaction_lag_ms.get()
        )));
    }
    if overrides.get("remote.storage.enable").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Err(Refusal::config(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ));
    }
    Ok(overrides)
}

/// Checks what is to be changed for `scope`, and gives it back.
///
/// # Errors
/// As [`alter_broker`].
pub fn check_broker(
    settings: &Settings,
    current: &DynamicConfigs,
    scope: BrokerScope,
    overrides: Overrides,
) -> Result<Overrides, Refusal> {
    let mut fixed = Vec::new();
    for (name, value) in &overrides {
        let Some(key) = broker_key(name) else {
            return Err(Refusal::config(format!("Unknown broker config name: {name}")));
        };
        if !key.dynamic {
            fixed.push(name.as_str());
        } else {
            key.definition.check(value).map_err(|refusal| Refusal::request(refusal.message))?;
        }
    }
    if !fixed.is_empty() {
        let message = format!("Cannot update these configs dynamically: Set({})", fixed.join(", "));
        return Err(Refusal::request(message));
    }
    let mut changed = current.clone();
    match scope {
        BrokerScope::Cluster => changed.cluster = overrides.clone(),
        BrokerScope::Broker => changed.broker = overrides.clone(),
    }
    let effective = changed.apply(settings).map_err(|refusal| Refusal::request(refusal.message))?;
    match crate::check::check(&effective, &Origins::default()).first() {
        Some(error) => Err(Refusal::request(format!("{}: {}", error.key, error.problem))),
        None => Ok(overrides),
    }
}

/// Applies the changes one after the other; `known` gives a setting and its default.
fn alter(
    current: &Overrides,
    changes: &[Alteration],
    known: impl Fn(&str) -> Option<(Definition, Option<String>)>,
) -> Result<Overrides, Refusal> {
    refuse_doubles(changes.iter().map(|change| &change.name))?;
    let nulls = changes.iter().filter(|change| change.op != AlterOp::Delete && change.value.is_none());
    refuse_nulls(nulls.map(|change| &change.name))?;
    let mut altered = current.clone();
    for Alteration { name, op, value } in changes {
        let value = value.as_deref().unwrap_or_default();
        match op {
            AlterOp::Set => {
                altered.insert(name.clone(), value.to_owned());
            }
            AlterOp::Delete => {
                altered.remove(name);
            }
            AlterOp::Append | AlterOp::Subtract => {
                let list = known(name).filter(|(definition, _)| definition.kind == ConfigType::List);
                let Some((_, default)) = list else { return Err(not_a_list(*op, name)) };
                let old = altered.get(name).cloned().or(default).unwrap_or_default();
                let new = alter_list(&old, *op, value);
                altered.insert(name.clone(), new);
            }
        }
    }
    Ok(altered)
}

fn alter_list(old: &str, op: AlterOp, value: &str) -> String {
    let mut items: Vec<&str> = old.split(',').filter(|item| !item.is_empty()).collect();
    for item in value.split(',') {
        let at = items.iter().position(|old| *old == item);
        match (op, at) {
            (AlterOp::Subtract, Some(at)) => {
                items.remove(at);
            }
            (AlterOp::Append, None) => items.push(item),
            _ => {}
        }
    }
    items.join(",")
}

fn not_a_list(op: AlterOp, name: &str) -> Refusal {
    let op = if op == AlterOp::Append { "APPEND" } else { "SUBTRACT" };
    Refusal::config(format!("Can't {op} to key {name} because its type is not LIST."))
}

fn refuse_doubles<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    if names.all(|name| seen.insert(name)) {
        Ok(())
    } else {
        Err(Refusal::request("Error due to duplicate config keys"))
    }
}

fn refuse_nulls<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Refusal::request(format!("Null value not supported for : {}", names.join(", "))))
}
