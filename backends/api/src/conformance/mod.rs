//! One suite for all backends: each contract of [`crate::StorageBackend`] and [`crate::Objects`] as named checks.
//!
//! A backend implements [`Subject`] over a medium of its own and calls [`conformance_tests!`](crate::conformance_tests)
//! in its tests; every check then is a test of that backend. [`Recorder`] is the follower that the checks look into.

#![expect(clippy::expect_used, reason = "a suite of tests, compiled as a library for other crates")]

mod damage;
mod journal;
mod objects;
mod recorder;
mod space;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Append, AppendClass, Position, StorageBackend};

pub use damage::*;
pub use journal::*;
pub use objects::*;
pub use recorder::{Event, Recorder};
pub use space::*;

/// Bytes that a segment of a subject should hold, so that the suite can fill one.
pub const SEGMENT_BYTES: u64 = 256 << 10;

/// A backend under test with the medium that outlives it.
pub trait Subject {
    /// Opens the backend over what the medium holds. The one opened before has been killed or closed.
    fn open(&mut self) -> Arc<dyn StorageBackend>;

    /// Ends the open backend as `kill -9` does. The suite has dropped its handles.
    fn kill(&mut self);

    /// Makes the next write of the journal fail; `false` when this medium cannot.
    fn fail_next_write(&mut self) -> bool;

    /// Damages the entry at a position on the medium of the killed backend, so that it cannot be read any more.
    fn damage(&mut self, entry: Position);

    /// What the medium holds, in a form that differs when anything on it does.
    fn content(&mut self) -> Vec<(String, Bytes)>;

    /// Leaves about this much space on the medium of the open backend; `false` when this medium cannot.
    fn leave_space(&mut self, bytes: u64) -> bool;
}

/// Makes a test of every check, each over a fresh subject.
#[macro_export]
macro_rules! conformance_tests {
    ($subject:expr) => {
        $crate::conformance_tests! { @each $subject;
            s1_history_comes_first_and_is_what_was_committed
            s1_refuses_to_start_anywhere_but_at_a_boundary
            s1_has_one_follower
            s2_appends_of_one_thread_commit_in_order
            s3_acknowledges_nothing_after_a_failed_write
            s4_every_entry_comes_once_in_order
            s5_a_sealed_boundary_is_where_following_can_start
            s6_an_entry_that_is_refused_never_happens
            s7_any_part_of_data_can_be_read
            s7_data_is_readable_after_a_restart
            s7_what_was_never_written_is_not_found
            s8_sealing_an_empty_segment_does_nothing
            s8_a_full_segment_ends_by_itself
            s9_trim_gives_up_whole_segments_only
            s9_trim_outlives_a_restart
            s10_an_object_is_created_once
            s10_an_object_outlives_a_kill
            s11_objects_are_listed_by_kind_in_order
            s12_deleting_is_idempotent
            s13_history_ends_before_damage
            s13_nothing_changes_behind_damage
            close_commits_what_was_accepted
            full_storage_refuses_data_and_takes_control
        }
    };
    (@each $subject:expr; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::$check(&mut $subject);
            }
        )*
    };
}

/// An open backend that is being followed.
struct Session {
    backend: Arc<dyn StorageBackend>,
    recorder: Recorder,
    end: Position,
}

impl Session {
    /// Opens the subject and follows from the start.
    fn open(subject: &mut dyn Subject) -> Self {
        let backend = subject.open();
        let recorder = Recorder::default();
        let end = backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow from the start");
        Self { backend, recorder, end }
    }

    /// Appends and waits for the commit.
    fn commit(&self, token: u64, entry: &[u8], data: &[Bytes]) {
        self.backend.append(append(token, entry, data)).expect("append");
        self.recorder.wait_for(token);
    }

    fn kill(self, subject: &mut dyn Subject) {
        drop(self);
        subject.kill();
    }

    fn close(self) {
        block_on(self.backend.close());
    }
}

fn append(token: u64, entry: &[u8], data: &[Bytes]) -> Append {
    Append { token, entry: Bytes::copy_from_slice(entry), data: data.to_vec(), class: AppendClass::Data }
}

/// Bytes that differ from address to address and from seed to seed.
fn pattern(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}
