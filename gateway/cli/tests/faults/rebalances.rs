//! A chain of classic groups, while all of them rebalance at the same time: no member is forgotten, none is given an
//! assignment without content, and every input arrives once.

use chronik_harness::Connection;
use chronik_harness::client::{ClassicMember, Standing};
use chronik_types::ErrorCode;

use crate::chain::{self, ALL_DEPARTURES, Member};
use crate::stage::{done, join};

impl Member for ClassicMember {
    fn new(group: &str, topic: &str, partitions: i32, _name: &str) -> Self {
        Self::new(group, topic, partitions)
    }

    fn join(&mut self, client: &mut Connection) {
        join(client, self);
        assert!(!self.assigned.is_empty(), "there are partitions for everybody");
    }

    fn is_stable(&mut self, client: &mut Connection) -> bool {
        match self.heartbeat(client).unwrap() {
            ErrorCode::None => true,
            refused => {
                assert_eq!(refused, ErrorCode::RebalanceInProgress, "Heartbeat");
                false
            }
        }
    }

    fn goes_on_after(refused: ErrorCode) -> bool {
        let expected = [ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration];
        assert!(expected.contains(&refused), "TxnOffsetCommit: {refused:?}");
        false
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
fn three_chained_groups_pass_every_record_on_once_while_all_of_them_rebalance() {
    let shared = chain::pass_on::<ClassicMember>(&[]);
    assert!(shared.joins.into_inner() >= ALL_DEPARTURES);
}
