//! Entries in, outcomes out: the state machine through its public face, one module for each concern.
#![cfg(test)]

mod appends;
mod checkpoints;
mod cluster;
mod configs;
mod consumer_groups;
mod entries;
mod generator;
mod golden_bytes;
mod golden_groups;
mod group_weight;
mod groups;
mod log_start;
mod migrations;
mod offset_expiry;
mod producers;
mod replay;
mod support;
mod topics;
mod transactions;
