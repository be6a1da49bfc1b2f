//! What members of classic groups of consumers tell each other: subscriptions and assignments, big-endian.
//!
//! ```text
//! subscription: version i16, topics: count i32, each text; user data: bytes;
//!               from 1: owned: count i32, each topic text and partitions (count i32, each i32);
//!               from 2: generation i32; from 3: rack text or null
//! assignment:   version i16, partitions: count i32, each topic text and partitions; user data: bytes
//! ```
//!
//! Text is a length i16 and UTF-8, bytes are a length i32 and the bytes; a length of -1 is null. A later version has more
//! behind. Read here and not by a library, because the state decides by it.

use std::collections::BTreeMap;

/// Partitions by the names of their topics.
pub(super) type ByName<'a> = BTreeMap<&'a str, Vec<i32>>;

/// What a member wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subscription<'a> {
    pub(super) version: i16,
    pub(super) topics: Vec<&'a str>,
    pub(super) owned: ByName<'a>,
    pub(super) rack: Option<&'a str>,
}

impl<'a> Subscription<'a> {
    /// Reads one; `None` when the bytes are none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut r = Reader(bytes);
        let version = r.version()?;
        let mut topics = Vec::new();
        for _ in 0..r.count()? {
            topics.push(r.text()??);
        }
        r.bytes()?;
        let owned = if version >= 1 { r.partitions()? } else { ByName::new() };
        if version >= 2 {
            r.i32()?;
        }
        let rack = if version >= 3 { r.text()? } else { None };
        Some(Self { version, topics, owned, rack })
    }
}

/// Reads an assignment; `None` when the bytes are none, or come from an assignor with data of its own, which would be
/// lost. No bytes at all are those of a member that was never assigned anything.
pub(super) fn read_assignment(bytes: &[u8]) -> Option<ByName<'_>> {
    if bytes.is_empty() {
        return Some(ByName::new());
    }
    let mut r = Reader(bytes);
    r.version()?;
    let partitions = r.partitions()?;
    r.bytes()?.is_none_or(<[u8]>::is_empty).then_some(partitions)
}

/// Writes an assignment as a member with that version of the protocol reads it.
pub(super) fn write_assignment(version: i16, partitions: &ByName<'_>) -> Vec<u8> {
    let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
    let mut bytes = version.to_be_bytes().to_vec();
    bytes.extend(length(partitions.len()));
    for (topic, partitions) in partitions {
        bytes.extend(i16::try_from(topic.len()).unwrap_or(i16::MAX).to_be_bytes());
        bytes.extend(topic.as_bytes());
        bytes.extend(length(partitions.len()));
        partitions.iter().for_each(|index| bytes.extend(index.to_be_bytes()));
    }
    bytes.extend((-1_i32).to_be_bytes());
    bytes
}

/// Takes fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn version(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes).filter(|version| *version >= 0)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// How many items follow; what a false count can make is bounded by the bytes, each item takes some.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.i32()?).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        match i16::from_be_bytes(self.array()?) {
            -1 => Some(None),
            length => std::str::from_utf8(self.take(usize::try_from(length).ok()?)?).ok().map(Some),
        }
    }

    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Some(None),
            length => self.take(usize::try_from(length).ok()?).map(Some),
        }
    }

    fn partitions(&mut self) -> Option<ByName<'a>> {
        let mut all = ByName::new();
        for _ in 0..self.count()? {
            let topic = self.text()??;
            let partitions = all.entry(topic).or_default();
            for _ in 0..self.count()? {
                partitions.push(self.i32()?);
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&i16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
    }

    /// Version 3: topics `a` and `b`, no user data, partitions 0 and 2 of `a`, generation 7, rack `r`.
    fn subscription() -> Vec<u8> {
        let mut bytes = vec![0, 3, 0, 0, 0, 2];
        bytes.extend([text("a"), text("b")].concat());
        bytes.extend([0xff; 4]);
        bytes.extend([0, 0, 0, 1]);
        bytes.extend(text("a"));
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2]);
        bytes.extend([0, 0, 0, 7]);
        bytes.extend(text("r"));
        bytes
    }

    #[test]
    fn a_subscription_is_read() {
        let bytes = subscription();
        let read = Subscription::read(&bytes).unwrap();
        assert_eq!((read.version, read.topics, read.rack), (3, vec!["a", "b"], Some("r")));
        assert_eq!(read.owned, ByName::from([("a", vec![0, 2])]));
        // Version 0 ends with the user data; what a later version adds is not looked at.
        let mut first = bytes.clone();
        first[1] = 0;
        assert_eq!(Subscription::read(&first).unwrap().owned, ByName::new());
        let mut later = bytes;
        later[1] = 9;
        later.push(1);
        assert_eq!(Subscription::read(&later).unwrap().topics, ["a", "b"]);
    }

    #[test]
    fn what_is_cut_or_false_is_not_read() {
        let bytes = subscription();
        for cut in 0..bytes.len() {
            assert_eq!(Subscription::read(&bytes[..cut]), None, "cut at {cut}");
        }
        let assignment = write_assignment(1, &ByName::from([("a", vec![1])]));
        for cut in 1..assignment.len() {
            assert_eq!(read_assignment(&assignment[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Subscription::read(&[0xff, 0xff, 0, 0, 0, 0]), None, "a negative version");
        assert_eq!(Subscription::read(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), None, "a false count");
    }

    #[test]
    fn an_assignment_is_read_as_it_was_written() {
        let partitions = ByName::from([("a", vec![1, 2]), ("b", vec![0])]);
        let bytes = write_assignment(3, &partitions);
        assert_eq!(read_assignment(&bytes), Some(partitions));
        assert_eq!(read_assignment(&[]), Some(ByName::new()));
        let mut with_data = write_assignment(0, &ByName::new());
        with_data.splice(with_data.len() - 4.., [0, 0, 0, 1, 9]);
        assert_eq!(read_assignment(&with_data), None);
    }
}
