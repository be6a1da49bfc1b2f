//! A blocking client of one connection.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::frame::{read_frame, write_frame};

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection ended or the system refused; whether the request was carried out is not known.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The answer does not read as one, or is not the one that was due.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
    /// The request could not be encoded: it was not sent.
    #[error("the request cannot be encoded: {0}")]
    Unencodable(String),
}

/// One connection to a broker. Requests may be pipelined: [`Connection::send`] several, then [`Connection::receive`]
/// as many, in order.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    next_correlation_id: i32,
}

impl Connection {
    /// Connects; every read and write fails after `timeout`.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub fn open(address: SocketAddr, timeout: Duration) -> std::io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, timeout)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(timeout))?;
        socket.set_write_timeout(Some(timeout))?;
        Ok(Self { socket, next_correlation_id: 1 })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the connection fails or the answer cannot be read.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, ClientError> {
        let correlation_id = self.send(version, request)?;
        self.receive::<R>(version, correlation_id)
    }

    /// Sends a request; gives the correlation id by which [`Connection::receive`] checks the answer.
    ///
    /// # Errors
    /// When it cannot be encoded or sent.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<i32, ClientError> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("chronik-harness")));
        let mut body = BytesMut::new();
        let unencodable = |error| ClientError::Unencodable(format!("{error:#}"));
        header.encode(&mut body, R::header_version(version)).map_err(unencodable)?;
        request.encode(&mut body, version).map_err(unencodable)?;
        self.send_frame(&body)?;
        Ok(correlation_id)
    }

    /// Sends bytes as one frame, whatever they are.
    ///
    /// # Errors
    /// When they are too many for a frame or cannot be sent.
    pub fn send_frame(&mut self, body: &[u8]) -> Result<(), ClientError> {
        write_frame(&mut self.socket, body)
    }

    /// Waits for the answer to the request with this correlation id.
    ///
    /// # Errors
    /// When the connection fails, or the next answer is another one or cannot be read.
    pub fn receive<R: Request>(
        &mut self,
        version: i16,
        correlation_id: i32,
    ) -> Result<R::Response, ClientError> {
        let frame = self.receive_frame()?;
        let (answered, response) = decode_answer::<R>(version, frame)?;
        if answered != correlation_id {
            let text = format!("answer to {answered} while {correlation_id} was due");
            return Err(ClientError::Unreadable(text));
        }
        Ok(response)
    }

    /// Waits for the next frame and gives what follows its length.
    ///
    /// # Errors
    /// When the connection fails or claims an impossible length.
    pub fn receive_frame(&mut self) -> Result<Bytes, ClientError> {
        read_frame(&mut self.socket)
    }
}

/// Reads an answer: its correlation id and what it says.
pub(crate) fn decode_answer<R: Request>(
    version: i16,
    mut frame: Bytes,
) -> Result<(i32, R::Response), ClientError> {
    let unreadable = |error| ClientError::Unreadable(format!("{error:#}"));
    let header_version = <R::Response as HeaderVersion>::header_version(version);
    let header = ResponseHeader::decode(&mut frame, header_version).map_err(unreadable)?;
    let response = R::Response::decode(&mut frame, version).map_err(unreadable)?;
    if !frame.is_empty() {
        return Err(ClientError::Unreadable(format!("{} bytes too many", frame.len())));
    }
    Ok((header.correlation_id, response))
}
