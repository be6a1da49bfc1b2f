//! `[limits]`: the bound of everything that a client can make grow.

use std::time::Duration;

use super::section;
use crate::values::{ByteSize, SocketBuffer};

/// Kafka's way to write "no limit" for a count.
const NO_LIMIT: u32 = 0x7fff_ffff;

section! {
    /// The bound of everything that a client can make grow, and how long things may take.
    pub struct LimitSettings as SECTION at limits {
        /// Connections at the same time. One more has to wait until another ends.
        max_connections: u32 = 10_000, in 1 => NO_LIMIT;
        /// Connections at the same time from one IP address. One more is closed at once. 2147483647 is no limit.
        max_connections_per_ip: u32 = NO_LIMIT, in 0 => NO_LIMIT;
        /// New connections in a second. 2147483647 is no limit.
        max_connection_creation_rate: u32 = NO_LIMIT, in 1 => NO_LIMIT;
        /// Connections that the operating system may hold before they are accepted.
        socket_listen_backlog_size: u32 = 1024, in 1 => 65_535;
        /// What the operating system takes of an answer before the client has. Far clients may need more: it is the most that is on its
        /// way to one of them at a time. "system" lets it grow with the distance.
        socket_send_buffer_bytes: SocketBuffer = SocketBuffer::kib(100), in SocketBuffer::SYSTEM => SocketBuffer::new(i32::MAX);
        /// What the operating system takes of a client's requests before they are read.
        socket_receive_buffer_bytes: SocketBuffer = SocketBuffer::SYSTEM, in SocketBuffer::SYSTEM => SocketBuffer::new(i32::MAX);
        /// The largest request.
        socket_request_max_bytes: ByteSize = ByteSize::mib(100), in ByteSize::kib(1) => ByteSize::new(0x7fff_ffff);
        /// Bytes of all requests that are being worked on. When they are used up, sockets are not read until some are free. Beside them,
        /// half as much is there for answers until clients have taken them, a quarter of that for one connection. While less than an
        /// eighth of it is left, a client that takes its answers at less than 256 KiB/s for longer than 10 s is disconnected.
        queued_max_request_bytes: ByteSize = ByteSize::mib(512), in ByteSize::mib(1) => ByteSize::gib(16 * 1024);
        /// Requests of one connection that are being worked on. Its socket is not read while it has as many.
        max_in_flight_requests_per_connection: u32 = 64, in 1 => 10_000;
        /// A connection on which nothing happens for this long is closed.
        connections_max_idle: Duration = Duration::from_secs(600), in Duration::from_secs(1) => Duration::from_secs(31_536_000);
        /// How long a request may take, beyond what it asks to wait itself.
        request_timeout: Duration = Duration::from_secs(30), in Duration::from_millis(100) => Duration::from_secs(3_600);
        /// The most that one fetch is answered with.
        fetch_max_bytes: ByteSize = ByteSize::mib(55), in ByteSize::kib(1) => ByteSize::new(0x7fff_ffff);
        /// Incremental fetch sessions that are kept (KIP-227). 0 turns them off.
        fetch_session_cache_slots: u32 = 1_000, in 0 => 1_000_000;
        /// An idempotent producer that writes nothing to a partition for this long is forgotten there.
        producer_id_expiration: Duration = Duration::from_secs(86_400), in Duration::from_millis(1) => Duration::from_millis(0x7fff_ffff);
        /// How often producers are looked at for that.
        producer_id_expiration_check_interval: Duration = Duration::from_secs(600), in Duration::from_millis(1) => Duration::from_secs(86_400);
        /// How long a stop may take to finish what was accepted.
        shutdown_grace: Duration = Duration::from_secs(5), in Duration::from_millis(100) => Duration::from_secs(600);
    }
}
