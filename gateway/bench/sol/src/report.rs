//! What the programs found. Units last in each name; GB are 10^9 bytes, GiB are 2^30.

use serde::{Deserialize, Serialize};

/// All programs of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeedOfLight {
    /// Null broker, one connection, frames of 4 KiB, 64 KiB and 1 MiB.
    pub receive: Vec<Stream>,
    /// Null broker, 64 connections, one small request in flight on each.
    pub small_requests: Stream,
    /// Answers of 1 MiB from memory.
    pub send: Stream,
    /// Durable broker, frames of 64 KiB and 1 MiB.
    pub durable: Vec<Durable>,
    /// Durable broker, 4 KiB, one in flight.
    pub durable_round_trip: Latency,
    /// Direct overwrite and fdatasync of 4 KiB and 256 KiB.
    pub syncs: Vec<Sync>,
    /// 100 bytes there and back on one core.
    pub ping_same_core: Latency,
    /// 100 bytes there and back across two cores.
    pub ping_cross_core: Latency,
    /// Whether the file system allowed direct writes.
    pub direct: bool,
}

/// A null broker's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Connections at once.
    pub connections: usize,
    /// Bytes of a request, framing included.
    pub request_bytes: usize,
    /// Bytes of an answer.
    pub answer_bytes: usize,
    /// Requests answered in a second.
    pub requests_per_second: f64,
    /// Bytes moved in a second, of requests and answers together, in GB.
    pub gigabytes_per_second: f64,
    /// CPU seconds of the receiving side for each GiB moved.
    pub server_cpu_seconds_per_gib: f64,
    /// CPU seconds of the sending side for each GiB moved.
    pub client_cpu_seconds_per_gib: f64,
}

/// A durable broker's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// Bytes of a frame.
    pub frame_bytes: usize,
    /// Frames acknowledged in a second.
    pub frames_per_second: f64,
    /// Bytes made durable in a second, in GB.
    pub gigabytes_per_second: f64,
    /// Mean bytes of a write.
    pub bytes_per_write: f64,
    /// CPU seconds of the receiving side, its writers included, for each GiB.
    pub server_cpu_seconds_per_gib: f64,
}

/// Direct overwrite of a file of zeros, then fdatasync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sync {
    /// Bytes written each time.
    pub bytes: usize,
    /// How long both took together.
    pub latency: Latency,
}

/// How long an operation took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median in microseconds.
    pub p50_us: f64,
    /// 99th percentile in microseconds.
    pub p99_us: f64,
    /// Operations measured.
    pub count: u64,
}
