//! Medians, and how sure they are.

/// The middle value; the mean of the two middle ones when their number is even. `None` for none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(lower.midpoint(upper))
}

/// The 95 % interval of the median of what the values are drawn from, whatever their distribution: from the k-th least to the
/// k-th greatest, for the greatest k with which it still holds the median with that chance. `None` when not even the least
/// and the greatest do, which is so for fewer than six.
pub(crate) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    let place = place_of_the_bound(values.len())?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some((*sorted.get(place)?, *sorted.get(values.len() - 1 - place)?))
}

/// The least and the greatest; `None` for none.
pub(crate) fn least_and_greatest(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().reduce(f64::min)?;
    Some((least, values.iter().copied().reduce(f64::max)?))
}

/// Where, counted from 0, the lower bound stands among so many sorted values. The median lies below it when at most that
/// many of the values do, each of which does with a chance of one half.
#[expect(clippy::cast_precision_loss, reason = "a number of pairs")]
fn place_of_the_bound(count: usize) -> Option<usize> {
    let mut below = 0.0;
    let mut place = None;
    // The logarithm of the chance that exactly so many of the values lie below the median.
    let mut chance = -(count as f64) * std::f64::consts::LN_2;
    for lower in 0..count / 2 {
        below += chance.exp();
        if 1.0 - 2.0 * below < COVERAGE {
            break;
        }
        place = Some(lower);
        chance += ((count - lower) as f64 / (lower + 1) as f64).ln();
    }
    place
}

const COVERAGE: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn fewer_than_six_values_have_no_interval() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0]), None);
        assert_eq!(interval(&[2.5; 6]), Some((2.5, 2.5)));
        assert_eq!(least_and_greatest(&[3.0, 1.0, 2.0]), Some((1.0, 3.0)));
        assert_eq!(least_and_greatest(&[]), None);
    }

    #[test]
    fn bounds_are_those_of_the_tables_for_the_sign_test() {
        // Places from 1, as tables have them: 9 values have 1 - 2 (1 + 9) / 512 = 96.1 % between the 2nd and the 8th.
        let tabled = [(6, 1), (7, 1), (8, 1), (9, 2), (11, 2), (12, 3), (14, 3), (15, 4), (20, 6), (100, 40)];
        for (count, place) in tabled {
            assert_eq!(place_of_the_bound(count), Some(place - 1), "{count}");
        }
        assert_eq!((0..6).filter_map(place_of_the_bound).count(), 0);
        // Two to the power of so many is more than a number holds.
        assert!(place_of_the_bound(5000).is_some_and(|place| (2400..2500).contains(&place)));
    }

    #[test]
    fn the_interval_goes_from_one_value_to_another_whatever_their_order() {
        let values = [9.0, 1.0, 5.0, 3.0, 7.0, 8.0, 2.0, 6.0, 4.0];
        assert_eq!(interval(&values), Some((2.0, 8.0)));
        assert_eq!(interval(&values[..7]), Some((1.0, 9.0)));
    }
}
