//! Finds the key that was probably meant.

use crate::sections::{Key, keys};

/// The known key nearest to `path`, unless all are far from it.
pub(super) fn nearest_key(path: &str) -> Option<String> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let score = |known: &Key| {
        let whole = distance(path, &known.path());
        match known.name {
            // The right name in the wrong section is nearer than any misspelling,
            same if same == name => whole.min(1),
            // and so is the beginning of a name in the right one.
            longer if longer.starts_with(name) && path.starts_with(known.section) => whole.min(2),
            _ => whole,
        }
    };
    let (score, key) = keys().map(|key| (score(key), key)).min_by_key(|(score, _)| *score)?;
    (score <= (path.len() / 4).max(2)).then(|| key.path())
}

/// How many letters to insert, delete, replace or swap with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn finds_the_key_that_was_meant_or_none() {
        assert_eq!(nearest_key("storage.wal.durabilty").as_deref(), Some("storage.wal.durability"));
        assert_eq!(nearest_key("listeners").as_deref(), Some("kafka.listeners"));
        assert_eq!(nearest_key("storage.dir").as_deref(), Some("storage.wal.dir"));
        assert_eq!(nearest_key("kafka.cluster").as_deref(), Some("kafka.cluster_id"));
        assert_eq!(nearest_key("frobnicate.the.thing"), None);
    }
}
