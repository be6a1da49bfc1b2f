//! Why a heartbeat of a consumer is refused, and the one place where that becomes a Kafka error code.

use chronik_state::GroupError;
use chronik_types::ErrorCode;

use crate::ChangeError;
use crate::groups::CoordinatorError;

/// A refusal. The texts may be sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerGroupError {
    /// The regular expression is none, or takes too much memory.
    #[error("the regular expression `{regex}` is not valid: {reason}")]
    InvalidRegex {
        /// The expression.
        regex: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the coordinator refuses of all groups.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
}

impl ConsumerGroupError {
    /// What a client is answered.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::InvalidRegex { .. } => ErrorCode::InvalidRegularExpression,
            Self::Coordinator(refusal) => refusal.error_code(),
        }
    }
}

impl From<GroupError> for ConsumerGroupError {
    fn from(refusal: GroupError) -> Self {
        Self::Coordinator(refusal.into())
    }
}

impl From<ChangeError> for ConsumerGroupError {
    fn from(error: ChangeError) -> Self {
        Self::Coordinator(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_code() {
        let table: [(ConsumerGroupError, i16); 3] = [
            (ConsumerGroupError::InvalidRegex { regex: "(".to_owned(), reason: String::new() }, 128),
            (GroupError::StaleEpoch.into(), 113),
            (ChangeError::Stopped.into(), 16),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code().code(), code, "{error}");
        }
    }
}
