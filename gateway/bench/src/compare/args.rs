//! The arguments of `chronik bench compare` and `chronik bench sol`.

use std::path::PathBuf;

use chronik_sol::Cores;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// This gateway and another broker side by side: interleaved pairs of runs, medians, ratios and their 95 % intervals.
///
/// Without --bootstrap it starts a gateway itself for each row, with an empty directory and the durability that the row
/// wants. A server on this machine whose process is known is pinned to a core, and stopped while the other one is measured;
/// it goes on when this command ends, however it ends.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// The other broker. Without one only this gateway is measured.
    #[arg(long, value_name = "HOST:PORT")]
    pub peer: Option<String>,
    /// Its process, when it runs on this machine.
    #[arg(long, value_name = "PID", requires = "peer")]
    pub peer_pid: Option<u32>,
    /// What its acknowledgement means, as an operator has set it up.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Class::D0)]
    pub peer_durability: Class,
    /// Its name and version, for the head of the tables.
    #[arg(long, value_name = "TEXT", default_value = "peer")]
    pub peer_name: String,
    /// Shell command that starts the peer again, in its directory, and prints its process id as the last line. With it,
    /// times of starting are measured for the peer too: it ends with SIGTERM for T10, and for T5 once with SIGTERM and once with
    /// SIGKILL.
    #[arg(long, value_name = "COMMAND", requires = "peer_pid")]
    pub peer_restart: Option<String>,
    /// Files or directories that make up the peer's program, for its size.
    #[arg(long, value_name = "PATH")]
    pub peer_program: Vec<PathBuf>,
    /// The most partitions that the peer is asked for in T5.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub peer_partitions: usize,
    /// GiB of old data for T2, on each side.
    #[arg(long, value_name = "GIB", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub old_gib: u64,
    /// A gateway that runs already, instead of starting one.
    #[arg(short = 'b', long, value_name = "HOST:PORT")]
    pub bootstrap: Option<String>,
    /// Its process, when it runs on this machine.
    #[arg(long, value_name = "PID", requires = "bootstrap")]
    pub pid: Option<u32>,
    /// What its acknowledgement means. A gateway that is started here takes what the row wants.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Class::D1, requires = "bootstrap")]
    pub durability: Class,
    /// Durability of the gateway that is started here, where it has a choice; several make several rows. Of tables with
    /// one, T2 and T4 take the first, T5 and T10 the strongest.
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        value_delimiter = ',',
        value_name = "CLASS",
        conflicts_with = "bootstrap"
    )]
    pub classes: Vec<Class>,
    /// A setting of the gateway that is started here, as in storage.wal.writes_in_flight=8; may be repeated.
    #[arg(long = "ours", value_name = "KEY=VALUE", conflicts_with = "bootstrap")]
    pub ours: Vec<String>,
    /// The binary to start as the gateway, instead of this one; with --bootstrap, the one that runs there, for its version and
    /// size.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// What to measure. Given again, it takes the place of what was given before.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        ignore_case = true,
        overrides_with = "table",
        default_values_t = [TableName::T0, TableName::T1]
    )]
    pub table: Vec<TableName>,
    /// Only rows whose name contains one of these texts, or is the one after an equals sign; --list shows the names.
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub rows: Vec<String>,
    /// Show the names of the rows and measure nothing.
    #[arg(long)]
    pub list: bool,
    /// Show about how long each table takes and measure nothing.
    #[arg(long, conflicts_with = "list")]
    pub estimate: bool,
    /// Valid pairs for each row. This and the two below can be given again, as --table can.
    #[arg(long, value_name = "N", default_value_t = 7, overrides_with = "pairs", value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Seconds of each run.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, overrides_with = "seconds")]
    pub seconds: f64,
    /// Seconds before each run that are not counted.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, overrides_with = "warmup")]
    pub warmup: f64,
    /// Count disturbed runs like others instead of repeating them; the last column says how many were undisturbed.
    #[arg(long)]
    pub as_they_are: bool,
    /// Do not read back what was acknowledged; the tables say so.
    #[arg(long)]
    pub unverified: bool,
    /// Leave the scheduler alone, instead of the server on core 0 and the client on core 1.
    #[arg(long, conflicts_with = "same_core")]
    pub unpinned: bool,
    /// Server and client on core 0: latency without wake-ups across cores.
    #[arg(long)]
    pub same_core: bool,
    /// Use 8 GiB of memory (half of what is free, at most) for a moment before anything is measured.
    #[arg(long)]
    pub touch_memory: bool,
    /// Where directories and files for the run are made, on the disk that the peer uses; removed at the end.
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    pub dir: PathBuf,
    /// Print the tables as text. This is what happens when no other output is named.
    #[arg(long)]
    pub text: bool,
    /// Write the tables as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write all figures as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What the machine allows: null broker, durable broker, fdatasync, ping-pong.
#[derive(Clone, Debug, Args)]
pub struct SolArgs {
    /// Seconds of each program.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub seconds: f64,
    /// Where the file of the programs that write is made, on the disk in question; removed at the end.
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    pub dir: PathBuf,
    /// Leave the scheduler alone, instead of the receiving side on core 0 and the sending side on core 1.
    #[arg(long)]
    pub unpinned: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[value(rename_all = "verbatim")]
pub enum Class {
    /// In the page cache: lost when the machine stops.
    D0,
    /// On disk.
    D1,
}

impl Class {
    /// As tables show it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::D0 => "D0",
            Self::D1 => "D1",
        }
    }
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[value(rename_all = "verbatim")]
pub enum TableName {
    /// What the machine allows.
    T0,
    /// Produce.
    T1,
    /// Catch-up reads.
    T2,
    /// Latency from produce to consume.
    T3,
    /// Idle connections.
    T4,
    /// Many partitions.
    T5,
    /// Consumer groups.
    T6,
    /// Compressed batches.
    T7,
    /// Footprint: size, memory, start.
    T10,
}

impl TableName {
    /// As tables show it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T4 => "T4",
            Self::T5 => "T5",
            Self::T6 => "T6",
            Self::T7 => "T7",
            Self::T10 => "T10",
        }
    }
}

impl CompareArgs {
    /// Where server and client run.
    pub(crate) fn cores(&self) -> Cores {
        match (self.unpinned, self.same_core) {
            (true, _) => Cores { server: None, client: None },
            (false, true) => Cores::same(Cores::two().server),
            (false, false) => Cores::two(),
        }
    }

    /// Whether a row of this name is wanted.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty()
            || self.rows.iter().any(|text| match text.strip_prefix('=') {
                Some(name) => row == name,
                None => row.contains(text.as_str()),
            })
    }

    /// The durability classes of ours that meet the peer's.
    pub(crate) fn classes(&self) -> Vec<Class> {
        match (self.bootstrap.is_some(), self.classes.is_empty(), self.peer.is_some()) {
            (true, ..) => vec![self.durability],
            (false, false, _) => self.classes.clone(),
            (false, true, true) if self.peer_durability == Class::D1 => vec![Class::D1],
            (false, true, _) => vec![Class::D0, Class::D1],
        }
    }
}

const EXAMPLES: &str = "Examples:
  chronik bench compare --peer 127.0.0.1:29092 --peer-pid 4711        T0 and T1; it says how long
  chronik bench compare --peer … --pairs 3 --seconds 2 --rows '1KiB 16p' --unverified
  chronik bench compare --peer … --table T2,T3 --markdown tables.md --json tables.json
  chronik bench compare --table T4,T5,T10                             this gateway alone
  chronik bench compare --list                                        names of all rows";
