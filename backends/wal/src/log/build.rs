//! Makes blocks of what waits.
//!
//! A block takes everything that is queued and fits, up to [`MAX_BLOCK`]; one large entry may exceed that. Its bytes
//! are copied once, into aligned memory that then serves as the cache of the tail.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, AppendError, Committed, DataRef, Position};
use parking_lot::MutexGuard;

use super::queue::{self, Item, Queue};
use super::{Log, Phase};
use crate::Durability;
use crate::disk::DiskFile;
use crate::format::{BLOCK_HEADER, BlockHeader, ENTRY_HEADER, PAGE, crc32c, mark, padded};
use crate::log::housekeeping::Zeroing;
use crate::segments::Segment;
use crate::slabs::Room;

/// Where the next block goes.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// The segment being written; `None` before the end of the log is known.
    pub(super) active: Option<Active>,
    /// The segment after it, once it is ready.
    pub(super) next: Option<Target>,
    /// Somebody waits for `next`.
    pub(super) wanted: bool,
    /// An attempt to make `next` ahead of time failed; the next one is made when it is wanted.
    pub(super) failed_early: bool,
    /// Number of the next group.
    pub(super) sequence: u64,
    /// Header checksum of the last block.
    pub(super) previous: u32,
}

/// The segment being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) target: Target,
    /// Byte in the file where the next block begins.
    pub(super) at: u64,
    pub(super) has_entries: bool,
    /// Length of recent blocks, on average.
    pub(super) block_bytes: u64,
}

/// A segment open for writing.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) zeroing: Arc<Zeroing>,
}

/// A block on its way to the disk, and what to say when it is there.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) sequence: u64,
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Byte in the file.
    pub(crate) offset: u64,
    /// The bytes; none when there is only something to say.
    pub(crate) block: Bytes,
    /// The data section in it.
    pub(super) data: Bytes,
    pub(super) data_at: u64,
    /// Memory that the block occupies.
    pub(super) occupied: u64,
    pub(crate) commits: Vec<Committed>,
    /// Boundary that follows the entries.
    pub(super) sealed: Option<Position>,
    /// Whether it ends the log cleanly.
    pub(super) closes: bool,
    /// Position after it.
    pub(super) end: u64,
    /// Bytes of the entries.
    pub(super) entry_bytes: u64,
}

/// What the next block is for.
enum Plan {
    Entries(Vec<Append>),
    Seal,
    Close,
}

impl Log {
    /// Makes a block of what waits; `None` when nothing should be written now.
    pub(crate) fn take(&self) -> Option<Group> {
        let mut refused = Vec::new();
        let mut builder = self.builder.lock();
        let plan = self.plan(&mut builder, &mut refused);
        let group = plan.and_then(|plan| self.build(&mut builder, plan));
        if self.has_chore(&builder) {
            self.housework.notify_one();
        }
        drop(builder);
        self.refuse(refused);
        group
    }

    fn plan(&self, builder: &mut Builder, refused: &mut Vec<(u64, AppendError)>) -> Option<Plan> {
        let mut queue = self.queue.lock();
        while self.is_ready(&queue) {
            let has_entries = builder.active.as_ref().is_some_and(|active| active.has_entries);
            match queue.front() {
                None => {
                    queue.phase = Phase::Marking;
                    queue.begin(0);
                    return Some(Plan::Close);
                }
                Some(Item::Seal) if has_entries && builder.next.is_some() => {
                    queue.pop();
                    queue.begin(0);
                    return Some(Plan::Seal);
                }
                Some(Item::Seal) if !has_entries || queue.no_space() => drop(queue.pop()),
                Some(Item::Seal) => return self.block(builder, &mut queue),
                Some(Item::Append(_)) => {
                    let picked = self.pick(builder, &mut queue);
                    if !picked.is_empty() {
                        queue.begin(picked.iter().map(queue::size).sum());
                        self.wake_writer(&queue);
                        return Some(Plan::Entries(picked));
                    }
                    if builder.next.is_some() {
                        queue.begin(0);
                        return Some(Plan::Seal);
                    }
                    let Some(error) = queue.full_error() else { return self.block(builder, &mut queue) };
                    if let Some(Item::Append(append)) = queue.pop() {
                        refused.push((append.token, error));
                    }
                }
            }
        }
        None
    }

    /// Makes everybody wait until the next segment is there, or known to be impossible.
    fn block(&self, builder: &mut Builder, queue: &mut MutexGuard<'_, Queue>) -> Option<Plan> {
        queue.blocked = true;
        builder.wanted = true;
        None
    }

    /// The entries at the front that fit into one block of this segment.
    fn pick(&self, builder: &Builder, queue: &mut MutexGuard<'_, Queue>) -> Vec<Append> {
        let Some(active) = &builder.active else { return Vec::new() };
        let left = active.target.segment.bytes.saturating_sub(active.at + PAGE);
        let left_for_data = if builder.next.is_some() { left } else { left.saturating_sub(self.reserve()) };
        let mut picked = Vec::new();
        let mut length = BLOCK_HEADER as u64;
        while let Some(Item::Append(append)) = queue.front() {
            let longer = length + ENTRY_HEADER as u64 + queue::size(append);
            let room = match append.class {
                AppendClass::Data => left_for_data,
                AppendClass::Control => left,
            };
            if padded(longer) > room || (!picked.is_empty() && longer > MAX_BLOCK) {
                break;
            }
            length = longer;
            if let Some(Item::Append(append)) = queue.pop() {
                picked.push(append);
            }
        }
        picked
    }

    fn build(&self, builder: &mut Builder, plan: Plan) -> Option<Group> {
        let (entries, marks, closes) = match plan {
            Plan::Entries(entries) => (entries, 0, false),
            Plan::Seal => (Vec::new(), mark::SEAL, false),
            Plan::Close => (Vec::new(), mark::CLOSE, true),
        };
        let Builder { active, next, sequence, previous, .. } = builder;
        let active = active.as_mut()?;
        let Target { segment, file, zeroing } = active.target.clone();
        let mut group = Group {
            sequence: *sequence,
            segment,
            file,
            offset: active.at,
            block: Bytes::new(),
            data: Bytes::new(),
            data_at: 0,
            occupied: 0,
            commits: Vec::new(),
            sealed: None,
            closes,
            end: active.target.segment.start + active.at,
            entry_bytes: entries.iter().map(queue::size).sum(),
        };
        *sequence += 1;
        // The mark of a clean end is worth having, but not the last page, which belongs to the seal.
        if closes && active.at + 2 * PAGE > active.target.segment.bytes {
            return Some(group);
        }
        let mut header = BlockHeader {
            marks: marks | self.unsynced(),
            epoch: self.epoch(),
            position: group.end,
            committed: self.committed(),
            previous: *previous,
            ..BlockHeader::default()
        };
        self.encode(&mut group, &mut header, entries);
        *previous = header.crc;
        zeroing.reserve(active.at + header.length());
        active.at += header.length();
        active.has_entries |= header.entries > 0;
        active.block_bytes = (active.block_bytes * 7 + header.length()) / 8;
        group.end = header.end();
        if header.has(mark::SEAL)
            && let Some(target) = next.take()
        {
            group.sealed = Some(Position::new(target.segment.start));
            group.end = target.segment.start;
            *active = Active { target, at: PAGE, has_entries: false, block_bytes: active.block_bytes };
        }
        Some(group)
    }

    /// Lays the block out in aligned memory.
    fn encode(&self, group: &mut Group, header: &mut BlockHeader, entries: Vec<Append>) {
        let data_len = |append: &Append| append.data.iter().map(Bytes::len).sum::<usize>();
        let meta: usize = entries.iter().map(|append| ENTRY_HEADER + append.entry.len()).sum();
        let data: usize = entries.iter().map(data_len).sum();
        header.entries = length(entries.len());
        header.meta_len = length(meta);
        header.data_len = data as u64;
        let total = usize::try_from(header.length()).unwrap_or_default();
        let Room { bytes: mut block, occupied } = self.slabs.get(total);
        block.resize(BLOCK_HEADER, 0);

        for append in &entries {
            block.extend_from_slice(&length(append.entry.len()).to_le_bytes());
            block.extend_from_slice(&length(data_len(append)).to_le_bytes());
            block.extend_from_slice(&append.entry);
        }
        let (meta_end, data_end) = (BLOCK_HEADER + meta, BLOCK_HEADER + meta + data);
        let mut entry_at = header.position + BLOCK_HEADER as u64;
        group.data_at = header.position + meta_end as u64;
        group.commits.reserve_exact(entries.len());
        for append in entries {
            let position = Position::new(entry_at);
            entry_at += (ENTRY_HEADER + append.entry.len()) as u64;
            let at = Position::new(header.position + block.len() as u64);
            let len = length(data_len(&append));
            append.data.iter().for_each(|part| block.extend_from_slice(part));
            let (token, entry) = (Some(append.token), append.entry);
            group.commits.push(Committed { position, token, entry, data: DataRef { at, len } });
        }
        block.resize(total, 0);
        let (head, body) = block.split_at_mut(BLOCK_HEADER);
        header.meta_crc = crc32c(body.get(..meta).unwrap_or_default());
        header.data_crc = crc32c(body.get(meta..meta + data).unwrap_or_default());
        header.encode(self.log_id, head);

        group.occupied = occupied;
        group.block = self.slabs.freeze(block);
        group.data = group.block.slice(meta_end..data_end);
    }

    /// The mark of blocks that are acknowledged before they are synced.
    pub(super) fn unsynced(&self) -> u16 {
        match self.settings.durability {
            Durability::Fsync => 0,
            Durability::Os => mark::UNSYNCED,
        }
    }
}

/// A length that [`Log::append`] has checked against its limit.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Bytes of a block beyond which it takes no further entry.
const MAX_BLOCK: u64 = 4 << 20;
