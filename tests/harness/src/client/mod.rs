//! The requests of producers, readers and members of groups, for tests that decide themselves what comes next.
//!
//! Each method sends one request over the connection that it is given and answers with the error code of the broker;
//! nothing is sent twice and nothing is hidden. [`settled`] repeats what a broker asks to be repeated.

mod admin;
mod consumer;
mod fetch;
mod member;
mod offsets;
mod plain;
mod producer;

use std::time::Duration;

use chronik_types::ErrorCode;
use kafka_protocol::messages::{GroupId, TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;

pub use admin::{
    create_topic, delete_records, delete_topic, describe_producers, describe_transaction, end_offset,
    write_marker,
};
pub use consumer::ConsumerMember;
pub use fetch::{Batch, Fetched, fetch, read_all};
pub use member::{ClassicMember, Joined};
pub use offsets::{Standing, commit_offsets, commit_request, fetch_offset};
pub use plain::{PlainProducer, produce_bytes};
pub use producer::{Ended, Flow, Produced, TransactionalProducer};

use crate::{ClientError, wait_until};

/// The code of an answer; codes that nobody knows are unknown errors.
fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}

/// The first refusal among codes, or none.
fn first_refusal(codes: impl IntoIterator<Item = i16>) -> ErrorCode {
    let mut codes = codes.into_iter().map(code);
    codes.find(|code| *code != ErrorCode::None).unwrap_or(ErrorCode::None)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

/// An answer that lacks what was asked for.
fn missing(what: &str) -> ClientError {
    ClientError::Unreadable(format!("{what} is not in the answer"))
}

/// Something with an error code in it.
pub trait Coded {
    /// What the broker said.
    fn error_code(&self) -> ErrorCode;
}

impl Coded for ErrorCode {
    fn error_code(&self) -> ErrorCode {
        *self
    }
}

/// Asks again for as long as the broker answers that it cannot do it yet (a coordinator that loads, the markers of the
/// last transaction, a topic that nobody leads yet), but not longer than `limit`: then the last answer counts.
///
/// # Errors
/// Those of `ask`, at once.
pub fn settled<T: Coded>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut last = None;
    let answer = wait_until(limit, || match ask() {
        Ok(answer) if answer.error_code().is_retriable() => {
            last = Some(answer);
            None
        }
        other => Some(other),
    });
    answer.or(last.map(Ok)).unwrap_or_else(|| Err(missing("anything")))
}
