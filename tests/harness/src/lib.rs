//! Starts and kills gateways for tests, talks to them over raw sockets, and stands between them and their clients.
//!
//! [`Gateway`] is the real binary in a process of its own; [`Connection`] is a blocking client that frames what
//! kafka-protocol encodes and does nothing else, so that a test sees each answer as it was sent. [`client`] has the
//! requests of producers, readers and members of groups, each sent once and answered with its error code. [`Proxy`]
//! delays, repeats, reorders and cuts single requests on their way.

pub mod client;
mod connection;
mod frame;
mod gateway;
mod proxy;
mod wait;

pub use connection::{ClientError, Connection};
pub use gateway::{Gateway, GatewayError, GatewayOptions, free_ports};
pub use proxy::{Fault, Injected, Proxy};
pub use wait::{pause, wait_until};
