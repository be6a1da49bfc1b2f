//! Proves a message well-formed against the bytes that are really there, before kafka-protocol decodes it.
//!
//! kafka-protocol reserves whatever an array length on the wire claims, so a request of four bytes can ask for 150 GB
//! and abort the process. Here a compact description of each message (in `shape`) is walked over the bytes first. What
//! passes has no count, length or tagged field that exceeds what is left, strings that are UTF-8, no null where Kafka
//! has none, no bytes after its end (but for a few after Metadata and ListGroups, see `surplus`), and needs at most
//! [`allowed_memory`] to decode.
//!
//! Values are not judged here: whether a partition index is negative is the handler's business.

mod malformed;
pub(crate) mod requests;
pub(crate) mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod walker;

use crate::api::Api;
pub use malformed::{Malformed, Reason};
use shape::Shape;
use walker::Walker;
pub(crate) use walker::allocation;

/// What is known about a request that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WellFormed {
    /// An upper estimate of the memory that decoding allocates, in bytes, without the frame itself.
    pub decoded_bytes: usize,
    /// What its elements are estimated to take beside that until they are answered, in bytes.
    pub handled_bytes: usize,
}

impl WellFormed {
    /// What it takes beside its frame, in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.decoded_bytes.saturating_add(self.handled_bytes)
    }
}

/// The most that the elements of one request may take until they are answered: room for more partitions than a large
/// cluster has. In Kafka only the size of the request holds.
pub(crate) const MAX_HANDLED_BYTES: usize = 128 * 1024 * 1024;

/// How much memory decoding a body of `length` bytes may take without being counted apart: 8 times the body, and 64 KiB.
/// Short names take more than that; [`Proven`](crate::request::Proven) tells how much.
#[must_use]
pub const fn allowed_memory(length: usize) -> usize {
    length.saturating_mul(8).saturating_add(64 * 1024)
}

/// How many bytes after the end of a request are overlooked.
///
/// librdkafka asks for all topics with a null of four bytes where a flexible version has one of one byte, so its
/// Metadata is three bytes too long (seen from 2.16 in version 13), and closes a ListGroups twice (seen from 2.0.2 in
/// version 4). Kafka overlooks what is left of any request; here that is kept to what real clients send.
pub(crate) const fn surplus(api: &Api, version: i16) -> usize {
    match api.key {
        METADATA if api.is_flexible(version) => 3,
        LIST_GROUPS if api.is_flexible(version) => 1,
        _ => 0,
    }
}

const METADATA: i16 = 3;
const LIST_GROUPS: i16 = 16;

/// Checks the body of a request, that is, all bytes after the request header.
///
/// # Errors
/// [`Malformed`] names the field, its offset in the body and what is wrong. The connection should be closed: where the
/// next request starts is known, but a peer that sends this does not speak the protocol.
pub fn check_request(api: &Api, version: i16, body: &[u8]) -> Result<WellFormed, Malformed> {
    check_request_within(api, version, body, allowed_memory(body.len()))
}

/// Checks the body of a request that may take `most` bytes to decode.
pub(crate) fn check_request_within(
    api: &Api,
    version: i16,
    body: &[u8],
    most: usize,
) -> Result<WellFormed, Malformed> {
    if !api.decodes(version) {
        return Err(Malformed::new(api.name, version, 0, Reason::UnsupportedVersion));
    }
    let walker =
        Walker::new(body, version, api.is_flexible(version), most).overlooking(surplus(api, version));
    walker.walk(api.request).map_err(|flaw| flaw.in_message(api.name, version))
}

/// Checks a message that stands inside another one and has plain lengths, whatever the version of the outer one. What
/// comes after its end is overlooked, as by Kafka: a later version may have more.
pub(crate) fn check_embedded(
    name: &'static str,
    shape: &'static Shape,
    version: i16,
    body: &[u8],
) -> Result<WellFormed, Malformed> {
    let walker = Walker::new(body, version, false, allowed_memory(body.len())).overlooking(usize::MAX);
    walker.walk(shape).map_err(|flaw| flaw.in_message(name, version))
}
