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

/// What the gate needs to know besides the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Cores of this machine.
    pub(crate) cores: f64,
    /// CPU seconds of the kernel's own threads during the run.
    pub(crate) kernel_seconds: f64,
    /// Whether the server's process is known.
    pub(crate) local: bool,
    /// CPU seconds of other processes that belong to the measurement.
    pub(crate) companions_seconds: f64,
}

/// The first reason why a run does not count.
pub(crate) fn judge(report: &Report, around: Circumstances) -> Option<Fault> {
    if !report.is_clean() {
        return Some(Fault::Errors);
    }
    if report.requests == 0 || report.seconds <= 0.0 {
        return Some(Fault::Empty);
    }
    let capacity = report.seconds * around.cores;
    if report.machine_steal_seconds.is_some_and(|steal| steal > capacity * MAX_STEAL) {
        return Some(Fault::Steal);
    }
    let known = report.client_cpu_seconds + around.kernel_seconds + around.companions_seconds;
    if let (true, Some(busy), Some(server)) =
        (around.local, report.machine_busy_seconds, report.server_cpu_seconds)
        && busy - server - known > capacity * MAX_FOREIGN
    {
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

    const AROUND: Circumstances =
        Circumstances { cores: 2.0, kernel_seconds: 0.2, local: true, companions_seconds: 0.0 };

    fn good() -> Report {
        Report {
            seconds: 5.0,
            requests: 100,
            client_cpu_seconds: 2.0,
            server_cpu_seconds: Some(4.0),
            machine_busy_seconds: Some(6.5),
            machine_steal_seconds: Some(0.05),
            ..Report::default()
        }
    }

    #[test]
    fn an_undisturbed_run_counts() {
        assert_eq!(judge(&good(), AROUND), None);
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
            (|run| run.machine_busy_seconds = Some(6.8), Fault::Foreign),
            (|run| run.client_cpu_seconds = 4.3, Fault::ClientBusy),
        ];
        for (change, fault) in cases {
            let mut run = good();
            change(&mut run);
            assert_eq!(judge(&run, AROUND), Some(fault));
        }
    }

    #[test]
    fn the_work_of_the_kernel_and_of_companions_is_not_foreign() {
        let busy = Report { machine_busy_seconds: Some(8.0), ..good() };
        assert_eq!(judge(&busy, AROUND), Some(Fault::Foreign));
        assert_eq!(judge(&busy, Circumstances { kernel_seconds: 1.6, ..AROUND }), None);
        assert_eq!(judge(&busy, Circumstances { companions_seconds: 1.4, ..AROUND }), None);
    }

    #[test]
    fn a_server_elsewhere_hides_what_is_foreign() {
        let busy = Report { machine_busy_seconds: Some(8.0), ..good() };
        assert_eq!(judge(&busy, Circumstances { local: false, ..AROUND }), None);
    }
}
