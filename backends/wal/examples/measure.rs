//! Measures the log on a disk: `cargo run --release -p chronik-wal --example measure -- DIR [MIB]`.
//!
//! Latency of one 4 KiB append after the other, then throughput of 64 KiB appends with 64 under way, in a new log.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program for people at a terminal"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_backend::{Append, AppendClass, AppendError, Committed, Follower, Position, StorageBackend};
use chronik_types::{Clock, Entropy, SystemClock};
use chronik_wal::{WalBackend, WalOptions};
use parking_lot::{Condvar, Mutex};

#[derive(Default)]
struct Done {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Done {
    fn wait_for(&self, wanted: u64) {
        let mut count = self.count.lock();
        while *count < wanted {
            self.changed.wait(&mut count);
        }
    }
}

struct Counts(Arc<Done>);

impl Follower for Counts {
    fn committed(&mut self, group: &[Committed]) {
        *self.0.count.lock() += group.len() as u64;
        self.0.changed.notify_all();
    }
    fn sealed(&mut self, _end: Position) {}
    fn refused(&mut self, token: u64, error: AppendError) {
        panic!("{token}: {error}");
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().expect("a directory"));
    let mib: u64 = args.next().map_or(2048, |mib| mib.parse().expect("a number of MiB"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let began = clock.monotonic();
    let options =
        WalOptions::new(dir, Arc::clone(&clock), Entropy::from_os(), Box::new(|error| panic!("{error}")));
    let backend = WalBackend::open(options).expect("open");
    let done = Arc::new(Done::default());
    backend.follow(backend.start(), Box::new(Counts(Arc::clone(&done)))).expect("follow");
    let append = |token, bytes: &Bytes| {
        let entry = Bytes::from_static(b"entry");
        let append = Append { token, entry, data: vec![bytes.clone()], class: AppendClass::Data };
        backend.append(append).expect("append");
    };

    let small = Bytes::from(vec![7; 4000]);
    let mut latencies: Vec<Duration> = Vec::new();
    for token in 0..3000 {
        let sent = clock.monotonic();
        append(token, &small);
        done.wait_for(token + 1);
        if token == 0 {
            println!("first acknowledgement after {:?}", clock.monotonic() - began);
        }
        latencies.push(clock.monotonic() - sent);
    }
    latencies.sort();
    println!("4 KiB, one at a time: p50 {:?}, p99 {:?}", latencies[1500], latencies[2970]);

    let large = Bytes::from(vec![7; 64 << 10]);
    let sent = clock.monotonic();
    let first = 3000;
    for n in 0..mib * 16 {
        done.wait_for((first + n).saturating_sub(64));
        append(first + n, &large);
    }
    done.wait_for(first + mib * 16);
    let took = clock.monotonic() - sent;
    println!("64 KiB, 64 under way: {:.0} MiB/s over {mib} MiB", mib as f64 / took.as_secs_f64());
    println!("{}", backend.status().durability);
}
