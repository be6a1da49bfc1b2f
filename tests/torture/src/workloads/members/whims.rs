//! What members do besides reading: by their own dice now and then, or blown about by a storm.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chronik_harness::{pause, wait_until};
use parking_lot::Mutex;

use crate::stage::{Over, Stage};
use crate::workloads::dice::Dice;

/// A member crashes, or leaves, once in this many rounds.
const RARELY: u64 = 400;
/// From one gust to the next.
const EVERY: Duration = Duration::from_millis(200);

/// What happens to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gust {
    /// A member takes it, and joins.
    Join,
    /// One begins to join, and is gone.
    Flit,
    /// Its member leaves.
    Leave,
    /// Its member stops without a word.
    Vanish,
    /// Its member sends heartbeats, and neither reads nor takes part in a rebalance for longer than that may last.
    Stall,
    /// Its member is silent for longer than its session, and then goes on.
    Hang,
}

/// Who decides.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whims<'a> {
    /// The dice of the member. A seat is taken again at once.
    Own,
    /// A storm.
    Storm(&'a Gusts),
}

impl Whims<'_> {
    /// Waits until a member takes the seat: whether it stays. `None` when it is over before that.
    pub(super) fn sit(self, stage: &Stage, seat: u64, is_over: impl Fn() -> bool) -> Option<bool> {
        let Self::Storm(gusts) = self else { return (!is_over()).then_some(true) };
        loop {
            let next = wait_until(crate::stage::PATIENCE, || {
                let come = if stage.is_calm() { Some(Gust::Join) } else { gusts.take(seat) };
                if is_over() { Some(None) } else { come.map(Some) }
            });
            match next.flatten() {
                Some(Gust::Flit) => return Some(false),
                Some(_) => {
                    gusts.occupy(seat, true);
                    return Some(true);
                }
                None if is_over() => return None,
                None => {}
            }
        }
    }

    /// The seat is empty again.
    pub(super) fn rise(self, seat: u64) {
        if let Self::Storm(gusts) = self {
            gusts.occupy(seat, false);
        }
    }

    /// What happens to the member now; nothing any more once clients are to come to rest.
    pub(super) fn next(self, stage: &Stage, seat: u64, dice: &Dice) -> Option<Gust> {
        match self {
            _ if stage.is_calm() => None,
            Self::Storm(gusts) => gusts.take(seat),
            Self::Own if dice.one_in(RARELY) => Some(Gust::Leave),
            Self::Own if dice.one_in(RARELY) => Some(Gust::Vanish),
            Self::Own => None,
        }
    }
}

#[derive(Debug, Default)]
struct Place {
    taken: bool,
    gust: Option<Gust>,
}

/// A storm over the seats of one group.
#[derive(Debug)]
pub(crate) struct Gusts {
    first: u64,
    places: Mutex<Vec<Place>>,
}

impl Gusts {
    /// Over `seats` seats from number `first` on, all of them empty.
    pub(crate) fn over(first: u64, seats: u64) -> Self {
        Self { first, places: Mutex::new((0..seats).map(|_| Place::default()).collect()) }
    }

    /// The next gust, on a seat that has coped with its last one.
    pub(crate) fn blow(&self, stage: &Stage, dice: &Dice) {
        let mut places = self.places.lock();
        let mut ready: Vec<&mut Place> = places.iter_mut().filter(|place| place.gust.is_none()).collect();
        let bound = u64::try_from(ready.len()).unwrap_or(0);
        let chosen = usize::try_from(dice.between(0, bound)).unwrap_or(0);
        let Some(place) = ready.get_mut(chosen) else { return };
        // Mostly what is soon over: the others of a classic group wait for the session of whoever goes without a word.
        place.gust = Some(match (place.taken, dice.between(0, 16)) {
            (false, 0) => Gust::Flit,
            (false, _) => Gust::Join,
            (true, 0) => Gust::Hang,
            (true, 1) => Gust::Stall,
            (true, 2) => Gust::Vanish,
            (true, _) => Gust::Leave,
        });
        stage.counts.gusts.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self, seat: u64) -> Option<Gust> {
        self.with(seat, |place| place.gust.take()).flatten()
    }

    fn occupy(&self, seat: u64, taken: bool) {
        self.with(seat, |place| *place = Place { taken, gust: None });
    }

    fn with<T>(&self, seat: u64, change: impl FnOnce(&mut Place) -> T) -> Option<T> {
        let index = usize::try_from(seat.checked_sub(self.first)?).ok()?;
        self.places.lock().get_mut(index).map(change)
    }
}

/// Blows until the era calms down.
pub(crate) fn storm(stage: &Stage, gusts: &Gusts, dice: &Dice) -> Result<(), Over> {
    while !stage.is_calm() {
        pause(EVERY);
        gusts.blow(stage, dice);
    }
    if stage.is_over() { Err(Over) } else { Ok(()) }
}
