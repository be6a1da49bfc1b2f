//! The name of a consumer group.

use crate::newtype::string_newtype;

string_newtype!(
    /// The name of a consumer, share or streams group. Kafka allows any text; whether the empty one is legal depends
    /// on the API, so the handler decides.
    GroupId
);
