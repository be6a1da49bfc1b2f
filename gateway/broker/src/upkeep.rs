//! The tasks behind a broker core: retention, expiry of producers and offsets, timers of groups, timeouts and expiry of
//! transactions, checks of the state, indexes and checkpoints.
//!
//! Each holds the core only while it works, so that dropping the last handle ends it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chronik_state::{Change, CheckHash};
use chronik_types::TimestampMs;
use tokio::sync::watch;

use crate::Broker;
use crate::checkpoint::Checkpointer;

/// An open segment of this size is ended as soon as nothing in it can be read any more; a smaller one waits for retention.
const WORTH_SEALING_BYTES: u64 = 16 << 20;

/// How long after a failure indexes and checkpoints are tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How often the state is hashed. It costs about as much as encoding a checkpoint.
const STATE_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// How long the timers of groups rest when there are none.
const QUIET: Duration = Duration::from_secs(60);

/// Starts the tasks on the present runtime. They end when `stop` does.
pub(crate) fn start(broker: &Arc<Broker>, checkpointer: Checkpointer, stop: &watch::Sender<bool>) {
    let until = stop.subscribe();
    tokio::spawn(stoppable(retention(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(producer_expiry(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(transaction_timeouts(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(transactional_id_expiry(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(state_checks(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(group_timers(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(offset_expiry(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(consumer_timers(Arc::downgrade(broker)), until.clone()));
    tokio::spawn(stoppable(checkpoints(broker.core_handle(), checkpointer), until));
}

async fn stoppable(task: impl Future<Output = ()>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = task => {}
        // An error says that the sender is gone, and with it the broker.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn retention(broker: Weak<Broker>) {
    loop {
        let Some(interval) = broker.upgrade().map(|broker| broker.settings().topics.retention_check_interval)
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_retention().await {
            tracing::warn!(%error, "retention could not give up records");
        }
    }
}

async fn producer_expiry(broker: Weak<Broker>) {
    loop {
        let Some(interval) =
            broker.upgrade().map(|broker| broker.settings().limits.producer_id_expiration_check_interval)
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_producer_expiry().await {
            tracing::warn!(%error, "idle producers could not be forgotten");
        }
    }
}

async fn transaction_timeouts(broker: Weak<Broker>) {
    loop {
        let Some(interval) =
            broker.upgrade().map(|broker| broker.settings().transactions.abort_check_interval)
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_transaction_timeouts().await {
            tracing::warn!(%error, "transactions whose timeout has passed could not be aborted");
        }
    }
}

async fn transactional_id_expiry(broker: Weak<Broker>) {
    loop {
        let Some(interval) =
            broker.upgrade().map(|broker| broker.settings().transactions.expiration_check_interval)
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_transactional_id_expiry().await {
            tracing::warn!(%error, "idle transactional ids could not be forgotten");
        }
    }
}

async fn state_checks(broker: Weak<Broker>) {
    loop {
        tokio::time::sleep(STATE_CHECK_INTERVAL).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_state_check().await {
            tracing::warn!(%error, "the state could not be hashed");
        }
    }
}

/// One task for the timers of all groups and members.
async fn group_timers(broker: Weak<Broker>) {
    loop {
        let Some(wait) = broker.upgrade().map(|broker| {
            broker.run_group_timers();
            let now = broker.core.clock.monotonic();
            let next = broker.groups.next_alarm();
            (broker.groups.alarms_changed(), next.map(|next| next.saturating_sub(now)))
        }) else {
            return;
        };
        let (changed, time) = wait;
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(time.unwrap_or(QUIET)) => {}
        }
    }
}

async fn offset_expiry(broker: Weak<Broker>) {
    loop {
        let Some(interval) =
            broker.upgrade().map(|broker| broker.settings().groups.offsets_retention_check_interval)
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        let Some(broker) = broker.upgrade() else { return };
        if let Err(error) = broker.run_offset_expiry().await {
            tracing::warn!(%error, "committed offsets could not expire");
        }
    }
}

async fn consumer_timers(broker: Weak<Broker>) {
    loop {
        let Some(strong) = broker.upgrade() else { return };
        if let Err(error) = strong.run_consumer_timers().await {
            tracing::warn!(%error, "members of consumer groups could not be taken out; trying again");
        }
        let now = strong.core.clock.monotonic();
        let next = strong.consumers.sessions.next_alarm();
        let changed = strong.consumers.sessions.alarms_changed();
        drop(strong);
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(next.map_or(QUIET, |next| next.saturating_sub(now))) => {}
        }
    }
}

async fn checkpoints(core: Arc<crate::core::Core>, mut checkpointer: Checkpointer) {
    loop {
        match checkpointer.run().await {
            Ok(()) => tokio::select! {
                () = core.sealed.added.notified() => {}
                () = core.reclaim.notified() => {
                    if core.open_bytes.load(Ordering::Relaxed) >= WORTH_SEALING_BYTES {
                        checkpointer.seal_if_dead();
                    }
                }
            },
            Err(error) => {
                tracing::warn!(%error, "indexes and checkpoints could not be written; trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Broker {
    /// Gives up records that retention no longer keeps, and ends the open segment of the journal when nothing in it can
    /// be read any more, so that its space comes back. Runs by itself every `retention_check_interval`.
    ///
    /// # Errors
    /// When storage does not take the change.
    pub async fn run_retention(&self) -> Result<(), crate::ChangeError> {
        let retained = self.retain().await;
        if self.core.segments.active_is_dead() {
            self.backend.seal();
        }
        retained
    }

    /// Forgets idempotent producers that have been idle for `producer_id_expiration`. Runs by itself every
    /// `producer_id_expiration_check_interval`.
    ///
    /// # Errors
    /// When storage does not take the change.
    pub async fn run_producer_expiry(&self) -> Result<(), crate::ChangeError> {
        let inactive_before: TimestampMs =
            self.core.clock.now().saturating_sub(self.settings().limits.producer_id_expiration);
        if self.has_producers_inactive_since(inactive_before) {
            self.expire_producers(inactive_before).await?;
        }
        Ok(())
    }

    /// Puts a hash of the state into the journal, by which every gateway, and every later replay, sees whether its own
    /// state is the same; one that differs halts. Nothing happens when nothing was applied since the last one. Runs by
    /// itself every ten minutes.
    ///
    /// # Errors
    /// When storage does not take the change.
    pub async fn run_state_check(&self) -> Result<(), crate::ChangeError> {
        let (applied, known) = self.state(|state| (state.applied(), state.last_hash()));
        if applied != known.map(|hash| hash.position) {
            self.propose(Change::CheckHash(CheckHash { known })).await?;
        }
        Ok(())
    }
}
