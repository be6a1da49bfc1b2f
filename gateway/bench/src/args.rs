//! The arguments of `chronik bench`, as clap reads them. What they mean together is checked in [`crate::check`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Load of one kind on any Kafka-compatible broker, measured.
#[derive(Clone, Debug, Args, Serialize)]
pub struct BenchArgs {
    /// Brokers to start from, as HOST:PORT,HOST:PORT.
    #[arg(short = 'b', long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    pub bootstrap: String,
    /// The topic.
    #[arg(short = 't', long, value_name = "NAME", default_value = "chronik-bench")]
    pub topic: String,
    /// What to do.
    #[arg(short = 'm', long, value_enum, default_value_t = Mode::Produce)]
    pub mode: Mode,
    /// Requests in flight, over all connections.
    #[arg(short = 'c', long, value_name = "N", default_value_t = 64)]
    pub concurrency: usize,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub connections: usize,
    /// Bytes of a record's key and value together.
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = 1024)]
    pub record_size: usize,
    /// How long to measure, as in 500ms, 60s, 2m.
    #[arg(short = 'd', long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    #[serde(serialize_with = "as_seconds")]
    pub duration: Duration,
    /// How long to run before measuring; default: 5s, and 0s for consume without --repeat, which ends when all has been read.
    #[arg(short = 'w', long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(serialize_with = "as_optional_seconds")]
    pub warmup: Option<Duration>,
    /// Measure this many records and stop, if the duration does not end before.
    #[arg(short = 'n', long, value_name = "N")]
    pub records: Option<u64>,
    /// Create the topic first if it is not there.
    #[arg(long)]
    pub create_topic: bool,
    /// Partitions of a topic that is created.
    #[arg(short = 'p', long, value_name = "N", default_value_t = 1)]
    pub partitions: i32,
    /// Replication factor of a topic that is created.
    #[arg(short = 'r', long, value_name = "N", default_value_t = 1)]
    pub replication_factor: i16,
    /// Delete the topic at the end, also when the run failed.
    #[arg(long)]
    pub delete_topic_after: bool,
    /// When the broker acknowledges: all, 1 (the leader has it) or 0 (no answer).
    #[arg(long, value_enum, default_value_t = Acks::All, allow_hyphen_values = true)]
    pub acks: Acks,
    /// Codec of the batches.
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,
    /// Records in a batch; default: as many as fit into --batch-size.
    #[arg(long, value_name = "N")]
    pub records_per_batch: Option<usize>,
    /// Bytes of a batch before compression, at most; decides the records in a batch unless --records-per-batch does.
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    pub batch_size: usize,
    /// Produce: batches in a request, each for another partition.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub partitions_per_request: usize,
    /// With a rate: how long the first record of a batch may wait for the others. Without one batches are always full.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub linger_ms: u64,
    /// Records in a second, sent when they are due whether or not answers came (open loop); latency counts from then.
    #[arg(long, value_name = "RECORDS/S", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rate_limit: Option<u64>,
    /// Keys of the records.
    #[arg(long, value_enum, default_value_t = KeyPattern::None)]
    pub key_pattern: KeyPattern,
    /// Values of the records.
    #[arg(long, value_enum, default_value_t = PayloadPattern::Random)]
    pub payload_pattern: PayloadPattern,
    /// Produce and round trip: as an idempotent producer, one for each connection.
    #[arg(long)]
    pub idempotent: bool,
    /// Read back every acknowledged record and compare it; consume: check checksums and offsets of all batches.
    #[arg(long)]
    pub validate: bool,
    /// Consume: begin again at the start of the topic when its end is reached.
    #[arg(long)]
    pub repeat: bool,
    /// Consume: have the kernel throw the records away instead of copying them to this process, as a client would.
    #[arg(long, conflicts_with = "validate")]
    pub discard: bool,
    /// Consume: bytes that the broker may answer for one partition.
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576)]
    pub max_partition_bytes: i32,
    /// Consume: bytes that the broker may answer in all.
    #[arg(long, value_name = "BYTES", default_value_t = 16_777_216)]
    pub max_bytes: i32,
    /// Consume: how long the broker may wait for --min-bytes.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    pub max_wait_ms: i32,
    /// Consume: bytes that the broker should wait for.
    #[arg(long, value_name = "BYTES", default_value_t = 1)]
    pub min_bytes: i32,
    /// Groups: how many consumer groups.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub groups: usize,
    /// Groups: how many members each has; every member has a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub members: usize,
    /// Groups: the protocol of the members.
    #[arg(long, value_enum, default_value_t = GroupProtocol::Classic)]
    pub group_protocol: GroupProtocol,
    /// Groups: what members ask again and again while it is measured; as many of them as -c says.
    #[arg(long, value_enum, default_value_t = GroupLoad::Heartbeats)]
    pub group_load: GroupLoad,
    /// Groups: time between two heartbeats of a member while its group is not stable.
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=3_000))]
    pub heartbeat_ms: u64,
    /// Process of the broker, when it runs on this machine: its CPU time is reported too.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// What to write as durability of the broker, when you know better than what can be asked over the network.
    #[arg(long, value_name = "NAME")]
    pub durability: Option<String>,
    /// Write the report as JSON to this file; - is the standard output.
    #[arg(long, value_name = "FILE")]
    pub json_output: Option<PathBuf>,
    /// Put all latencies into the JSON too, as a histogram: those of several runs can be merged then.
    #[arg(long, requires = "json_output")]
    pub latency_buckets: bool,
    /// Write a line for each interval to this file.
    #[arg(long, value_name = "FILE")]
    pub csv_output: Option<PathBuf>,
    /// Serve the counters on 127.0.0.1 at this port while the run lasts.
    #[arg(long, value_name = "PORT")]
    pub prometheus_port: Option<u16>,
    /// Seconds between two lines of progress.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub report_interval_secs: u64,
}

impl BenchArgs {
    /// How long to run before measuring.
    pub(crate) fn warmup(&self) -> Duration {
        let once = self.mode == Mode::Consume && !self.repeat;
        self.warmup.unwrap_or(if once { Duration::ZERO } else { DEFAULT_WARMUP })
    }
}

const DEFAULT_WARMUP: Duration = Duration::from_secs(5);

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Write batches and wait for their acknowledgements.
    Produce,
    /// Read a topic from its start.
    Consume,
    /// Write records and read them back, timed from one to the other.
    RoundTrip,
    /// Ask for the metadata of the topic.
    Metadata,
    /// Join, heartbeat, commit and leave as members of consumer groups.
    Groups,
}

/// How members and their coordinator work together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupProtocol {
    /// JoinGroup and SyncGroup; members assign.
    #[default]
    Classic,
    /// ConsumerGroupHeartbeat; the coordinator assigns (KIP-848).
    Consumer,
}

/// What members of groups do while it is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupLoad {
    /// Say that they are there.
    #[default]
    Heartbeats,
    /// Commit the offset of one partition.
    Commits,
}

/// How many replicas have a record when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Acks {
    /// All in sync.
    #[value(alias = "-1")]
    #[serde(rename = "all")]
    All,
    /// The leader.
    #[value(name = "1")]
    #[serde(rename = "1")]
    Leader,
    /// Unknown: there is no answer.
    #[value(name = "0")]
    #[serde(rename = "0")]
    None,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Which keys records have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPattern {
    /// None.
    None,
    /// Ascending numbers of eight digits.
    Sequential,
    /// Random numbers of eight digits.
    Random,
}

/// What values hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadPattern {
    /// Zeroes.
    Zero,
    /// Random bytes, which no codec can compress.
    Random,
    /// Words.
    Text,
    /// JSON objects.
    Json,
}

/// Reads `500ms`, `60s`, `2m`, `1h`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("the unit {unit:?} is none of ms, s, m, h: write it as in 60s")),
    };
    let number: f64 = digits.parse().map_err(|_| format!("{digits:?} is no number: write it as in 60s"))?;
    Duration::try_from_secs_f64(number * scale).map_err(|error| format!("{error}: write it as in 60s"))
}

fn as_optional_seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// The arguments of a command line.
#[cfg(test)]
pub(crate) fn parsed(line: &str) -> BenchArgs {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }
    let words = std::iter::once("bench").chain(line.split_whitespace());
    <Line as clap::Parser>::try_parse_from(words).unwrap().bench
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse_duration, parsed};

    #[test]
    fn what_is_read_once_is_measured_from_its_start() {
        for (line, seconds) in
            [("", 5), ("-m consume", 0), ("-m consume --repeat", 5), ("-m consume -w 2s", 2)]
        {
            assert_eq!(parsed(line).warmup(), Duration::from_secs(seconds), "{line}");
        }
    }

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, ms) in [("500ms", 500), ("60s", 60_000), ("2m", 120_000), ("1h", 3_600_000), ("1.5", 1500)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "s", "-1s", "5d", "1e400s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
