//! Counters by which a group fences members that missed a change.

use crate::newtype::integer_newtype;

integer_newtype!(
    /// The generation of a classic group: it grows with every rebalance.
    GenerationId(i32)
);

impl GenerationId {
    /// No generation: of a client that commits offsets without being a member.
    pub const NONE: Self = Self::new(-1);
}

integer_newtype!(
    /// The epoch of a member or of a whole group of the consumer protocol (KIP-848).
    MemberEpoch(i32)
);

impl MemberEpoch {
    /// What a member sends to join.
    pub const JOIN: Self = Self::new(0);
    /// What a member sends to leave.
    pub const LEAVE: Self = Self::new(-1);
    /// What a static member sends to leave for a while.
    pub const LEAVE_STATIC: Self = Self::new(-2);
}
