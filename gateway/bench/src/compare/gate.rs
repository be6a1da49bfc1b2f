//! Whether a run may count. A run that something else disturbed says nothing about the server.

use std::fmt;

use crate::Report;

/// Why a run does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Something was refused, lost or damaged.
    Errors,
    /// Nothing was done in the window.
    Empty,
    /// The client was the limit.
    ClientBusy,
    /// The hypervisor withheld the processor.
    Steal,
    /// Other processes were at work.
    Foreign,
}

impl Fault {
    /// Whether another try may go better.
    pub(crate) const fn passes(self) -> bool {
        match self {
            Self::Steal | Self::Foreign | Self::Empty => true,
            Self::Errors | Self::ClientBusy => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errors => "errors",
            Self::Empty => "nothing done",
            Self::ClientBusy => "client busy",
            Self::Steal => "steal",
            Self::Foreign => "foreign CPU",
        })
    }
}

/// The first reason why a run on a machine with so many cores does not count.
pub(crate) fn judge(report: &Report, cores: f64) -> Option<Fault> {
    if !report.is_clean() {
        return Some(Fault::Errors);
    }
    if report.requests == 0 || report.seconds <= 0.0 {
        return Some(Fault::Empty);
    }
    let capacity = report.seconds * cores;
    if report.machine_steal_seconds.is_some_and(|steal| steal > capacity * MAX_STEAL) {
        return Some(Fault::Steal);
    }
    if report.foreign_cpu_seconds.is_some_and(|foreign| foreign > capacity * MAX_FOREIGN) {
        return Some(Fault::Foreign);
    }
    if report.client_cpu_seconds > report.seconds * MAX_CLIENT {
        return Some(Fault::ClientBusy);
    }
    None
}

const MAX_STEAL: f64 = 0.01;
const MAX_FOREIGN: f64 = 0.05;
const MAX_CLIENT: f64 = 0.85;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verified;

    const CORES: f64 = 2.0;

    fn good() -> Report {
        Report {
            seconds: 5.0,
            requests: 100,
            client_cpu_seconds: 2.0,
            server_cpu_seconds: Some(4.0),
            foreign_cpu_seconds: Some(0.5),
            machine_steal_seconds: Some(0.05),
            ..Report::default()
        }
    }

    #[test]
    fn an_undisturbed_run_counts() {
        assert_eq!(judge(&good(), CORES), None);
    }

    #[test]
    fn each_disturbance_is_named() {
        type Change = fn(&mut Report);
        let cases: [(Change, Fault); 7] = [
            (|run| run.errors = 1, Fault::Errors),
            (|run| run.verified = Some(Verified { records: 9, missing: 1, corrupt: 0 }), Fault::Errors),
            (|run| run.verified = Some(Verified { records: 9, missing: 0, corrupt: 1 }), Fault::Errors),
            (|run| run.requests = 0, Fault::Empty),
            (|run| run.machine_steal_seconds = Some(0.11), Fault::Steal),
            (|run| run.foreign_cpu_seconds = Some(0.51), Fault::Foreign),
            (|run| run.client_cpu_seconds = 4.3, Fault::ClientBusy),
        ];
        for (change, fault) in cases {
            let mut run = good();
            change(&mut run);
            assert_eq!(judge(&run, CORES), Some(fault));
        }
    }

    #[test]
    fn the_work_of_the_kernel_is_not_foreign() {
        let busy = Report { kernel_cpu_seconds: Some(3.0), machine_busy_seconds: Some(9.5), ..good() };
        assert_eq!(judge(&busy, CORES), None);
    }

    #[test]
    fn a_server_elsewhere_hides_what_is_foreign() {
        let hidden = Report { foreign_cpu_seconds: None, machine_busy_seconds: Some(10.0), ..good() };
        assert_eq!(judge(&hidden, CORES), None);
    }
}
