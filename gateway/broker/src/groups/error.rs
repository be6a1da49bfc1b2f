//! Why the coordinator refuses something, and the one place where that becomes a Kafka error code.

use chronik_backend::AppendError;
use chronik_state::GroupError;
use chronik_types::ErrorCode;

use crate::ChangeError;

/// A refusal of the coordinator of groups. The texts may be sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The name of the group is empty.
    #[error("a group needs a name")]
    InvalidGroupId,
    /// The session timeout is beyond what the settings allow.
    #[error("the session timeout is not within the allowed range")]
    InvalidSessionTimeout,
    /// The group has as many members as it may, or all groups together have.
    #[error("the group cannot take more members")]
    GroupFull,
    /// There are as many groups as there may be.
    #[error("there are as many groups as this gateway may have")]
    TooManyGroups,
    /// The names and offsets of all groups take as much memory as they may.
    #[error("the offsets of all groups take as much memory as this gateway gives them")]
    OffsetsFull,
    /// None of the member's protocols is one of the group's, or the type differs.
    #[error("the member supports no protocol of the group")]
    InconsistentProtocol,
    /// The member has to join again, with the id it was given (KIP-394).
    #[error("the member has to join again with the id it is given")]
    MemberIdRequired,
    /// The group is between two generations.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// What the state refuses.
    #[error(transparent)]
    Refused(#[from] GroupError),
    /// Storage cannot take the change now.
    #[error("storage cannot take the change now")]
    Unavailable,
    /// The change is larger than storage takes.
    #[error("the change is larger than storage takes")]
    TooLarge,
    /// This gateway stops, or another one coordinates the group.
    #[error("this gateway does not coordinate the group any more")]
    NotCoordinator,
}

impl CoordinatorError {
    /// What a client is answered.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
            Self::GroupFull => ErrorCode::GroupMaxSizeReached,
            Self::TooManyGroups => ErrorCode::PolicyViolation,
            // As Kafka answers when the record of a commit is too large: clients report it and do not come again at once.
            Self::OffsetsFull => ErrorCode::InvalidCommitOffsetSize,
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::MemberIdRequired => ErrorCode::MemberIdRequired,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::Refused(refusal) => refusal.error_code(),
            Self::Unavailable => ErrorCode::CoordinatorNotAvailable,
            Self::TooLarge => ErrorCode::UnknownServerError,
            Self::NotCoordinator => ErrorCode::NotCoordinator,
        }
    }
}

impl From<AppendError> for CoordinatorError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full { .. } | AppendError::Overloaded { .. } | AppendError::ReadOnly { .. } => {
                Self::Unavailable
            }
            AppendError::TooLarge { .. } => Self::TooLarge,
            AppendError::Closed => Self::NotCoordinator,
        }
    }
}

impl From<ChangeError> for CoordinatorError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Storage(error) => error.into(),
            // What is refused of a group is an outcome of its own.
            ChangeError::Rejected(_) | ChangeError::Stopped => Self::NotCoordinator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_code() {
        let table = [
            (CoordinatorError::InvalidGroupId, 24),
            (CoordinatorError::InvalidSessionTimeout, 26),
            (CoordinatorError::GroupFull, 81),
            (CoordinatorError::TooManyGroups, 44),
            (CoordinatorError::OffsetsFull, 28),
            (CoordinatorError::InconsistentProtocol, 23),
            (CoordinatorError::MemberIdRequired, 79),
            (CoordinatorError::RebalanceInProgress, 27),
            (GroupError::UnknownMember.into(), 25),
            (CoordinatorError::Unavailable, 15),
            (CoordinatorError::TooLarge, -1),
            (CoordinatorError::NotCoordinator, 16),
            (AppendError::Full { detail: String::new() }.into(), 15),
            (AppendError::Overloaded { queued: 2, limit: 1 }.into(), 15),
            (AppendError::TooLarge { size: 2, limit: 1 }.into(), -1),
            (AppendError::Closed.into(), 16),
            (ChangeError::Stopped.into(), 16),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code().code(), code, "{error}");
        }
    }
}
