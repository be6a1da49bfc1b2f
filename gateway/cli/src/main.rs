//! `chronik`: a Kafka gateway in one binary.
//!
//! This crate is the composition root: the only place that names concrete backends and puts the parts together
//! ([`serve`]). The other commands look at settings and logs and start nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command prints is its output")]

mod args;
mod banner;
mod bench;
mod config;
mod dump;
mod exit;
mod logging;
mod output;
mod serve;
mod settings;
mod signals;
mod storage;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::args::{Arguments, BenchWhat, Command, LogCommand};

// Hands memory back soon, and takes absurd reservations lazily instead of aborting.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = match arguments.command {
        None | Some(Command::Serve) => serve::run(&arguments.settings),
        Some(Command::Config(command)) => config::run(&command, &arguments.settings),
        Some(Command::Log(LogCommand::Dump { dir, format })) => dump::run(&dir, format),
        Some(Command::Bench(command)) => {
            command.refuse_settings(&arguments.settings);
            match &command.what {
                None => bench::run(&command.load),
                Some(BenchWhat::Compare(args)) => bench::compare(args),
                Some(BenchWhat::Sol(args)) => bench::sol(args),
            }
        }
    };
    exit.into()
}

/// Prints an error with its causes, as the last thing that a person sees.
fn complain(error: &dyn std::error::Error) {
    eprintln!("chronik: {error}");
    let mut shown = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many errors name their cause in their own text already.
        if !shown.contains(&text) {
            eprintln!("  because: {text}");
        }
        shown = text;
        cause = error.source();
    }
}
