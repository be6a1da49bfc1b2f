//! Connections that do nothing, after having asked what the broker can do, as every client does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, ToSocketAddrs};

use bytes::{BufMut, BytesMut};
use chronik_sol::monotonic_seconds;
use kafka_protocol::messages::{ApiVersionsRequest, RequestHeader};
use kafka_protocol::protocol::Encodable;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::BenchError;

/// Open connections.
#[derive(Debug)]
pub(crate) struct Idle {
    sockets: Vec<TcpStream>,
    /// From the first connection to the last answer.
    pub(crate) seconds: f64,
}

impl Idle {
    /// Opens this many, some at a time: each has had an answer when this returns.
    pub(crate) fn open(address: &str, count: usize) -> Result<Self, BenchError> {
        allow_files(count as u64 + 200)?;
        let peer = resolve(address)?;
        let request = api_versions()?;
        let failed = || BenchError::system(format!("cannot open connection after connection to {address}"));
        let mut sockets: Vec<TcpStream> = Vec::with_capacity(count);
        let start = monotonic_seconds();
        while sockets.len() < count {
            let first = sockets.len();
            for place in first..count.min(first + AT_ONCE) {
                let mut stream = open_one(peer, place).map_err(failed())?;
                stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).map_err(failed())?;
                stream.write_all(&request).map_err(failed())?;
                sockets.push(stream);
            }
            for stream in sockets.iter_mut().skip(first) {
                let mut length = [0; 4];
                stream.read_exact(&mut length).map_err(failed())?;
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or_default();
                let mut answer = vec![0; length.min(1 << 20)];
                stream.read_exact(&mut answer).map_err(failed())?;
            }
        }
        Ok(Self { sockets, seconds: monotonic_seconds() - start })
    }

    /// Whether this process, and what it starts, may have as many files open.
    pub(crate) fn is_possible(count: usize) -> bool {
        allow_files(count as u64 + 200).is_ok()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.sockets.len()
    }
}

/// Loopback addresses are many: with a new one every ten thousand connections the ports last.
fn open_one(peer: SocketAddr, place: usize) -> std::io::Result<TcpStream> {
    let SocketAddr::V4(peer) = peer else { return TcpStream::connect(peer) };
    if !peer.ip().is_loopback() {
        return TcpStream::connect(peer);
    }
    let source = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + place / PORTS_EACH).unwrap_or(u8::MAX));
    let opened = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&opened, &SocketAddrV4::new(source, 0))?;
    connect(&opened, &peer)?;
    Ok(TcpStream::from(opened))
}

fn resolve(address: &str) -> Result<SocketAddr, BenchError> {
    let found = address.to_socket_addrs().map_err(BenchError::system(format!("cannot resolve {address}")))?;
    found.into_iter().next().ok_or_else(|| BenchError::Usage(format!("{address} has no address")))
}

fn allow_files(files: u64) -> Result<(), BenchError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(files));
    setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).map_err(|errno| {
        BenchError::System {
            what: format!("cannot have {files} open files: raise ulimit -n"),
            source: errno.into(),
        }
    })
}

fn api_versions() -> Result<BytesMut, BenchError> {
    let mut body = BytesMut::new();
    let header = RequestHeader::default().with_request_api_key(18).with_request_api_version(0);
    let encoded =
        header.encode(&mut body, 1).and_then(|()| ApiVersionsRequest::default().encode(&mut body, 0));
    encoded.map_err(|error| BenchError::Unsupported(format!("a request cannot be encoded: {error}")))?;
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.put_u32(u32::try_from(body.len()).unwrap_or_default());
    frame.put_slice(&body);
    Ok(frame)
}

/// Below the shortest queue of new connections that brokers are known to ask for, 50: beyond it the kernel waits a second.
const AT_ONCE: usize = 32;
const PORTS_EACH: usize = 10_000;
