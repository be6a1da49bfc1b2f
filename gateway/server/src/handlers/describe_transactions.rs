//! DescribeTransactions (65), version 0 (KIP-664).
//!
//! What transactional ids are at. An id that is named twice is described once. Codes: 42, 105.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chronik_state::State;
use chronik_types::{ErrorCode, TopicId};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::{DescribeTransactionsRequest, DescribeTransactionsResponse, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response, wire_topic_name};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeTransactionsRequest>,
) -> Response<DescribeTransactionsResponse> {
    let mut seen = HashSet::new();
    let mut states = Vec::new();
    for id in request.message.transactional_ids {
        // The lock of the state is taken for each alone.
        consume_budget().await;
        if seen.insert(id.clone()) {
            states.push(context.broker.state(|state| describe(state, id)));
        }
    }
    let errors: Vec<i16> = states.iter().map(|state| state.error_code).collect();
    Response::with_errors(DescribeTransactionsResponse::default().with_transaction_states(states), errors)
}

fn describe(state: &State, id: TransactionalId) -> TransactionState {
    let Some(producer) = state.transactional_producer(&id) else {
        let error =
            if id.is_empty() { ErrorCode::InvalidRequest } else { ErrorCode::TransactionalIdNotFound };
        return TransactionState::default()
            .with_transactional_id(id)
            .with_error_code(error.code())
            .with_producer_id(0.into());
    };
    let mut by_topic: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
    for (at, _) in producer.partitions() {
        by_topic.entry(at.topic_id).or_default().push(at.partition.get());
    }
    let topics = by_topic.into_iter().filter_map(|(topic_id, partitions)| {
        let name = wire_topic_name(state.topic_by_id(topic_id)?.name());
        Some(TopicData::default().with_topic(name).with_partitions(partitions))
    });
    TransactionState::default()
        .with_transactional_id(id)
        .with_transaction_state(StrBytes::from_static_str(producer.state().name()))
        .with_transaction_timeout_ms(producer.timeout_ms())
        .with_transaction_start_time_ms(producer.started_at().get())
        .with_producer_id(producer.producer_id().get().into())
        .with_producer_epoch(producer.epoch().get())
        .with_topics(topics.collect())
}
