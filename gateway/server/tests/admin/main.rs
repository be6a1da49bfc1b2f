//! The admin APIs over TCP: a server on a free port, the broker core over the memory backend, requests of every version.
#![cfg(test)]

mod cluster;
mod configs;
mod gateway;
mod kafka_answers;
mod partitions;
mod records;
mod topics;
mod versions;
