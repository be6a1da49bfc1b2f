//! What a run does, one file for each mode, and the loop that all of them run in.

pub(crate) mod consume;
pub(crate) mod groups;
pub(crate) mod metadata;
mod open_loop;
pub(crate) mod produce;
pub(crate) mod round_trip;

use std::time::Duration;

use crate::cluster::Leader;
use crate::engine::Poller;
use crate::error::BenchError;
use crate::meter::{Meter, Phase, nanos};

/// How long answers are waited for after the window; where something is still to be sent then, first that has as long.
const DRAIN: Duration = Duration::from_secs(30);
/// The loop looks at the clock so often at least.
const GREATEST_WAIT: Duration = Duration::from_millis(250);

/// A mode at work on its connections, which are numbered from 0.
pub(crate) trait Load {
    /// How many connections there are.
    fn connections(&self) -> usize;

    /// The meter of the run.
    fn meter(&mut self) -> &mut Meter;

    /// Reads and writes what a connection has and takes.
    fn serve(&mut self, connection: usize) -> Result<(), BenchError>;

    /// Sends what is due by the clock.
    fn send_due(&mut self, _now_ns: u64) -> Result<(), BenchError> {
        Ok(())
    }

    /// How long nothing is due by the clock, apart from what the meter waits for.
    fn idle(&self) -> Duration {
        GREATEST_WAIT
    }

    /// What is still to come for what was sent.
    fn outstanding(&self) -> u64;

    /// After the window: how many records were due before its end and are still to be sent.
    fn unsent(&self) -> u64 {
        0
    }

    /// Does not send these any more.
    fn give_up(&mut self, _now_ns: u64) {}

    /// Whether the load ends by itself when nothing is outstanding.
    fn is_finite(&self) -> bool {
        false
    }

    /// What it means that something is still outstanding so long after the end.
    fn late(&mut self) -> Result<(), BenchError> {
        Err(unanswered_after_drain(self.outstanding()))
    }
}

/// So many requests have had no answer for too long.
fn unanswered_after_drain(requests: u64) -> BenchError {
    let seconds = DRAIN.as_secs();
    BenchError::Late(format!(
        "{requests} requests were still unanswered {seconds} s after the end of the run"
    ))
}

/// Runs a load until the meter says that it is over and nothing is outstanding.
pub(crate) fn drive(load: &mut impl Load, poller: &mut Poller) -> Result<(), BenchError> {
    let mut ready: Vec<usize> = (0..load.connections()).collect();
    let mut drain = None;
    // Without a warm-up the first request already belongs to the window.
    load.meter().begin_ns();
    loop {
        for &connection in &ready {
            load.serve(connection)?;
        }
        let now_ns = load.meter().now_ns();
        load.meter().tick(now_ns);
        load.send_due(now_ns)?;
        let outstanding = load.outstanding();
        if outstanding == 0 && (load.is_finite() || load.meter().is_spent()) {
            load.meter().end_early()?;
        }
        if load.meter().phase() == Phase::Drain {
            if outstanding == 0 && load.unsent() == 0 {
                return Ok(());
            }
            let (behind, requests) = (load.unsent() > 0, load.meter().counts().requests);
            let until_ns = now_ns.saturating_add(nanos(DRAIN));
            let ending = drain.get_or_insert(Drain { until_ns, behind, requests });
            if now_ns > ending.until_ns {
                // A broker that has answered nothing since is not slow but dead.
                if !ending.behind || requests == ending.requests {
                    return load.late();
                }
                load.give_up(now_ns);
                drain = Some(Drain { until_ns, behind: false, requests });
            }
        }
        let wait = load.meter().idle(now_ns).min(load.idle()).min(GREATEST_WAIT);
        poller.wait(wait, &mut ready).map_err(BenchError::system("cannot wait for sockets"))?;
    }
}

/// What is waited for after the window.
#[derive(Clone, Copy, Debug)]
struct Drain {
    until_ns: u64,
    /// Whether something is still to be sent.
    behind: bool,
    /// Requests that had been answered when it began.
    requests: u64,
}

/// A poller that watches nothing yet.
pub(crate) fn poller() -> Result<Poller, BenchError> {
    Poller::new().map_err(BenchError::system("cannot make an epoll"))
}

/// Has a load that is due at distances of `period` awake in time.
pub(crate) fn keep_pace(poller: &mut Poller, period: Duration) -> Result<(), BenchError> {
    poller.keep_pace(period).map_err(BenchError::system("cannot make a timer"))
}

/// The share of one of `count` connections in `whole`; at least 1.
pub(crate) fn share(whole: usize, count: usize, position: usize) -> usize {
    (whole / count.max(1) + usize::from(position < whole % count.max(1))).max(1)
}

/// One connection to be made: to whom, and the partitions it works on.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) address: String,
    pub(crate) partitions: Vec<i32>,
}

/// Spreads connections that write over leaders, and the partitions of each leader over its connections. Every leader gets
/// one connection at least; connections beyond the number of partitions share them.
pub(crate) fn spread(leaders: &[Leader], connections: usize) -> Vec<Lane> {
    deal(leaders, connections, |_| usize::MAX)
}

/// The same for connections that read: a partition is read over one of them, so a leader gets no more connections than it
/// has partitions.
pub(crate) fn spread_readers(leaders: &[Leader], connections: usize) -> Vec<Lane> {
    deal(leaders, connections, |leader| leader.partitions.len())
}

fn deal(leaders: &[Leader], connections: usize, most: impl Fn(&Leader) -> usize) -> Vec<Lane> {
    let mut shares = vec![1; leaders.len()];
    let mut left = connections.saturating_sub(leaders.len());
    // One more for each in turn, until there are no more or nobody can use them.
    while left > 0 {
        let before = left;
        for (share, leader) in shares.iter_mut().zip(leaders) {
            if left > 0 && *share < most(leader) {
                *share += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    let lane = |(leader, share): (&Leader, usize)| lanes(leader, share);
    leaders.iter().zip(shares).flat_map(lane).collect()
}

/// So many connections to one leader.
fn lanes(leader: &Leader, count: usize) -> Vec<Lane> {
    let partitions = &leader.partitions;
    let own = |lane| {
        if partitions.len() >= count {
            partitions.iter().skip(lane).step_by(count).copied().collect()
        } else {
            partitions.iter().cycle().skip(lane).take(1).copied().collect()
        }
    };
    (0..count).map(|lane| Lane { address: leader.address.clone(), partitions: own(lane) }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Lane, spread, spread_readers};
    use crate::cluster::Leader;

    type Spread = fn(&[Leader], usize) -> Vec<Lane>;

    fn lanes(spread: Spread, leaders: &[(&str, &[i32])], connections: usize) -> Vec<(String, Vec<i32>)> {
        let leaders: Vec<_> = leaders
            .iter()
            .map(|(address, partitions)| Leader {
                address: (*address).to_owned(),
                partitions: partitions.to_vec(),
            })
            .collect();
        spread(&leaders, connections)
            .into_iter()
            .map(|Lane { address, partitions }| (address, partitions))
            .collect()
    }

    #[test]
    fn partitions_are_dealt_out_to_connections() {
        let one = |partitions: &[i32]| ("a".to_owned(), partitions.to_vec());
        assert_eq!(lanes(spread, &[("a", &[0, 1, 2])], 2), [one(&[0, 2]), one(&[1])]);
        assert_eq!(lanes(spread, &[("a", &[4, 7])], 3), [one(&[4]), one(&[7]), one(&[4])]);
    }

    #[test]
    fn a_partition_is_read_over_one_connection() {
        let lane = |address: &str, partitions: &[i32]| (address.to_owned(), partitions.to_vec());
        let uneven: [(&str, &[i32]); 2] = [("a", &[0]), ("b", &[1, 2, 3])];
        let all = [lane("a", &[0]), lane("b", &[1]), lane("b", &[2]), lane("b", &[3])];
        for connections in [4, 5, 100] {
            assert_eq!(lanes(spread_readers, &uneven, connections), all);
        }
        assert_eq!(lanes(spread_readers, &uneven, 3), [all[0].clone(), lane("b", &[1, 3]), lane("b", &[2])]);
        assert_eq!(lanes(spread_readers, &uneven, 1), [all[0].clone(), lane("b", &[1, 2, 3])]);
        // Writers may share one.
        let written = [&all[..1], &all[..1], &[lane("b", &[1, 3]), lane("b", &[2])]].concat();
        assert_eq!(lanes(spread, &uneven, 4), written);
    }

    #[test]
    fn every_leader_gets_a_connection() {
        let lanes = lanes(spread, &[("a", &[0]), ("b", &[1]), ("c", &[2])], 1);
        assert_eq!(lanes.iter().map(|lane| lane.0.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
