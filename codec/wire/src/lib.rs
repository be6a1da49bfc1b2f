//! Kafka's wire format: frames, the API table, well-formedness, record batches, compression.

pub mod batch;
pub mod compression;
