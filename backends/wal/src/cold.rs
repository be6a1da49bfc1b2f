//! Reads of what is not in memory: through windows where that pays, else each span alone.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{DataRef, ReadError};

use crate::disk::Access;
use crate::log::Log;
use crate::reader::{Workers, closed};
use crate::segments::Segment;
use crate::windows::{Loading, Source, WINDOW_BYTES, window_of};

/// Windows that one call of [`expect`] may have read, about as many as a reader of sixteen partitions gets with one answer,
/// and how much of what windows may hold, so that readers do not push out what the others are about to use.
const MOST_EXPECTED: usize = 16;
const EXPECTED_SHARE: u64 = 4;

/// Memory for reading counts as crowded when twice this is held, or twice what windows may hold.
const LEAST_HELD: u64 = 64 << 20;

/// Reads a span.
pub(crate) async fn read(log: &Arc<Log>, workers: &Workers, data: DataRef) -> Result<Bytes, ReadError> {
    if let Some(bytes) = through_windows(log, workers, data).await {
        return Ok(bytes);
    }
    let log = Arc::clone(log);
    let read = workers.run(move || read_alone(&log, data)).await;
    read.unwrap_or_else(|| Err(ReadError::Io { context: "cannot read".into(), source: closed() }))
}

/// Has the windows read of which these spans, which will be read soon, are a good part.
pub(crate) fn expect(log: &Arc<Log>, workers: &Workers, spans: &[DataRef]) {
    let most = usize::try_from(log.windows.limit() / WINDOW_BYTES / EXPECTED_SHARE).unwrap_or(usize::MAX);
    let most = MOST_EXPECTED.min(most);
    let wanted = spans.iter().filter(|data| log.cache.get(data.at.get(), data.len).is_none());
    let parts = wanted.flat_map(|data| parts(log, *data).into_iter().flatten());
    let loadings = parts.filter_map(|Part { window, wanted }| log.windows.expect(window, wanted));
    // When all threads are busy, a window is read when it is asked for.
    workers.try_run_all(loadings.take(most).map(|loading| {
        let log = Arc::clone(log);
        move || read_window(&log, loading)
    }));
}

/// A span out of the windows that it lies in; `None` when it should be read alone.
async fn through_windows(log: &Arc<Log>, workers: &Workers, data: DataRef) -> Option<Bytes> {
    let held = u64::try_from(log.pool.held()).unwrap_or(u64::MAX);
    let is_crowded = held / 2 > log.windows.limit().max(LEAST_HELD);
    let mut bytes: Option<Bytes> = None;
    for Part { window, wanted: part } in parts(log, data)? {
        let start = window.start;
        let content = ask(log, workers, window, part.clone()).await?;
        let from = usize::try_from(part.start - start).ok()?;
        let to = usize::try_from(part.end - start).ok()?;
        let piece = content.get(from..to)?;
        // A slice holds the whole window. Readers who take their answers slowly could so hold many times what is in them.
        let piece = if is_crowded { Bytes::copy_from_slice(piece) } else { content.slice_ref(piece) };
        bytes = Some(match bytes {
            None => piece,
            // Few spans lie across an edge, and those are copied.
            Some(before) => Bytes::from([before, piece].concat()),
        });
    }
    bytes
}

/// The content of a window of which a part is wanted.
async fn ask(log: &Arc<Log>, workers: &Workers, window: Range<u64>, part: Range<u64>) -> Option<Bytes> {
    let mut content = match log.windows.ask(window, part) {
        Source::Held(content) => content,
        Source::Alone => return None,
        Source::Read(loading) => {
            let content = loading.watch()?;
            let log = Arc::clone(log);
            workers.run(move || read_window(&log, loading)).await?;
            content
        }
    };
    // An error means that it could not be read.
    let content = content.wait_for(Option::is_some).await.ok()?;
    content.clone()
}

/// What of a span lies in one window, as ranges of positions.
struct Part {
    window: Range<u64>,
    wanted: Range<u64>,
}

/// The parts of a span, at most two. `None` when the span is large enough to be read alone, or not within what never
/// changes any more.
fn parts(log: &Log, data: DataRef) -> Option<impl Iterator<Item = Part>> {
    let (at, len) = (data.at.get(), u64::from(data.len));
    let end = at.checked_add(len).filter(|_| (1..=WINDOW_BYTES).contains(&len))?;
    let segment = log.segments.covering(at).filter(|segment| end <= segment.end())?;
    let window = |position| {
        let start = window_of(position);
        start.max(segment.start)..start.saturating_add(WINDOW_BYTES).min(segment.end())
    };
    let (first, last) = (window(at), window(end - 1));
    // What has not been acknowledged may still change.
    if last.end > log.committed() {
        return None;
    }
    let edge = if first == last { end } else { last.start };
    let second = (edge < end).then_some(Part { window: last, wanted: edge..end });
    Some(iter::once(Part { window: first, wanted: at..edge }).chain(second))
}

/// Reads a window for all who want it.
fn read_window(log: &Log, loading: Loading) {
    let Range { start, end } = loading.extent;
    let Some(segment) = log.segments.covering(start) else { return };
    let mut memory = log.pool.get(usize::try_from(end - start).unwrap_or_default());
    // Windows are aligned as blocks are: past the page cache, without a copy, and without pushing anything out of it.
    let file = log.disk.open(&segment.name(), Access::Log);
    let read = file.and_then(|file| file.read(start - segment.start, memory.as_mut()));
    // Whoever wants a part of what cannot be read learns why when he reads it alone.
    let Ok(read) = read else { return };
    if !is_there(log, &segment) {
        return;
    }
    let mut bytes = memory.freeze();
    bytes.truncate(read);
    log.metrics.cold_reads.inc();
    log.metrics.cold_read_bytes.inc_by(bytes.len() as u64);
    loading.finish(bytes);
}

/// Reads a span from its file.
pub(crate) fn read_alone(log: &Log, data: DataRef) -> Result<Bytes, ReadError> {
    let (at, len) = (data.at.get(), u64::from(data.len));
    let not_found = ReadError::NotFound { at: data.at };
    let within = at.checked_add(len).is_some_and(|end| end <= log.committed());
    let Some(segment) = log.segments.covering(at).filter(|segment| within && at + len <= segment.end())
    else {
        return Err(not_found);
    };
    let (name, offset) = (segment.name(), at - segment.start);
    let mut memory = log.pool.get(usize::try_from(len).unwrap_or_default());
    let file = log.disk.open(&name, Access::Read);
    let read = file.and_then(|file| file.read(offset, memory.as_mut()));
    if !is_there(log, &segment) {
        return Err(not_found);
    }
    let file = log.disk.show(&name);
    match read {
        Ok(read) if read as u64 == len => {
            log.metrics.cold_reads.inc();
            log.metrics.cold_read_bytes.inc_by(len);
            Ok(memory.freeze())
        }
        Ok(read) => {
            let (offset, reason) = (offset + read as u64, "the file ends here".to_owned());
            log.note_damage(&file, offset, &reason);
            Err(ReadError::Damaged { file, offset, reason })
        }
        Err(source) => {
            log.note_damage(&file, offset, &source.to_string());
            Err(ReadError::Io { context: format!("cannot read {file} at byte {offset}"), source })
        }
    }
}

/// Whether a segment has not been given up, and its file perhaps written again, while it was read.
fn is_there(log: &Log, segment: &Segment) -> bool {
    log.segments.starting_at(segment.start).is_some()
}
