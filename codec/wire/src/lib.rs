//! Kafka's wire format: frames, the API table, well-formedness, record batches, compression.
//!
//! The way of a request is [`frame`], [`header`], [`request`]; that of a response is [`response`]. What is supported at all
//! stands in [`api`]. The messages themselves are kafka-protocol's, which is not trusted with bytes from the network before
//! [`wellformed`] has seen them; Produce and Fetch are decoded and encoded by hand in [`hot`]. Record batches are our own, in [`batch`], because theirs loses data.
//! What consumers tell each other through their group is in [`consumer_protocol`].

pub mod api;
pub mod batch;
pub mod compression;
pub mod consumer_protocol;
pub mod frame;
pub mod header;
pub mod hot;
pub mod request;
pub mod response;
pub mod wellformed;
