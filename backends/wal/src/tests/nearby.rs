//! The writer that is a task, beside the threads.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{
    Append, AppendClass, AppendError, Committed, DataRef, Follower, Position, StorageBackend,
};
use parking_lot::{Condvar, Mutex};

use super::{block_on, options, pattern};
use crate::{Durability, WalBackend};

/// What the follower has seen, in order.
#[derive(Debug, Default)]
struct Seen {
    commits: Mutex<Vec<(u64, DataRef)>>,
    changed: Condvar,
}

struct Sees(Arc<Seen>);

impl Follower for Sees {
    fn committed(&mut self, group: &[Committed]) {
        let mut commits = self.0.commits.lock();
        commits.extend(group.iter().map(|commit| (commit.token.expect("of this run"), commit.data)));
        self.0.changed.notify_all();
    }
    fn sealed(&mut self, _end: Position) {}
    fn refused(&mut self, token: u64, error: AppendError) {
        panic!("{token}: {error}");
    }
}

impl Seen {
    fn wait_for(&self, count: usize) -> Vec<(u64, DataRef)> {
        let mut commits = self.commits.lock();
        while commits.len() < count {
            self.changed.wait(&mut commits);
        }
        commits.clone()
    }
}

const SEGMENT_BYTES: u64 = 4 << 20;

/// Small ones and, each eighth, one that is for the threads.
fn data(token: u64) -> Bytes {
    pattern(token, if token.is_multiple_of(8) { 100_000 } else { 1_000 })
}

fn append(backend: &WalBackend, token: u64) {
    let append =
        Append { token, entry: Bytes::from_static(b"e"), data: vec![data(token)], class: AppendClass::Data };
    backend.append(append).expect("taken");
}

fn open(dir: &std::path::Path, durability: Durability) -> (Arc<WalBackend>, Arc<Seen>) {
    let mut options = options(dir, SEGMENT_BYTES);
    options.durability = durability;
    // Most is read from the files.
    options.cache_bytes = 200_000;
    (Arc::new(WalBackend::open(options).expect("open")), Arc::new(Seen::default()))
}

fn check(backend: &WalBackend, commits: &[(u64, DataRef)]) {
    let tokens: Vec<u64> = commits.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, (0..commits.len() as u64).collect::<Vec<_>>(), "in the order of the appends");
    for (token, at) in commits {
        assert_eq!(block_on(backend.read(*at)).expect("readable"), data(*token), "{token}");
    }
}

#[test]
fn a_task_and_threads_write_one_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let (backend, seen) = open(dir.path(), Durability::Os);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    {
        let _within = runtime.enter();
        backend.follow(Position::ZERO, Box::new(Sees(Arc::clone(&seen)))).expect("follow");
    }
    let (producer, watched) = (Arc::clone(&backend), Arc::clone(&seen));
    let produced = runtime.spawn(async move {
        for token in 0..400 {
            append(&producer, token);
            if token % 50 == 49 {
                // Somebody waits for each group to be whole before he goes on.
                tokio::task::block_in_place(|| watched.wait_for(usize::try_from(token).unwrap() + 1));
            }
        }
    });
    runtime.block_on(produced).expect("produced");
    check(&backend, &seen.wait_for(400));

    // Without its runtime the task is gone, and the threads write everything.
    drop(runtime);
    for token in 400..450 {
        append(&backend, token);
    }
    check(&backend, &seen.wait_for(450));
    block_on(backend.close());
    drop(backend);

    let (again, replayed) = open(dir.path(), Durability::Fsync);
    let replays = Replays(Arc::clone(&replayed));
    again.follow(Position::ZERO, Box::new(replays)).expect("follow");
    check(&again, &replayed.wait_for(450));
}

/// Entries of earlier runs have no tokens: they are counted.
struct Replays(Arc<Seen>);

impl Follower for Replays {
    fn committed(&mut self, group: &[Committed]) {
        let mut commits = self.0.commits.lock();
        for commit in group {
            let token = commits.len() as u64;
            commits.push((token, commit.data));
        }
    }
    fn sealed(&mut self, _end: Position) {}
    fn refused(&mut self, token: u64, error: AppendError) {
        panic!("{token}: {error}");
    }
}
