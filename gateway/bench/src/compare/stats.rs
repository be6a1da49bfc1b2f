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

/// The 95 % interval of the median, by percentile bootstrap: the values are drawn again, with replacement, as many as
/// there are, and the medians of these draws are sorted. The draws are always the same ones.
pub(crate) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let mut draws = Draws(SEED);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn: Vec<f64> =
                (0..values.len()).filter_map(|_| values.get(draws.below(values.len())).copied()).collect();
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let low = *medians.get(RESAMPLES * 25 / 1000)?;
    let high = *medians.get(RESAMPLES * 975 / 1000 - 1)?;
    Some((low, high))
}

/// SplitMix64, so that the same figures give the same interval in every version of this program.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit.max(1) as u64).unwrap_or_default()
    }
}

const SEED: u64 = 43;
const RESAMPLES: usize = 4000;

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
    fn equal_values_leave_no_doubt() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[2.5; 7]), Some((2.5, 2.5)));
        assert_eq!(interval(&[4.0]), Some((4.0, 4.0)));
    }

    #[test]
    fn the_interval_of_seven_values_is_that_of_the_binomial_distribution() {
        // The median of a draw of seven is at most the k-th value with the chance that at least four of the seven draws are
        // among the first k: 2.5 % lies at k = 2 (9.8 %; 0.9 % for k = 1), 97.5 % at k = 6 (99.1 %; 90.2 % for k = 5).
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        assert_eq!(interval(&values), Some((2.0, 6.0)));
        let mut shuffled = values;
        shuffled.reverse();
        assert_eq!(interval(&shuffled), Some((2.0, 6.0)));
    }

    #[test]
    fn one_outlier_does_not_move_the_interval_to_itself() {
        let (low, high) = interval(&[1.0, 1.1, 1.2, 1.0, 1.1, 1.2, 100.0]).unwrap();
        assert!(low >= 1.0 && high < 2.0, "{low} {high}");
    }
}
