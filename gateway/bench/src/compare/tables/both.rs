//! Rows that are measured once on each side: what a server has become after so many connections or partitions.

use serde::Serialize;
use serde_json::{Value, json};

use crate::BenchError;
use crate::compare::contest::Contest;
use crate::compare::figures::{Better, Figure};
use crate::compare::side::Side;

/// A figure of one side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Single {
    pub(crate) name: &'static str,
    pub(crate) value: Option<f64>,
    pub(crate) better: Better,
}

/// What `measure` finds of a side until it fails, and a remark that says why it did.
pub(crate) fn attempt<F: Default>(
    contest: &mut Contest<'_>,
    side: &Side,
    measure: impl FnOnce(&mut Contest<'_>, &mut F) -> Result<(), BenchError>,
) -> (F, String) {
    let mut found = F::default();
    let remark = match measure(contest, &mut found) {
        Ok(()) => String::new(),
        Err(error) => format!("{}: {} ", side.name, contest.fail(side.name, &error)),
    };
    (found, remark)
}

/// The cells of a row: `ours / peer`. How many times better ours is, only [`data`] says: of one run on each side that is no
/// more than a hint.
pub(crate) fn cells(name: &str, ours: &[Single], peer: &[Single], remark: String) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    for (place, value) in ours.iter().enumerate() {
        cells.push(figure(value, peer.get(place)).both());
    }
    cells.push(remark);
    cells
}

/// The same as an object.
pub(crate) fn data(name: &str, ours: &[Single], peer: &[Single]) -> Value {
    let figures: serde_json::Map<String, Value> = ours
        .iter()
        .enumerate()
        .map(|(place, value)| (value.name.to_owned(), json!(figure(value, peer.get(place)))))
        .collect();
    json!({ "name": name, "figures": figures })
}

fn figure(ours: &Single, peer: Option<&Single>) -> Figure {
    let peer = peer.and_then(|value| value.value);
    let ratio = match (ours.value, peer, ours.better) {
        (Some(ours), Some(peer), Better::Higher) => Some(ours / peer),
        (Some(ours), Some(peer), Better::Lower) => Some(peer / ours),
        _ => None,
    };
    Figure { ours: ours.value, peer, ratio: ratio.filter(|ratio| ratio.is_finite()), ..Figure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: Option<f64>, better: Better) -> Single {
        Single { name: "x", value, better }
    }

    #[test]
    fn a_ratio_says_how_many_times_better_ours_is() {
        let ours = [value(Some(10.0), Better::Lower), value(Some(10.0), Better::Higher)];
        let peer = [value(Some(40.0), Better::Lower), value(Some(5.0), Better::Higher)];
        let ratios = ours.iter().zip(&peer).map(|(ours, peer)| figure(ours, Some(peer)).ratio);
        assert_eq!(ratios.collect::<Vec<_>>(), [Some(4.0), Some(2.0)]);
        assert_eq!(cells("row", &ours, &peer, String::new()), ["row", "10.0 / 40.0", "10.0 / 5.00", ""]);
    }

    #[test]
    fn what_a_side_does_not_have_is_left_out() {
        let row = cells("row", &[value(None, Better::Lower)], &[], "alone".to_owned());
        assert_eq!(row, ["row", "-", "alone"]);
    }
}
