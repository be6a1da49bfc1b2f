//! The blobs that consumers of a classic group tell each other: subscriptions in JoinGroup, assignments in SyncGroup.
//!
//! A broker passes them on as they are. It looks inside to tell which topics a group subscribes to, and to turn a classic
//! group into one of KIP-848 and back. A blob is a version of two bytes and a message with plain lengths. Groups of
//! another protocol type (`connect`) have blobs of their own, so that a blob which cannot be read is no error of a client.
//!
//! As with requests, kafka-protocol sees only what was proven well-formed.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::response::{EncodeError, encode_message};
use crate::wellformed::requests::groups;
use crate::wellformed::shape::Shape;
use crate::wellformed::{Malformed, Reason, check_embedded};

/// The greatest version of both messages.
pub const MAX_VERSION: i16 = 3;

/// The protocol type of groups whose blobs these are.
pub const PROTOCOL_TYPE: &str = "consumer";

/// Reads the metadata of a protocol in JoinGroup. Its strings share the memory of `blob`: copy what outlives it.
///
/// # Errors
/// [`Malformed`] when it is none, takes too much memory to decode, or has a negative version. As in Kafka, a version that is
/// not known is read as the last one that is, and bytes after the end are overlooked.
pub fn decode_subscription(blob: &Bytes) -> Result<ConsumerProtocolSubscription, Malformed> {
    decode("ConsumerProtocolSubscription", &groups::CONSUMER_PROTOCOL_SUBSCRIPTION, blob)
}

/// Reads the assignment of a member in SyncGroup. Its strings share the memory of `blob`: copy what outlives it.
///
/// # Errors
/// As [`decode_subscription`].
pub fn decode_assignment(blob: &Bytes) -> Result<ConsumerProtocolAssignment, Malformed> {
    decode("ConsumerProtocolAssignment", &groups::CONSUMER_PROTOCOL_ASSIGNMENT, blob)
}

/// Writes a subscription.
///
/// # Errors
/// [`EncodeError`] when the version is not known or a string is too long.
pub fn encode_subscription(
    version: i16,
    subscription: &ConsumerProtocolSubscription,
) -> Result<Bytes, EncodeError> {
    encode(version, subscription)
}

/// Writes an assignment.
///
/// # Errors
/// As [`encode_subscription`].
pub fn encode_assignment(
    version: i16,
    assignment: &ConsumerProtocolAssignment,
) -> Result<Bytes, EncodeError> {
    encode(version, assignment)
}

fn decode<T: Decodable>(name: &'static str, shape: &'static Shape, blob: &Bytes) -> Result<T, Malformed> {
    let mut body = blob.clone();
    let left = body.len();
    let claimed =
        body.try_get_i16().map_err(|_| Malformed::new(name, 0, 0, Reason::Truncated { needed: 2, left }))?;
    if claimed < 0 {
        return Err(Malformed::new(name, claimed, 0, Reason::UnsupportedVersion));
    }
    let version = claimed.min(MAX_VERSION);
    check_embedded(name, shape, version, &body)?;
    T::decode(&mut body, version)
        .map_err(|error| Malformed::new(name, version, 0, Reason::Decoder { message: error.to_string() }))
}

fn encode<T: Encodable>(version: i16, message: &T) -> Result<Bytes, EncodeError> {
    let message = encode_message(version, message)?;
    Ok([&version.to_be_bytes()[..], &message].concat().into())
}

#[cfg(test)]
mod tests;
