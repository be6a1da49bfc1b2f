//! K2: what one reader is told about a partition: watermarks never go back, the last stable offset stays at or below the
//! high watermark, batches follow each other without gaps, and none lies above what the reader may see.

use crate::checker::Key;

/// Offsets of one batch, first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// One answer for one partition.
#[derive(Debug, Clone)]
pub(crate) struct FetchAnswer {
    pub(crate) key: Key,
    pub(crate) fetch_offset: i64,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    /// All batches in it, control batches and aborted ones included.
    pub(crate) spans: Vec<Span>,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StabilityAnomaly {
    #[error("K2: key {key}: {what} is {found}, after {known}")]
    WentBack { key: Key, what: &'static str, known: i64, found: i64 },
    #[error("K2: key {key}: last stable offset {last_stable_offset} above high watermark {high_watermark}")]
    Unordered { key: Key, last_stable_offset: i64, high_watermark: i64 },
    #[error("K2: key {key}: a batch begins at {found} where {expected} was due")]
    Gap { key: Key, expected: i64, found: i64 },
    #[error("K2: key {key}: offset {offset} was shown, at or above the bound {bound}")]
    AboveBound { key: Key, offset: i64, bound: i64 },
}

/// What one reader knows of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stability {
    high_watermark: i64,
    last_stable_offset: i64,
}

impl Stability {
    /// Judges an answer. Nothing was deleted or compacted, so the first batch holds the offset that was asked for.
    pub(crate) fn judge(&mut self, answer: &FetchAnswer, read_committed: bool) -> Vec<StabilityAnomaly> {
        let FetchAnswer { key, high_watermark, last_stable_offset, .. } = *answer;
        let mut anomalies = Vec::new();
        let told = [
            ("high watermark", &mut self.high_watermark, high_watermark),
            ("last stable offset", &mut self.last_stable_offset, last_stable_offset),
        ];
        for (what, known, found) in told {
            if found < *known {
                anomalies.push(StabilityAnomaly::WentBack { key, what, known: *known, found });
            }
            *known = found.max(*known);
        }
        if last_stable_offset > high_watermark {
            anomalies.push(StabilityAnomaly::Unordered { key, last_stable_offset, high_watermark });
        }
        let mut expected = None;
        for span in &answer.spans {
            let fits = match expected {
                Some(expected) => span.first == expected,
                None => (span.first..=span.last).contains(&answer.fetch_offset),
            };
            if !fits {
                let expected = expected.unwrap_or(answer.fetch_offset);
                anomalies.push(StabilityAnomaly::Gap { key, expected, found: span.first });
            }
            expected = Some(span.last.saturating_add(1));
        }
        let bound = if read_committed { last_stable_offset } else { high_watermark };
        if let Some(span) = answer.spans.last().filter(|span| span.last >= bound) {
            anomalies.push(StabilityAnomaly::AboveBound { key, offset: span.last, bound });
        }
        anomalies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fetch_offset: i64, stable: i64, end: i64, spans: &[(i64, i64)]) -> FetchAnswer {
        let spans = spans.iter().map(|(first, last)| Span { first: *first, last: *last }).collect();
        FetchAnswer { key: 0, fetch_offset, high_watermark: end, last_stable_offset: stable, spans }
    }

    #[test]
    fn finds_nothing_in_answers_that_fit() {
        let mut stability = Stability::default();
        assert_eq!(stability.judge(&answer(3, 6, 9, &[(2, 4), (5, 5)]), true), []);
        assert_eq!(stability.judge(&answer(6, 6, 9, &[]), true), []);
        assert_eq!(stability.judge(&answer(6, 6, 9, &[(6, 8)]), false), []);
    }

    #[test]
    fn finds_watermarks_that_go_back() {
        let mut stability = Stability::default();
        assert_eq!(stability.judge(&answer(0, 5, 9, &[]), true), []);
        let back = |what, known, found| StabilityAnomaly::WentBack { key: 0, what, known, found };
        assert_eq!(
            stability.judge(&answer(0, 4, 8, &[]), true),
            [back("high watermark", 9, 8), back("last stable offset", 5, 4)]
        );
    }

    #[test]
    fn finds_a_last_stable_offset_above_the_high_watermark() {
        let found = Stability::default().judge(&answer(0, 5, 4, &[]), true);
        let expected = StabilityAnomaly::Unordered { key: 0, last_stable_offset: 5, high_watermark: 4 };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn finds_gaps_between_batches_and_before_them() {
        let gap = |expected, found| StabilityAnomaly::Gap { key: 0, expected, found };
        let found = Stability::default().judge(&answer(0, 9, 9, &[(0, 1), (3, 3)]), true);
        assert_eq!(found, [gap(2, 3)]);
        let found = Stability::default().judge(&answer(0, 9, 9, &[(1, 1)]), true);
        assert_eq!(found, [gap(0, 1)]);
    }

    #[test]
    fn finds_what_is_shown_too_early() {
        let above = |offset, bound| StabilityAnomaly::AboveBound { key: 0, offset, bound };
        let found = Stability::default().judge(&answer(0, 1, 9, &[(0, 1)]), true);
        assert_eq!(found, [above(1, 1)]);
        let found = Stability::default().judge(&answer(0, 1, 2, &[(0, 2)]), false);
        assert_eq!(found, [above(2, 2)]);
    }
}
