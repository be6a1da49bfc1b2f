//! What a power cut could have left: at any step of a record all that was synced, and of the rest any subset, with writes
//! torn at sectors or pages.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chronik_types::Entropy;

use super::{Event, SimDisk, grow, overwrite, parent};

/// Walks through a record and knows at each step what is durable and what is not yet.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    dirs: BTreeSet<String>,
    /// Changes of names that no sync of their directory has covered.
    pending: Vec<Event>,
    boot: u64,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write { offset: u64, bytes: Bytes, id: u64, returned: bool },
    Allocate(u64),
}

impl Replay {
    /// Starts with a disk whose content is durable, before anything in its record.
    pub(crate) fn from(disk: &SimDisk) -> Self {
        let inner = disk.inner.lock();
        assert!(inner.record.is_empty(), "the record begins with an untouched disk");
        let inodes = inner.inodes.iter();
        let inodes = inodes.map(|content| Inode { durable: content.clone(), pending: Vec::new() });
        let (names, dirs) = (inner.names.clone(), inner.dirs.clone());
        Self { inodes: inodes.collect(), names, dirs, pending: Vec::new(), boot: inner.boot }
    }

    pub(crate) fn step(&mut self, event: &Event) {
        match event {
            Event::Write { inode, offset, bytes, id } => self.inodes[*inode].pending.push(Pending::Write {
                offset: *offset,
                bytes: bytes.clone(),
                id: *id,
                returned: false,
            }),
            Event::Written { inode, id: written, durable } => {
                let Inode { durable: content, pending } = &mut self.inodes[*inode];
                pending.retain_mut(|pending| match pending {
                    Pending::Write { offset, bytes, id, .. } if id == written && *durable => {
                        overwrite(content, *offset, bytes);
                        false
                    }
                    Pending::Write { id, returned, .. } => {
                        *returned |= id == written;
                        true
                    }
                    Pending::Allocate(_) => true,
                });
            }
            Event::Allocate { inode, len } => self.inodes[*inode].pending.push(Pending::Allocate(*len)),
            Event::Sync { inode } => {
                let Inode { durable: content, pending } = &mut self.inodes[*inode];
                pending.retain(|pending| match pending {
                    Pending::Write { offset, bytes, returned: true, .. } => {
                        overwrite(content, *offset, bytes);
                        false
                    }
                    Pending::Write { .. } => true,
                    Pending::Allocate(len) => {
                        grow(content, *len);
                        false
                    }
                });
            }
            Event::Create { inode, .. } => {
                self.inodes.resize_with(self.inodes.len().max(inode + 1), Inode::default);
                self.pending.push(event.clone());
            }
            Event::Rename { .. } | Event::Remove { .. } | Event::MakeDir { .. } => {
                self.pending.push(event.clone());
            }
            Event::SyncDir { path } => {
                for change in std::mem::take(&mut self.pending) {
                    if parent(changed_path(&change)) == path {
                        change_name(&mut self.names, &mut self.dirs, &change);
                    } else {
                        self.pending.push(change);
                    }
                }
            }
            Event::Mark(_) => {}
        }
    }

    /// A disk as a power cut could leave it here.
    pub(crate) fn cut_power(&self, entropy: &Entropy) -> SimDisk {
        // Mostly a coin for each, sometimes all or nothing, because the extremes are the likeliest in life.
        let bias = entropy.below(4);
        let survives = || match bias {
            0 => true,
            1 => false,
            _ => entropy.below(2) == 0,
        };
        let mut names = self.names.clone();
        let mut dirs = self.dirs.clone();
        for change in self.pending.iter().filter(|_| survives()) {
            change_name(&mut names, &mut dirs, change);
        }
        let content = |number: usize| {
            let inode = &self.inodes[number];
            let mut content = inode.durable.clone();
            for pending in inode.pending.iter().filter(|_| survives()) {
                match pending {
                    Pending::Write { offset, bytes, .. } => torn(&mut content, *offset, bytes, entropy),
                    Pending::Allocate(len) => {
                        grow(&mut content, *len);
                    }
                }
            }
            content
        };
        let named: BTreeSet<usize> = names.values().copied().collect();
        let inodes = (0..self.inodes.len()).map(|number| match named.contains(&number) {
            true => content(number),
            false => Vec::new(),
        });
        let inodes = inodes.collect();
        // A name whose file never reached the disk cannot be there.
        dirs.retain(|dir| parent(dir).is_empty() || self.dirs.contains(parent(dir)));
        SimDisk::with(inodes, names, dirs, self.boot + 1)
    }
}

fn changed_path(change: &Event) -> &str {
    match change {
        Event::Create { path, .. } | Event::Remove { path } | Event::MakeDir { path } => path,
        Event::Rename { to, .. } => to,
        other => panic!("not a change of a name: {other:?}"),
    }
}

fn change_name(names: &mut BTreeMap<String, usize>, dirs: &mut BTreeSet<String>, change: &Event) {
    match change {
        Event::Create { path, inode } => drop(names.insert(path.clone(), *inode)),
        Event::Rename { from, to } => {
            // Without its old name on disk the file cannot get a new one.
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Event::Remove { path } => drop(names.remove(path)),
        Event::MakeDir { path } => drop(dirs.insert(path.clone())),
        other => panic!("not a change of a name: {other:?}"),
    }
}

/// Applies a write whole or in part.
fn torn(content: &mut Vec<u8>, offset: u64, bytes: &[u8], entropy: &Entropy) {
    let unit = if entropy.below(2) == 0 { 512 } else { 4096 };
    let units = bytes.len().div_ceil(unit) as u64;
    let mode = entropy.below(3);
    let until = entropy.below(units + 1);
    for (number, piece) in (0..).zip(bytes.chunks(unit)) {
        let there = match mode {
            0 => true,
            1 => number < until,
            _ => entropy.below(2) == 0,
        };
        if there {
            overwrite(content, offset + number * unit as u64, piece);
        }
    }
}
