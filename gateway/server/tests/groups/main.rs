//! The APIs of classic groups over TCP: every version, every code.
//!
//! With `GROUPS_PEER=host:port` the same tests speak to that broker instead: Apache Kafka has to pass them, too. It needs
//! `group.initial.rebalance.delay.ms=0`, `group.min.session.timeout.ms=100` and `group.max.size=3`.
#![cfg(test)]

mod admin;
mod coordinator;
mod dance;
mod limits;
mod offsets;
mod refusals;
mod restarts;
mod support;
