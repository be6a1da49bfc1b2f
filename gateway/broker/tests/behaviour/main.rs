//! The broker core over the memory backend, through its public interface.
#![cfg(test)]

mod changes;
mod consumer_groups;
mod full;
mod groups;
mod offsets;
mod produce;
mod read;
mod read_only;
mod restart;
mod retention;
mod support;
mod together;
mod transactions;
mod watch;
