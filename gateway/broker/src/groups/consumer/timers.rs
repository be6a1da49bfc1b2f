//! Members that are not heard of, or do not give up partitions in time, are taken out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_state::{GroupError, LeavingMember, MemberState, RebalanceTimer, RemoveConsumerMembers};
use chronik_types::{GroupId, MemberId};

use super::sessions::{Heard, Overdue};
use crate::{Broker, ChangeError};

/// How long after its time a member is looked at again, if it could not be taken out.
const RETRY: Duration = Duration::from_secs(1);

impl Broker {
    /// Gives every member that the state knows a session that begins now.
    pub(crate) fn restore_consumer_sessions(&self) {
        let now = self.core.clock.monotonic();
        let members = self.state(|state| {
            let groups = state.groups().filter_map(|(id, group)| Some((id, group.consumer()?)));
            let heard = groups.flat_map(|(id, group)| {
                let regexes = group.regex_bytes();
                group.members().iter().map(move |(member_id, member)| {
                    let classic = member.classic.as_ref().map(|classic| classic.session_timeout_ms);
                    let must_give_up = member.state == MemberState::UnrevokedPartitions;
                    let rebalance = if must_give_up { RebalanceTimer::Start } else { RebalanceTimer::Stop };
                    let heard = (classic, member.epoch, rebalance, member.rebalance_timeout_ms);
                    (id.clone(), member_id.clone(), heard, (group.member_bytes(member_id), regexes))
                })
            });
            heard.collect::<Vec<_>>()
        });
        let mut timeouts = BTreeMap::new();
        for (group, member, (classic, epoch, rebalance, rebalance_timeout_ms), (bytes, regexes)) in members {
            let usual = *timeouts
                .entry(group.clone())
                .or_insert_with(|| self.group_configs(&group).consumer_session_timeout);
            let millis = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
            let heard = Heard {
                ends: now.saturating_add(classic.map_or(usual, millis)),
                epoch,
                rebalance,
                rebalance_until: now.saturating_add(millis(rebalance_timeout_ms)),
            };
            self.consumers.sessions.heard(&group, &member, heard);
            self.consumers.sessions.weigh(&group, &member, bytes, regexes);
        }
    }

    /// Takes out members whose time is over. Runs by itself.
    ///
    /// # Errors
    /// When storage does not take the change; it is tried again.
    pub async fn run_consumer_timers(self: &Arc<Self>) -> Result<(), ChangeError> {
        let mut by_group: BTreeMap<GroupId, Vec<Overdue>> = BTreeMap::new();
        for overdue in self.consumers.sessions.take_overdue(self.core.clock.monotonic(), RETRY) {
            by_group.entry(overdue.group_id.clone()).or_default().push(overdue);
        }
        for (group_id, overdue) in by_group {
            self.take_out(&group_id, &overdue).await?;
        }
        Ok(())
    }

    async fn take_out(self: &Arc<Self>, group_id: &GroupId, overdue: &[Overdue]) -> Result<(), ChangeError> {
        let members = overdue.iter().map(|overdue| LeavingMember {
            member_id: overdue.member_id.clone(),
            instance_id: None,
            if_epoch: overdue.if_epoch,
        });
        let remove = RemoveConsumerMembers {
            group_id: group_id.clone(),
            members: members.collect(),
            settings: self.consumer_group_settings(group_id),
        };
        let results = self.remove_consumer_members(remove).await?;
        for (overdue, result) in overdue.iter().zip(results) {
            self.taken_out(overdue, result);
        }
        Ok(())
    }

    fn taken_out(&self, overdue: &Overdue, result: Result<MemberId, GroupError>) {
        let Overdue { group_id, member_id, if_epoch } = overdue;
        match (result, if_epoch) {
            (Err(GroupError::FencedEpoch { .. }), Some(epoch)) => {
                self.consumers.sessions.stop_rebalance(group_id, member_id, *epoch);
            }
            (result, _) => {
                if result.is_ok() {
                    self.core.metrics.groups.expired_members.consumer.inc();
                    let why =
                        if if_epoch.is_some() { "it kept partitions for too long" } else { "it was silent" };
                    tracing::info!(group = %group_id, member = %member_id, why, "a member was taken out");
                }
                self.consumers.sessions.forget(group_id, member_id);
            }
        }
    }
}
