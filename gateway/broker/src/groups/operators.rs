//! What operators ask: which groups there are, what they are like, and that one goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_state::{Change, GroupBody, GroupError, Outcome};
use chronik_types::GroupId;

use super::coordinator::Absent;
use super::{ClassicState, CoordinatorError, DescribedMember};
use crate::Broker;

/// The protocol of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Members choose the assignment.
    Classic,
    /// The group decides the assignment (KIP-848).
    Consumer,
}

impl GroupKind {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub group_id: GroupId,
    /// Its protocol.
    pub kind: GroupKind,
    /// Kafka's name for its state.
    pub state: &'static str,
    /// What it does; empty for a group that never had members.
    pub protocol_type: Box<str>,
}

/// A classic group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Its state.
    pub state: ClassicState,
    /// What it does; empty for a group that never had members.
    pub protocol_type: Box<str>,
    /// The protocol that was chosen; empty while it is not stable.
    pub protocol: Box<str>,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

impl Broker {
    /// All groups, in the order of their names.
    pub fn list_groups(&self) -> Vec<ListedGroup> {
        let mut listed = BTreeMap::new();
        self.state(|state| {
            for (id, group) in state.groups() {
                let (kind, state, protocol_type) = match group.body() {
                    GroupBody::Classic(stored) => {
                        let state = if group.is_empty() { ClassicState::Empty } else { ClassicState::Stable };
                        (GroupKind::Classic, state.name(), stored.protocol_type.clone().unwrap_or_default())
                    }
                    GroupBody::Consumer(group) => {
                        (GroupKind::Consumer, group.state().name(), "consumer".into())
                    }
                };
                let group_id = id.clone();
                listed.insert(id.clone(), ListedGroup { group_id, kind, state, protocol_type });
            }
        });
        self.groups.for_each(|id, group| {
            let listed_group = ListedGroup {
                group_id: id.clone(),
                kind: GroupKind::Classic,
                state: group.state().name(),
                protocol_type: group.protocol_type().unwrap_or_default().into(),
            };
            listed.insert(id.clone(), listed_group);
        });
        listed.into_values().collect()
    }

    /// A classic group.
    ///
    /// # Errors
    /// [`GroupError::UnknownGroup`] when there is none of that name.
    pub fn describe_group(self: &Arc<Self>, id: &GroupId) -> Result<DescribedGroup, CoordinatorError> {
        let in_memory = self.in_group(id, Absent::Leave, |group, _| DescribedGroup {
            state: group.state(),
            protocol_type: group.protocol_type().unwrap_or_default().into(),
            protocol: group.stable_protocol().unwrap_or_default().into(),
            members: group.describe(),
        });
        if let Some((described, _)) = in_memory {
            return Ok(described);
        }
        let stored = self.state(|state| {
            state.group(id.as_str()).and_then(|group| match group.body() {
                GroupBody::Classic(stored) => Some(stored.protocol_type.clone()),
                GroupBody::Consumer(_) => None,
            })
        });
        let protocol_type = stored.ok_or(GroupError::UnknownGroup)?.unwrap_or_default();
        let (state, protocol, members) = (ClassicState::Empty, Box::default(), Vec::new());
        Ok(DescribedGroup { state, protocol_type, protocol, members })
    }

    /// Deletes a group without members, with its offsets. The group without a name can be one, as it can commit.
    ///
    /// # Errors
    /// [`CoordinatorError`].
    pub async fn delete_group(self: &Arc<Self>, group_id: GroupId) -> Result<(), CoordinatorError> {
        let has_members = self.in_group(&group_id, Absent::Leave, |group, _| !group.is_empty());
        if has_members.is_some_and(|(has_members, _)| has_members) {
            return Err(GroupError::NotEmpty.into());
        }
        match self.propose(Change::DeleteGroup { group_id }).await? {
            Outcome::GroupDeleted(result) => Ok(result?),
            _ => Err(CoordinatorError::NotCoordinator),
        }
    }
}
