//! The same as `rebalances`, in groups whose assignment the gateway decides: every input is passed on once while all groups
//! rebalance, and no member is forgotten or fenced that did nothing wrong.

use chronik_harness::Connection;
use chronik_harness::client::{ConsumerMember, Standing};
use chronik_types::ErrorCode;

use crate::chain::{self, Member};
use crate::stage::done;

impl Member for ConsumerMember {
    fn new(group: &str, topic: &str, _partitions: i32, name: &str) -> Self {
        Self::new(group, topic, name)
    }

    fn join(&mut self, client: &mut Connection) {
        done(|| self.join(client));
    }

    /// A member that sends heartbeats in time is never refused.
    fn is_stable(&mut self, client: &mut Connection) -> bool {
        done(|| self.heartbeat(client));
        true
    }

    /// It still speaks of an earlier epoch of its own.
    fn goes_on_after(refused: ErrorCode) -> bool {
        // Producers know no stale epochs.
        assert_eq!(refused, ErrorCode::IllegalGeneration, "TxnOffsetCommit");
        true
    }

    fn leave(&mut self, client: &mut Connection) {
        done(|| self.leave(client));
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn assigned(&self) -> &[i32] {
        &self.assigned
    }
}

#[test]
fn three_chained_consumer_groups_pass_every_record_on_once_while_all_of_them_rebalance() {
    let shared = chain::pass_on::<ConsumerMember>(&["groups.consumer_assignment_interval=0ms"]);
    assert!(shared.moves.into_inner() > 0, "no partition has moved");
}
