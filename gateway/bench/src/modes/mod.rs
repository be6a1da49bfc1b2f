//! What a run does, one file for each mode.

pub(crate) mod consume;
pub(crate) mod produce;

use std::time::Duration;

use crate::cluster::Leader;

/// How long answers are waited for after the window.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);

/// One connection to be made: to whom, and the partitions it works on.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) address: String,
    pub(crate) partitions: Vec<i32>,
}

/// Spreads connections over leaders, and the partitions of each leader over its connections. Every leader gets one
/// connection at least; connections beyond the number of partitions share them.
pub(crate) fn spread(leaders: &[Leader], connections: usize) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for (position, leader) in leaders.iter().enumerate() {
        let share = connections / leaders.len() + usize::from(position < connections % leaders.len());
        let share = share.max(1);
        let partitions = &leader.partitions;
        for lane in 0..share {
            let own = if partitions.len() >= share {
                partitions.iter().skip(lane).step_by(share).copied().collect()
            } else {
                partitions.iter().cycle().skip(lane).take(1).copied().collect()
            };
            lanes.push(Lane { address: leader.address.clone(), partitions: own });
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::{Lane, spread};
    use crate::cluster::Leader;

    fn lanes(leaders: &[(&str, &[i32])], connections: usize) -> Vec<(String, Vec<i32>)> {
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
        assert_eq!(lanes(&[("a", &[0, 1, 2])], 2), [one(&[0, 2]), one(&[1])]);
        assert_eq!(lanes(&[("a", &[4, 7])], 3), [one(&[4]), one(&[7]), one(&[4])]);
    }

    #[test]
    fn every_leader_gets_a_connection() {
        let lanes = lanes(&[("a", &[0]), ("b", &[1]), ("c", &[2])], 1);
        assert_eq!(lanes.iter().map(|lane| lane.0.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
