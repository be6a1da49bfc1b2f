//! What operators ask: which groups there are, what they are like, and that one goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_state::{Change, Group, GroupBody, GroupError, Outcome};
use chronik_types::GroupId;

use super::coordinator::Absent;
use super::{ClassicState, CoordinatorError, DescribedMember};
use crate::Broker;

/// Groups that are looked at under one lock of the state.
const PAGE_GROUPS: usize = 256;

/// Members after which a page of groups ends: what a consumer group is doing is found by looking at each of them.
const PAGE_MEMBERS: usize = 4_096;

/// The protocol of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl ListedGroup {
    fn stored(id: &GroupId, group: &Group) -> Self {
        let (kind, state, protocol_type) = match group.body() {
            GroupBody::Classic(stored) => {
                let state = if group.is_empty() { ClassicState::Empty } else { ClassicState::Stable };
                (GroupKind::Classic, state.name(), stored.protocol_type.clone().unwrap_or_default())
            }
            GroupBody::Consumer(group) => (GroupKind::Consumer, group.state().name(), "consumer".into()),
        };
        Self { group_id: id.clone(), kind, state, protocol_type }
    }
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
    /// All groups, in the order of their names. Each is as it was at some moment of the call: others may come and go
    /// meanwhile, because the state is not held for longer than a page of them takes.
    pub fn list_groups(&self) -> Vec<ListedGroup> {
        let mut listed = BTreeMap::new();
        self.for_each_stored(|group| {
            listed.insert(group.group_id.clone(), group);
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

    /// Looks at every group in the state, page by page, in the order of their names. Of classic groups with members the
    /// coordinator knows more.
    pub(super) fn for_each_stored(&self, mut look: impl FnMut(ListedGroup)) {
        let mut after: Option<GroupId> = None;
        loop {
            let page = self.state(|state| {
                let mut room = PAGE_MEMBERS;
                let listed = state.groups_after(after.as_ref()).take(PAGE_GROUPS).take_while(|(_, group)| {
                    let had_room = room > 0;
                    room = room.saturating_sub(group.member_count());
                    had_room
                });
                listed.map(|(id, group)| ListedGroup::stored(id, group)).collect::<Vec<_>>()
            });
            match page.last() {
                Some(last) => after = Some(last.group_id.clone()),
                None => return,
            }
            page.into_iter().for_each(&mut look);
        }
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
