//! ListTransactions (66), versions 0 to 2. KIP-664, KIP-994, KIP-1152.
//!
//! The transactional ids that all filters of the request let through. A state that does not exist is named in the answer.
//! A pattern has to match a whole id; what does not end in time or memory is no valid pattern. Codes: 128.

use std::collections::BTreeSet;
use std::sync::Arc;

use chronik_state::{TransactionState, TransactionalProducer};
use chronik_types::{ErrorCode, TimestampMs, TransactionalId};
use kafka_protocol::messages::list_transactions_response::TransactionState as Listed;
use kafka_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionalId as WireTransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use regex::{Regex, RegexBuilder};
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response};

/// How many transactional ids are looked at under one lock of the state.
const AT_ONCE: usize = 1_000;

/// The most memory that a compiled pattern may take.
const PATTERN_BYTES: usize = 256 * 1024;

/// States that Kafka has and that nothing is ever in here.
const PASSING_STATES: [&str; 4] = ["PrepareCommit", "PrepareAbort", "Dead", "PrepareEpochFence"];

/// What a request lets through.
struct Filters {
    now: TimestampMs,
    states: Option<Vec<TransactionState>>,
    producer_ids: BTreeSet<i64>,
    min_duration_ms: i64,
    pattern: Option<Regex>,
}

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ListTransactionsRequest>,
) -> Response<ListTransactionsResponse> {
    let asked = request.message;
    let pattern = match asked.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
        None => None,
        Some(pattern) => match whole_match(pattern) {
            Ok(pattern) => Some(pattern),
            Err(_) => {
                let error = ErrorCode::InvalidRegularExpression;
                let message = ListTransactionsResponse::default().with_error_code(error.code());
                return Response { message, error };
            }
        },
    };
    let (states, unknown) = states(&asked.state_filters);
    let filters = Filters {
        now: context.broker.now(),
        states: (!asked.state_filters.is_empty()).then_some(states),
        producer_ids: asked.producer_id_filters.iter().map(|id| id.0).collect(),
        min_duration_ms: asked.duration_filter,
        pattern,
    };
    let listed = list(&context, &filters).await;
    Response::ok(
        ListTransactionsResponse::default()
            .with_unknown_state_filters(unknown)
            .with_transaction_states(listed),
    )
}

/// A pattern that matches whole texts only.
fn whole_match(pattern: &str) -> Result<Regex, regex::Error> {
    // By itself first, so that it cannot close the group that is put around it.
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
    compile(pattern)?;
    compile(&format!(r"\A(?:{pattern})\z"))
}

/// The states of these names, and the names that no state has.
fn states(filters: &[StrBytes]) -> (Vec<TransactionState>, Vec<StrBytes>) {
    let mut unknown = Vec::new();
    let mut states = Vec::new();
    for name in filters {
        match TransactionState::ALL.into_iter().find(|state| state.name() == &**name) {
            Some(state) => states.push(state),
            None if PASSING_STATES.contains(&&**name) => {}
            None => unknown.push(name.clone()),
        }
    }
    (states, unknown)
}

async fn list(context: &Context, filters: &Filters) -> Vec<Listed> {
    let mut listed = Vec::new();
    let mut after: Option<TransactionalId> = None;
    loop {
        consume_budget().await;
        let last = context.broker.state(|state| {
            let mut last = None;
            for (id, producer) in state.transactional_producers_after(after.as_ref()).take(AT_ONCE) {
                if filters.let_through(id, producer) {
                    listed.push(describe(id, producer));
                }
                last = Some(id.clone());
            }
            last
        });
        match last {
            Some(last) => after = Some(last),
            None => return listed,
        }
    }
}

fn describe(id: &TransactionalId, producer: &TransactionalProducer) -> Listed {
    Listed::default()
        .with_transactional_id(WireTransactionalId(StrBytes::from_string(id.as_str().to_owned())))
        .with_producer_id(producer.producer_id().get().into())
        .with_transaction_state(StrBytes::from_static_str(producer.state().name()))
}

impl Filters {
    fn let_through(&self, id: &TransactionalId, producer: &TransactionalProducer) -> bool {
        let duration = || self.now.get().saturating_sub(producer.started_at().get());
        self.states.as_ref().is_none_or(|states| states.contains(&producer.state()))
            && (self.producer_ids.is_empty() || self.producer_ids.contains(&producer.producer_id().get()))
            && (self.min_duration_ms < 0 || duration() > self.min_duration_ms)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::whole_match;

    #[test]
    fn a_pattern_matches_whole_ids_and_is_bounded() {
        let matches = |pattern: &str, id: &str| whole_match(pattern).unwrap().is_match(id);
        assert!(matches("end-.*", "end-1") && matches("a|b", "b"));
        assert!(!matches("end", "end-1") && !matches("a|b", "ab"));
        for bad in ["([", "a)(b", "(?:a{1000}){1000}{1000}"] {
            assert!(whole_match(bad).is_err(), "{bad}");
        }
    }
}
