//! The segments of the journal and which of them still hold records that can be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_backend::Position;
use parking_lot::Mutex;

use crate::Partition;

/// The table of segments. The applier adds and seals, retention and the checkpointer take away.
#[derive(Debug, Default)]
pub(crate) struct Segments(Mutex<BTreeMap<Position, Segment>>);

#[derive(Debug, Default)]
struct Segment {
    /// Where it ends; `None` while it is open.
    end: Option<Position>,
    /// Partitions with records in it.
    live: u32,
    /// Whether any partition ever had records in it.
    used: bool,
    /// The partitions that have entries in memory for it; emptied when its index object is durable.
    resident: Vec<Arc<Partition>>,
}

impl Segments {
    /// A sealed segment, as a checkpoint describes it.
    pub(crate) fn restore(&self, start: Position, end: Position, live: u32) {
        let segment = Segment { end: Some(end), live, used: live > 0, resident: Vec::new() };
        self.0.lock().insert(start, segment);
    }

    /// A partition has its first batch in a segment.
    pub(crate) fn occupy(&self, start: Position, partition: &Arc<Partition>) {
        let mut segments = self.0.lock();
        let segment = segments.entry(start).or_default();
        segment.live += 1;
        segment.used = true;
        segment.resident.push(Arc::clone(partition));
    }

    /// A partition has nothing left in these segments; true when one of them is empty now.
    pub(crate) fn release(&self, starts: &[Position]) -> bool {
        let mut segments = self.0.lock();
        let mut emptied = false;
        for start in starts {
            if let Some(segment) = segments.get_mut(start) {
                segment.live = segment.live.saturating_sub(1);
                emptied |= segment.live == 0;
            }
        }
        emptied
    }

    /// The segment at `start` ends.
    pub(crate) fn seal(&self, start: Position, end: Position) {
        self.0.lock().entry(start).or_default().end = Some(end);
    }

    /// The partitions whose entries of a segment are in memory.
    pub(crate) fn resident(&self, start: Position) -> Vec<Arc<Partition>> {
        self.0.lock().get(&start).map(|segment| segment.resident.clone()).unwrap_or_default()
    }

    /// The index object of a segment is durable.
    pub(crate) fn stored(&self, start: Position) {
        if let Some(segment) = self.0.lock().get_mut(&start) {
            segment.resident = Vec::new();
        }
    }

    /// Start and end of the sealed segments below `end`, in order.
    pub(crate) fn sealed_below(&self, end: Position) -> Vec<(Position, Position)> {
        let segments = self.0.lock();
        let sealed = segments.iter().filter_map(|(start, segment)| Some((*start, segment.end?)));
        sealed.filter(|(_, segment_end)| *segment_end <= end).collect()
    }

    /// Where the journal can be cut: the end of the leading segments without records that a checkpoint at `checkpoint`
    /// covers. `None` when there are none.
    pub(crate) fn trimmable(&self, checkpoint: Position) -> Option<Position> {
        let segments = self.0.lock();
        let dead = segments.values().map_while(|segment| (segment.live == 0).then_some(segment.end?));
        dead.take_while(|end| *end <= checkpoint).last()
    }

    /// Forgets the segments below `start`; returns where they started.
    pub(crate) fn trimmed(&self, start: Position) -> Vec<Position> {
        let mut segments = self.0.lock();
        let kept = segments.split_off(&start);
        std::mem::replace(&mut *segments, kept).into_keys().collect()
    }

    /// Whether the open segment has had records, and has none any more.
    pub(crate) fn active_is_dead(&self) -> bool {
        let segments = self.0.lock();
        segments.values().next_back().is_some_and(|last| last.end.is_none() && last.used && last.live == 0)
    }
}
