//! What an operator is told of a group.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chronik_state as state;
use chronik_types::{GroupInstanceId, MemberId};

use super::{ClassicGroup, Member, Phase};

/// The state of a classic group, under the names that Kafka gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicState {
    /// It has no members.
    Empty,
    /// Members are joining the next generation.
    PreparingRebalance,
    /// The leader is making the assignment.
    CompletingRebalance,
    /// All have their assignment.
    Stable,
    /// There is no such group.
    Dead,
}

impl ClassicState {
    /// Those of groups that are there.
    pub(in crate::groups) const OF_GROUPS: [Self; 4] =
        [Self::Empty, Self::PreparingRebalance, Self::CompletingRebalance, Self::Stable];

    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl fmt::Display for ClassicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A member as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// What its client calls itself.
    pub client_id: Box<str>,
    /// Where it is.
    pub client_host: Box<str>,
    /// What it told its leader; empty while the group is not stable.
    pub metadata: Bytes,
    /// What it was assigned.
    pub assignment: Arc<[u8]>,
}

impl ClassicGroup {
    /// Its state.
    pub(crate) const fn state(&self) -> ClassicState {
        match self.phase {
            Phase::Empty => ClassicState::Empty,
            Phase::PreparingRebalance => ClassicState::PreparingRebalance,
            Phase::CompletingRebalance => ClassicState::CompletingRebalance,
            Phase::Stable => ClassicState::Stable,
        }
    }

    /// What the group does.
    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol, once it is stable.
    pub(crate) fn stable_protocol(&self) -> Option<&str> {
        self.protocol_name.as_deref().filter(|_| self.phase == Phase::Stable)
    }

    /// Its members.
    pub(crate) fn describe(&self) -> Vec<DescribedMember> {
        let protocol = self.stable_protocol();
        let describe = |(id, member): (&MemberId, &Member)| DescribedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: protocol
                .map(|protocol| Bytes::copy_from_slice(member.metadata(protocol)))
                .unwrap_or_default(),
            assignment: Arc::clone(&member.assignment),
        };
        self.members.iter().map(describe).collect()
    }

    /// The group as the state would have it, for what can be worked out there.
    pub(crate) fn as_stored(&self) -> state::ClassicGroup {
        self.snapshot(None)
    }
}
