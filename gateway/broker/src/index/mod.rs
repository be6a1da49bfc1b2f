//! Where batches lie: per partition one part for each journal segment, with an entry for each batch.
//!
//! Parts of the open segment are in memory. When a segment is sealed its parts move into one immutable object, and are
//! read back through a cache. Everything here is derived from the journal and can be made again from it.

mod batch_index;
mod cache;
mod entry;
mod object;
mod part;
mod selection;
mod unstable;

pub(crate) use batch_index::{BatchIndex, FoundEntries};
pub(crate) use cache::{IndexCache, IndexError};
pub(crate) use entry::{BatchEntry, Rows};
pub(crate) use object::{INDEX_KIND, IndexBuilder, IndexObject, index_name};
pub(crate) use part::{Entries, Part};
pub(crate) use selection::Selection;
pub(crate) use unstable::Unstable;
