//! Judges of what is not an operation on records: offsets told by a broker, committed offsets, memberships, and what a
//! chain of transactions made of its input. Each is a pure function of what clients saw, with hand-made histories.

mod commits;
mod conservation;
mod coverage;
mod ledger;
mod openness;
mod ownership;
mod settlement;
mod stability;
mod visibility;

pub(crate) use commits::{Commit, Commits, Fetched};
pub(crate) use conservation::{Input, Output, conservation};
pub(crate) use coverage::coverage;
pub(crate) use ledger::Ledger;
pub(crate) use openness::{Open, Sighting, openness};
pub(crate) use ownership::{Claim, ownership};
pub(crate) use settlement::settlement;
pub(crate) use stability::{FetchAnswer, Span, Stability};
pub(crate) use visibility::{Part, visible};
