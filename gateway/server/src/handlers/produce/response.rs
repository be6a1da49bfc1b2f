//! From the broker's results to the response, in the order of the request.

use chronik_broker::{ProduceError, Produced};
use chronik_types::ErrorCode;
use chronik_wire::hot::produce::{PartitionResponse, ProduceResponse};
use chronik_wire::response::{EncodeError, Segments};

use super::plan::{PartitionPlan, Plan};
use super::{Refusal, code};

impl Plan {
    /// The first error among the results, of the request that gave this plan.
    pub(super) fn first_error(&self, version: i16, results: &[Result<Produced, ProduceError>]) -> ErrorCode {
        let mut results = results.iter();
        let errors = self.partitions.iter().map(|plan| match plan.refused {
            Some(refusal) => refusal.code(),
            None => match results.next() {
                Some(Ok(_)) => ErrorCode::None,
                Some(Err(error)) => code(version, error),
                None => MISSING,
            },
        });
        errors.into_iter().find(|error| !error.is_none()).unwrap_or(ErrorCode::None)
    }

    /// The response.
    ///
    /// # Errors
    /// When it is too long to send.
    pub(super) fn response(
        self,
        version: i16,
        correlation_id: i32,
        results: Vec<Result<Produced, ProduceError>>,
    ) -> Result<Segments, EncodeError> {
        let mut response =
            ProduceResponse::new(version, correlation_id, self.topics.len(), self.partitions.len());
        let mut results = results.into_iter();
        let mut rest = self.partitions.iter();
        for topic in &self.topics {
            response.topic(&topic.name, topic.id, topic.partitions);
            for plan in rest.by_ref().take(topic.partitions) {
                response.partition(&partition(version, plan, &mut results));
            }
        }
        response.finish()
    }
}

/// The broker gives one result for each batch; that it did not is not the client's fault.
const MISSING: ErrorCode = ErrorCode::UnknownServerError;

fn partition(
    version: i16,
    plan: &PartitionPlan,
    results: &mut impl Iterator<Item = Result<Produced, ProduceError>>,
) -> PartitionResponse {
    if let Some(refusal) = plan.refused {
        return refused(plan.index, refusal);
    }
    match results.next() {
        Some(Ok(produced)) => appended(plan.index, &produced),
        Some(Err(error)) => failed(plan.index, code(version, &error), Some(error.to_string())),
        None => failed(plan.index, MISSING, None),
    }
}

fn appended(index: i32, produced: &Produced) -> PartitionResponse {
    PartitionResponse {
        index,
        error_code: ErrorCode::None.code(),
        base_offset: produced.base_offset.get(),
        log_append_time_ms: produced.log_append_time.get(),
        log_start_offset: produced.log_start_offset.get(),
        error_message: None,
    }
}

fn refused(index: i32, refusal: Refusal) -> PartitionResponse {
    failed(index, refusal.code(), refusal.message().map(str::to_owned))
}

fn failed(index: i32, code: ErrorCode, error_message: Option<String>) -> PartitionResponse {
    PartitionResponse {
        index,
        error_code: code.code(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        error_message,
    }
}
