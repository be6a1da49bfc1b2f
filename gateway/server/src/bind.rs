//! Binding the sockets of the listeners.

use std::io;
use std::net::SocketAddr;

use chronik_config::{HostPort, Listener};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// A listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listener}: {}", reason(.source))]
pub struct BindError {
    /// The listener, as in the settings.
    pub listener: String,
    /// What the system said.
    pub source: io::Error,
}

/// Opens the socket of a listener.
pub(crate) async fn bind(listener: &Listener, backlog: u32) -> Result<TcpListener, BindError> {
    let refuse = |source| BindError { listener: listener.to_string(), source };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in addresses(&listener.address).await.map_err(refuse)? {
        match listen(address, backlog) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(refuse(failure))
}

/// The addresses to try, in that order. An empty host is every address of the machine, as in Kafka.
async fn addresses(address: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if address.host.is_empty() {
        let every = [([0; 16], address.port).into(), ([0; 4], address.port).into()];
        return Ok(every.to_vec());
    }
    Ok(lookup_host((address.host.as_str(), address.port)).await?.collect())
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the process before it to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// What a person can do something with.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program (or another gateway) uses this port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not listen on this port".to_owned(),
        _ => error.to_string(),
    }
}
