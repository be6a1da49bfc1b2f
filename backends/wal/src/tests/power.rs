//! Power cuts and failing disks.
//!
//! Random lives of a log on a simulated disk. After every single operation of the disk the power is cut: what was not
//! synced survives in part, the log is opened again, and what it delivers is held against a model. One of these disks
//! is where the next life begins, so recoveries are interrupted as well.
//!
//! `CHRONIK_POWERCUT_STATES` sets the number of crash states, `CHRONIK_POWERCUT_SEED` the first seed.

use chronik_types::Entropy;

use super::life::{Life, Model};
use crate::Durability;
use crate::disk::sim::{Event, Replay, SimDisk};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("a number"))
}

/// Explores crash states until there are enough. Returns how many acknowledged entries were at stake in all.
fn explore(seed: u64, states: u64, durabilities: &'static [Durability]) -> u64 {
    let mut explored = 0;
    let mut at_stake = 0;
    let mut seed = seed;
    while explored < states {
        // A new log now and then: an old one has much to check and no new ways to fail.
        let mut dynasty = Dynasty::new(seed, durabilities);
        let enough = states.min(explored + 5_000) - explored;
        while dynasty.explored < enough {
            dynasty.live_and_die();
        }
        explored += dynasty.explored;
        at_stake += dynasty.at_stake;
        seed += 1;
    }
    eprintln!("{explored} crash states, {at_stake} acknowledged entries found again, seeds up to {seed}");
    at_stake
}

/// Lives that begin on what the one before left.
struct Dynasty {
    seed: u64,
    /// Each run has one of them.
    durabilities: &'static [Durability],
    entropy: Entropy,
    disk: SimDisk,
    model: Model,
    next_token: u64,
    explored: u64,
    at_stake: u64,
}

impl Dynasty {
    fn new(seed: u64, durabilities: &'static [Durability]) -> Self {
        eprintln!("seed {seed}, {durabilities:?}");
        let entropy = Entropy::seeded(seed);
        let (disk, model) = (SimDisk::new(), Model::default());
        Self { seed, durabilities, entropy, disk, model, next_token: 1, explored: 0, at_stake: 0 }
    }

    /// One life, and after each of its operations a power cut.
    fn live_and_die(&mut self) {
        let mut replay = Replay::from(&self.disk);
        live(&self.disk, self.durabilities, &self.entropy, &mut self.next_token);
        let mut next_life = None;
        for (number, event) in (0..).zip(self.disk.record()) {
            replay.step(&event);
            if let Event::Mark(mark) = &event {
                self.model.apply(mark);
            }
            let left = replay.cut_power(&self.entropy);
            let untouched = left.snapshot();
            let survivors =
                self.model.check(&left, one_of(self.durabilities, &self.entropy)).unwrap_or_else(|reason| {
                    let Self { seed, explored, .. } = self;
                    panic!("seed {seed}, crash state {explored}, after event {number}: {reason}")
                });
            self.explored += 1;
            self.at_stake += self.model.acknowledged() as u64;
            if next_life.is_none() || self.entropy.below(number + 1) == 0 {
                next_life = Some((untouched, survivors));
            }
        }
        (self.disk, self.model) = next_life.expect("a life leaves a record");
        self.interrupt_recovery();
    }
}

impl Dynasty {
    /// The process ends in the middle of its recovery, and the next one starts without a power cut in between.
    fn interrupt_recovery(&self) {
        for nth in 1..8 {
            let durability = one_of(self.durabilities, &self.entropy);
            let disk = self.disk.snapshot();
            disk.fail_in(nth);
            if Life::begin(&disk, durability).is_err() {
                let again = self.model.check(&disk.snapshot(), durability);
                again.unwrap_or_else(|reason| {
                    panic!("seed {}, recovery stopped at {nth}: {reason}", self.seed)
                });
            }
        }
    }
}

/// One or two runs of a log, at random, ended at random.
fn live(disk: &SimDisk, durabilities: &[Durability], entropy: &Entropy, next_token: &mut u64) {
    while entropy.below(3) == 0 {
        run(disk, one_of(durabilities, entropy), entropy, next_token).kill();
    }
    let mut life = run(disk, one_of(durabilities, entropy), entropy, next_token);
    match entropy.below(3) {
        0 => {
            life.log.close();
            life.drain();
        }
        1 => life.drain(),
        _ => {}
    }
}

fn one_of(durabilities: &[Durability], entropy: &Entropy) -> Durability {
    let chosen = usize::try_from(entropy.below(durabilities.len() as u64)).expect("small");
    durabilities[chosen]
}

fn run(disk: &SimDisk, durability: Durability, entropy: &Entropy, next_token: &mut u64) -> Life {
    let exists = |name: &str| disk.files().keys().any(|found| found.starts_with(name));
    // A log that is there opens on a full disk, too.
    if exists("format") && exists("wal-") && entropy.below(3) == 0 {
        disk.set_capacity(disk.used());
    }
    let mut life = Life::begin(disk, durability).expect("open");
    for _ in 0..entropy.below(100) {
        if entropy.below(60) == 0 {
            // The disk fills up, or gets some space again.
            disk.set_capacity(disk.used() + entropy.below(4) * (70 << 10));
        }
        life.step(entropy, next_token);
    }
    disk.set_capacity(u64::MAX);
    life
}

#[test]
fn what_is_acknowledged_survives_any_power_cut() {
    let states = number("CHRONIK_POWERCUT_STATES", 2_000);
    let seed = number("CHRONIK_POWERCUT_SEED", 1);
    let at_stake = explore(seed, states, &[Durability::Fsync]);
    assert!(at_stake > states, "the lives acknowledged hardly anything");
}

/// What `os` durability acknowledged may be lost in a power cut, from the end on, until another run has found it. What
/// `fsync` acknowledged after that is safe, and so is all before it.
#[test]
fn a_power_cut_under_os_durability_leaves_a_prefix() {
    let seed = number("CHRONIK_POWERCUT_SEED", 1);
    explore(seed, number("CHRONIK_POWERCUT_STATES", 2_000) / 4, &[Durability::Os, Durability::Fsync]);
}

/// Without a power cut, `os` durability keeps everything acknowledged.
#[test]
fn the_end_of_the_process_loses_nothing_under_os_durability() {
    let entropy = Entropy::seeded(3);
    let disk = SimDisk::new();
    let mut next_token = 1;
    for _ in 0..30 {
        run(&disk, Durability::Os, &entropy, &mut next_token).kill();
    }
    let mut model = Model::default();
    for event in disk.record() {
        if let Event::Mark(mark) = event {
            // Compares what each run was handed with what the ones before had acknowledged.
            model.apply(&mark);
        }
    }
    assert!(next_token > 300 && model.acknowledged() > 20, "{next_token} {}", model.acknowledged());
}

/// The n-th write or sync fails, for every n: nothing is acknowledged from then on, and everything before survives.
#[test]
fn nothing_is_acknowledged_after_a_failed_write_or_sync() {
    for nth in 1..200 {
        let entropy = Entropy::seeded(nth);
        let disk = SimDisk::new();
        disk.fail_in(nth);
        let mut next_token = 1;
        let Ok(mut life) = Life::begin(&disk, Durability::Fsync) else { continue };
        let mut failed_at = None;
        for _ in 0..60 {
            life.append(&entropy, &mut next_token);
            life.log.do_housework();
            if let Some(group) = life.log.take() {
                let written = life.log.write(&group);
                if written.is_err() {
                    failed_at.get_or_insert(life.seen.lock().acknowledged);
                }
                life.log.complete(group, written);
            }
        }
        if let Some(before) = failed_at {
            assert_eq!(life.seen.lock().acknowledged, before, "acknowledged after failure {nth}");
            assert!(life.log.append(super::life::any_append()).is_err());
        }
        let mut replay = Replay::from(&SimDisk::new());
        let mut model = Model::default();
        for event in disk.record() {
            replay.step(&event);
            if let Event::Mark(mark) = &event {
                model.apply(mark);
            }
        }
        for _ in 0..2 {
            model
                .check(&replay.cut_power(&entropy), Durability::Fsync)
                .expect("acknowledged entries survive");
        }
    }
}
