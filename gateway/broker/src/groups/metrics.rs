//! What is counted of groups and transactions as their entries are applied, and how many there are of which kind.
//!
//! Nothing has a label by the name of a group: there may be very many. Counters count what this gateway has brought about
//! since it started; what there is at a moment, [`GroupsCollector`] finds out when it is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use chronik_state::{Change, ConsumerGroupState, Outcome, Rejection, TransactionError, TxnOffsetCommitError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::classic::Counts;
use super::{ClassicState, GroupKind};
use crate::Broker;

/// Counters of groups and of what their members commit.
#[derive(Clone, Debug, Default)]
pub struct GroupMetrics {
    /// Rebalances: of classic groups those that every member got its assignment of, of consumer groups each new group
    /// epoch.
    pub rebalances: ByProtocol,
    /// Members that were taken out because they were silent, or did not give up partitions in time.
    pub expired_members: ByProtocol,
    /// Requests whose offsets were committed, or wait for the end of a transaction.
    pub offset_commits: Counter,
    /// Offsets in them.
    pub committed_offsets: Counter,
    /// Offsets that were older than they are kept.
    pub expired_offsets: Counter,
    /// Groups of which nothing was left when their offsets expired.
    pub expired_groups: Counter,
    /// Requests, and batches, of producers that a newer one has replaced.
    pub fenced_producers: Counter,
}

/// One counter for each protocol of groups.
#[derive(Clone, Debug)]
pub struct ByProtocol {
    family: Family<Protocol, Counter>,
    /// Of classic groups.
    pub classic: Counter,
    /// Of consumer groups.
    pub consumer: Counter,
}

type Protocol = [(&'static str, &'static str); 1];

impl Default for ByProtocol {
    fn default() -> Self {
        let family = Family::<Protocol, Counter>::default();
        let of = |kind: GroupKind| family.get_or_create(&[("protocol", kind.name())]).clone();
        let (classic, consumer) = (of(GroupKind::Classic), of(GroupKind::Consumer));
        Self { family, classic, consumer }
    }
}

impl GroupMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let rebalances = self.rebalances.family.clone();
        registry.register(
            "group_rebalances",
            "Rebalances completed, new epochs of consumer groups",
            rebalances,
        );
        let expired = self.expired_members.family.clone();
        registry.register("expired_group_members", "Members whose time was over", expired);
        let help = "Requests whose offsets were committed or wait for a transaction";
        registry.register("offset_commits", help, self.offset_commits.clone());
        registry.register("committed_offsets", "Offsets in these requests", self.committed_offsets.clone());
        registry.register("expired_offsets", "Committed offsets that expired", self.expired_offsets.clone());
        registry.register("expired_groups", "Groups that expired with them", self.expired_groups.clone());
        let help = "Requests and batches of producers that a newer one has replaced";
        registry.register("fenced_producer_requests", help, self.fenced_producers.clone());
    }

    /// Counts what an entry of this gateway came to.
    pub(crate) fn count(&self, change: &Change, outcome: &Outcome) {
        match (change, outcome) {
            (Change::CommitOffsets(commit), Outcome::OffsetsCommitted(Ok(()))) => {
                self.count_commit(commit.offsets.len());
            }
            (Change::TxnOffsetCommit(add), Outcome::TxnOffsetsCommitted(Ok(()))) => {
                self.count_commit(add.commit.offsets.len());
            }
            (_, Outcome::OffsetsExpired(expired)) => {
                self.expired_offsets.inc_by(u64::try_from(expired.offsets).unwrap_or(0));
                self.expired_groups.inc_by(u64::try_from(expired.groups).unwrap_or(0));
            }
            (_, Outcome::ConsumerGroupHeartbeat(Ok(answer))) => self.count_epoch(answer.moves_group),
            (_, Outcome::ConsumerGroupJoined(Ok(joined))) => self.count_epoch(joined.moves_group),
            (_, Outcome::ConsumerMembersRemoved(Ok(results))) => {
                self.count_epoch(results.iter().any(Result::is_ok));
            }
            (_, outcome) if is_fenced(outcome) => {
                self.fenced_producers.inc();
            }
            _ => {}
        }
    }

    /// Counts what happened in a classic group.
    pub(super) fn count_classic(&self, counts: Counts) {
        if counts.rebalances > 0 {
            self.rebalances.classic.inc_by(counts.rebalances);
        }
        if counts.expired > 0 {
            self.expired_members.classic.inc_by(counts.expired);
        }
    }

    /// A batch was refused.
    pub(crate) fn count_refused_batch(&self, rejection: &Rejection) {
        if matches!(
            rejection,
            Rejection::Transaction(TransactionError::Fenced { .. }) | Rejection::InvalidProducerEpoch { .. }
        ) {
            self.fenced_producers.inc();
        }
    }

    fn count_commit(&self, offsets: usize) {
        self.offset_commits.inc();
        self.committed_offsets.inc_by(u64::try_from(offsets).unwrap_or(0));
    }

    fn count_epoch(&self, moved: bool) {
        if moved {
            self.rebalances.consumer.inc();
        }
    }
}

/// Whether a request was refused because a newer producer has replaced its own.
const fn is_fenced(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::TransactionalProducerInitialized(Err(TransactionError::Fenced { .. }))
            | Outcome::PartitionsAddedToTxn(Err(TransactionError::Fenced { .. }))
            | Outcome::OffsetsAddedToTxn(Err(TransactionError::Fenced { .. }))
            | Outcome::TxnOffsetsCommitted(Err(TxnOffsetCommitError::Transaction(
                TransactionError::Fenced { .. }
            )))
            | Outcome::TxnEnded(Err(TransactionError::Fenced { .. }))
    )
}

/// How many groups there are by protocol and state, and how many members. They are counted when somebody asks, in pages, so
/// that nothing else waits for it for long.
struct GroupsCollector(Weak<Broker>);

impl fmt::Debug for GroupsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupsCollector")
    }
}

impl Collector for GroupsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(broker) = self.0.upgrade() else { return Ok(()) };
        let help = "Groups by protocol and state";
        let mut groups = encoder.encode_descriptor("groups", help, None, MetricType::Gauge)?;
        for ((kind, state), count) in broker.count_groups() {
            let labels = [("protocol", kind.name()), ("state", state)];
            gauge(count).encode(groups.encode_family(&labels)?)?;
        }
        let help = "Members of groups, with those that are about to join";
        let mut members = encoder.encode_descriptor("group_members", help, None, MetricType::Gauge)?;
        let counts = [
            (GroupKind::Classic, broker.groups.ledger.members()),
            (GroupKind::Consumer, broker.consumers.sessions.weight().members),
        ];
        for (kind, count) in counts {
            gauge(count).encode(members.encode_family(&[("protocol", kind.name())])?)?;
        }
        let help = "Memory that the names of groups and their offsets take, about";
        let bytes = encoder.encode_descriptor("group_offset_bytes", help, None, MetricType::Gauge)?;
        gauge(broker.state(chronik_state::State::group_bytes)).encode(bytes)?;
        let help = "Memory that transactional ids and their open transactions take, about";
        let bytes = encoder.encode_descriptor("transaction_bytes", help, None, MetricType::Gauge)?;
        gauge(broker.state(chronik_state::State::transaction_bytes)).encode(bytes)
    }
}

fn gauge(count: usize) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}

impl Broker {
    /// Makes the metrics of the broker core visible in a registry whose prefix is `chronik`.
    pub fn register_metrics(self: &Arc<Self>, registry: &mut Registry) {
        self.metrics().register(registry);
        let help = "What was refused of groups and transactions for want of room";
        registry.register("refused_growth", help, self.groups.room.refused.clone());
        registry.register_collector(Box::new(GroupsCollector(Arc::downgrade(self))));
    }

    /// How many groups there are of each protocol in each state.
    fn count_groups(&self) -> BTreeMap<(GroupKind, &'static str), usize> {
        let classic = ClassicState::OF_GROUPS.map(|state| (GroupKind::Classic, state.name()));
        let consumer = ConsumerGroupState::ALL.map(|state| (GroupKind::Consumer, state.name()));
        let mut counts: BTreeMap<_, usize> = classic.into_iter().chain(consumer).map(|of| (of, 0)).collect();
        self.for_each_stored(|group| {
            if group.kind == GroupKind::Consumer || !self.groups.contains(&group.group_id) {
                *counts.entry((group.kind, group.state)).or_default() += 1;
            }
        });
        self.groups.for_each(|_, group| {
            *counts.entry((GroupKind::Classic, group.state().name())).or_default() += 1;
        });
        counts
    }
}
