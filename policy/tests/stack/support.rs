//! Calls as a connection makes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use chronik_policy::{Call, Connection, Listener, Turn};
use chronik_wire::header::parse_request_header;
use tokio_util::sync::CancellationToken;

/// A call of a client that calls itself so, with a body of 100 bytes.
pub(crate) fn call(key: i16, version: i16, client_id: &str) -> Call {
    let listener = Listener {
        name: "PLAINTEXT".to_owned(),
        advertised_host: "localhost".to_owned(),
        advertised_port: 9092,
    };
    let mut frame = BytesMut::new();
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(7);
    frame.put_i16(i16::try_from(client_id.len()).unwrap());
    frame.put_slice(client_id.as_bytes());
    let mut frame = frame.freeze();
    let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
    Call {
        connection: Arc::new(Connection::new(1, peer, Arc::new(listener), CancellationToken::new())),
        header: parse_request_header(&mut frame).unwrap(),
        body: Bytes::from_static(&[0; 100]),
        received_at: Duration::ZERO,
        turn: Turn::take(&Arc::new(AtomicBool::new(false))),
        reservation: None,
    }
}
