//! How a broker core is opened, and why that can fail.

use std::sync::Arc;

use chronik_backend::{Damage, FollowError, ObjectError, ObjectName, Position, READ_ONLY_ADVICE};
use chronik_config::Settings;
use chronik_types::{Clock, Entropy};

use crate::{ChangeError, Halt};

/// What a broker core is made with.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// The settings as they were loaded.
    pub settings: Settings,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where ids of topics and of the cluster come from.
    pub entropy: Entropy,
    /// Bytes of records that may be on their way to storage; beyond, produces wait for room. Below the limit of the
    /// backend's own queue.
    pub append_room_bytes: usize,
    /// Bytes of indexes of old segments that are held in memory.
    pub index_cache_bytes: usize,
}

impl BrokerOptions {
    /// Options with the defaults for what is not given.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, entropy: Entropy) -> Self {
        Self { settings, clock, entropy, append_room_bytes: 48 << 20, index_cache_bytes: 64 << 20 }
    }
}

/// Why a broker core could not be opened. Nothing was changed in storage.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be followed.
    #[error("the journal cannot be read")]
    Follow(#[source] FollowError),
    /// The journal is damaged at its very start, so that there is nothing to read.
    #[error("nothing of the journal can be read: {damage}; nothing was changed; {READ_ONLY_ADVICE}")]
    Damaged {
        /// Where, and what was found.
        damage: Damage,
    },
    /// An entry of the journal cannot be applied.
    #[error("the journal cannot be applied")]
    Halted(#[source] Arc<Halt>),
    /// The objects beside the journal cannot be listed.
    #[error("the checkpoints cannot be listed")]
    Objects(#[source] ObjectError),
    /// An index may be intact, and the system does not let it be read.
    #[error(
        "the index of the journal segment at {segment} cannot be read now; try again, and if that does not help, remove the object: it is made again as far as the journal reaches back"
    )]
    Index {
        /// Start of the segment.
        segment: Position,
        /// What storage said.
        #[source]
        source: ObjectError,
    },
    /// A checkpoint may be intact, its copy is not, and the system does not let it be read.
    #[error("{name} cannot be read now; try again, and if that does not help, restore it from a backup")]
    Checkpoint {
        /// The checkpoint.
        name: ObjectName,
        /// What storage said.
        #[source]
        source: ObjectError,
    },
    /// A later program wrote a checkpoint.
    #[error("{name} was written by a newer program; start that one again")]
    Newer {
        /// The checkpoint.
        name: ObjectName,
        /// Which version was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The journal was trimmed, and no checkpoint covers what is missing.
    #[error(
        "the journal starts at {start}, and no intact checkpoint covers what came before; restore the checkpoint objects from a backup"
    )]
    NoCheckpoint {
        /// Where the journal starts.
        start: Position,
    },
    /// The cluster could not be named at the first start.
    #[error("the new cluster could not be given its id")]
    Name(#[source] ChangeError),
    /// The thread that replays the journal ended early.
    #[error("the replay of the journal was ended")]
    Interrupted(#[from] tokio::task::JoinError),
}
