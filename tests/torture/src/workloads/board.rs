//! Where the members of a group say what they own, so that its end can be told: every partition with one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chronik_harness::pause;
use parking_lot::Mutex;

use crate::checker::Key;
use crate::client::Topic;
use crate::judges::settlement;
use crate::stage::{Over, Stage};

/// By seat.
#[derive(Debug)]
pub(crate) struct Board(Mutex<BTreeMap<u64, BTreeSet<Key>>>);

impl Board {
    /// Nobody owns anything yet on these seats.
    pub(crate) fn new(seats: impl Iterator<Item = u64>) -> Self {
        Self(Mutex::new(seats.map(|seat| (seat, BTreeSet::new())).collect()))
    }

    /// What is owned on a seat from now on.
    pub(crate) fn own(&self, seat: u64, keys: BTreeSet<Key>) {
        self.0.lock().insert(seat, keys);
    }

    /// Waits until each partition is owned once, and each seat owns something.
    pub(crate) fn wait_settled(
        &self,
        stage: &Stage,
        group: &str,
        topic: &Topic,
        limit: Duration,
    ) -> Result<Vec<String>, Over> {
        let begun = stage.now();
        loop {
            let anomalies = settlement(group, &self.0.lock(), &topic.keys().collect());
            let late = stage.now().saturating_sub(begun) > limit;
            if stage.is_over() {
                return Err(Over);
            }
            if anomalies.is_empty() || late {
                return Ok(anomalies.iter().map(ToString::to_string).collect());
            }
            pause(Duration::from_millis(20));
        }
    }
}
