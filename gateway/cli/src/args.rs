//! The command line.

use std::path::PathBuf;

use chronik_bench::{BenchArgs, CompareArgs, SolArgs};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// A Kafka gateway in one binary.
///
/// Without a command it serves, which is the same as `chronik serve`.
#[derive(Debug, Parser)]
#[command(name = "chronik", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where settings come from, each stronger than the one before: defaults, file, CHRONIK_ variables, --set.
#[derive(Debug, Clone, Args)]
pub(crate) struct SettingsArguments {
    /// TOML file with settings.
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, as in storage.wal.dir=/var/lib/chronik; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// What to log, as in info,chronik=debug; short for --set log.filter=….
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve Kafka clients until SIGTERM or SIGINT.
    Serve,
    /// Show, check or import settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look into a write-ahead log.
    #[command(subcommand)]
    Log(LogCommand),
    /// Put load on any Kafka-compatible broker and measure it.
    Bench(Box<BenchCommand>),
}

/// The load generator. It needs no settings of a gateway.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchCommand {
    // Takes the place of the global --config, whose short form -c is the load generator's concurrency.
    #[arg(long, hide = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) load: BenchArgs,
    #[command(subcommand)]
    pub(crate) what: Option<BenchWhat>,
}

impl BenchCommand {
    /// Ends the process when there are settings, which nothing would follow.
    pub(crate) fn refuse_settings(&self, settings: &SettingsArguments) {
        let given = [
            ("--config", self.config.is_some() || settings.config.is_some()),
            ("--set", !settings.set.is_empty()),
            ("--log", settings.log.is_some()),
        ];
        let Some((name, _)) = given.iter().find(|(_, given)| *given) else { return };
        let hint = match self.what {
            Some(BenchWhat::Compare(_)) => "for the gateway that is compared say --ours KEY=VALUE",
            None | Some(BenchWhat::Sol(_)) => "start the gateway with it",
        };
        let text = format!("{name} is for a gateway, and bench is none: {hint}");
        Arguments::command().error(ErrorKind::ArgumentConflict, text).exit()
    }
}

/// What `chronik bench` does besides putting load on a broker.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchWhat {
    /// Compare this gateway with another broker.
    Compare(Box<CompareArgs>),
    /// Measure what the machine allows a broker.
    Sol(SolArgs),
}

/// Commands over settings. None of them starts or changes anything.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its default, unit and meaning, as a file to start from.
    Default,
    /// Check a file; exit code 78 when it would be refused.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print the effective settings and where each came from.
    Show,
    /// Turn a Kafka broker's server.properties into settings of chronik, on standard output.
    Import {
        /// The broker's file.
        file: PathBuf,
    },
}

/// Commands over a log that no gateway has open. None of them writes.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print blocks, entries and batches.
    Dump {
        /// Directory of the log, as in storage.wal.dir.
        dir: PathBuf,
        /// Text for people, one JSON object a line for programs.
        #[arg(long, value_enum, default_value_t = DumpFormat::Text)]
        format: DumpFormat,
    },
}

/// How to print a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

const EXAMPLES: &str = "Examples:
  chronik                                          serve on 127.0.0.1:9092, data in ./chronik-data
  chronik --set storage.backend=memory             keep everything in memory
  chronik --config chronik.toml                    settings from a file
  CHRONIK_STORAGE__WAL__DIR=/var/lib/chronik chronik
  chronik config default > chronik.toml            every setting, with comments
  chronik config import server.properties          move over from a Kafka broker
  chronik log dump ./chronik-data                  what is in the log
  chronik bench -b 127.0.0.1:9092 -t load --create-topic -p 16

Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage, 74 storage failed or cannot be read,
78 settings refused.";
