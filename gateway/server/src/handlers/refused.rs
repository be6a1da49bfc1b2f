//! A part of an admin request that was refused: the code and the sentence that nearly every answer has room for.

use std::borrow::Cow;

use chronik_broker::ChangeError;
use chronik_config::kafka::Refusal;
use chronik_state::Rejection;
use chronik_types::{ErrorCode, InvalidTopicName};
use kafka_protocol::protocol::StrBytes;

/// Why a part of a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The code.
    pub(super) code: ErrorCode,
    /// The sentence.
    pub(super) message: Cow<'static, str>,
}

impl Refused {
    /// With a sentence that says more than the code.
    pub(super) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// The sentence as messages carry it; one that is always the same is not copied.
    pub(super) fn text(&self) -> StrBytes {
        match &self.message {
            Cow::Borrowed(message) => StrBytes::from_static_str(message),
            Cow::Owned(message) => StrBytes::from_string(message.clone()),
        }
    }

    /// INVALID_REQUEST.
    pub(super) fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.error_code(), rejection.to_string())
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.message)
    }
}

impl From<InvalidTopicName> for Refused {
    fn from(invalid: InvalidTopicName) -> Self {
        Self::new(ErrorCode::InvalidTopicException, invalid.to_string())
    }
}

/// The two error fields of an answer: 0 and null when nothing was refused.
pub(super) fn error_fields(refused: Option<&Refused>) -> (i16, Option<StrBytes>) {
    match refused {
        Some(refused) => (refused.code.code(), Some(refused.text())),
        None => (ErrorCode::None.code(), None),
    }
}
