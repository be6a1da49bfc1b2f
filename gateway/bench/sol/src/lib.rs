//! Speed-of-light programs: the least that a broker must do, done with nothing else around it.
//!
//! Each program is one file and takes about as long as [`Settings::seconds`] says. A broker's figure divided by the
//! program's, taken on the same machine in the same minute, says how much of what is possible it reaches.
//!
//! - `stream`: null broker; frames over the loopback interface are received and answered, nothing is kept.
//! - `durable`: the same, and answered only when the frame is on disk, checksummed, in grouped direct writes.
//! - `fdatasync`: overwriting a file that holds zeros, and syncing it.
//! - `ping`: a few bytes there and back, on one core and across cores.
//!
//! Nothing here speaks Kafka, and nothing here is used by the gateway.

mod aligned;
mod cores;
mod durable;
mod error;
mod fdatasync;
mod ping;
mod pump;
mod report;
mod samples;
mod scratch;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod time;

use std::path::PathBuf;

pub use cores::{Cores, pin_current_thread};
pub use error::SolError;
pub use report::{Durable, Latency, SpeedOfLight, Stream, Sync};
use scratch::Scratch;
pub use text::{NAME_WIDTH, render};
pub use time::{monotonic_seconds, thread_cpu_seconds};

/// What all programs are told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long each program measures.
    pub seconds: f64,
    /// Where the file of the durable programs is made: on the disk that the broker uses. Removed at the end.
    pub dir: PathBuf,
    /// Where receiving and sending threads run.
    pub cores: Cores,
}

/// The programs, and the file of those that write.
#[derive(Debug)]
pub struct Programs {
    settings: Settings,
    scratch: Scratch,
}

impl Programs {
    /// Makes the file: 256 MiB of zeros.
    ///
    /// # Errors
    /// When the directory refuses the file.
    pub fn open(settings: Settings) -> Result<Self, SolError> {
        let scratch = Scratch::create(&settings.dir, FILE_BYTES)?;
        Ok(Self { settings, scratch })
    }

    /// Makes each program that follows measure for this many seconds.
    pub fn measure_for(&mut self, seconds: f64) {
        self.settings.seconds = seconds;
    }

    /// All programs, one after the other: about 14 times [`Settings::seconds`].
    ///
    /// # Errors
    /// When the machine refuses sockets, threads, cores or writes.
    pub fn all(&self) -> Result<SpeedOfLight, SolError> {
        let direct = self.scratch.direct();
        let received = [4 * KIB, 64 * KIB, 1024 * KIB].map(|bytes| self.receive(bytes)).into_iter();
        Ok(SpeedOfLight {
            receive: received.collect::<Result<_, _>>()?,
            small_requests: self.small_requests()?,
            send: self.send()?,
            durable: vec![self.durable(64 * KIB)?, self.durable(1024 * KIB)?],
            durable_round_trip: self.durable_round_trip()?,
            syncs: vec![self.sync(4 * KIB)?, self.sync(256 * KIB)?],
            ping_same_core: self.ping(Cores::same(self.settings.cores.server))?,
            ping_cross_core: self.ping(self.settings.cores)?,
            direct,
        })
    }

    /// Null broker: one connection sends frames of this many bytes, many in flight.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads or cores.
    pub fn receive(&self, frame_bytes: usize) -> Result<Stream, SolError> {
        let shape = stream::Shape {
            connections: 1,
            window: (4 << 20) / frame_bytes,
            request_bytes: frame_bytes,
            answer_bytes: 64,
        };
        stream::run(shape, self.settings.cores, self.settings.seconds)
    }

    /// Null broker: 64 connections with one request of 1 KiB in flight on each.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads or cores.
    pub fn small_requests(&self) -> Result<Stream, SolError> {
        let shape =
            stream::Shape { connections: 64, window: 1, request_bytes: KIB + KIB / 8, answer_bytes: 64 };
        stream::run(shape, self.settings.cores, self.settings.seconds)
    }

    /// The other direction: small requests are answered with 1 MiB from memory.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads or cores.
    pub fn send(&self) -> Result<Stream, SolError> {
        let shape = stream::Shape { connections: 1, window: 2, request_bytes: 128, answer_bytes: 1024 * KIB };
        stream::run(shape, self.settings.cores, self.settings.seconds)
    }

    /// Durable broker: one connection sends frames of this many bytes, 4 MiB in flight, answered when on disk.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads, cores or writes.
    pub fn durable(&self, frame_bytes: usize) -> Result<Durable, SolError> {
        durable::throughput(&self.scratch, frame_bytes, self.settings.cores, self.settings.seconds)
    }

    /// Durable broker: frames of 4 KiB, the next one when the last is answered.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads, cores or writes.
    pub fn durable_round_trip(&self) -> Result<Latency, SolError> {
        durable::round_trip(&self.scratch, 4 * KIB, self.settings.cores, self.settings.seconds)
    }

    /// Direct overwrite of this many bytes of zeros and fdatasync.
    ///
    /// # Errors
    /// When the machine refuses writes.
    pub fn sync(&self, bytes: usize) -> Result<Sync, SolError> {
        fdatasync::run(&self.scratch, bytes, self.settings.seconds)
    }

    /// 100 bytes there and back between two threads on these cores.
    ///
    /// # Errors
    /// When the machine refuses sockets, threads or cores.
    pub fn ping(&self, cores: Cores) -> Result<Latency, SolError> {
        ping::run(cores, self.settings.seconds)
    }
}

const KIB: usize = 1024;

/// Larger than what devices of this kind hold back in their own caches would need more time to fill with zeros.
const FILE_BYTES: u64 = 256 << 20;
