//! AddPartitionsToTxn (24), versions 0 to 5. KIP-98, KIP-588, KIP-890.
//!
//! Partitions join the open transaction of a producer, or begin one; all of them or none. Clients send it up to version 3;
//! brokers send the later ones to each other, for several transactions, or to ask what a transaction includes. Codes: 3, 42,
//! 44, 47 (90 from version 2 on), 49, 55 beside a partition that does not exist, 120, 15.

use std::collections::BTreeSet;
use std::sync::Arc;

use chronik_state::{Claim, TransactionError};
use chronik_types::{ErrorCode, TopicPartition};
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

use super::together::together;
use super::transactional::{claim, find, known_code};
use super::{Context, Request, Response};

/// The version whose clients know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// The version from which a request has several transactions.
const BATCHED_SINCE: i16 = 4;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<AddPartitionsToTxnRequest>,
) -> Response<AddPartitionsToTxnResponse> {
    let Request { message, version, .. } = request;
    let response = AddPartitionsToTxnResponse::default();
    if version < BATCHED_SINCE {
        let id = message.v3_and_below_transactional_id;
        let claim = claim(&id, message.v3_and_below_producer_id.0, message.v3_and_below_producer_epoch);
        let topics = add(&context, claim, message.v3_and_below_topics, false, version).await;
        let errors = codes(&topics);
        return Response::with_errors(response.with_results_by_topic_v3_and_below(topics), errors);
    }
    let transactions = message.transactions.into_iter().map(|transaction| {
        let context = &context;
        async move {
            let AddPartitionsToTxnTransaction { transactional_id, verify_only, topics, .. } = transaction;
            let claim = claim(&transactional_id, transaction.producer_id.0, transaction.producer_epoch);
            let topics = add(context, claim, topics, verify_only, version).await;
            AddPartitionsToTxnResult::default()
                .with_transactional_id(transactional_id)
                .with_topic_results(topics)
        }
    });
    let results = together(transactions).await;
    let errors: Vec<i16> = results.iter().flat_map(|result| codes(&result.topic_results)).collect();
    Response::with_errors(response.with_results_by_transaction(results), errors)
}

fn codes(topics: &[AddPartitionsToTxnTopicResult]) -> Vec<i16> {
    topics
        .iter()
        .flat_map(|topic| &topic.results_by_partition)
        .map(|result| result.partition_error_code)
        .collect()
}

/// Adds the partitions of one transaction, or looks for them, and says what became of each.
async fn add(
    context: &Context,
    claim: Claim,
    topics: Vec<AddPartitionsToTxnTopic>,
    verify_only: bool,
    version: i16,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let found: Vec<Vec<Result<TopicPartition, ErrorCode>>> = topics
        .iter()
        .map(|topic| {
            topic.partitions.iter().map(|index| find(&context.broker, &topic.name, *index)).collect()
        })
        .collect();
    let known: BTreeSet<TopicPartition> = found.iter().flatten().flatten().copied().collect();
    let all_exist = found.iter().flatten().all(Result::is_ok);
    let outcome = if claim.transactional_id.is_empty() {
        Outcome::All(ErrorCode::InvalidRequest)
    } else if !all_exist {
        Outcome::NotTried
    } else if verify_only {
        verify(context, &claim)
    } else {
        propose(context, claim, known).await
    };
    let code = |found: &Result<TopicPartition, ErrorCode>| match (&outcome, found) {
        (Outcome::NotTried, Err(missing)) => *missing,
        (Outcome::NotTried, Ok(_)) => ErrorCode::OperationNotAttempted,
        (Outcome::All(code), _) => known_code(*code, version >= FENCED_SINCE),
        (Outcome::Includes(included), Ok(at)) if included.contains(at) => ErrorCode::None,
        (Outcome::Includes(_), _) => ErrorCode::TransactionAbortable,
    };
    let results = |topic: &AddPartitionsToTxnTopic, found: &[Result<TopicPartition, ErrorCode>]| {
        let result = |(index, found): (&i32, &Result<TopicPartition, ErrorCode>)| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code(found).code())
        };
        topic.partitions.iter().zip(found).map(result).collect()
    };
    let result = |(topic, found): (AddPartitionsToTxnTopic, &Vec<_>)| {
        let results = results(&topic, found);
        AddPartitionsToTxnTopicResult::default().with_name(topic.name).with_results_by_partition(results)
    };
    topics.into_iter().zip(&found).map(result).collect()
}

/// What becomes of the partitions of one transaction.
enum Outcome {
    /// Some do not exist, so that nothing was tried.
    NotTried,
    /// The same for all.
    All(ErrorCode),
    /// Those that the transaction includes are fine.
    Includes(BTreeSet<TopicPartition>),
}

async fn propose(context: &Context, claim: Claim, partitions: BTreeSet<TopicPartition>) -> Outcome {
    // An entry that could only be refused is not written.
    let limit = context.broker.settings().transactions.max_partitions;
    if u32::try_from(partitions.len()).map_or(true, |count| count > limit) {
        return Outcome::All(TransactionError::TooManyPartitions { limit }.error_code());
    }
    match context.broker.add_partitions_to_txn(claim, partitions.into_iter().collect()).await {
        Ok(()) => Outcome::All(ErrorCode::None),
        Err(error) => Outcome::All(error.error_code()),
    }
}

fn verify(context: &Context, claim: &Claim) -> Outcome {
    context.broker.state(|state| {
        let Some(producer) = state.transactional_producer(claim.transactional_id.as_str()) else {
            return Outcome::All(ErrorCode::InvalidProducerIdMapping);
        };
        match producer.check_producer(claim.producer_id, claim.producer_epoch) {
            Ok(()) => Outcome::Includes(producer.partitions().map(|(at, _)| at).collect()),
            Err(error) => Outcome::All(error.error_code()),
        }
    })
}
