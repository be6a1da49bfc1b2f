//! What a client may do with something, as the bit field of `authorized_operations` (KIP-430).
//!
//! There is no authorizer, so whoever asks may do all that the kind of resource knows.

/// The value when the client did not ask.
pub(super) const NOT_ASKED: i32 = i32::MIN;
/// Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs.
pub(super) const TOPIC: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite.
pub(super) const CLUSTER: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);

/// Read, Delete, Describe, DescribeConfigs, AlterConfigs.
pub(super) const GROUP: i32 = bits(&[3, 6, 8, 10, 11]);

/// The operations, if they were asked for.
pub(super) const fn if_asked(asked: bool, operations: i32) -> i32 {
    if asked { operations } else { NOT_ASKED }
}

/// The bit of an operation is its number in Kafka's `AclOperation`.
const fn bits(operations: &[u8]) -> i32 {
    let mut bits = 0;
    let mut at = 0;
    while at < operations.len() {
        bits |= 1 << operations[at];
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_fields_are_kafkas() {
        // As Apache Kafka 4.3.1 answers without an authorizer.
        assert_eq!((TOPIC, CLUSTER), (0b1101_1111_1000, 0b1_1111_1010_0000));
    }
}
