//! One file per Kafka API, and the way from a request to its handler.
//!
//! A handler is an `async fn handle(context, request) -> Response<…>` over decoded messages; [`answer()`] decodes, runs and
//! encodes around it. It keeps its turn: no later request of the connection starts before it has answered. The few
//! APIs that let the next request start earlier (produce, fetch), answer what they cannot decode (ApiVersions), or keep
//! what they have encoded (Metadata), take the whole call instead. `gateway/README.md` shows how one more is added.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod answer;
mod answer_memory;
mod api_versions;
mod config_resources;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod context;
mod counted;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
mod group_words;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod internal_topics;
mod join_group;
mod leader_epoch;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod new_topics;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod produce;
mod refused;
mod replicas;
mod sync_group;
mod together;
mod topic_ids;
mod transactional;
mod txn_offset_commit;
mod write_txn_markers;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use chronik_policy::{Call, CloseReason, Reply};
use chronik_types::TopicName;
use kafka_protocol::messages::{ApiKey, TopicName as WireTopicName};
use kafka_protocol::protocol::StrBytes;
use tower::Service;

pub(crate) use self::answer::{Request, Response};
use self::answer::{answer, answer_at_length};
pub(crate) use self::answer_memory::AnswerMemory;
pub(crate) use self::context::Context;
pub(crate) use self::fetch::SessionCache;
pub(crate) use self::metadata::MetadataOfAll;

/// The future of a handler. This is the one box on the way of a request.
pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Answers the calls of one API.
type Handler = fn(Arc<Context>, Call) -> ReplyFuture;

/// The handler of an API. What the table of supported APIs lists has one, and nothing else has.
pub(crate) fn handler_of(key: i16) -> Option<Handler> {
    Some(match ApiKey::try_from(key).ok()? {
        ApiKey::Produce => |context, call| Box::pin(produce::answer(context, call)),
        ApiKey::Fetch => |context, call| Box::pin(fetch::answer(context, call)),
        ApiKey::ListOffsets => |context, call| answer(context, call, list_offsets::handle),
        ApiKey::Metadata => |context, call| Box::pin(metadata::answer(context, call)),
        ApiKey::OffsetCommit => |context, call| answer(context, call, offset_commit::handle),
        ApiKey::OffsetFetch => |context, call| answer_at_length(context, call, offset_fetch::handle),
        ApiKey::FindCoordinator => |context, call| answer(context, call, find_coordinator::handle),
        ApiKey::JoinGroup => |context, call| answer(context, call, join_group::handle),
        ApiKey::Heartbeat => |context, call| answer(context, call, heartbeat::handle),
        ApiKey::LeaveGroup => |context, call| answer(context, call, leave_group::handle),
        ApiKey::SyncGroup => |context, call| answer(context, call, sync_group::handle),
        ApiKey::DescribeGroups => |context, call| answer_at_length(context, call, describe_groups::handle),
        ApiKey::ListGroups => |context, call| answer_at_length(context, call, list_groups::handle),
        ApiKey::ApiVersions => |context, call| Box::pin(api_versions::answer(context, call)),
        ApiKey::InitProducerId => |context, call| answer(context, call, init_producer_id::handle),
        ApiKey::OffsetForLeaderEpoch => {
            |context, call| answer(context, call, offset_for_leader_epoch::handle)
        }
        ApiKey::CreateTopics => |context, call| answer(context, call, create_topics::handle),
        ApiKey::DeleteTopics => |context, call| answer(context, call, delete_topics::handle),
        ApiKey::DeleteRecords => |context, call| answer(context, call, delete_records::handle),
        ApiKey::AddPartitionsToTxn => |context, call| answer(context, call, add_partitions_to_txn::handle),
        ApiKey::AddOffsetsToTxn => |context, call| answer(context, call, add_offsets_to_txn::handle),
        ApiKey::EndTxn => |context, call| answer(context, call, end_txn::handle),
        ApiKey::WriteTxnMarkers => |context, call| answer(context, call, write_txn_markers::handle),
        ApiKey::TxnOffsetCommit => |context, call| answer(context, call, txn_offset_commit::handle),
        ApiKey::DescribeConfigs => |context, call| answer_at_length(context, call, describe_configs::handle),
        ApiKey::AlterConfigs => |context, call| answer(context, call, alter_configs::handle),
        ApiKey::DescribeLogDirs => |context, call| answer_at_length(context, call, describe_log_dirs::handle),
        ApiKey::CreatePartitions => |context, call| answer(context, call, create_partitions::handle),
        ApiKey::DeleteGroups => |context, call| answer(context, call, delete_groups::handle),
        ApiKey::ElectLeaders => |context, call| answer(context, call, elect_leaders::handle),
        ApiKey::IncrementalAlterConfigs => {
            |context, call| answer(context, call, incremental_alter_configs::handle)
        }
        ApiKey::ListPartitionReassignments => {
            |context, call| answer_at_length(context, call, list_partition_reassignments::handle)
        }
        ApiKey::OffsetDelete => |context, call| answer(context, call, offset_delete::handle),
        ApiKey::DescribeCluster => |context, call| answer(context, call, describe_cluster::handle),
        ApiKey::DescribeProducers => {
            |context, call| answer_at_length(context, call, describe_producers::handle)
        }
        ApiKey::DescribeTransactions => |context, call| answer(context, call, describe_transactions::handle),
        ApiKey::ListTransactions => {
            |context, call| answer_at_length(context, call, list_transactions::handle)
        }
        ApiKey::ConsumerGroupHeartbeat => {
            |context, call| answer(context, call, consumer_group_heartbeat::handle)
        }
        ApiKey::ConsumerGroupDescribe => {
            |context, call| answer_at_length(context, call, consumer_group_describe::handle)
        }
        ApiKey::ListConfigResources => {
            |context, call| answer_at_length(context, call, list_config_resources::handle)
        }
        ApiKey::DescribeTopicPartitions => {
            |context, call| answer_at_length(context, call, describe_topic_partitions::handle)
        }
        _ => return None,
    })
}

/// The end of the stack: hands each call to the handler of its API.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    context: Arc<Context>,
}

impl Dispatcher {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}

impl Service<Call> for Dispatcher {
    type Response = Reply;
    type Error = Infallible;
    type Future = AlwaysOk<ReplyFuture>;

    fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        AlwaysOk(match handler_of(call.header.api.key) {
            Some(handler) => handler(Arc::clone(&self.context), call),
            None => Box::pin(std::future::ready(Reply::Close(CloseReason::Unhandled))),
        })
    }
}

/// A topic name as kafka-protocol has it.
fn wire_topic_name(name: &TopicName) -> WireTopicName {
    WireTopicName(StrBytes::from_string(name.as_str().to_owned()))
}

/// The future of [`Dispatcher`]: a reply is never an error.
#[derive(Debug)]
pub(crate) struct AlwaysOk<F>(F);

impl<F: Future + Unpin> Future for AlwaysOk<F> {
    type Output = Result<F::Output, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use chronik_wire::api;

    use super::handler_of;

    #[test]
    fn what_is_advertised_has_a_handler_and_nothing_else_has() {
        let handled: Vec<i16> = (i16::MIN..=i16::MAX).filter(|key| handler_of(*key).is_some()).collect();
        let advertised: Vec<i16> = api::all().iter().map(|api| api.key).collect();
        assert_eq!(handled, advertised);
    }
}
