//! The id under which a gateway appears as a broker.

use crate::newtype::integer_newtype;

integer_newtype!(
    /// A broker id as Metadata answers it (`node.id` in Kafka's configuration).
    NodeId(i32)
);

impl NodeId {
    /// No node: "no leader" in Metadata, "a consumer" as the replica id of a fetch.
    pub const NONE: Self = Self::new(-1);
}
