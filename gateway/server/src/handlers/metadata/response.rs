//! From topics to the response, as each version has it.

use chronik_broker::{Partition, Topic};
use chronik_policy::Listener;
use chronik_types::{ErrorCode, NodeId};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::{Context, operations, replicas, wire_topic_name};
use super::BY_ID_SINCE;

/// The versions that tell what may be done with the cluster; later ones leave that to DescribeCluster.
const CLUSTER_OPERATIONS: std::ops::RangeInclusive<i16> = 8..=10;

/// How the response looks.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) version: i16,
    pub(super) node_id: NodeId,
    pub(super) with_topic_operations: bool,
    pub(super) with_cluster_operations: bool,
}

impl Shape {
    /// The whole response.
    pub(super) fn response(
        &self,
        context: &Context,
        listener: &Listener,
        topics: Vec<MetadataResponseTopic>,
    ) -> MetadataResponse {
        let node_id = BrokerId(self.node_id.get());
        let rack = context.broker.settings().kafka.rack.clone().map(StrBytes::from_string);
        let broker = MetadataResponseBroker::default()
            .with_node_id(node_id)
            .with_host(StrBytes::from_string(listener.advertised_host.clone()))
            .with_port(i32::from(listener.advertised_port))
            .with_rack(rack);
        let cluster_operations = if CLUSTER_OPERATIONS.contains(&self.version) {
            operations::if_asked(self.with_cluster_operations, operations::CLUSTER)
        } else {
            operations::NOT_ASKED
        };
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(StrBytes::from_string(context.broker.cluster_id().as_str().to_owned())))
            .with_controller_id(node_id)
            .with_topics(topics)
            .with_cluster_authorized_operations(cluster_operations)
    }

    /// A topic that exists.
    pub(super) fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        let partitions =
            topic.partitions().iter().map(|partition| self.partition(topic, partition)).collect();
        MetadataResponseTopic::default()
            .with_name(Some(wire_topic_name(topic.name())))
            .with_topic_id(Uuid::from_bytes(*topic.id().as_bytes()))
            .with_is_internal(topic.name().is_internal())
            .with_partitions(partitions)
            .with_topic_authorized_operations(operations::if_asked(
                self.with_topic_operations,
                operations::TOPIC,
            ))
    }

    /// A topic that does not exist, or may not be asked for like this.
    pub(super) fn missing(&self, asked: MetadataRequestTopic, error: ErrorCode) -> MetadataResponseTopic {
        // Before version 12 a name must not be null.
        let name = asked.name.or_else(|| (self.version < BY_ID_SINCE).then(Default::default));
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(name)
            .with_topic_id(asked.topic_id)
            .with_topic_authorized_operations(operations::NOT_ASKED)
    }

    fn partition(&self, topic: &Topic, partition: &Partition) -> MetadataResponsePartition {
        let replicas = replicas::of(topic, partition.index(), self.node_id);
        MetadataResponsePartition::default()
            .with_partition_index(partition.index().get())
            .with_leader_id(BrokerId(self.node_id.get()))
            .with_leader_epoch(partition.leader_epoch().get())
            .with_isr_nodes(replicas.clone())
            .with_replica_nodes(replicas)
    }
}
