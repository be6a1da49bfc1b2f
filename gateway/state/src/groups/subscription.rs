//! Which topics the members of a classic group subscribe to, as far as the state can read it.
//!
//! What members tell their leader is opaque, but for consumers: their metadata begins, in every version, with a version
//! i16 and the names of topics (count i32, each a length i16 and UTF-8), big-endian (`ConsumerProtocolSubscription` in Kafka).

use std::collections::BTreeSet;

/// The topics that somebody subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscribed<'a> {
    /// None: there are no consumers.
    Nothing,
    /// These.
    To(BTreeSet<&'a str>),
    /// It cannot be read; any topic may be among them.
    Unknown,
}

impl Subscribed<'_> {
    /// Whether the topic is among them, or may be.
    #[must_use]
    pub fn contains(&self, topic: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::To(topics) => topics.contains(topic),
            Self::Unknown => true,
        }
    }
}

/// The topics of all of them.
pub(crate) fn of_all<'a>(metadata: impl Iterator<Item = &'a [u8]>) -> Subscribed<'a> {
    let mut all = BTreeSet::new();
    for metadata in metadata {
        match topics(metadata) {
            Some(topics) => all.extend(topics),
            None => return Subscribed::Unknown,
        }
    }
    Subscribed::To(all)
}

fn topics(metadata: &[u8]) -> Option<Vec<&str>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    // Each takes two bytes at least: a false count makes nothing large.
    let mut topics = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, after) = after.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?);
        rest = after;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(topics: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0, 3];
        bytes.extend(i32::try_from(topics.len()).unwrap().to_be_bytes());
        for topic in topics {
            bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
            bytes.extend(topic.as_bytes());
        }
        bytes
    }

    #[test]
    fn topics_of_all_members_are_found() {
        let (one, mut two) = (metadata(&["a", "bc"]), metadata(&["d"]));
        // Later versions have more behind.
        two.extend([0, 0, 0, 9, 1]);
        let subscribed = of_all([one.as_slice(), &two].into_iter());
        assert!(["a", "bc", "d"].iter().all(|topic| subscribed.contains(topic)));
        assert!(!subscribed.contains("b"));
        assert!(!of_all(std::iter::empty()).contains("a"));
    }

    #[test]
    fn what_cannot_be_read_may_be_anything() {
        let whole = metadata(&["topic"]);
        for cut in 0..whole.len() {
            assert_eq!(of_all(std::iter::once(&whole[..cut])), Subscribed::Unknown, "cut at {cut}");
        }
        let negative = [0, 0, 0xff, 0xff, 0xff, 0xff];
        let many = [0, 0, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(of_all([&negative[..]].into_iter()), Subscribed::Unknown);
        assert_eq!(of_all([&many[..]].into_iter()), Subscribed::Unknown);
    }
}
