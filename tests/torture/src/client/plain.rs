//! A producer outside of transactions: idempotent, and it sends again what got no answer.

use std::collections::BTreeMap;

use chronik_types::ErrorCode;
use kafka_protocol::messages::InitProducerIdRequest;

use super::payload::{Author, encode};
use super::produce::{advance, produce, request};
use super::{Item, Link, Topic, code};
use crate::checker::Key;
use crate::stage::Over;

const INIT_PRODUCER_ID_VERSION: i16 = 4;
const PRODUCE_VERSION: i16 = 11;

/// A producer and its sequences.
#[derive(Debug)]
pub(crate) struct PlainProducer<'a> {
    pub(crate) link: Link<'a>,
    topic: Topic,
    identity: (i64, i16),
    sequences: BTreeMap<Key, i32>,
}

impl<'a> PlainProducer<'a> {
    pub(crate) fn new(mut link: Link<'a>, topic: Topic) -> Result<Self, Over> {
        let request =
            InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
        let stage = link.stage;
        let identity = stage.patiently("InitProducerId", || {
            let (answer, _) = link.insist(INIT_PRODUCER_ID_VERSION, &request)?;
            match code(answer.error_code) {
                ErrorCode::None => return Ok(Some((answer.producer_id.0, answer.producer_epoch))),
                other if other.is_retriable() => {}
                other => stage.problem(format!("InitProducerId: {other:?}")),
            }
            Ok(None)
        })?;
        Ok(Self { link, topic, identity, sequences: BTreeMap::new() })
    }

    /// Sends one batch until it is acknowledged; gives its offset, or nothing when it was refused for good.
    pub(crate) fn send(&mut self, key: Key, items: &[Item]) -> Result<Option<i64>, Over> {
        let request = self.request(key, items);
        let (stage, link) = (self.link.stage, &mut self.link);
        let answered = stage.patiently("Produce", || {
            Ok(match produce(link, PRODUCE_VERSION, &request)? {
                Some((ErrorCode::None, offset)) => Some(Some(offset)),
                Some((refused, _)) if !refused.is_retriable() => {
                    stage.problem(format!("{}: Produce to key {key}: {refused:?}", link.who));
                    Some(None)
                }
                _ => None,
            })
        })?;
        if answered.is_some() {
            stage.acknowledged(items.len().try_into().unwrap_or(0));
        }
        Ok(answered)
    }

    /// Sends one batch and goes away for ever.
    pub(crate) fn send_and_die(&mut self, key: Key, items: &[Item]) -> Result<(), Over> {
        let request = self.request(key, items);
        self.link.send_and_die(PRODUCE_VERSION, &request)
    }

    fn request(&mut self, key: Key, items: &[Item]) -> kafka_protocol::messages::ProduceRequest {
        let sequence = self.sequences.entry(key).or_default();
        let (producer_id, epoch) = self.identity;
        let author = Author { producer_id, epoch, sequence: *sequence, transactional: false };
        *sequence = advance(*sequence, items.len());
        request(None, &self.topic, key, encode(self.link.stage.stamp, key, items, author))
    }
}
