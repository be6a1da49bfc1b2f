//! Requests as bytes, and answers read no further than needed.
//!
//! What a produce request carries is encoded when it is first needed and sent again and again ([`produce::Batches`]). Only
//! round trips, whose records are numbered, build each batch for itself ([`produce::put_built`]).
//!
//! Produce and Metadata use the last versions without compact lengths, whose fields have fixed places; Fetch uses 12,
//! the last that names topics. Every broker since Kafka 2.7 has them.

pub(crate) mod fetch;
pub(crate) mod fitting;
pub(crate) mod metadata;
pub(crate) mod produce;
mod reader;
pub(crate) mod skim;

pub(crate) use reader::{Malformed, Reader};

/// What the client calls itself.
pub(crate) const CLIENT_ID: &str = "chronik-bench";

/// Where the bytes start that a batch's CRC covers.
const CRC_START: usize = 21;

/// Starts a frame: room for the length, then a request header of version 1.
fn put_header(head: &mut Vec<u8>, api_key: i16, version: i16, correlation_id: i32) {
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&api_key.to_be_bytes());
    head.extend_from_slice(&version.to_be_bytes());
    head.extend_from_slice(&correlation_id.to_be_bytes());
    put_string(head, CLIENT_ID);
}

/// Appends a string behind a length of two bytes.
fn put_string(head: &mut Vec<u8>, text: &str) {
    head.extend_from_slice(&u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
    head.extend_from_slice(text.as_bytes());
}

/// Appends an unsigned varint.
fn put_varint(head: &mut Vec<u8>, value: usize) {
    let mut value = value;
    while value >= 0x80 {
        head.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    head.push(u8::try_from(value).unwrap_or_default());
}
