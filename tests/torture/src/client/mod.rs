//! A lean client: one connection, the requests of producers, consumers and members of groups, and nothing hidden.
//!
//! Real clients retry and recover by themselves; here each workload decides, so that it knows for every request whether
//! it surely happened, surely did not, or may have.

mod assignor;
mod consumer_member;
mod coordinator;
mod fetch;
mod link;
mod member;
mod offsets;
mod payload;
mod plain;
mod produce;
mod topic;
mod transactional;

pub(crate) use assignor::Strategy;
pub(crate) use consumer_member::{Beat, ConsumerMember};
pub(crate) use coordinator::{Coordinated, find_coordinator};
pub(crate) use fetch::{Fetcher, Read};
pub(crate) use link::Link;
pub(crate) use member::{ClassicMember, Standing, Terms};
pub(crate) use offsets::{Committed, Committer, commit_offsets, commit_offsets_and_die, fetch_offsets};
pub(crate) use payload::{Item, Stamp};
pub(crate) use plain::PlainProducer;
pub(crate) use topic::{Topic, create_topics, delete_topics, ends, topic_id};
pub(crate) use transactional::{Ended, Flow, Outcome, TransactionalProducer};

use chronik_types::ErrorCode;

/// The code of an answer; codes that nobody knows are unknown errors.
pub(crate) fn code(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}
