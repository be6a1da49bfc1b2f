//! From what was found to the response.

use chronik_policy::Reply;
use chronik_types::{ErrorCode, IsolationLevel};
use chronik_wire::hot::fetch::{FetchRequest, FetchResponse, PartitionResponse};

use super::read::{Found, Round};
use super::reply;

/// Builds the response to one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Builder {
    pub(super) version: i16,
    pub(super) correlation_id: i32,
}

impl Builder {
    /// A response that says no to the whole request.
    pub(super) fn refused(self, error: ErrorCode) -> Reply {
        reply(self.response((error.code(), 0), 0, 0).finish(), error, None)
    }

    /// A response that says no to each partition of the request.
    pub(super) fn each_refused(self, request: &FetchRequest, error: ErrorCode) -> Reply {
        let partitions = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        let mut response = self.response((0, 0), request.topics.len(), partitions);
        for topic in &request.topics {
            response.topic(&topic.name, topic.id, topic.partitions.len());
            for partition in &topic.partitions {
                let refused = PartitionResponse {
                    index: partition.index,
                    error_code: error.code(),
                    high_watermark: -1,
                    last_stable_offset: -1,
                    log_start_offset: -1,
                    diverging: None,
                    aborted_transactions: None,
                };
                response.partition(refused, Vec::new());
            }
        }
        reply(response.finish(), error, None)
    }

    /// A response with what was found; partitions of a topic that follow each other are put together.
    pub(super) fn found(self, session_id: i32, isolation: IsolationLevel, round: Round<'_>) -> Reply {
        let Round { mut found, reservation, .. } = round;
        let error = found.iter().map(|found| found.error).find(|error| !error.is_none());
        let same_topic = |a: &Found<'_>, b: &Found<'_>| a.interest.topic == b.interest.topic;
        let topics = found.chunk_by(same_topic).count();
        let mut response = self.response((0, session_id), topics, found.len());
        for found in found.chunk_by_mut(same_topic) {
            let Some(first) = found.first() else { continue };
            let topic = &first.interest.topic;
            response.topic(&topic.name, topic.id, found.len());
            for found in found {
                let records = std::mem::take(&mut found.records);
                response.partition(partition(found, isolation), records);
            }
        }
        reply(response.finish(), error.unwrap_or(ErrorCode::None), reservation)
    }

    fn response(self, of_all: (i16, i32), topics: usize, partitions: usize) -> FetchResponse {
        FetchResponse::new(self.version, self.correlation_id, of_all, topics, partitions)
    }
}

fn partition<'a>(found: &'a Found<'_>, isolation: IsolationLevel) -> PartitionResponse<'a> {
    PartitionResponse {
        index: found.interest.index,
        error_code: found.error.code(),
        high_watermark: found.high_watermark.get(),
        last_stable_offset: found.last_stable_offset.get(),
        log_start_offset: found.log_start_offset.get(),
        diverging: found.diverging.map(|(epoch, end)| (epoch.get(), end.get())),
        aborted_transactions: has_aborted_list(found.error, isolation).then_some(&*found.aborted),
    }
}

/// Kafka tells an empty list from null: null is for a reader that sees all records.
fn has_aborted_list(error: ErrorCode, isolation: IsolationLevel) -> bool {
    let is_missing = matches!(error, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
    is_missing || isolation == IsolationLevel::ReadCommitted
}
