//! The name of a transactional producer.

use crate::newtype::string_newtype;

string_newtype!(
    /// The name under which a transactional producer keeps its identity across restarts (KIP-98). Kafka allows any
    /// text but the empty one, which InitProducerId refuses.
    TransactionalId
);
