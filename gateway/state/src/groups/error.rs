//! Why a change of a group is refused, and the one place where that becomes a Kafka error code.

use chronik_types::{ErrorCode, MemberEpoch};
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
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
    /// The group has members.
    #[error("the group has members")]
    NotEmpty,
    /// Members of the group subscribe to the topic.
    #[error("members of the group subscribe to the topic")]
    SubscribedToTopic,
    /// The group was changed since this change was decided, by another coordinator.
    #[error("another coordinator has changed the group")]
    RevisionMoved,
    /// The group has as many members as it may have.
    #[error("the group may have {limit} members and has as many")]
    Full {
        /// The limit that the entry carries.
        limit: i32,
    },
    /// A consumer speaks of an epoch that is not its own.
    #[error(
        "the member is in epoch {known} and not in epoch {sent}; it has to give up its partitions and join again"
    )]
    FencedEpoch {
        /// What it said.
        sent: MemberEpoch,
        /// What it was told last.
        known: MemberEpoch,
    },
    /// A consumer commits or fetches offsets in an epoch in which it does not have the partitions.
    #[error("the member is in another epoch")]
    StaleEpoch,
    /// Another member is this static instance and has not left.
    #[error("another member has this group.instance.id and has not left")]
    UnreleasedInstance,
    /// Members that cannot be: two of the same instance, or a leader who is none of them.
    #[error("the members of the group contradict each other")]
    Inconsistent,
    /// A classic member may not, or cannot, be in the consumer group.
    #[error("the member's protocols are not those of the group")]
    InconsistentProtocol,
    /// A classic member of a consumer group has to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
}

impl GroupError {
    /// What a client is answered.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::UnknownMember => ErrorCode::UnknownMemberId,
            Self::IllegalGeneration => ErrorCode::IllegalGeneration,
            Self::FencedInstance => ErrorCode::FencedInstanceId,
            Self::UnknownGroup => ErrorCode::GroupIdNotFound,
            Self::NotEmpty => ErrorCode::NonEmptyGroup,
            Self::SubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
            Self::RevisionMoved => ErrorCode::NotCoordinator,
            Self::Full { .. } => ErrorCode::GroupMaxSizeReached,
            Self::FencedEpoch { .. } => ErrorCode::FencedMemberEpoch,
            Self::StaleEpoch => ErrorCode::StaleMemberEpoch,
            Self::UnreleasedInstance => ErrorCode::UnreleasedInstanceId,
            Self::Inconsistent => ErrorCode::UnknownServerError,
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_code_that_kafka_answers() {
        let table = [
            (GroupError::UnknownMember, 25),
            (GroupError::IllegalGeneration, 22),
            (GroupError::FencedInstance, 82),
            (GroupError::UnknownGroup, 69),
            (GroupError::NotEmpty, 68),
            (GroupError::SubscribedToTopic, 86),
            (GroupError::RevisionMoved, 16),
            (GroupError::Full { limit: 1 }, 81),
            (GroupError::FencedEpoch { sent: MemberEpoch::new(1), known: MemberEpoch::new(2) }, 110),
            (GroupError::StaleEpoch, 113),
            (GroupError::UnreleasedInstance, 111),
            (GroupError::Inconsistent, -1),
            (GroupError::InconsistentProtocol, 23),
            (GroupError::RebalanceInProgress, 27),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code().code(), code, "{error}");
        }
    }
}
