//! Why a gateway must not go on.

use chronik_backend::Position;
use chronik_state::{DecodeError, Diverged};

/// The journal says something that this process cannot follow. Nothing is applied or acknowledged any more; the process
/// has to end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// An entry cannot be read.
    #[error("the journal entry at {position} cannot be read")]
    Undecodable {
        /// Its position.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// An entry claims more data than came with it.
    #[error("the journal entry at {position} describes more bytes than the {len} that came with it")]
    MissingData {
        /// Its position.
        position: Position,
        /// Bytes of data.
        len: u32,
    },
    /// This gateway's state differs from that of another.
    #[error(transparent)]
    Diverged(#[from] Diverged),
}
