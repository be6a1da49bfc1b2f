//! The sessions of all clients, and who has to make room (KIP-227).
//!
//! There are as many slots as `max.incremental.fetch.session.cache.slots` says, and a limit on the partitions of all
//! sessions together, because one session can name many. A client that gets no session is served all the same: each of
//! its fetches names everything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_broker::Broker;
use chronik_types::{Clock, Entropy, ErrorCode};
use chronik_wire::hot::fetch::{FetchRequest, TOPIC_IDS_SINCE};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::interest::{Interest, TopicRef, Wants};
use super::session::{FINAL_EPOCH, INITIAL_EPOCH, Membership, Session, Subject, next_epoch};

/// How long a session is safe from larger ones, and how long unused it gives way to any (Kafka's `MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION_AGE: Duration = Duration::from_secs(120);
/// Partitions of all sessions together; about 250 bytes each.
const MAX_PARTITIONS: usize = 400_000;

/// The sessions.
#[derive(Debug)]
pub(crate) struct SessionCache {
    slots: usize,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
    sessions: Mutex<HashMap<i32, Arc<Mutex<Session>>>>,
    count: Gauge,
}

impl SessionCache {
    /// A cache without sessions, which counts them in `registry`.
    pub(crate) fn new(
        slots: usize,
        clock: Arc<dyn Clock>,
        entropy: Entropy,
        registry: &mut Registry,
    ) -> Self {
        let count = Gauge::default();
        registry.register("chronik_kafka_fetch_sessions", "Incremental fetch sessions", count.clone());
        Self { slots, clock, entropy, sessions: Mutex::default(), count }
    }

    /// Finds out which partitions a request is about, by itself or by its session.
    ///
    /// # Errors
    /// The code of the response, when the session is not the one that the client thinks of.
    pub(super) fn begin(
        &self,
        broker: &Broker,
        version: i16,
        request: FetchRequest,
    ) -> Result<Subject, ErrorCode> {
        let uses_topic_ids = version >= TOPIC_IDS_SINCE;
        match request.session_epoch {
            FINAL_EPOCH | INITIAL_EPOCH => {
                self.remove(request.session_id);
                let interests = named(broker, &request);
                let wants_session = request.session_epoch == INITIAL_EPOCH && !interests.is_empty();
                let session = wants_session.then(|| self.create(uses_topic_ids, &interests)).flatten();
                Ok(Subject { interests, session })
            }
            _ => self.resume(broker, uses_topic_ids, &request),
        }
    }

    fn resume(
        &self,
        broker: &Broker,
        uses_topic_ids: bool,
        request: &FetchRequest,
    ) -> Result<Subject, ErrorCode> {
        let id = request.session_id;
        let session = self.sessions.lock().get(&id).cloned().ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let (interests, has_grown) = {
            let mut open = session.lock();
            if open.epoch != request.session_epoch {
                return Err(ErrorCode::InvalidFetchSessionEpoch);
            }
            if open.uses_topic_ids != uses_topic_ids {
                return Err(ErrorCode::FetchSessionTopicIdError);
            }
            open.epoch = next_epoch(open.epoch);
            open.last_used = self.clock.monotonic();
            open.forget(&request.forgotten);
            let before = open.len();
            open.update(broker, &request.topics);
            (open.interests(broker), open.len() > before)
        };
        if has_grown && partitions(&self.sessions.lock()) > MAX_PARTITIONS {
            // The client begins anew, names all, and then gets no session.
            self.remove(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if interests.is_empty() {
            self.remove(id);
            return Ok(Subject { interests, session: None });
        }
        Ok(Subject { interests, session: Some(Membership { id, session, incremental: true }) })
    }

    /// Begins a session, if there is room or somebody has to make it.
    fn create(&self, uses_topic_ids: bool, interests: &[Interest]) -> Option<Membership> {
        let now = self.clock.monotonic();
        let mut sessions = self.sessions.lock();
        if self.slots == 0 || partitions(&sessions) + interests.len() > MAX_PARTITIONS {
            return None;
        }
        if sessions.len() >= self.slots {
            let evicted = evictable(&sessions, interests.len(), now)?;
            sessions.remove(&evicted);
        }
        let id = self.unused_id(&sessions);
        let session = Arc::new(Mutex::new(Session::new(id, uses_topic_ids, now, interests)));
        sessions.insert(id, Arc::clone(&session));
        self.count.set(i64::try_from(sessions.len()).unwrap_or(i64::MAX));
        Some(Membership { id, session, incremental: false })
    }

    fn remove(&self, id: i32) {
        let mut sessions = self.sessions.lock();
        sessions.remove(&id);
        self.count.set(i64::try_from(sessions.len()).unwrap_or(i64::MAX));
    }

    /// A random id, so that no client meets the session of another by chance.
    fn unused_id(&self, sessions: &HashMap<i32, Arc<Mutex<Session>>>) -> i32 {
        loop {
            let id = i32::try_from(self.entropy.below(0x7fff_ffff)).unwrap_or(0);
            if id > 0 && !sessions.contains_key(&id) {
                return id;
            }
        }
    }
}

/// How many partitions all sessions remember.
fn partitions(sessions: &HashMap<i32, Arc<Mutex<Session>>>) -> usize {
    sessions.values().map(|session| session.lock().len()).sum()
}

/// Who gives way to a session of `size` partitions: one that is long unused, else the smallest of those that are old
/// enough, if it is smaller.
fn evictable(sessions: &HashMap<i32, Arc<Mutex<Session>>>, size: usize, now: Duration) -> Option<i32> {
    let mut oldest: Option<(Duration, i32)> = None;
    let mut smallest: Option<(usize, i32)> = None;
    for session in sessions.values() {
        let session = session.lock();
        let used = (session.last_used, session.id);
        oldest = Some(oldest.map_or(used, |other| other.min(used)));
        if now.saturating_sub(session.created) > EVICTION_AGE {
            let sized = (session.len(), session.id);
            smallest = Some(smallest.map_or(sized, |other| other.min(sized)));
        }
    }
    let unused = oldest.filter(|(last_used, _)| now.saturating_sub(*last_used) > EVICTION_AGE);
    unused.map(|(_, id)| id).or_else(|| smallest.filter(|(len, _)| *len < size).map(|(_, id)| id))
}

/// The partitions that a request names itself.
fn named(broker: &Broker, request: &FetchRequest) -> Vec<Interest> {
    let mut interests = Vec::new();
    for asked in &request.topics {
        let topic = TopicRef { id: asked.id, name: asked.name.clone() };
        interests.extend(asked.partitions.iter().map(|partition| Interest {
            partition: topic.partition(broker, partition.index),
            topic: topic.clone(),
            index: partition.index,
            wants: Wants::from(partition),
        }));
    }
    interests
}
