//! The front door of requests: nothing reaches kafka-protocol that was not proven well-formed.

use std::marker::PhantomData;

use bytes::Bytes;
use kafka_protocol::protocol::Request;

use crate::api::{self, Api};
use crate::wellformed::{Malformed, Reason, WellFormed, allowed_memory, check_request_within, surplus};

/// The body of a request that was proven well-formed and is not decoded yet, so that what decoding takes can be counted
/// before.
#[derive(Debug)]
pub struct Proven<T> {
    api: &'static Api,
    version: i16,
    body: Bytes,
    weighed: WellFormed,
    message: PhantomData<fn() -> T>,
}

impl<T: Request> Proven<T> {
    /// Proves the body of a request, that is, what [`parse_request_header`](crate::header::parse_request_header) left.
    /// Decoding may take `beyond` bytes more than [`allowed_memory`] of the body.
    ///
    /// # Errors
    /// [`Malformed`] says where and why. Bytes after the end of the message are refused too, but for the few that librdkafka
    /// adds to its Metadata and its ListGroups; Kafka overlooks any, but nothing good follows from a peer that counts
    /// differently than we do.
    pub fn new(version: i16, body: Bytes, beyond: usize) -> Result<Self, Malformed> {
        let unsupported = || Malformed::new("request", version, 0, Reason::UnsupportedVersion);
        let api = api::lookup(T::KEY).ok_or_else(unsupported)?;
        let allowed = allowed_memory(body.len());
        let weighed = check_request_within(api, version, &body, allowed.saturating_add(beyond))?;
        Ok(Self { api, version, body, weighed, message: PhantomData })
    }

    /// What it will take.
    #[must_use]
    pub const fn weighed(&self) -> WellFormed {
        self.weighed
    }

    /// Decodes it. Strings and records of the result share the memory of the frame: copy what outlives the request.
    ///
    /// # Errors
    /// [`Malformed`] when kafka-protocol and the proof do not agree, which would be a fault of ours.
    pub fn decode(self) -> Result<T, Malformed> {
        let Self { api, version, mut body, .. } = self;
        let length = body.len();
        let decoder_failed = |left: usize, message: String| {
            Malformed::new(api.name, version, length.saturating_sub(left), Reason::Decoder { message })
        };
        let request =
            T::decode(&mut body, version).map_err(|error| decoder_failed(body.len(), error.to_string()))?;
        if body.len() > surplus(api, version) {
            return Err(decoder_failed(body.len(), "bytes are left".to_owned()));
        }
        Ok(request)
    }
}

/// Takes the body of a request and decodes it within [`allowed_memory`]; see [`Proven`].
///
/// # Errors
/// Those of [`Proven::new`].
pub fn decode_request<T: Request>(version: i16, body: &mut Bytes) -> Result<T, Malformed> {
    Proven::new(version, std::mem::take(body), 0)?.decode()
}
