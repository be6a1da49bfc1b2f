//! What the members of a group are subscribed to: topics by name, and regular expressions.
//!
//! A regular expression is resolved by who proposes the heartbeat, and the names it matches travel in the entry: a
//! version of a library decides what matches, so that the state must not. Topics are kept by name, because a
//! subscription outlives a topic that is deleted and created again.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chronik_types::{TimestampMs, TopicId};
use crc_fast::{CrcAlgorithm, Digest};

use super::ConsumerGroup;
use super::member::{ConsumerMember, read_names};
use crate::codec::{DecodeError, Reader, Writer};
use crate::groups::Subscribed;
use crate::topics::Topics;

/// A regular expression, and the topics that it was found to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexMatches {
    /// The expression, as the member gave it.
    pub regex: Box<str>,
    /// The names that it matches.
    pub topics: BTreeSet<Box<str>>,
}

/// What a group knows of a regular expression of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// The names that it matches.
    pub topics: BTreeSet<Box<str>>,
    /// When that was found out.
    pub resolved_at: TimestampMs,
}

impl RegexMatches {
    /// Layout: expression text, count u32 of topics, each a text.
    pub(super) fn write(&self, w: &mut Writer) {
        w.text(&self.regex);
        w.count(self.topics.len());
        self.topics.iter().for_each(|topic| w.text(topic));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { regex: r.text("regex")?.into(), topics: read_names(r)?.into_iter().collect() })
    }
}

impl ResolvedRegex {
    /// Layout: when i64, count u32 of topics, each a text.
    pub(super) fn write(&self, w: &mut Writer) {
        w.i64(self.resolved_at.get());
        w.count(self.topics.len());
        self.topics.iter().for_each(|topic| w.text(topic));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let resolved_at = r.timestamp("resolved at")?;
        Ok(Self { topics: read_names(r)?.into_iter().collect(), resolved_at })
    }
}

impl ConsumerGroup {
    /// The topics that exist and that a member is subscribed to.
    pub(super) fn topics_of(&self, topics: &Topics, member: &ConsumerMember) -> BTreeSet<TopicId> {
        let matched = member.regex().and_then(|regex| self.regexes.get(regex));
        let names =
            member.subscribed_topics.iter().chain(matched.into_iter().flat_map(|regex| &regex.topics));
        names.filter_map(|name| topics.named(name)).map(crate::Topic::id).collect()
    }

    /// The same for all members, in their order. Those that ask for the same share one set.
    pub(super) fn topics_of_all(&self, topics: &Topics) -> Vec<Rc<BTreeSet<TopicId>>> {
        let mut known: BTreeMap<_, Rc<BTreeSet<TopicId>>> = BTreeMap::new();
        let mut sets = Vec::with_capacity(self.members.len());
        for member in self.members.values() {
            let set = known
                .entry((&member.subscribed_topics, &member.subscribed_regex))
                .or_insert_with(|| Rc::new(self.topics_of(topics, member)));
            sets.push(Rc::clone(set));
        }
        sets
    }

    /// The names that some member is subscribed to.
    #[must_use]
    pub fn subscribed(&self) -> Subscribed<'_> {
        let named = self.members.values().flat_map(|member| &member.subscribed_topics);
        let matched = self.regexes.values().flat_map(|regex| &regex.topics);
        Subscribed::To(named.chain(matched).map(|name| &**name).collect())
    }

    /// Stands for everything about the subscribed topics that an assignment depends on: which exist, under which id, with
    /// how many partitions.
    pub(super) fn metadata_hash(&self, topics: &Topics) -> u64 {
        let Subscribed::To(names) = self.subscribed() else { return 0 };
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        for topic in names.into_iter().filter_map(|name| topics.named(name)) {
            digest.update(topic.name().as_str().as_bytes());
            digest.update(topic.id().as_bytes());
            digest.update(&topic.partition_count().to_le_bytes());
        }
        digest.finalize()
    }

    /// The regular expressions that its members give.
    #[must_use]
    pub fn subscribed_regexes(&self) -> BTreeSet<Box<str>> {
        self.members.values().filter_map(ConsumerMember::regex).map(Into::into).collect()
    }

    /// How many members give that regular expression.
    pub(super) fn subscribers_of(&self, regex: &str) -> usize {
        self.members.values().filter(|member| member.regex() == Some(regex)).count()
    }

    /// Takes over what regular expressions match now. Those that nobody is subscribed to any more are of no interest.
    /// Says whether one matches other topics than before.
    pub(super) fn resolve(&mut self, time: TimestampMs, resolved: &[RegexMatches]) -> bool {
        let mut changed = false;
        for RegexMatches { regex, topics } in resolved {
            if self.subscribers_of(regex) == 0 {
                continue;
            }
            let before = self.regexes.get(regex).map(|resolved| &resolved.topics);
            changed |= before.map_or(!topics.is_empty(), |before| before != topics);
            let resolved = ResolvedRegex { topics: topics.clone(), resolved_at: time };
            self.regexes.insert(regex.clone(), resolved);
        }
        changed
    }

    /// Forgets the regular expressions that nobody is subscribed to any more.
    pub(super) fn forget_regexes(&mut self) {
        if !self.regexes.is_empty() {
            let wanted: BTreeSet<&str> = self.members.values().filter_map(ConsumerMember::regex).collect();
            self.regexes.retain(|regex, _| wanted.contains(&**regex));
        }
    }
}
