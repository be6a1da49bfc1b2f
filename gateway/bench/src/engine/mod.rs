//! The event loop's parts: one thread, epoll, sockets that never block.
//!
//! A [`Connection`] is a ring of request slots that are filled, written, answered and used again, so that nothing is
//! allocated for a request; [`Poller`] says which connections have something to do.

mod connection;
mod pace;
mod poller;

pub(crate) use connection::{Connection, Slot, Used, connect};
pub(crate) use poller::Poller;
