//! Produce and Fetch by hand: the messages that make up nearly all traffic, in the form in which the gateway uses them.
//!
//! Requests are read in one pass over the bytes, without the structs of kafka-protocol. What this pass does not
//! understand at once (tagged fields, which clients do not send) or would refuse, goes through
//! [`decode_request`](crate::request::decode_request): so nothing is accepted here that is not accepted there, and an
//! error is always the one from there. Responses are written straight into the bytes that are sent. The tests hold both
//! against kafka-protocol, message by message.

pub mod fetch;
mod input;
mod output;
pub mod produce;
#[cfg(test)]
mod tests;
