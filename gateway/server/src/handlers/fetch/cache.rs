//! The sessions of all clients, and who has to make room (KIP-227).
//!
//! There are as many slots as `max.incremental.fetch.session.cache.slots` says, and a limit on the partitions of all
//! sessions together, because one session can name many. A client that gets no session is served all the same: each of
//! its fetches names everything.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
/// So many partitions of one request are compared each with each, which needs no table.
const FEW: usize = 8;

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

/// The partitions that a request names itself: each once, as in Kafka.
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
    if are_distinct(&interests) { interests } else { each_once(interests) }
}

/// Whether no partition is there twice, as far as can be told cheaply: of many, when they are in order.
fn are_distinct(interests: &[Interest]) -> bool {
    if interests.len() > FEW {
        return interests
            .is_sorted_by(|one, next| (&one.topic, one.index).cmp(&(&next.topic, next.index)).is_lt());
    }
    interests.iter().enumerate().all(|(at, one)| {
        let mut before = interests.iter().take(at);
        !before.any(|other| other.index == one.index && other.topic == one.topic)
    })
}

/// Each partition in the first of its places, with what is wanted of it in the last.
fn each_once(interests: Vec<Interest>) -> Vec<Interest> {
    let mut once: Vec<Interest> = Vec::new();
    let mut places = HashMap::new();
    for interest in interests {
        match places.entry((interest.topic.clone(), interest.index)) {
            Entry::Vacant(place) => {
                place.insert(once.len());
                once.push(interest);
            }
            Entry::Occupied(place) => {
                if let Some(earlier) = once.get_mut(*place.get()) {
                    *earlier = interest;
                }
            }
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use chronik_types::TopicId;
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn interest(topic: &'static str, index: i32, fetch_offset: i64) -> Interest {
        let wants = Wants { fetch_offset, max_bytes: 1, current_leader_epoch: -1, last_fetched_epoch: -1 };
        let topic = TopicRef { id: TopicId::NONE, name: StrBytes::from_static_str(topic) };
        Interest { topic, index, wants, partition: Err(ErrorCode::UnknownTopicOrPartition) }
    }

    #[test]
    fn what_is_named_again_takes_the_place_of_the_first() {
        let twice = vec![
            interest("b", 1, 10),
            interest("a", 1, 20),
            interest("b", 1, 30),
            interest("b", 0, 40),
            interest("a", 1, 50),
        ];
        assert!(!are_distinct(&twice));
        let once = each_once(twice);
        let told: Vec<_> =
            once.iter().map(|one| (one.topic.name.as_str(), one.index, one.wants.fetch_offset)).collect();
        assert_eq!(told, [("b", 1, 30), ("a", 1, 50), ("b", 0, 40)]);
        assert!(are_distinct(&once));
    }

    #[test]
    fn many_in_order_are_known_to_be_distinct() {
        let mut many: Vec<_> = (0..20).map(|index| interest("a", index, 0)).collect();
        many.extend((0..20).map(|index| interest("b", index, 0)));
        assert!(are_distinct(&many));
        many.push(interest("b", 19, 0));
        assert!(!are_distinct(&many));
        assert_eq!(each_once(many).len(), 40);
    }
}
