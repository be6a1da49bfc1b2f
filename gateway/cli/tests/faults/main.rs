//! What other systems got wrong, done to the real binary over the wire: requests that come late, twice or out of order,
//! and `kill -9` in between. Each case is a class of bugs that was found in a system that speaks Kafka's protocol.
//!
//! `stage` is a gateway behind the proxy; `ledger` says what a partition must show to its readers; `chain` and
//! `commits` are shared by the cases with members of either protocol.
#![cfg(test)]

mod aborted_reads;
mod chain;
mod commits;
mod committed_offsets;
mod conservation;
mod consumer_offsets;
mod consumer_rebalances;
mod every_offset;
mod hanging;
mod late_requests;
mod ledger;
mod produced_offsets;
mod rebalances;
mod sequence_reuse;
mod stage;
mod survivors;
mod torn_transactions;
