//! Which protocols the members of a group support, and which of them they choose.

use std::collections::BTreeMap;

use chronik_state::MemberProtocol;

use super::ClassicGroup;

/// How many members support each protocol.
#[derive(Debug, Default)]
pub(super) struct ProtocolCounts(BTreeMap<Box<str>, usize>);

impl ProtocolCounts {
    pub(super) fn add(&mut self, protocols: &[MemberProtocol]) {
        for protocol in protocols {
            *self.0.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, protocols: &[MemberProtocol]) {
        for protocol in protocols {
            if let Some(count) = self.0.get_mut(&protocol.name) {
                *count = count.saturating_sub(1);
            }
        }
        self.0.retain(|_, count| *count > 0);
    }

    fn of(&self, protocol: &str) -> usize {
        self.0.get(protocol).copied().unwrap_or(0)
    }
}

impl ClassicGroup {
    /// Whether a member with these protocols could be in the group.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[MemberProtocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.protocols.of(&protocol.name) == self.members.len())
    }

    /// The protocol of those that all members support that most of them like best; the last by its name of several.
    pub(super) fn select_protocol(&self) -> Option<Box<str>> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut candidates = member.protocols.iter().map(|protocol| &*protocol.name);
            if let Some(choice) = candidates.find(|name| self.protocols.of(name) == self.members.len()) {
                *votes.entry(choice).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.into())
    }
}
