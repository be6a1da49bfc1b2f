//! Old data in memory: windows of the log that readers want much of.
//!
//! One log holds all partitions, so whoever reads an old part of one of them wants small pieces, and between these lie
//! pieces of others, whose readers are often in the same place. A window of which enough has been asked for is read
//! whole and kept for a while: then the next pieces cost no read. A reader of one sparse partition never gets there, and
//! reads its pieces alone.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;

/// Length of a window; it starts at a multiple of it, or where its segment starts.
pub(crate) const WINDOW_BYTES: u64 = 1 << 20;

/// A window is read whole once this much of it was read in pieces: reading it costs about as much as four reads of 16 KiB
/// did, and never more than sixteen times as much is read as is wanted.
const WORTHWHILE_BYTES: u64 = WINDOW_BYTES / 16;

/// Windows whose pieces are counted at a time.
const COUNTED_WINDOWS: usize = 64;

/// Windows in memory, the oldest out first, and counts of those that may become worth it.
#[derive(Debug)]
pub(crate) struct Windows {
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: VecDeque<(u64, Bytes)>,
    bytes: u64,
    /// Start of a window, and bytes of it that were read in pieces.
    counted: VecDeque<(u64, u64)>,
}

/// Where the window of a position starts, before it is cut to its segment.
pub(crate) fn window_of(at: u64) -> u64 {
    at - at % WINDOW_BYTES
}

impl Windows {
    /// Holds at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// A span, if it lies within a window that is held.
    pub(crate) fn get(&self, at: u64, len: u32) -> Option<Bytes> {
        let state = self.state.lock();
        state.held.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(at.checked_sub(*start)?).ok()?;
            let to = from.checked_add(usize::try_from(len).ok()?)?;
            (to <= bytes.len()).then(|| bytes.slice(from..to))
        })
    }

    /// Counts a span that has to be read; true when its window should be read whole instead.
    pub(crate) fn is_worthwhile(&self, at: u64, len: u32) -> bool {
        let window = window_of(at);
        let mut state = self.state.lock();
        let index = state.counted.iter().position(|(start, _)| *start == window);
        let before = index.and_then(|index| state.counted.remove(index)).map_or(0, |(_, bytes)| bytes);
        let bytes = before.saturating_add(u64::from(len));
        if bytes >= WORTHWHILE_BYTES {
            return true;
        }
        if state.counted.len() == COUNTED_WINDOWS {
            state.counted.pop_front();
        }
        state.counted.push_back((window, bytes));
        false
    }

    /// Holds a window that starts at a position, or as much of it as was written when it was read.
    pub(crate) fn put(&self, start: u64, bytes: Bytes) {
        let len = bytes.len() as u64;
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        if let Some(index) = state.held.iter().position(|(held, _)| *held == start) {
            if state.held.get(index).is_some_and(|(_, held)| held.len() >= bytes.len()) {
                return;
            }
            gone.extend(state.held.remove(index));
            state.bytes -= gone.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        }
        state.bytes += len;
        state.held.push_back((start, bytes));
        while state.bytes > self.limit
            && let Some(oldest) = state.held.pop_front()
        {
            state.bytes -= oldest.1.len() as u64;
            gone.push(oldest);
        }
        // Giving memory back takes time, which nobody needs to wait for.
        drop(state);
    }

    /// Forgets all windows before a position.
    pub(crate) fn trim(&self, upto: u64) {
        let mut state = self.state.lock();
        let mut bytes = state.bytes;
        state.held.retain(|(start, held)| {
            let keeps = *start >= upto;
            bytes -= if keeps { 0 } else { held.len() as u64 };
            keeps
        });
        state.bytes = bytes;
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_worth_reading_once_enough_of_it_was_wanted() {
        let windows = Windows::new(1 << 30);
        let piece = u32::try_from(WORTHWHILE_BYTES / 4).expect("small");
        let asked: Vec<bool> = (0..5).map(|n| windows.is_worthwhile(n * 100_000, piece)).collect();
        assert_eq!(asked, [false, false, false, true, false], "and is counted anew after it was read");
        assert!(!windows.is_worthwhile(WINDOW_BYTES, piece), "another window has its own count");
    }

    #[test]
    fn only_so_many_windows_are_counted() {
        let windows = Windows::new(0);
        let piece = u32::try_from(WORTHWHILE_BYTES - 1).expect("small");
        for window in 0..=COUNTED_WINDOWS as u64 {
            assert!(!windows.is_worthwhile(window * WINDOW_BYTES, piece));
        }
        assert!(!windows.is_worthwhile(0, piece), "the first was forgotten");
        assert!(windows.is_worthwhile(2 * WINDOW_BYTES, piece));
    }

    #[test]
    fn answers_what_lies_within_and_forgets_the_oldest() {
        let windows = Windows::new(250);
        for start in [0, 1000, 2000] {
            windows.put(start, Bytes::from(vec![u8::try_from(start / 1000).expect("small"); 100]));
        }
        assert_eq!((windows.get(0, 1), windows.bytes()), (None, 200));
        assert_eq!(windows.get(1000, 100), Some(Bytes::from(vec![1; 100])));
        assert_eq!(windows.get(2099, 1), Some(Bytes::from(vec![2])));
        for (at, len) in [(999, 1), (1099, 2), (u64::MAX, 1), (1000, u32::MAX)] {
            assert_eq!(windows.get(at, len), None, "{at} {len}");
        }
        windows.trim(2000);
        assert_eq!((windows.get(1000, 1), windows.bytes()), (None, 100));
        windows.put(2000, Bytes::from_static(b"shorter"));
        assert_eq!(windows.bytes(), 100, "held once");
        windows.put(2000, Bytes::from(vec![3; 150]));
        assert_eq!(
            (windows.bytes(), windows.get(2149, 1)),
            (150, Some(Bytes::from(vec![3]))),
            "the longer one"
        );
    }
}
