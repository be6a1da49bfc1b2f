//! Why a change of a group is refused, and the one place where that becomes a Kafka error code.

use chronik_types::ErrorCode;
use thiserror::Error;

/// A refusal. The texts may be sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The group has no such member.
    #[error("the group has no such member")]
    UnknownMember,
    /// The member speaks of another generation than the present one.
    #[error("the group is in another generation")]
    IllegalGeneration,
    /// Another member has taken over this static instance.
    #[error("another member has this group.instance.id now")]
    FencedInstance,
}

impl GroupError {
    /// What a client is answered.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::UnknownMember => ErrorCode::UnknownMemberId,
            Self::IllegalGeneration => ErrorCode::IllegalGeneration,
            Self::FencedInstance => ErrorCode::FencedInstanceId,
        }
    }
}
