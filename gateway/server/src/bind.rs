//! Binding the sockets of the listeners.

use std::io;
use std::net::SocketAddr;

use chronik_config::{HostPort, LimitSettings, Listener};
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
pub(crate) async fn bind(listener: &Listener, limits: &LimitSettings) -> Result<TcpListener, BindError> {
    let refuse = |source| BindError { listener: listener.to_string(), source };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in addresses(&listener.address).await.map_err(refuse)? {
        match listen(address, limits) {
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

fn listen(address: SocketAddr, limits: &LimitSettings) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the process before it to time out.
    socket.set_reuseaddr(true)?;
    // Connections inherit the sizes. A small buffer for answers is faster on one machine: what is written to it is still in the
    // processor's cache when it is read.
    if let Some(bytes) = limits.socket_send_buffer_bytes.bytes() {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = limits.socket_receive_buffer_bytes.bytes() {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    socket.listen(limits.socket_listen_backlog_size)
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

#[cfg(test)]
mod tests {
    use chronik_config::{Settings, SocketBuffer};
    use rustix::net::sockopt::{socket_recv_buffer_size, socket_send_buffer_size};
    use tokio::net::TcpStream;

    use super::*;

    /// The buffers of a connection, for sending and for receiving.
    async fn buffers(limits: &LimitSettings) -> (usize, usize) {
        let listener = bind(&Listener::plaintext("127.0.0.1", 0), limits).await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (connection, _) = listener.accept().await.unwrap();
        (socket_send_buffer_size(&connection).unwrap(), socket_recv_buffer_size(&connection).unwrap())
    }

    #[tokio::test]
    async fn connections_have_the_buffers_of_the_settings() {
        let system = LimitSettings {
            socket_send_buffer_bytes: SocketBuffer::SYSTEM,
            socket_receive_buffer_bytes: SocketBuffer::SYSTEM,
            ..Settings::default().limits
        };
        let set = LimitSettings {
            socket_send_buffer_bytes: SocketBuffer::kib(30),
            socket_receive_buffer_bytes: SocketBuffer::kib(40),
            ..system.clone()
        };
        // Linux counts its own overhead too, and doubles what it is asked for.
        assert_eq!(buffers(&set).await, (2 * 30 * 1024, 2 * 40 * 1024));
        let (send, receive) = buffers(&system).await;
        assert!(send > 2 * 30 * 1024 && receive > 2 * 40 * 1024, "{send} {receive}");
    }
}
