//! What concerns the cluster as a whole: its name, and the check that all gateways hold the same state.

use chronik_types::ClusterId;

use crate::codec::{DecodeError, Reader, Writer};

/// The hash of the state as it was just before the entry at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashAt {
    /// Position of the [`CheckHash`] entry that had it taken.
    pub position: u64,
    /// The hash.
    pub hash: u64,
}

impl HashAt {
    pub(crate) fn write(self, w: &mut Writer) {
        w.u64(self.position);
        w.u64(self.hash);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { position: r.u64("hash position")?, hash: r.u64("hash")? })
    }
}

/// Has every gateway take the hash of its state at this place in the order, and compare the hash that it took at the
/// previous such entry with the one of the gateway that proposes this one.
///
/// The hash in an entry is always that of an earlier entry, because nobody knows the state at his own entry's place
/// before the journal has put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckHash {
    /// [`crate::State::last_hash`] of the proposer; `None` when it has none yet.
    pub known: Option<HashAt>,
}

impl CheckHash {
    /// Layout: optional position u64 and hash u64.
    pub(crate) fn write(self, w: &mut Writer) {
        w.optional(self.known, |w, known| known.write(w));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { known: r.optional("known hash", HashAt::read)? })
    }
}

/// Two gateways hold different states after the same entries: one of them is broken, and this one must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this gateway's state has diverged: before position {position} its hash is {ours:016x}, another gateway has {theirs:016x}"
)]
pub struct Diverged {
    /// The place in the order.
    pub position: u64,
    /// The hash of the state here.
    pub ours: u64,
    /// The hash of the gateway that proposed the check.
    pub theirs: u64,
}

/// Facts of the cluster as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cluster {
    id: Option<ClusterId>,
    last_hash: Option<HashAt>,
}

impl Cluster {
    pub(crate) fn id(&self) -> Option<&ClusterId> {
        self.id.as_ref()
    }

    pub(crate) fn last_hash(&self) -> Option<HashAt> {
        self.last_hash
    }

    /// Names the cluster unless it has a name; returns the name it has.
    pub(crate) fn name(&mut self, id: &ClusterId) -> ClusterId {
        self.id.get_or_insert_with(|| id.clone()).clone()
    }

    /// Compares what was known with what was taken then, and keeps what was taken now.
    pub(crate) fn check_hash(&mut self, check: CheckHash, now: HashAt) -> Result<(), Diverged> {
        let taken = self.last_hash.replace(now);
        match (check.known, taken) {
            (Some(theirs), Some(ours)) if theirs.position == ours.position && theirs.hash != ours.hash => {
                Err(Diverged { position: ours.position, ours: ours.hash, theirs: theirs.hash })
            }
            _ => Ok(()),
        }
    }

    /// Layout: optional cluster id text, optional position u64 and hash u64.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.optional(self.id.as_ref(), |w, id| w.text(id.as_str()));
        w.optional(self.last_hash, |w, hash| hash.write(w));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: r.optional("cluster id", |r| r.text("cluster id").map(ClusterId::new))?,
            last_hash: r.optional("last hash", HashAt::read)?,
        })
    }
}
