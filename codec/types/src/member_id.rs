//! Who a member of a consumer group is.

use crate::newtype::string_newtype;

string_newtype!(
    /// The id of a member of a group, made by the coordinator (KIP-394) or by the client (KIP-848). Empty for a client
    /// that has none yet.
    MemberId
);

string_newtype!(
    /// The id that an operator gave to a static member (KIP-345): whoever comes back with it takes the member's place.
    GroupInstanceId
);
