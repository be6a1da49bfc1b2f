//! The result of a run: one JSON object that programs read, and the numbers of the text that people read.
//!
//! All figures are of the *window*: what lies between the end of the warm-up and the end of the measured time. CPU
//! counters are read at its two ends. Fields are added, never renamed or given another meaning, while
//! [`SCHEMA_VERSION`] stays the same.

use serde::{Deserialize, Serialize};

use crate::args::{GroupLoad, GroupProtocol};

/// The version of [`Report`] that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `produce`, `consume`, `round-trip`, `metadata` or `groups`.
    pub mode: String,
    /// The bootstrap servers as they were given.
    pub bootstrap: String,
    /// The topic.
    pub topic: String,
    /// The arguments that the run had, defaults included.
    pub settings: serde_json::Value,
    /// Length of the window in seconds, as it really was.
    pub seconds: f64,
    /// Records acknowledged (produce), read (consume) or read back (round trip) in the window.
    pub records: u64,
    /// Produce and round trip: keys and values of these records, uncompressed. Consume: record batches as they are stored.
    pub payload_bytes: u64,
    /// Bytes of the requests that were answered and of their answers, as they went through the sockets.
    pub wire_bytes: u64,
    /// Requests answered in the window.
    pub requests: u64,
    /// Errors of the whole run, warm-up included: error codes in answers, counted once for each partition.
    pub errors: u64,
    /// How often each error came, by Kafka's name.
    pub error_counts: std::collections::BTreeMap<String, u64>,
    /// Records by seconds.
    pub records_per_second: f64,
    /// 10^6 payload bytes by seconds.
    pub megabytes_per_second: f64,
    /// Requests by seconds.
    pub requests_per_second: f64,
    /// Latency in microseconds.
    pub latency_us: Latency,
    /// All values behind `latency_us`; only with `--latency-buckets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_buckets_ns: Option<Buckets>,
    /// With a rate only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateFigures>,
    /// CPU time of this process in the window, user and system.
    pub client_cpu_seconds: f64,
    /// CPU time of the process named with `--server-pid` in the window, user and system.
    pub server_cpu_seconds: Option<f64>,
    /// CPU time of the kernel's own threads in the window, such as those that write back. Null where none can be seen.
    #[serde(default)]
    pub kernel_cpu_seconds: Option<f64>,
    /// CPU time in the window of processes that are neither the one named with `--server-pid`, nor this one, nor loads that
    /// were started beside it.
    #[serde(default)]
    pub foreign_cpu_seconds: Option<f64>,
    /// CPU time of everything on this machine in the window: all processes and the kernel's threads. Null where there is
    /// no `/proc`.
    pub machine_busy_seconds: Option<f64>,
    /// CPU time that the hypervisor withheld in the window.
    pub machine_steal_seconds: Option<f64>,
    /// What was read back; null when nothing was.
    pub verified: Option<Verified>,
    /// What an acknowledgement meant, as far as it can be known.
    pub durability: String,
    /// Mode `groups` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupFigures>,
}

/// What became of the records that were due in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateFigures {
    /// How many were due.
    pub due: u64,
    /// How many of these were sent before the window ended. The others waited until fewer requests were in flight, and have
    /// latencies as all.
    pub sent_in_time: u64,
    /// How many of these were never sent; what they had waited for until they were given up is their latency.
    pub never_sent: u64,
}

/// What consumer groups did before and after the window, in which the members did what `load` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// The protocol of the members.
    pub protocol: GroupProtocol,
    /// What requests and latency of the report are of.
    pub load: GroupLoad,
    /// How many groups.
    pub groups: u64,
    /// How many members, in all groups.
    pub members: u64,
    /// For each group, from the first member's first request until all were in one generation and owned every partition.
    pub join_to_stable_us: Latency,
    /// For each group, from one member's leaving until the others were again.
    pub leave_to_stable_us: Latency,
    /// By how much the resident memory of the server grew for each member, its connection included.
    pub server_bytes_per_member: Option<u64>,
}

/// Quantiles of all values, in microseconds; precise to three digits, none sampled away.
///
/// Without a rate there is one value for each request, from before it was written until its answer was read. With a rate
/// there is one for each record, from the moment at which it was due. Round trip: for each record, until it was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the values are not above this.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p99_9: f64,
    /// 99.99 %.
    pub p99_99: f64,
    /// The greatest.
    pub max: f64,
    /// The average.
    pub mean: f64,
    /// How many values.
    pub count: u64,
}

/// A histogram: nanoseconds (the greatest value of each bucket that is not empty), and how many values it holds.
pub type Buckets = Vec<(u64, u64)>;

/// What became of the records that were to be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Records that were read back and compared, of the whole run.
    pub records: u64,
    /// Acknowledged records that were not there.
    pub missing: u64,
    /// Records that were there with other content than was sent, or under a wrong checksum, or out of their place.
    pub corrupt: u64,
}

impl Verified {
    /// Whether all were there and right.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.missing == 0 && self.corrupt == 0
    }
}

impl Report {
    /// Whether nothing failed and what was verified is right.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors == 0 && self.verified.is_none_or(|verified| verified.is_clean())
    }
}
