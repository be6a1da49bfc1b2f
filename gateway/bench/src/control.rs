//! A blocking connection for what happens before and after the measurement.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::engine::connect;
use crate::error::BenchError;
use crate::frames::CLIENT_ID;

/// One connection and the versions that its broker offers.
#[derive(Debug)]
pub(crate) struct Control {
    socket: TcpStream,
    address: String,
    versions: HashMap<i16, (i16, i16)>,
    next_correlation_id: i32,
}

/// Longer than any wait that is asked of the broker.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_ANSWER: usize = 1 << 30;

impl Control {
    /// Connects to the first of some brokers that answers, and asks what it can do.
    pub(crate) fn open(bootstrap: &str) -> Result<Self, BenchError> {
        let mut last =
            BenchError::Usage(format!("--bootstrap {bootstrap:?} names no broker: give HOST:PORT"));
        for address in bootstrap.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            match Self::open_one(address) {
                Ok(control) => return Ok(control),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn open_one(address: &str) -> Result<Self, BenchError> {
        let socket = connect(address)?;
        let refused = |source| BenchError::Connect { address: address.to_owned(), source };
        socket.set_read_timeout(Some(TIMEOUT)).map_err(refused)?;
        socket.set_write_timeout(Some(TIMEOUT)).map_err(refused)?;
        let versions = HashMap::new();
        let mut control = Self { socket, address: address.to_owned(), versions, next_correlation_id: 0 };
        let answer = control.call_version(0, &ApiVersionsRequest::default())?;
        control.versions =
            answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Ok(control)
    }

    /// The greatest version of an API within `range` that the broker has too.
    pub(crate) fn version(&self, api_key: i16, range: (i16, i16)) -> Option<i16> {
        let (min, max) = *self.versions.get(&api_key)?;
        let version = max.min(range.1);
        (version >= min && version >= range.0).then_some(version)
    }

    /// The same, or an error that names the API.
    pub(crate) fn require(&self, api: &str, api_key: i16, range: (i16, i16)) -> Result<i16, BenchError> {
        self.version(api_key, range).ok_or_else(|| {
            let offered = match self.versions.get(&api_key) {
                Some((min, max)) => format!("offers versions {min} to {max}"),
                None => "does not offer it".to_owned(),
            };
            let (address, (min, max)) = (&self.address, range);
            BenchError::Unsupported(format!(
                "{api} is needed in a version from {min} to {max}, but {address} {offered}"
            ))
        })
    }

    /// The peer as it was named.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request in the greatest version that both sides know, and waits for its answer.
    pub(crate) fn call<R: Request>(
        &mut self,
        api: &'static str,
        request: &R,
    ) -> Result<R::Response, BenchError> {
        let range = (R::VERSIONS.min, R::VERSIONS.max.min(max_version(R::KEY)));
        let version = self.require(api, R::KEY, range)?;
        self.call_version(version, request)
    }

    /// Sends a request in a version that [`Control::require`] gave, and waits for its answer.
    pub(crate) fn call_version<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, BenchError> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
        let mut body = BytesMut::new();
        body.put_i32(0);
        let encoded = header
            .encode(&mut body, R::header_version(version))
            .and_then(|()| request.encode(&mut body, version));
        encoded.map_err(|error| BenchError::Unsupported(format!("a request cannot be encoded: {error}")))?;
        let length = u32::try_from(body.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(prefix) = body.first_chunk_mut() {
            *prefix = length.to_be_bytes();
        }
        let mut frame = self.exchange(&body)?;
        let unreadable =
            |what: String| BenchError::Protocol { address: self.address.clone(), api: api_name::<R>(), what };
        let header_version = <R::Response as HeaderVersion>::header_version(version);
        let header = ResponseHeader::decode(&mut frame, header_version)
            .map_err(|error| unreadable(error.to_string()))?;
        if header.correlation_id != correlation_id {
            return Err(unreadable(format!(
                "answer {} while {correlation_id} was due",
                header.correlation_id
            )));
        }
        R::Response::decode(&mut frame, version).map_err(|error| unreadable(error.to_string()))
    }

    /// Sends a frame, length first, and waits for one; gives what follows its length.
    pub(crate) fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, BenchError> {
        let address = self.address.clone();
        let failed = |source| BenchError::Connection { address: address.clone(), in_flight: 1, source };
        self.socket.write_all(frame).map_err(failed)?;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).map_err(failed)?;
        let length = i32::from_be_bytes(length);
        let fitting = usize::try_from(length).ok().filter(|length| *length <= MAX_ANSWER);
        let Some(length) = fitting else {
            let what = format!("a frame of {length} bytes");
            return Err(BenchError::Protocol { address, api: "a request", what });
        };
        let mut answer = vec![0; length];
        self.socket.read_exact(&mut answer).map_err(failed)?;
        Ok(answer.into())
    }
}

/// The last part of a request's type name: `MetadataRequest`.
fn api_name<R>() -> &'static str {
    std::any::type_name::<R>().rsplit("::").next().unwrap_or_default()
}

/// Topics are named here, so versions that know them only by id are not used.
const fn max_version(api_key: i16) -> i16 {
    match api_key {
        METADATA => 11,
        PRODUCE => 12,
        _ => i16::MAX,
    }
}

const METADATA: i16 = 3;
const PRODUCE: i16 = 0;
