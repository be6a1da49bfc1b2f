//! Old data in memory: windows of the log that readers want much of.
//!
//! One log holds all partitions, so whoever reads an old part of one of them wants small pieces, and between these lie
//! pieces of others, whose readers are often in the same place. A window of which enough has been asked for is read
//! whole, once however many wait for it, and kept for a while: then the next pieces cost no read. A reader of one sparse
//! partition never gets there, and reads its pieces alone.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::format::PAGE;

/// Length of a window; it starts at a multiple of it, or where its segment starts.
pub(crate) const WINDOW_BYTES: u64 = 1 << 20;

/// A window is read whole once so many pages of it are wanted: reading it costs about as much as six reads of 16 KiB do, and
/// never more than eleven times as much is read as is wanted. One batch of the usual size, 64 KiB, is not enough: whoever reads
/// one partition among many wants no more of each window, while two that lie in it have others beside them.
const WORTHWHILE_PAGES: u32 = 24;

/// Whoever has asked for something since others asked for this share of what may be held is still reading.
const RECENT_SHARE: u64 = 12;

/// Windows whose pieces are counted at a time.
const COUNTED_WINDOWS: usize = 128;

/// Windows in memory, and counts of those that may become worth it.
#[derive(Debug)]
pub(crate) struct Windows {
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By their start; they do not overlap.
    held: BTreeMap<u64, Window>,
    /// Starts of those, the oldest first.
    order: VecDeque<u64>,
    bytes: u64,
    /// Bytes that were asked for so far: a clock that stands while nobody reads.
    asked: u64,
    /// Start of a window, and what of it was wanted and not worth reading the whole.
    counted: VecDeque<(u64, Pages)>,
}

/// Some of the pages of a window.
#[derive(Clone, Copy, Debug, Default)]
struct Pages([u64; PAGE_WORDS]);

const PAGE_WORDS: usize = 4;
const _: () = assert!(WINDOW_BYTES == PAGE * 64 * PAGE_WORDS as u64);

#[derive(Debug)]
struct Window {
    len: u64,
    /// `None` while it is being read.
    content: watch::Receiver<Option<Bytes>>,
    /// How much of it was asked for. When all of it was, those who read this part of the log have probably passed.
    asked: u64,
    /// What the clock showed when something of it was asked for last.
    asked_at: u64,
}

/// Where the bytes of a window come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// It is in memory, or about to be.
    Held(watch::Receiver<Option<Bytes>>),
    /// The caller has to read it.
    Read(Loading),
    /// Its pieces should be read alone.
    Alone,
}

/// The duty to read a window. When it is dropped without that, those who wait for the window read what they want alone.
#[derive(Debug)]
pub(crate) struct Loading {
    windows: Arc<Windows>,
    /// Where it lies.
    pub(crate) extent: Range<u64>,
    content: Option<watch::Sender<Option<Bytes>>>,
}

/// Where the window of a position starts, before it is cut to its segment.
pub(crate) fn window_of(at: u64) -> u64 {
    at - at % WINDOW_BYTES
}

impl Windows {
    /// Holds at most `limit` bytes, and always the last window.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Asks for a part of a window.
    pub(crate) fn ask(self: &Arc<Self>, window: Range<u64>, part: Range<u64>) -> Source {
        let len = part.end - part.start;
        let mut state = self.state.lock();
        state.asked = state.asked.saturating_add(len);
        let asked_at = state.asked;
        if let Some(held) = state.held.get_mut(&window.start) {
            held.asked = held.asked.saturating_add(len);
            held.asked_at = asked_at;
            return Source::Held(held.content.clone());
        }
        if !state.is_worthwhile(window.start, part) {
            return Source::Alone;
        }
        Source::Read(self.begin(state, window, len))
    }

    /// Says that a part of a window will be wanted soon; gives the duty to read the window, if it is worth that, nobody has
    /// it yet, and nobody else is so far behind that the windows in between would soon be more than may be held: whoever is
    /// ahead waits for the disk, and those behind, who find everything in memory, catch up before all is read twice.
    pub(crate) fn expect(self: &Arc<Self>, window: Range<u64>, part: Range<u64>) -> Option<Loading> {
        let mut state = self.state.lock();
        if state.held.contains_key(&window.start)
            || state.followers_behind(window.start, self.limit / RECENT_SHARE) >= self.limit / 4 * 3
            || !state.is_worthwhile(window.start, part)
        {
            return None;
        }
        Some(self.begin(state, window, 0))
    }

    /// Makes room for a window of which `asked` bytes are wanted now.
    fn begin(self: &Arc<Self>, mut state: MutexGuard<'_, State>, window: Range<u64>, asked: u64) -> Loading {
        let (content, receiver) = watch::channel(None);
        let gone = state.insert(window.clone(), receiver, asked, self.limit);
        drop(state);
        // Giving memory back takes time, which nobody needs to wait for.
        drop(gone);
        Loading { windows: Arc::clone(self), extent: window, content: Some(content) }
    }

    /// Forgets all windows before a position.
    pub(crate) fn trim(&self, upto: u64) {
        let mut state = self.state.lock();
        let kept = state.held.split_off(&upto);
        let gone = std::mem::replace(&mut state.held, kept);
        state.order.retain(|start| *start >= upto);
        state.bytes -= gone.values().map(|window| window.len).sum::<u64>();
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// The most bytes held, when that is more than one window.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    fn forget(&self, start: u64, content: &watch::Sender<Option<Bytes>>) {
        let mut state = self.state.lock();
        // It may have been pushed out and read anew by somebody else.
        let same = |window: &Window| content.subscribe().same_channel(&window.content);
        if state.held.get(&start).is_some_and(same) {
            state.remove(start);
        }
    }
}

impl State {
    /// Notes that a part of a window is wanted; true when the window should be read whole.
    fn is_worthwhile(&mut self, window: u64, part: Range<u64>) -> bool {
        let index = self.counted.iter().position(|(start, _)| *start == window);
        let before = index.and_then(|index| self.counted.remove(index));
        let mut pages = before.map_or_else(Pages::default, |(_, pages)| pages);
        pages.add(part.start - window..part.end - window);
        if pages.count() >= WORTHWHILE_PAGES {
            return true;
        }
        if self.counted.len() == COUNTED_WINDOWS {
            self.counted.pop_front();
        }
        self.counted.push_back((window, pages));
        false
    }

    /// How far behind a position the last reader is that is on its way there: one who asked for something lately, among the
    /// windows without a gap before the position.
    fn followers_behind(&self, position: u64, lately: u64) -> u64 {
        let mut gapless = position;
        let mut last = position;
        for (start, window) in self.held.range(..position).rev() {
            if start + window.len != gapless {
                break;
            }
            gapless = *start;
            if self.asked - window.asked_at <= lately && window.asked > 0 {
                last = *start;
            }
        }
        position - last
    }

    /// Adds a window; returns those that had to make room for it.
    fn insert(
        &mut self,
        window: Range<u64>,
        content: watch::Receiver<Option<Bytes>>,
        asked: u64,
        limit: u64,
    ) -> Vec<Window> {
        let len = window.end - window.start;
        let mut gone = Vec::new();
        while self.bytes.saturating_add(len) > limit
            && let Some(start) = self.least_useful()
        {
            gone.extend(self.remove(start));
        }
        self.bytes += len;
        self.order.push_back(window.start);
        self.held.insert(window.start, Window { len, content, asked, asked_at: self.asked });
        gone
    }

    /// The oldest window of which all was asked for, or else the oldest.
    fn least_useful(&self) -> Option<u64> {
        let used_up = |start: &&u64| {
            self.held.get(*start).is_some_and(|window| window.asked >= window.len - window.len / 8)
        };
        self.order.iter().find(used_up).or_else(|| self.order.front()).copied()
    }

    fn remove(&mut self, start: u64) -> Option<Window> {
        let window = self.held.remove(&start)?;
        self.order.retain(|held| *held != start);
        self.bytes -= window.len;
        Some(window)
    }
}

impl Pages {
    /// Adds those that hold some bytes of a window. The same part, wanted again, adds nothing.
    fn add(&mut self, bytes: Range<u64>) {
        for page in bytes.start / PAGE..bytes.end.div_ceil(PAGE) {
            let word = usize::try_from(page / 64).unwrap_or(usize::MAX);
            if let Some(word) = self.0.get_mut(word) {
                *word |= 1 << (page % 64);
            }
        }
    }

    fn count(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl Loading {
    /// Where the window will be, once it is read.
    pub(crate) fn watch(&self) -> Option<watch::Receiver<Option<Bytes>>> {
        self.content.as_ref().map(watch::Sender::subscribe)
    }

    /// Hands the window to all who wait for it.
    pub(crate) fn finish(mut self, bytes: Bytes) {
        if let Some(content) = self.content.take() {
            content.send_replace(Some(bytes));
        }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            self.windows.forget(self.extent.start, &content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u64 = WORTHWHILE_PAGES as u64 * PAGE / 4;

    fn window(number: u64) -> Range<u64> {
        number * WINDOW_BYTES..(number + 1) * WINDOW_BYTES
    }

    /// One of the pieces of a window, four of which make it worth reading.
    fn piece(number: u64, piece: u64) -> Range<u64> {
        let start = number * WINDOW_BYTES + piece * PIECE;
        start..start + PIECE
    }

    fn content(source: Source) -> Option<Bytes> {
        match source {
            Source::Held(content) => content.borrow().clone(),
            other => panic!("not held: {other:?}"),
        }
    }

    fn load(windows: &Arc<Windows>, number: u64) {
        let loading = windows.expect(window(number), window(number)).expect("nobody has it");
        loading.finish(Bytes::from(vec![u8::try_from(number).expect("small")]));
    }

    fn is_held(windows: &Windows, number: u64) -> bool {
        windows.state.lock().held.contains_key(&window(number).start)
    }

    #[test]
    fn a_window_is_worth_reading_once_enough_of_it_was_asked_for() {
        let windows = Arc::new(Windows::new(1 << 30));
        for n in 0..3 {
            assert!(matches!(windows.ask(window(0), piece(0, n)), Source::Alone));
        }
        assert!(
            matches!(windows.ask(window(1), piece(1, 3)), Source::Alone),
            "another window has its own count"
        );
        let Source::Read(loading) = windows.ask(window(0), piece(0, 3)) else { panic!("worth it now") };
        assert_eq!(content(windows.ask(window(0), piece(0, 0))), None, "the second waits for the first");
        loading.finish(Bytes::from_static(b"all"));
        assert_eq!(content(windows.ask(window(0), piece(0, 0))), Some(Bytes::from_static(b"all")));
        assert_eq!(windows.bytes(), WINDOW_BYTES);
    }

    #[test]
    fn a_piece_that_is_announced_asked_for_and_asked_for_again_counts_once() {
        let windows = Arc::new(Windows::new(1 << 30));
        for _ in 0..3 {
            assert!(windows.expect(window(7), piece(7, 0)).is_none());
            assert!(matches!(windows.ask(window(7), piece(7, 0)), Source::Alone));
        }
        assert!(windows.expect(window(7), piece(7, 2)).is_none());
        assert!(windows.expect(window(7), piece(7, 1)).is_none());
        assert!(windows.expect(window(7), piece(7, 3)).is_some(), "others want the rest");
    }

    #[test]
    fn pages_are_counted_that_hold_a_part() {
        let mut pages = Pages::default();
        pages.add(PAGE - 1..PAGE + 1);
        assert_eq!(pages.count(), 2);
        pages.add(0..WINDOW_BYTES);
        assert_eq!(u64::from(pages.count()), WINDOW_BYTES / PAGE);
    }

    #[test]
    fn what_will_be_wanted_is_read_ahead_when_it_is_much_and_nobody_has_it() {
        let windows = Arc::new(Windows::new(1 << 30));
        assert!(windows.expect(window(0), piece(0, 0)).is_none());
        let loading = windows.expect(window(0), window(0)).expect("worth it");
        assert!(windows.expect(window(0), window(0)).is_none(), "being read");
        let Source::Held(waiting) = windows.ask(window(0), piece(0, 0)) else { panic!("being read") };
        drop(loading);
        assert!(waiting.has_changed().is_err(), "who waits hears that it was given up");
        assert_eq!(windows.bytes(), 0);
        assert!(windows.expect(window(0), window(0)).is_some(), "and the next one may try");
    }

    #[test]
    fn whoever_is_too_far_ahead_of_others_waits_for_them() {
        let windows = Arc::new(Windows::new(12 * WINDOW_BYTES));
        let ahead = |number| windows.expect(window(number), window(number));
        for number in 0..9 {
            load(&windows, number);
            windows.ask(window(number), piece(number, 0));
        }
        assert!(ahead(9).is_none(), "who was at 0 a moment ago is 9 windows behind");
        assert!(ahead(10).is_some(), "whoever is in another place is not followed by him");
        windows.ask(window(1), window(1));
        assert!(ahead(9).is_some(), "by now he has gone on");
    }

    #[test]
    fn a_window_that_was_given_up_late_does_not_take_its_successor_along() {
        let windows = Arc::new(Windows::new(WINDOW_BYTES));
        let slow = windows.expect(window(0), window(0)).expect("worth it");
        load(&windows, 1);
        load(&windows, 0);
        drop(slow);
        assert_eq!(content(windows.ask(window(0), piece(0, 0))), Some(Bytes::from_static(&[0])));
    }

    #[test]
    fn only_so_many_windows_are_counted() {
        let windows = Arc::new(Windows::new(0));
        for number in 0..=COUNTED_WINDOWS as u64 {
            for n in 0..3 {
                assert!(matches!(windows.ask(window(number), piece(number, n)), Source::Alone));
            }
        }
        assert!(matches!(windows.ask(window(0), piece(0, 3)), Source::Alone), "the first was forgotten");
        assert!(matches!(windows.ask(window(2), piece(2, 3)), Source::Read(_)));
    }

    #[test]
    fn those_that_were_used_up_make_room_before_those_that_are_old() {
        let windows = Arc::new(Windows::new(3 * WINDOW_BYTES));
        (0..3).for_each(|number| load(&windows, number));
        windows.ask(window(1), window(1));
        load(&windows, 3);
        assert_eq!([0, 1, 2, 3].map(|number| is_held(&windows, number)), [true, false, true, true]);
        load(&windows, 4);
        assert_eq!([0, 2, 3, 4].map(|number| is_held(&windows, number)), [false, true, true, true]);
        assert_eq!(windows.bytes(), 3 * WINDOW_BYTES);
        windows.trim(window(3).start);
        assert_eq!([2, 3, 4].map(|number| is_held(&windows, number)), [false, true, true]);
        assert_eq!(windows.bytes(), 2 * WINDOW_BYTES);
    }
}
