//! The Kafka listener: connections, the layer stack, one handler file per API.
//!
//! Read in this order: `listener` accepts, `connection` turns bytes into ordered requests, `stack` shows what a request
//! passes on its way, `handlers` answers it by asking the broker. Nothing here keeps anything that outlives its client's
//! session; what is durable is decided by the broker below.

mod bind;
mod connection;
mod handlers;
#[cfg(feature = "in-process")]
pub mod in_process;
mod listener;
mod server;
mod stack;

pub use bind::BindError;
pub use server::{Parts, Server};
