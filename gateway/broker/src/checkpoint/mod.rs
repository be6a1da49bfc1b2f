//! Checkpoints: what makes a start short, and trimming of the journal possible.

mod format;
mod load;
mod write;

pub(crate) use format::Checkpoint;
#[cfg(feature = "fuzzing")]
pub(crate) use format::{decode, encode};
pub(crate) use load::choose;
pub(crate) use write::Checkpointer;
