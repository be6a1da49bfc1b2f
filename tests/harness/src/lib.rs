//! Starts and kills gateways for tests, and talks to them over raw sockets.
//!
//! [`Gateway`] is the real binary in a process of its own; [`Connection`] is a blocking client that frames what
//! kafka-protocol encodes and does nothing else, so that a test sees each answer as it was sent.

mod connection;
mod gateway;
mod wait;

pub use connection::{ClientError, Connection};
pub use gateway::{Gateway, GatewayError, GatewayOptions, free_ports};
pub use wait::{pause, wait_until};
