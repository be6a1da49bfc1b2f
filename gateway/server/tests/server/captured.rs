//! The conversations with Apache Kafka 4.3.1 that were captured in `tests/golden`, to be led again with the gateway.
//!
//! Here they are read and asked again, and answers are told apart; what may differ, and why, each conversation says itself.

use std::fmt::Debug;

use bytes::{Buf, Bytes};
use chronik_wire::api::{self, Api};
use kafka_protocol::protocol::Decodable;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::Client;

/// A request and its answer.
pub(crate) struct Exchange {
    pub(crate) api: &'static Api,
    pub(crate) version: i16,
    pub(crate) case: String,
    /// The whole frame.
    pub(crate) request: Vec<u8>,
    /// The frame without its length; empty when Kafka gave no answer.
    pub(crate) response: Bytes,
}

/// All of a file, in the order in which it was captured.
pub(crate) fn exchanges(file: &str) -> Vec<Exchange> {
    let text = std::fs::read_to_string(format!("../../tests/golden/{file}.jsonl")).unwrap();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |field: &str| i16::try_from(line[field].as_i64().unwrap()).unwrap();
        let bytes = |field: &str| unhex(line[field].as_str().unwrap());
        let is_answered = !line["response"].is_null();
        Exchange {
            api: api::lookup(number("api")).unwrap(),
            version: number("version"),
            case: line["case"].as_str().unwrap().to_owned(),
            request: bytes("request"),
            response: if is_answered { Bytes::from(bytes("response")).slice(4..) } else { Bytes::new() },
        }
    };
    text.lines().map(read).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

impl Exchange {
    pub(crate) fn name(&self) -> String {
        format!("{} v{} \"{}\"", self.api.name, self.version, self.case)
    }

    /// Reads an answer to this request, Kafka's or ours, to its end.
    pub(crate) fn decoded<R: Decodable>(&self, frame: &Bytes) -> R {
        let mut body = frame.slice(4..);
        if self.api.response_header_version(self.version) == 1 {
            assert_eq!(body.get_u8(), 0, "{}: tagged fields in the header", self.name());
        }
        let response = R::decode(&mut body, self.version).unwrap();
        assert!(body.is_empty(), "{}: {} bytes are left", self.name(), body.len());
        response
    }

    /// Asks the same here; the answer without its length.
    pub(crate) async fn lead(&self, client: &mut Client, ids: &Ids) -> Bytes {
        let mut request = self.request.clone();
        ids.to_ours(&mut request);
        client.stream.write_all(&request).await.unwrap();
        client.receive_frame().await.unwrap_or_else(|| panic!("{}: closed", self.name()))
    }
}

/// What Kafka has chosen, and what the gateway has in its place. Both are as long.
#[derive(Default)]
pub(crate) struct Ids(Vec<(Vec<u8>, Vec<u8>)>);

impl Ids {
    pub(crate) fn learn(&mut self, theirs: &[u8], ours: &[u8]) {
        if theirs != ours && theirs.len() == ours.len() {
            self.0.push((theirs.to_vec(), ours.to_vec()));
        }
    }

    fn to_ours(&self, bytes: &mut [u8]) {
        self.0.iter().for_each(|(theirs, ours)| replace(bytes, theirs, ours));
    }

    pub(crate) fn to_theirs(&self, bytes: &mut [u8]) {
        self.0.iter().for_each(|(theirs, ours)| replace(bytes, ours, theirs));
    }
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
    }
}

/// Whether both answers are the same, or the first lines in which they are not.
pub(crate) fn same<T: PartialEq + Debug>(theirs: T, ours: T) -> Result<(), String> {
    if theirs == ours {
        return Ok(());
    }
    let (theirs, ours) = (format!("{theirs:#?}"), format!("{ours:#?}"));
    let differing = theirs.lines().zip(ours.lines()).filter(|(theirs, ours)| theirs != ours);
    let lines = differing.map(|(theirs, ours)| format!("\n  Kafka {theirs}\n  we    {ours}"));
    Err(format!(
        "{} and {} lines{}",
        theirs.lines().count(),
        ours.lines().count(),
        lines.take(6).collect::<String>()
    ))
}

/// The same, after what may differ is taken out of both.
pub(crate) fn alike<R: Decodable + PartialEq + Debug>(
    exchange: &Exchange,
    ours: &Bytes,
    neutral: impl Fn(&mut R),
) -> Result<(), String> {
    let read = |frame: &Bytes| {
        let mut response = exchange.decoded::<R>(frame);
        neutral(&mut response);
        response
    };
    same(read(&exchange.response), read(ours))
}
