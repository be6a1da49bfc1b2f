//! Changes that are not records: topics, configs, log starts, producer ids. Each is proposed as one entry, and done when
//! the entry has been applied; the state decides.

use std::sync::Arc;

use chronik_backend::{AppendClass, AppendError};
use chronik_state::{
    AlterConfigs, Change, ConfigChange, ConfigResource, CreatePartitions, CreateTopic, DeletedTopic, Entry,
    Outcome, Rejection, TopicLimits,
};
use chronik_types::{ErrorCode, Offset, ProducerId, TimestampMs, TopicId, TopicPartition};

use crate::produce::storage_code;
use crate::{Broker, Topic};

/// Why a change was not made. The texts may be sent to clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The state machine refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Storage did not take the entry.
    #[error(transparent)]
    Storage(#[from] AppendError),
    /// The gateway stops; whether the change was made is unknown.
    #[error("the gateway stops")]
    Stopped,
}

impl ChangeError {
    /// What the client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Rejected(rejection) => rejection.error_code(),
            Self::Storage(error) => storage_code(error),
            Self::Stopped => ErrorCode::NotController,
        }
    }
}

/// Whether a change may use the last of the space. That is for what gives space back, and for the configs that say when
/// records go. What clients go on doing, such as commits, would use it up, and then nothing could be given up any more.
fn class_of(change: &Change) -> AppendClass {
    match change {
        Change::DeleteTopic { .. }
        | Change::AdvanceLogStart(_)
        | Change::AlterConfigs(_)
        | Change::ExpireProducers { .. }
        | Change::RemoveConsumerMembers(_)
        | Change::DeleteOffsets(_)
        | Change::DeleteGroup { .. }
        | Change::ExpireOffsets(_)
        // Records behind a transaction that does not end cannot be read, and are kept.
        | Change::EndTxn(_)
        | Change::ExpireTransactionalIds { .. } => AppendClass::Control,
        Change::Append(_)
        | Change::AppendTransactional(_)
        | Change::CreateTopic(_)
        | Change::CreatePartitions(_)
        | Change::AllocateProducerId
        | Change::NameCluster { .. }
        | Change::CheckHash(_)
        | Change::CommitOffsets(_)
        | Change::ConsumerGroupHeartbeat(_)
        | Change::JoinConsumerGroup(_)
        | Change::StoreClassicGroup(_)
        | Change::InitTransactionalProducer(_)
        | Change::AddPartitionsToTxn(_)
        | Change::AddOffsetsToTxn(_)
        | Change::TxnOffsetCommit(_) => AppendClass::Data,
    }
}

impl Broker {
    /// Proposes a change and waits until it was applied. Dropping the future takes nothing back.
    ///
    /// # Errors
    /// When the entry is not, and never will be, in the journal; or when the gateway stops first. What the state refuses
    /// is an outcome.
    pub async fn propose(&self, change: Change) -> Result<Outcome, ChangeError> {
        let class = class_of(&change);
        let entry = Entry::new(self.core.clock.now(), change);
        let reply = self.append(&entry, Vec::new(), class, None)?;
        Ok(reply.await.map_err(|_| ChangeError::Stopped)??)
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn create_topic(&self, create: CreateTopic) -> Result<Arc<Topic>, ChangeError> {
        let id = create.topic_id;
        match self.propose(Change::CreateTopic(create)).await? {
            // It may have been deleted since by the next entry.
            Outcome::TopicCreated(result) => {
                result?;
                self.topic_by_id(id).ok_or(Rejection::UnknownTopic { topic_id: id }.into())
            }
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Deletes a topic with all that is in it.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn delete_topic(&self, topic_id: TopicId) -> Result<DeletedTopic, ChangeError> {
        match self.propose(Change::DeleteTopic { topic_id }).await? {
            Outcome::TopicDeleted(result) => Ok(result?),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Gives a topic more partitions; returns how many it had.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn create_partitions(&self, create: CreatePartitions) -> Result<i32, ChangeError> {
        match self.propose(Change::CreatePartitions(create)).await? {
            Outcome::PartitionsCreated(result) => Ok(result?),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Gives up the records before these offsets ([`Offset::NONE`] stands for the high watermark); returns the log
    /// starts that result, in the same order.
    ///
    /// # Errors
    /// [`ChangeError`] for all of them; what the state refuses is in the list.
    pub async fn delete_records(
        &self,
        partitions: Vec<(TopicPartition, Offset)>,
    ) -> Result<Vec<Result<Offset, Rejection>>, ChangeError> {
        match self.propose(Change::AdvanceLogStart(partitions)).await? {
            Outcome::LogStartAdvanced(starts) => Ok(starts),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Sets and removes configs of a topic or of brokers. What they may say is checked before, by
    /// [`chronik_config::kafka`]. They are in force when this returns.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn alter_configs(
        &self,
        resource: ConfigResource,
        changes: Vec<ConfigChange>,
    ) -> Result<(), ChangeError> {
        match self.propose(Change::AlterConfigs(AlterConfigs { resource, changes })).await? {
            Outcome::ConfigsAltered(result) => Ok(result?),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Hands out a producer id that nobody has had.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn allocate_producer_id(&self) -> Result<ProducerId, ChangeError> {
        match self.propose(Change::AllocateProducerId).await? {
            Outcome::ProducerIdAllocated(result) => Ok(result?),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Forgets idempotent producers whose last append was before that time; returns how many.
    pub(crate) async fn expire_producers(&self, inactive_before: TimestampMs) -> Result<usize, ChangeError> {
        match self.propose(Change::ExpireProducers { inactive_before }).await? {
            Outcome::ProducersExpired(count) => Ok(count),
            _ => Err(ChangeError::Stopped),
        }
    }

    /// Whether the topic could be created now (`validate_only`).
    ///
    /// # Errors
    /// The rejection that creating it would get.
    pub fn check_create_topic(&self, create: &CreateTopic) -> Result<(), Rejection> {
        self.core.state.lock().check_create_topic(create)
    }

    /// Whether the partitions could be created now (`validate_only`).
    ///
    /// # Errors
    /// The rejection that creating them would get.
    pub fn check_create_partitions(&self, create: &CreatePartitions) -> Result<(), Rejection> {
        self.core.state.lock().check_create_partitions(create)
    }

    /// An id for a new topic.
    pub fn new_topic_id(&self) -> TopicId {
        TopicId::random(&self.entropy)
    }

    /// The limits of the cluster that new topics and partitions carry.
    pub fn topic_limits(&self) -> TopicLimits {
        let topics = &self.settings().topics;
        TopicLimits { max_topics: topics.max_topics, max_partitions: topics.max_partitions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_code() {
        let topic_id = TopicId::NONE;
        let table = [
            (Rejection::UnknownTopic { topic_id }.into(), ErrorCode::UnknownTopicOrPartition),
            (AppendError::Full { detail: String::new() }.into(), ErrorCode::KafkaStorageError),
            (ChangeError::Stopped, ErrorCode::NotController),
        ];
        for (error, code) in table {
            assert_eq!(ChangeError::error_code(&error), code, "{error}");
        }
    }
}
