//! Serves the requests of one scenario to one connection, in one thread and with fixed clock and entropy, so that two
//! runs execute the same instructions. Run under callgrind by `run`, which says how they are counted.
//!
//! `chronik-instructions --list` names the scenarios, `chronik-instructions SCENARIO [REQUESTS]` runs one.
#![expect(clippy::print_stdout, reason = "a program for a script")]

mod frames;
mod gateway;
mod scenarios;

use bytes::Bytes;
use mimalloc::MiMalloc;
use tokio::runtime::Runtime;

use crate::gateway::Session;
use crate::scenarios::{SCENARIOS, Scenario};

// The allocator of `chronik`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Requests before the measured ones: until buffers and tables have their size.
const WARM_UP: usize = 64;
/// Requests that are measured, unless the command line says otherwise.
const MEASURED: usize = 256;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_else(|| "--list".to_owned());
    if wanted == "--list" {
        SCENARIOS.iter().for_each(|scenario| println!("{}", scenario.name));
        return Ok(());
    }
    let measured = arguments.next().map_or(Ok(MEASURED), |count| count.parse())?;
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == wanted);
    run(scenario.ok_or_else(|| format!("there is no scenario {wanted}; --list names them"))?, measured)
}

/// What can only end the program.
type Failure = Box<dyn std::error::Error>;

fn run(scenario: &Scenario, measured: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut session = runtime.block_on(Session::open())?;
    let requests = runtime.block_on((scenario.requests)(&mut session, WARM_UP + measured))?;
    let (warm_up, rest) = requests.split_at(WARM_UP);
    runtime.block_on(session.exchange_all(warm_up))?;
    (scenario.check)(session.last_response()?)?;
    measure(&runtime, &mut session, rest)?;
    finish(scenario, &mut session)
}

/// What is counted: from here on (`--dump-before=measure`) until [`finish`] is entered.
#[inline(never)]
fn measure(runtime: &Runtime, session: &mut Session, requests: &[Bytes]) -> Result<(), Failure> {
    runtime.block_on(session.exchange_all(requests))
}

#[inline(never)]
fn finish(scenario: &Scenario, session: &mut Session) -> Result<(), Failure> {
    (scenario.check)(session.last_response()?)?;
    println!("{}", scenario.name);
    Ok(())
}
