//! From the broker's results to the response, in the order of the request.

use chronik_broker::{ProduceError, Produced};
use chronik_types::ErrorCode;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::protocol::StrBytes;

use super::Refusal;
use super::plan::{PartitionPlan, Plan, TopicPlan};

/// The version from which a partition has room for a message (KIP-467).
const MESSAGES_SINCE: i16 = 8;

impl Plan {
    /// The response, and the first error in it.
    pub(super) fn response(
        self,
        version: i16,
        results: Vec<Result<Produced, ProduceError>>,
    ) -> (ProduceResponse, ErrorCode) {
        let mut results = results.into_iter();
        let mut first = ErrorCode::None;
        let mut topics = Vec::with_capacity(self.topics.len());
        for TopicPlan { asked, partitions } in self.topics {
            let partitions = partitions
                .into_iter()
                .map(|plan| {
                    let (response, error) = partition(version, &plan, &mut results);
                    if first.is_none() {
                        first = error;
                    }
                    response
                })
                .collect();
            topics.push(
                TopicProduceResponse::default()
                    .with_name(asked.name)
                    .with_topic_id(asked.topic_id)
                    .with_partition_responses(partitions),
            );
        }
        (ProduceResponse::default().with_responses(topics), first)
    }
}

fn partition(
    version: i16,
    plan: &PartitionPlan,
    results: &mut impl Iterator<Item = Result<Produced, ProduceError>>,
) -> (PartitionProduceResponse, ErrorCode) {
    if let Some(refusal) = plan.refused {
        return refused(version, plan.index, refusal);
    }
    match results.next() {
        Some(Ok(produced)) => (appended(plan.index, &produced), ErrorCode::None),
        Some(Err(error)) => {
            let code = error.error_code();
            (failed(version, plan.index, code, Some(error.to_string())), code)
        }
        // The broker gives one result for each batch; that it did not is not the client's fault.
        None => {
            let code = ErrorCode::UnknownServerError;
            (failed(version, plan.index, code, None), code)
        }
    }
}

fn appended(index: i32, produced: &Produced) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_base_offset(produced.base_offset.get())
        .with_log_append_time_ms(produced.log_append_time.get())
        .with_log_start_offset(produced.log_start_offset.get())
}

fn refused(version: i16, index: i32, refusal: Refusal) -> (PartitionProduceResponse, ErrorCode) {
    let code = refusal.code();
    (failed(version, index, code, refusal.message().map(str::to_owned)), code)
}

fn failed(version: i16, index: i32, code: ErrorCode, message: Option<String>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1);
    match message {
        Some(message) if version >= MESSAGES_SINCE => {
            response.with_error_message(Some(StrBytes::from_string(message)))
        }
        _ => response,
    }
}
