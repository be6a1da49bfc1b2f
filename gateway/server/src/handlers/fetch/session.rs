//! Incremental fetch sessions (KIP-227): the gateway remembers which partitions a client reads and what it was told, so
//! that a request names only changes and a response only news.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use chronik_broker::{Broker, Partition};
use chronik_types::{ErrorCode, Offset};
use chronik_wire::hot::fetch::{FetchTopic, ForgottenTopic};
use parking_lot::Mutex;

use super::interest::{Interest, TopicRef, Wants};
use super::read::Found;

/// The epoch of a request that ends its session, or wants none.
pub(super) const FINAL_EPOCH: i32 = -1;
/// The epoch of a request that begins a session.
pub(super) const INITIAL_EPOCH: i32 = 0;

/// A session. It belongs to whoever knows its id, and expects the requests with that id one after the other.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: i32,
    /// The epoch that the next request has to carry.
    pub(super) epoch: i32,
    pub(super) uses_topic_ids: bool,
    pub(super) created: Duration,
    pub(super) last_used: Duration,
    partitions: BTreeMap<Key, Kept>,
    /// The last partition that gave records: the next response starts behind it, so that none goes hungry.
    served_last: Option<Key>,
}

type Key = (TopicRef, i32);

/// A partition of a session.
#[derive(Debug)]
struct Kept {
    wants: Wants,
    partition: Result<Arc<Partition>, ErrorCode>,
    /// What the client was told last; nothing yet, or an error, is [`Offset::NONE`].
    high_watermark: Offset,
    log_start_offset: Offset,
}

/// What one request is about: the partitions to read, and the session that it belongs to.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) interests: Vec<Interest>,
    pub(super) session: Option<Membership>,
}

/// A request's part in a session.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) id: i32,
    pub(super) session: Arc<Mutex<Session>>,
    /// Whether only news are told.
    pub(super) incremental: bool,
}

/// What a partition costs while a fetch waits for it: its entry here, and the fetch's among those that watch it.
const KEPT_OF_PARTITION: usize = size_of::<Interest>() + 64;
/// A request up to this size lies in memory of its own, which is as large: the connection has copied it.
const SMALL_REQUEST: usize = 4 * 1024;

impl Subject {
    /// How much memory it keeps while the fetch waits, of a request that is counted as `request` bytes. From now on the names
    /// of topics do not hold on to a large one.
    pub(super) fn kept(&mut self, request: usize) -> usize {
        let partitions = self.interests.len() * KEPT_OF_PARTITION;
        if request <= SMALL_REQUEST {
            return partitions + request;
        }
        let mut names = 0;
        let mut topic: Option<TopicRef> = None;
        for interest in &mut self.interests {
            // One copy of the name for all partitions of a topic.
            let detached = match topic.take() {
                Some(same) if same == interest.topic => same,
                _ => {
                    names += interest.topic.name.len();
                    interest.topic.detached()
                }
            };
            interest.topic = detached.clone();
            topic = Some(detached);
        }
        partitions + names
    }

    /// The id that the response carries; 0 for no session.
    pub(super) fn session_id(&self) -> i32 {
        self.session.as_ref().map_or(0, |membership| membership.id)
    }

    /// Keeps what of it is told, which the session then remembers.
    pub(super) fn tell(&self, found: &mut Vec<Found<'_>>) {
        if let Some(membership) = &self.session {
            membership.session.lock().tell(found, membership.incremental);
        }
    }
}

impl Session {
    /// A session that has just been made by a full fetch of these partitions.
    pub(super) fn new(id: i32, uses_topic_ids: bool, now: Duration, interests: &[Interest]) -> Self {
        let mut session = Self {
            id,
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids,
            created: now,
            last_used: now,
            partitions: BTreeMap::new(),
            served_last: None,
        };
        let mut topic: Option<TopicRef> = None;
        for interest in interests {
            // One copy of the name for all partitions of a topic.
            let detached = match topic.take() {
                Some(same) if same == interest.topic => same,
                _ => interest.topic.detached(),
            };
            let kept = Kept::new(interest.wants, interest.partition.clone());
            session.partitions.insert((detached.clone(), interest.index), kept);
            topic = Some(detached);
        }
        session
    }

    /// How many partitions it remembers.
    pub(super) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// Adds and changes partitions.
    pub(super) fn update(&mut self, broker: &Broker, topics: &[FetchTopic]) {
        for asked in topics {
            let topic = TopicRef { id: asked.id, name: asked.name.clone() };
            let mut unknown = Vec::new();
            let wanted = asked.partitions.iter().map(|partition| (&topic, partition.index, partition));
            self.for_each(wanted, |partition, kept| match kept {
                Some(kept) => kept.wants = Wants::from(partition),
                None => unknown.push(partition),
            });
            if unknown.is_empty() {
                continue;
            }
            let topic = topic.detached();
            for partition in unknown {
                let found = topic.partition(broker, partition.index);
                let kept = Kept::new(Wants::from(partition), found);
                self.partitions.insert((topic.clone(), partition.index), kept);
            }
        }
    }

    /// Looks for what is kept of each of the partitions wanted, in turn. They mostly come in the order in which they are
    /// kept: then nothing has to be searched.
    fn for_each<'k, T>(
        &mut self,
        wanted: impl Iterator<Item = (&'k TopicRef, i32, T)>,
        mut with: impl FnMut(T, Option<&mut Kept>),
    ) {
        let mut following = self.partitions.range_mut::<Key, _>(..);
        for (topic, index, value) in wanted {
            let kept = match following.next() {
                Some((next, kept)) if next.1 == index && next.0 == *topic => Some(kept),
                _ => {
                    let key = (topic.clone(), index);
                    following = self.partitions.range_mut(key.clone()..);
                    following.next().filter(|(next, _)| **next == key).map(|(_, kept)| kept)
                }
            };
            with(value, kept);
        }
    }

    /// Drops partitions.
    pub(super) fn forget(&mut self, topics: &[ForgottenTopic]) {
        for gone in topics {
            let topic = TopicRef { id: gone.id, name: gone.name.clone() };
            for index in &gone.partitions {
                self.partitions.remove(&(topic.clone(), *index));
            }
        }
    }

    /// All partitions, in the order in which they are to be read now.
    pub(super) fn interests(&mut self, broker: &Broker) -> Vec<Interest> {
        for ((topic, index), kept) in &mut self.partitions {
            // A topic may have been created, or deleted and created again, since.
            if kept.partition.as_ref().map_or(true, |partition| partition.is_deleted()) {
                kept.partition = topic.partition(broker, *index);
            }
        }
        let interest = |(key, kept): (&Key, &Kept)| Interest {
            topic: key.0.clone(),
            index: key.1,
            wants: kept.wants,
            partition: kept.partition.clone(),
        };
        match &self.served_last {
            None => self.partitions.iter().map(interest).collect(),
            Some(last) => {
                let behind = (Bound::Excluded(last), Bound::Unbounded);
                let before = (Bound::Unbounded, Bound::Included(last));
                self.partitions.range(behind).chain(self.partitions.range(before)).map(interest).collect()
            }
        }
    }

    /// Keeps what the client has to be told, and remembers that it was told.
    fn tell(&mut self, found: &mut Vec<Found<'_>>, incremental: bool) {
        let mut served_last = None;
        let wanted = found.iter_mut().map(|found| (&found.interest.topic, found.interest.index, found));
        self.for_each(wanted, |found, kept| {
            let Some(kept) = kept else { return };
            found.is_told = kept.is_news(found) || !incremental;
            if found.bytes > 0 {
                served_last = Some(found.interest);
            }
        });
        found.retain(|found| found.is_told);
        // Its own copy, which does not hold on to the frame of a request.
        let served_last = served_last.map(|interest| (interest.topic.clone(), interest.index));
        if let Some((key, _)) = served_last.and_then(|key| self.partitions.get_key_value(&key)) {
            self.served_last = Some(key.clone());
        }
    }
}

impl Kept {
    fn new(wants: Wants, partition: Result<Arc<Partition>, ErrorCode>) -> Self {
        Self { wants, partition, high_watermark: Offset::NONE, log_start_offset: Offset::NONE }
    }

    /// Whether the client does not know that yet; from now on it does.
    fn is_news(&mut self, found: &Found<'_>) -> bool {
        let has_moved =
            found.high_watermark != self.high_watermark || found.log_start_offset != self.log_start_offset;
        // An error carries no offsets, so that the first answer after it is news, whatever it says.
        (self.high_watermark, self.log_start_offset) = (found.high_watermark, found.log_start_offset);
        has_moved || found.bytes > 0 || !found.error.is_none() || found.diverging.is_some()
    }
}

/// The epoch of the request after the one with `epoch`.
pub(super) const fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}
