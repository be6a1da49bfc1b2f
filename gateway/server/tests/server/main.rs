//! The server through a real listener, over the memory backend, one module for each concern.
#![cfg(test)]

mod captured;
mod connections;
mod consumer_groups;
mod fetching;
mod golden;
mod group_likeness;
mod likeness;
mod metadata;
mod offsets;
mod producing;
mod sessions;
mod stopping;
mod support;
mod transactions;
mod versions;
mod waiting;
