//! The check of a leader epoch that a client claims to know (KIP-320).

use chronik_broker::Partition;
use chronik_types::{ErrorCode, LeaderEpoch};

/// Compares what the client claims with what is; a client that claims nothing sends -1.
///
/// # Errors
/// FENCED_LEADER_EPOCH for an older epoch, UNKNOWN_LEADER_EPOCH for one that has not come yet.
pub(super) fn check(partition: &Partition, claimed: i32) -> Result<(), ErrorCode> {
    let (claimed, current) = (LeaderEpoch::new(claimed), partition.leader_epoch());
    if claimed.get() < 0 || claimed == current {
        Ok(())
    } else if claimed < current {
        Err(ErrorCode::FencedLeaderEpoch)
    } else {
        Err(ErrorCode::UnknownLeaderEpoch)
    }
}
