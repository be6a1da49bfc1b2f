//! The two sides and the machine between them: who runs, who is paused, what is put right at the end.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use chronik_sol::{Cores, Programs, Settings};

use super::args::{Class, CompareArgs};
use super::guard::Guard;
use super::ours::Ours;
use super::pairs::describe;
use super::side::Side;
use crate::BenchError;

/// Both sides.
pub(crate) struct Contest<'a> {
    pub(crate) args: &'a CompareArgs,
    pub(crate) cores: Cores,
    /// Everything that this run needs on the disk; removed at the end.
    pub(crate) dir: PathBuf,
    dir_guard: Guard,
    programs: Option<Programs>,
    progress: &'a mut dyn Write,
    peer: Option<Side>,
    /// A gateway that was running before.
    given: Option<Side>,
    /// One that was started here.
    started: Option<Ours>,
    guards: Vec<(Side, Guard)>,
    topics: u64,
    /// Whether a run failed or something was lost.
    pub(crate) failed: bool,
}

impl<'a> Contest<'a> {
    /// Looks at both sides; starts nothing yet.
    pub(crate) fn open(args: &'a CompareArgs, progress: &'a mut dyn Write) -> Result<Self, BenchError> {
        let dir = args.dir.join(format!("chronik-compare.{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(BenchError::system(format!("cannot make {}", dir.display())))?;
        let dir_guard = Guard::removes(&dir)?;
        let peer = args.peer.clone().map(|address| Side {
            name: "peer",
            address,
            pid: args.peer_pid,
            class: args.peer_durability,
        });
        let given = args.bootstrap.clone().map(|address| Side {
            name: "chronik",
            address,
            pid: args.pid,
            class: args.durability,
        });
        let mut guards = Vec::new();
        for side in peer.iter().chain(&given) {
            if let Some(pid) = side.pid {
                guards.push((side.clone(), Guard::resumes(pid)?));
            }
        }
        let cores = args.cores();
        Ok(Self {
            args,
            cores,
            dir,
            dir_guard,
            programs: None,
            progress,
            peer,
            given,
            started: None,
            guards,
            topics: 0,
            failed: false,
        })
    }

    /// The programs that show what the machine allows, each measuring this long.
    pub(crate) fn programs(&mut self, seconds: f64) -> Result<&Programs, BenchError> {
        let mut programs = match self.programs.take() {
            Some(programs) => programs,
            None => {
                let settings = Settings { seconds, dir: self.dir.clone(), cores: self.cores };
                Programs::open(settings).map_err(BenchError::program)?
            }
        };
        programs.measure_for(seconds);
        Ok(self.programs.insert(programs))
    }

    /// Ours, for the rows of a class: new and empty unless a running one was named.
    pub(crate) fn ours(&mut self, class: Class, more: &[&str]) -> Result<Side, BenchError> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        // The old one first: both use the same directory.
        self.started = None;
        let ours = Ours::start(self.args, &self.dir, class, more)?;
        let side = ours.side();
        self.started = Some(ours);
        Ok(side)
    }

    /// Whether ours was running before this command.
    pub(crate) fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// The gateway that was started here, to be restarted by the caller.
    pub(crate) fn take_started(&mut self) -> Option<Ours> {
        self.started.take()
    }

    /// Puts back what [`Contest::take_started`] gave.
    pub(crate) fn put_started(&mut self, ours: Ours) -> Side {
        let side = ours.side();
        self.started = Some(ours);
        side
    }

    /// The other broker.
    pub(crate) fn peer(&self) -> Option<Side> {
        self.peer.clone()
    }

    /// Follows the peer to the process that it has become.
    pub(crate) fn peer_is_now(&mut self, pid: u32) -> Result<(), BenchError> {
        let Some(peer) = &mut self.peer else { return Ok(()) };
        for (side, guard) in std::mem::take(&mut self.guards) {
            if side.name == peer.name { guard.dismiss() } else { self.guards.push((side, guard)) }
        }
        peer.pid = Some(pid);
        self.guards.push((peer.clone(), Guard::resumes(pid)?));
        Ok(())
    }

    /// Pauses everybody else.
    pub(crate) fn alone(&self, side: &Side) -> Result<(), BenchError> {
        for other in self.sides().iter().filter(|other| other.address != side.address) {
            other.pause()?;
        }
        side.resume(self.cores)
    }

    /// Pauses everybody.
    pub(crate) fn nobody(&self) -> Result<(), BenchError> {
        self.sides().iter().try_for_each(Side::pause)
    }

    /// Everybody goes on, wherever the scheduler likes.
    pub(crate) fn everybody(&self) -> Result<(), BenchError> {
        self.sides().iter().try_for_each(|side| side.resume(Cores { server: None, client: None }))
    }

    /// All that can be paused: one that has died is in nobody's way.
    fn sides(&self) -> Vec<Side> {
        let started = self.started.as_ref().map(Ours::side);
        let sides = self.peer.iter().cloned().chain(self.given.clone()).chain(started);
        sides.filter(|side| !side.has_died()).collect()
    }

    /// Takes down that something failed; gives what to show of it.
    pub(crate) fn fail(&mut self, what: &str, error: &BenchError) -> String {
        self.failed = true;
        let failure = describe(error);
        self.say(&format!("{what}: {failure}"));
        failure
    }

    /// A name that no topic of this run has had.
    pub(crate) fn topic(&mut self) -> String {
        self.topics += 1;
        format!("chronik-compare-{}-{}", std::process::id(), self.topics)
    }

    /// A line for the person who waits.
    pub(crate) fn say(&mut self, line: &str) {
        // Nobody may be reading: the tables are what counts.
        let _unread = writeln!(self.progress, "{line}");
    }

    /// Lets everybody go on, and ends what was started here.
    pub(crate) fn end(mut self) -> Result<(), BenchError> {
        self.started = None;
        self.programs = None;
        self.everybody()?;
        fs::remove_dir_all(&self.dir)
            .map_err(BenchError::system(format!("cannot remove {}", self.dir.display())))?;
        self.dir_guard.dismiss();
        for (_, guard) in self.guards {
            guard.dismiss();
        }
        Ok(())
    }
}
