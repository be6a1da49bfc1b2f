//! Topic ids as kafka-protocol has them.

use chronik_types::TopicId;
use uuid::Uuid;

/// A topic id as messages carry it.
pub(super) fn uuid_of(id: TopicId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// The topic id that a message carries.
pub(super) fn topic_id_of(uuid: Uuid) -> TopicId {
    TopicId::from_bytes(*uuid.as_bytes())
}
