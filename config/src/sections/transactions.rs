//! `[transactions]`: transactional producers.

use std::time::Duration;

use super::section;
use crate::values::ByteSize;

/// The longest time that fits into Kafka's 32-bit settings.
const MAX: Duration = Duration::from_millis(0x7fff_ffff);
/// The shortest time that makes sense where Kafka asks for at least 1 ms.
const MIN: Duration = Duration::from_millis(1);

section! {
    /// Transactional producers.
    pub struct TransactionSettings as SECTION at transactions {
        /// The most transactional ids that can exist.
        max_transactional_ids: u32 = 100_000, in 1 => 10_000_000;
        /// The most memory for transactional ids and what their open transactions include. More of either is refused beyond.
        max_bytes: ByteSize = ByteSize::mib(128), in ByteSize::mib(1) => ByteSize::gib(1_024);
        /// The most partitions, and groups whose offsets are committed, of one transaction.
        max_partitions: u32 = 10_000, in 1 => 1_000_000;
        /// The longest transaction timeout a producer may ask for.
        max_timeout: Duration = Duration::from_secs(900), in MIN => MAX;
        /// A transactional id that is not used for this long is forgotten.
        id_expiration: Duration = Duration::from_secs(604_800), in MIN => MAX;
        /// How often transactions are looked at for their timeout.
        abort_check_interval: Duration = Duration::from_secs(10), in MIN => MAX;
        /// How often transactional ids are looked at for their expiration.
        expiration_check_interval: Duration = Duration::from_secs(3_600), in MIN => MAX;
        /// Into how many coordinators transactional ids are divided, as clients are told. Every gateway is all of them.
        state_partitions: i32 = 50, in 1 => 10_000;
    }
}
