//! The APIs of transactions over TCP: likeness to Kafka, takeovers, what arrives late, and what readers get.

mod late;
mod likeness;
mod readers;

use bytes::Bytes;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, EndTxnResponse, GroupId,
    InitProducerIdRequest, ProduceRequest, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::producing;
use crate::support::{Client, builder, name};

/// A producer as it knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Producer {
    id: &'static str,
    producer_id: i64,
    epoch: i16,
}

fn wire_id(id: &'static str) -> TransactionalId {
    TransactionalId(StrBytes::from_static_str(id))
}

impl Producer {
    async fn init(client: &mut Client, id: &'static str) -> Self {
        let (code, producer) = Self { id, producer_id: -1, epoch: -1 }.init_again(client, 5).await;
        assert_eq!(code, 0);
        producer
    }

    /// With the id and epoch it has.
    async fn init_again(self, client: &mut Client, version: i16) -> (i16, Self) {
        let mut request = InitProducerIdRequest::default()
            .with_transactional_id(Some(wire_id(self.id)))
            .with_transaction_timeout_ms(60_000);
        if version >= 3 {
            request = request.with_producer_id(self.producer_id.into()).with_producer_epoch(self.epoch);
        }
        let got = client.call(version, &request).await;
        (got.error_code, Self { id: self.id, producer_id: got.producer_id.0, epoch: got.producer_epoch })
    }

    async fn add(self, client: &mut Client, version: i16, partitions: &[i32]) -> Vec<i16> {
        let topic =
            AddPartitionsToTxnTopic::default().with_name(name("t")).with_partitions(partitions.to_vec());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(wire_id(self.id))
            .with_v3_and_below_producer_id(self.producer_id.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        let response = client.call(version, &request).await;
        let results = &response.results_by_topic_v3_and_below[0].results_by_partition;
        results.iter().map(|result| result.partition_error_code).collect()
    }

    async fn add_offsets(self, client: &mut Client, group: &'static str) -> i16 {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(wire_id(self.id))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_group_id(GroupId(StrBytes::from_static_str(group)));
        client.call(3, &request).await.error_code
    }

    async fn commit_offset(self, client: &mut Client, version: i16, metadata: &'static str) -> i16 {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_committed_offset(7)
            .with_committed_metadata(Some(StrBytes::from_static_str(metadata)));
        let topic =
            TxnOffsetCommitRequestTopic::default().with_name(name("t")).with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(wire_id(self.id))
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_topics(vec![topic]);
        client.call(version, &request).await.topics[0].partitions[0].error_code
    }

    /// One record for a partition of `t`.
    fn record(self, partition: i32, sequence: i32) -> ProduceRequest {
        let (id, epoch) = (self.producer_id.into(), self.epoch.into());
        let batch: Bytes =
            builder(&[b"x"]).producer(id, epoch, sequence.into()).transactional().build().unwrap();
        producing::request("t", partition, batch).with_transactional_id(Some(wire_id(self.id)))
    }

    /// The code and the base offset.
    async fn send(self, client: &mut Client, version: i16, partition: i32, sequence: i32) -> (i16, i64) {
        let response = client.call(version, &self.record(partition, sequence)).await;
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    fn ending(self, committed: bool) -> EndTxnRequest {
        EndTxnRequest::default()
            .with_transactional_id(wire_id(self.id))
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_committed(committed)
    }

    async fn end(self, client: &mut Client, version: i16, committed: bool) -> i16 {
        client.call(version, &self.ending(committed)).await.error_code
    }

    /// As EndTxn 5 leaves it.
    async fn bump(self, client: &mut Client, committed: bool) -> Self {
        let response: EndTxnResponse = client.call(5, &self.ending(committed)).await;
        assert_eq!(response.error_code, 0);
        Self { id: self.id, producer_id: response.producer_id.0, epoch: response.producer_epoch }
    }
}
