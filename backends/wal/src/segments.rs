//! The segment files of a directory: found, created, recycled, removed.
//!
//! Names become visible only when what they name is whole: a header is written and synced before its file gets the
//! name of a segment, and the directory is synced after every change of a name. Trimming removes the oldest first, the
//! repair of the end the newest, and one that cannot be removed is still there, so a gap between two of them is never our
//! doing. One removed file stays as `spare` for the next segment: its pages are
//! on disk already, and writing over them is cheaper than allocating new ones.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::OpenError;
use crate::buffer::Pool;
use crate::disk::{Access, Disk, DiskFile, Persist};
use crate::format::{Defect, PAGE, SegmentHeader, VERSION, segment_name, segment_start};

const SPARE: &str = "spare";

/// A segment that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Position of its first byte.
    pub(crate) start: u64,
    /// Size of its file.
    pub(crate) bytes: u64,
    /// Epoch in which it was created.
    pub(crate) epoch: u64,
    /// Why its header cannot be believed.
    pub(crate) defect: Option<Defect>,
}

impl Segment {
    pub(crate) fn name(&self) -> String {
        segment_name(self.start)
    }

    /// Position of the segment after it.
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }
}

/// All segments of a log.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    pool: Arc<Pool>,
    log_id: u64,
    by_start: RwLock<BTreeMap<u64, Arc<Segment>>>,
    /// Whether there is a spare. Held while names change, so that changes come one at a time.
    spare: Mutex<bool>,
}

/// A new segment, open for writing.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Whether its pages have been written before.
    pub(crate) recycled: bool,
}

/// Finds the segments of a directory, with their headers.
pub(crate) fn find(disk: &dyn Disk) -> Result<Vec<(Segment, Option<u64>)>, OpenError> {
    let failed = |name: &str, source| OpenError::io("read", &disk.show(name), source);
    let names = disk.list("").map_err(|source| failed("", source))?;
    let mut found = Vec::new();
    for name in names {
        let Some(start) = segment_start(&name) else { continue };
        let file = disk.open(&name, Access::Read).map_err(|source| failed(&name, source))?;
        let bytes = file.len().map_err(|source| failed(&name, source))?;
        let mut page = [0; 64];
        file.read(0, &mut page).map_err(|source| failed(&name, source))?;
        found.push(match SegmentHeader::decode(&page) {
            Ok(header) if header.start == start => {
                let SegmentHeader { log_id, bytes, epoch, .. } = header;
                (Segment { start, bytes, epoch, defect: None }, Some(log_id))
            }
            Ok(header) => {
                let defect = Some(Defect::Misplaced(header.start));
                (Segment { start, bytes, epoch: 0, defect }, None)
            }
            Err(Defect::Newer(version)) => {
                let (version, supported) = (u64::from(version), u64::from(VERSION));
                return Err(OpenError::Newer { file: disk.show(&name), version, supported });
            }
            Err(defect) => (Segment { start, bytes, epoch: 0, defect: Some(defect) }, None),
        });
    }
    found.sort_by_key(|(segment, _)| segment.start);
    Ok(found)
}

impl Segments {
    /// Takes over what [`find`] found.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        pool: Arc<Pool>,
        log_id: u64,
        found: Vec<(Segment, Option<u64>)>,
    ) -> io::Result<Self> {
        let spare = disk.list("")?.iter().any(|name| name == SPARE);
        let by_start = found.into_iter().map(|(mut segment, id)| {
            if id.is_some_and(|id| id != log_id) {
                segment.defect = Some(Defect::Foreign);
            }
            (segment.start, Arc::new(segment))
        });
        let by_start = RwLock::new(by_start.collect());
        Ok(Self { disk, pool, log_id, by_start, spare: Mutex::new(spare) })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.by_start.read().values().cloned().collect()
    }

    pub(crate) fn first(&self) -> Option<Arc<Segment>> {
        self.by_start.read().values().next().cloned()
    }

    pub(crate) fn starting_at(&self, start: u64) -> Option<Arc<Segment>> {
        self.by_start.read().get(&start).cloned()
    }

    /// The segment that covers a position.
    pub(crate) fn covering(&self, position: u64) -> Option<Arc<Segment>> {
        let by_start = self.by_start.read();
        let (_, segment) = by_start.range(..=position).next_back()?;
        (position < segment.end()).then(|| Arc::clone(segment))
    }

    /// Bytes of all files, the spare included if it has this size.
    pub(crate) fn bytes(&self, spare_bytes: u64) -> u64 {
        let segments: u64 = self.by_start.read().values().map(|segment| segment.bytes).sum();
        segments + if *self.spare.lock() { spare_bytes } else { 0 }
    }

    /// Makes a segment durable under its name, from the spare if there is one.
    pub(crate) fn create(&self, start: u64, bytes: u64, epoch: u64) -> io::Result<Created> {
        let mut spare = self.spare.lock();
        let recycled = *spare && self.spare_is_usable(bytes)?;
        if *spare && !recycled {
            self.remove_spare(&mut spare)?;
        }
        let file = if recycled {
            self.disk.open(SPARE, Access::Log)?
        } else {
            let file = self.disk.create(SPARE, Access::Log)?;
            *spare = true;
            // What a full disk leaves of it must not stay in the way.
            if let Err(error) = file.allocate(bytes) {
                self.remove_spare(&mut spare)?;
                return Err(error);
            }
            file
        };
        let segment = Segment { start, bytes, epoch, defect: None };
        let mut page = self.pool.get(usize::try_from(PAGE).unwrap_or_default());
        SegmentHeader { log_id: self.log_id, start, bytes, epoch }.encode(page.as_mut());
        file.write(0, page.as_ref(), Persist::Later)?;
        file.sync()?;
        self.disk.rename(SPARE, &segment.name())?;
        *spare = false;
        self.disk.sync_dir("")?;
        let segment = Arc::new(segment);
        self.by_start.write().insert(start, Arc::clone(&segment));
        Ok(Created { segment, file, recycled })
    }

    /// Removes a segment; its file becomes the spare if there is none and it has the right size. On an error it is still
    /// there, unless only how durably it is gone is not known.
    pub(crate) fn remove(&self, segment: &Segment, spare_bytes: u64) -> io::Result<()> {
        let mut spare = self.spare.lock();
        // Readers that look it up from now on learn that it is gone before its pages are used again.
        let removed = self.by_start.write().remove(&segment.start);
        let recycle = !*spare && segment.bytes == spare_bytes && segment.defect.is_none();
        let gone = if recycle {
            self.disk.rename(&segment.name(), SPARE)
        } else {
            self.disk.remove(&segment.name())
        };
        if let Err(error) = gone {
            // A rename in two steps may have made the new name.
            *spare |= recycle && self.disk.open(SPARE, Access::Read).is_ok();
            self.by_start.write().extend(removed.map(|removed| (removed.start, removed)));
            return Err(error);
        }
        *spare |= recycle;
        self.disk.sync_dir("")
    }

    /// Whether the spare has the size of a segment, and is not a segment as well: a rename in two steps that was interrupted
    /// leaves both names.
    fn spare_is_usable(&self, bytes: u64) -> io::Result<bool> {
        let file = self.disk.open(SPARE, Access::Read)?;
        Ok(file.len()? == bytes && file.names()? == 1)
    }

    fn remove_spare(&self, spare: &mut bool) -> io::Result<()> {
        self.disk.remove(SPARE)?;
        *spare = false;
        self.disk.sync_dir("")
    }
}
