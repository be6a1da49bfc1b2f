//! A member of a classic group.

use std::sync::Arc;
use std::time::Duration;

use chronik_state::MemberProtocol;
use chronik_types::GroupInstanceId;

use super::{JoinWaiter, SyncWaiter};

/// A member. There can be very many: keep it small.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance_id: Option<GroupInstanceId>,
    pub(super) client_id: Box<str>,
    pub(super) client_host: Box<str>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) protocols: Arc<[MemberProtocol]>,
    pub(super) assignment: Arc<[u8]>,
    /// When it counts as gone, unless it is heard of before.
    pub(super) deadline: Duration,
    /// It has never been told a generation.
    pub(super) is_new: bool,
    /// It is among the members in the state.
    pub(super) is_stored: bool,
    /// It has been told the generation, and has not asked for its assignment.
    pub(super) owes_sync: bool,
    pub(super) awaiting_join: Option<JoinWaiter>,
    pub(super) awaiting_sync: Option<SyncWaiter>,
}

impl Member {
    pub(super) fn session_timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.session_timeout_ms).unwrap_or(0))
    }

    /// Who waits for an answer is not expected to send heartbeats. A new member is given up all the same at last,
    /// because its client may have gone while it waited.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// What it told the leader for a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> &[u8] {
        let found = self.protocols.iter().find(|supported| &*supported.name == protocol);
        found.map_or(&[], |supported| &supported.metadata)
    }

    /// Bytes of it with what it brought and was assigned.
    pub(super) fn bytes(&self) -> usize {
        member_bytes(&self.client_id, self.instance_id.as_ref(), &self.protocols) + self.assignment.len()
    }
}

/// Bytes of a member with what it brings. Its id is made of the client id or the instance.
pub(super) fn member_bytes(
    client_id: &str,
    instance: Option<&GroupInstanceId>,
    protocols: &[MemberProtocol],
) -> usize {
    let instance = instance.map_or(0, |id| id.as_str().len());
    size_of::<Member>() + 128 + 2 * (client_id.len() + instance) + protocol_bytes(protocols)
}

/// Bytes of protocols, with what keeping them takes.
fn protocol_bytes(protocols: &[MemberProtocol]) -> usize {
    protocols.iter().map(|protocol| 64 + protocol.name.len() + protocol.metadata.len()).sum()
}
