//! How groups form, and what happens when a write cannot be done.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, AppendError, Committed, Follower, Position, StorageBackend};
use chronik_types::{ManualClock, TimestampMs};
use parking_lot::{Condvar, Mutex};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::life::{Life, settings};
use super::{options, pattern};
use crate::disk::Disk;
use crate::disk::sim::{Event, SimDisk};
use crate::{Durability, WalBackend};

fn append(token: u64, data: usize) -> Append {
    let (entry, data) = (Bytes::copy_from_slice(&token.to_be_bytes()), vec![pattern(token, data)]);
    Append { token, entry, data, class: AppendClass::Data }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(TimestampMs::new(0)))
}

#[test]
fn everything_that_waits_goes_into_one_block() {
    let life = Life::begin(&SimDisk::new(), Durability::Fsync).expect("open");
    for token in 0..10 {
        life.log.append(append(token, 100)).expect("append");
    }
    let group = life.log.take().expect("a group");
    assert_eq!(group.commits.len(), 10);
    assert!(life.log.take().is_none(), "nothing is left");
}

#[test]
fn a_second_write_waits_until_it_is_worth_it() {
    let mut few = settings(Durability::Fsync, clock());
    few.second_write_bytes = 5_000;
    few.writes_in_flight = 2;
    let life = Life::with(&SimDisk::new(), few).expect("open");
    life.log.append(append(0, 100)).expect("append");
    let _first = life.log.take().expect("an idle log writes at once");
    life.log.append(append(1, 4_000)).expect("append");
    assert!(life.log.take().is_none(), "too little for a second write");
    life.log.append(append(2, 4_000)).expect("append");
    assert_eq!(life.log.take().expect("a second write").commits.len(), 2);
    life.log.append(append(3, 20_000)).expect("append");
    assert!(life.log.take().is_none(), "two are under way");
}

#[test]
fn zeros_go_ahead_of_blocks_that_have_to_reach_the_disk() {
    let zeros = |durability| {
        let disk = SimDisk::new();
        let life = Life::begin(&disk, durability).expect("open");
        life.log.append(append(0, 100)).expect("append");
        let group = life.log.take().expect("a group");
        life.log.complete(group, Ok(()));
        (0..3).for_each(|_| life.log.do_housework());
        let is_zeros = |event: &Event| match event {
            Event::Write { bytes, .. } => bytes.iter().all(|byte| *byte == 0),
            _ => false,
        };
        disk.record().iter().filter(|event| is_zeros(event)).count()
    };
    assert!(zeros(Durability::Fsync) > 0);
    assert_eq!(zeros(Durability::Os), 0, "a small block has nothing of them in the page cache");
}

#[test]
fn an_overfull_queue_refuses() {
    let mut small = settings(Durability::Fsync, clock());
    small.queue_bytes = 10_000;
    let life = Life::with(&SimDisk::new(), small).expect("open");
    life.log.append(append(0, 20_000)).expect("one always fits");
    let refused = life.log.append(append(1, 100));
    assert!(matches!(refused, Err(AppendError::Overloaded { limit: 10_000, .. })), "{refused:?}");
    let group = life.log.take().expect("a group");
    assert!(life.log.append(append(2, 100)).is_err(), "what is being written counts");
    life.log.complete(group, Ok(()));
    life.log.append(append(3, 100)).expect("there is room again");
}

#[test]
fn what_waits_and_what_is_under_way_can_be_seen() {
    let Life { log, .. } = Life::begin(&SimDisk::new(), Durability::Fsync).expect("open");
    let log = Arc::new(log);
    let mut registry = Registry::default();
    crate::backend::register(&log, &mut registry);
    let shown = |expected: [&str; 2]| {
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    };
    shown(["wal_writes_in_flight 0", "wal_queued_bytes 0"]);
    log.append(append(0, 100)).expect("append");
    let group = log.take().expect("a group");
    log.append(append(1, 200)).expect("append");
    shown(["wal_writes_in_flight 1", "wal_queued_bytes 316"]);
    log.complete(group, Ok(()));
    shown(["wal_writes_in_flight 0", "wal_queued_bytes 208"]);
}

#[test]
fn a_failed_write_silences_the_ones_before_it_too() {
    let life = Life::begin(&SimDisk::new(), Durability::Fsync).expect("open");
    let mut groups = Vec::new();
    for token in 0..2 {
        life.log.append(append(token, 100)).expect("append");
        groups.push(life.log.take().expect("a group"));
    }
    let (second, first) = (groups.pop().expect("two"), groups.pop().expect("two"));
    life.log.complete(second, Err(io::Error::other("injected")));
    life.log.complete(first, Ok(()));
    assert_eq!(life.seen.lock().acknowledged, 0);
    assert_eq!(life.log.append(append(3, 100)), Err(AppendError::Closed));
}

#[test]
fn writing_resumes_by_itself_when_there_is_space() {
    let disk = SimDisk::new();
    let clock = clock();
    let mut life = Life::with(&disk, settings(Durability::Fsync, Arc::clone(&clock))).expect("open");
    disk.set_capacity(disk.used());
    let mut token = 0;
    while life.log.append(append(token, 10_000)).is_ok() {
        life.drain();
        token += 1;
        assert!(token < 100, "never full");
    }
    assert!(life.log.status().full);
    life.drain();
    let acknowledged = life.seen.lock().acknowledged;
    disk.set_capacity(u64::MAX);
    clock.advance(Duration::from_millis(250));
    assert!(life.log.append(append(100, 10_000)).is_err(), "refused, but it asks for a segment");
    life.log.do_housework();
    life.log.append(append(101, 10_000)).expect("space");
    life.drain();
    assert_eq!(life.seen.lock().acknowledged, acknowledged + 1);
    assert!(!life.log.status().full);
}

#[test]
fn a_full_disk_does_not_keep_a_log_from_opening() {
    let disk = SimDisk::new();
    let mut life = Life::begin(&disk, Durability::Fsync).expect("open");
    disk.set_capacity(disk.used());
    let mut token = 0;
    while life.log.append(append(token, 10_000)).is_ok() {
        life.drain();
        token += 1;
        assert!(token < 100, "never full");
    }
    life.drain();
    let acknowledged = life.seen.lock().acknowledged;
    life.kill();

    let mut life = Life::begin(&disk, Durability::Fsync).expect("open on a full disk");
    assert_eq!(life.seen.lock().history.len() as u64, acknowledged);
    let control = Append { class: AppendClass::Control, ..append(500, 100) };
    life.log.append(control).expect("accepted");
    life.drain();
    assert_eq!(life.seen.lock().acknowledged, 1);
}

/// A life of a new log that has sealed three segments, of an entry each.
fn three_segments(disk: &SimDisk) -> Life {
    let mut life = Life::begin(disk, Durability::Fsync).expect("open");
    for token in 0..3 {
        life.log.append(append(token, 100)).expect("accepted");
        life.log.seal();
        life.drain();
    }
    life
}

/// Nobody reads what is before the boundary then, so the mark of such a start does not repeat a checksum.
#[test]
fn a_start_from_a_boundary_with_nothing_behind_it_leaves_a_log_that_can_be_read_from_its_start() {
    let disk = SimDisk::new();
    let life = three_segments(&disk);
    let boundary = *life.seen.lock().boundaries.last().expect("a boundary");
    life.kill();
    let mut life =
        Life::following(&disk, settings(Durability::Fsync, clock()), Some(boundary)).expect("open there");
    for token in 3..5 {
        life.log.append(append(token, 100)).expect("accepted");
        life.drain();
    }
    life.kill();
    let life = Life::begin(&disk, Durability::Fsync).expect("open from the start");
    assert_eq!(life.seen.lock().history.len(), 5);
}

/// With the reserve used up as well only the page of the seal is left.
#[test]
fn a_log_without_any_room_opens_and_goes_on_when_there_is_space() {
    for durability in [Durability::Fsync, Durability::Os] {
        let disk = SimDisk::new();
        let mut life = Life::begin(&disk, durability).expect("open");
        disk.set_capacity(disk.used());
        let control = |token| Append { class: AppendClass::Control, ..append(token, 100) };
        let mut token = 0;
        let acknowledged = |life: &Life| life.seen.lock().acknowledged;
        loop {
            let before = acknowledged(&life);
            life.log.append(control(token)).expect("accepted");
            life.drain();
            if acknowledged(&life) == before {
                break;
            }
            token += 1;
            assert!(token < 100, "never full");
        }
        life.kill();

        for _ in 0..3 {
            let mut life = Life::begin(&disk, durability).expect("open without any room");
            assert_eq!(life.seen.lock().history.len() as u64, token);
            life.log.append(control(500)).expect("accepted");
            // Once to learn that there is no space, once to say so.
            (0..2).for_each(|_| life.drain());
            assert_eq!(acknowledged(&life), 0, "there is no room for it");
            life.log.close();
            life.drain();
        }

        disk.set_capacity(u64::MAX);
        let mut life = Life::begin(&disk, durability).expect("open");
        life.log.append(append(501, 100)).expect("accepted");
        life.drain();
        assert_eq!(acknowledged(&life), 1);
        life.kill();
        let life = Life::begin(&disk, durability).expect("open");
        assert_eq!(life.seen.lock().history.len() as u64, token + 1);
    }
}

/// A log that opened without any room goes on in the segment that it could not make then.
#[test]
fn a_log_opened_without_any_room_takes_entries_once_there_is_space() {
    let disk = SimDisk::new();
    let clock = clock();
    let mut life = Life::begin(&disk, Durability::Fsync).expect("open");
    disk.set_capacity(disk.used());
    for token in 0..100 {
        life.log.append(Append { class: AppendClass::Control, ..append(token, 100) }).expect("accepted");
        life.drain();
    }
    let acknowledged = life.seen.lock().acknowledged;
    life.kill();
    let mut life = Life::with(&disk, settings(Durability::Fsync, Arc::clone(&clock))).expect("open");
    life.log.append(append(500, 100)).expect("accepted");
    // Once to learn that there is no space, once to say so.
    (0..2).for_each(|_| life.drain());
    assert!(matches!(life.log.append(append(501, 100)), Err(AppendError::Full { .. })));
    disk.set_capacity(u64::MAX);
    clock.advance(Duration::from_millis(250));
    assert!(life.log.append(append(502, 100)).is_err(), "refused, but it asks for a segment");
    life.log.do_housework();
    life.log.append(append(503, 100)).expect("space");
    life.drain();
    assert_eq!(life.seen.lock().acknowledged, 1);
    life.kill();
    let life = Life::begin(&disk, Durability::Fsync).expect("open");
    assert_eq!(life.seen.lock().history.len() as u64, acknowledged + 1);
}

#[test]
fn a_segment_that_cannot_be_removed_is_still_there() {
    let disk = SimDisk::new();
    let life = three_segments(&disk);
    let boundary = life.seen.lock().boundaries[1].get();
    let segments = life.log.segments.all();
    disk.fail_in(1);
    life.log.trim(boundary).expect_err("injected");
    assert_eq!(life.log.segments.all(), segments);
    assert_eq!(life.log.trim(boundary).expect("trim"), boundary);
    assert_eq!(life.log.segments.all(), segments[2..]);
}

/// A follower that panics must not leave the process as if nothing had happened.
#[test]
fn a_panic_of_the_follower_is_fatal() {
    struct Panics;
    impl Follower for Panics {
        fn committed(&mut self, _group: &[Committed]) {
            panic!("provoked by a test");
        }
        fn sealed(&mut self, _end: Position) {}
        fn refused(&mut self, _token: u64, _error: AppendError) {}
    }
    let told = Arc::new((Mutex::new(false), Condvar::new()));
    let tell = Arc::clone(&told);
    let mut options = options("sim".as_ref(), 64 << 10);
    options.on_fatal = Box::new(move |_| {
        *tell.0.lock() = true;
        tell.1.notify_all();
    });
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let backend = WalBackend::open_on(disk, options).expect("open");
    backend.follow(Position::ZERO, Box::new(Panics)).expect("follow");
    backend.append(append(1, 100)).expect("append");
    let mut fatal = told.0.lock();
    while !*fatal {
        assert!(!told.1.wait_for(&mut fatal, Duration::from_secs(60)).timed_out(), "nobody was told");
    }
    assert_eq!(backend.append(append(2, 100)), Err(AppendError::Closed));
}

#[test]
fn a_failure_is_told_once() {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let mut telling = settings(Durability::Fsync, clock());
    telling.on_fatal = Box::new(move |error| {
        assert!(
            error.to_string().contains("wal-00000000000000000000.log: write at byte 8192 failed"),
            "{error}"
        );
        count.fetch_add(1, Ordering::Relaxed);
    });
    let life = Life::with(&SimDisk::new(), telling).expect("open");
    life.log.append(append(0, 100)).expect("append");
    let first = life.log.take().expect("a group");
    life.log.append(append(1, 100)).expect("append");
    let second = life.log.take().expect("a group");
    life.log.complete(first, Err(io::Error::other("injected")));
    life.log.complete(second, Err(io::Error::other("injected")));
    assert_eq!(told.load(Ordering::Relaxed), 1);
}
