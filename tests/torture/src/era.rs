//! A number of cycles through which the operation workloads go on, and the calm after them in which they are judged.

use std::ops::Range;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use chronik_harness::pause;

use crate::checker::Checker;
use crate::cycle::{CycleError, Run, stop};
use crate::plan;
use crate::producer::Producer;
use crate::report::Report;
use crate::server::Server;
use crate::shared::Shared;
use crate::stage::{Over, Stage};
use crate::workloads::Workload;

/// Cycles of an era. Its history is held in memory, and judged at its end.
pub(crate) const CYCLES: u64 = 25;
const START_LIMIT: Duration = Duration::from_secs(60);

type Director<'scope> = ScopedJoinHandle<'scope, Result<Vec<String>, Over>>;

/// Runs these cycles, all of one era.
///
/// # Errors
/// When the server does not start.
pub(crate) fn run(
    run: &Run,
    workloads: &[Workload],
    cycles: Range<u64>,
    producers: &mut [Producer],
    mut checker: Checker,
    report: &mut Report,
) -> Result<Checker, CycleError> {
    let number = cycles.start / CYCLES;
    let stage = &Stage::new(run.server.address(), run.seed);
    std::thread::scope(|scope| {
        let directors: Vec<Director<'_>> =
            workloads.iter().map(|workload| scope.spawn(move || workload.run_era(stage, number))).collect();
        for cycle in cycles {
            let plan = plan::cycle(run.seed, cycle);
            // Without a server nobody comes to an end by himself.
            let outcome = run.cycle(&plan, producers, checker, stage).inspect_err(|_| stage.end())?;
            report.cycle(cycle, &outcome);
            report.problems(cycle, stage);
            checker = outcome.checker;
            if !report.is_clean() {
                break;
            }
        }
        if !directors.is_empty() {
            let findings = calm(run, stage, directors).inspect_err(|_| stage.end())?;
            report.era(number, stage, findings);
        }
        Ok(checker)
    })
}

/// Starts the server for good, lets the workloads come to their end, and stops it.
fn calm(run: &Run, stage: &Stage, directors: Vec<Director<'_>>) -> Result<Vec<String>, CycleError> {
    let mut server = Server::spawn(&run.server)?;
    server.wait_ready(START_LIMIT)?;
    stage.broker_starts();
    pause(run.undisturbed);
    stage.calm_down();
    let mut findings = Vec::new();
    for director in directors {
        match director.join() {
            Ok(Ok(found)) => findings.extend(found),
            // Why is among the problems.
            Ok(Err(Over)) => {}
            Err(_) => findings.push("a workload panicked".to_owned()),
        }
    }
    let shared = Shared::new(Checker::new(0));
    stage.broker_ends();
    stop(&mut server, &shared)?;
    findings.extend(shared.into_parts().1);
    Ok(findings)
}
