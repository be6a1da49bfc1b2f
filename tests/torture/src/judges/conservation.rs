//! K6: consume, transform, produce: each input has exactly one output.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::Key;

/// A record of the input, by partition and offset.
pub(crate) type Input = (Key, i64);

/// A record of the output, as a read_committed reader saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) key: Key,
    pub(crate) offset: i64,
    /// The input it was made from.
    pub(crate) input: Input,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConservationAnomaly {
    /// Committed as read, and nothing came of it.
    #[error("K6: input {input:?} has no output")]
    Missing { input: Input },
    /// Two committed transactions made something of it.
    #[error("K6: input {input:?} has two outputs: {one:?} and {other:?}")]
    Twice { input: Input, one: (Key, i64), other: (Key, i64) },
    /// There is no such input.
    #[error("K6: output {output:?} was made from nothing")]
    Invented { output: Output },
}

/// Everything that is wrong with these outputs, when all inputs have been consumed.
pub(crate) fn conservation(inputs: &BTreeSet<Input>, outputs: &[Output]) -> Vec<ConservationAnomaly> {
    let mut seen: BTreeMap<Input, (Key, i64)> = BTreeMap::new();
    let mut anomalies = Vec::new();
    for output in outputs {
        if !inputs.contains(&output.input) {
            anomalies.push(ConservationAnomaly::Invented { output: *output });
        } else if let Some(one) = seen.insert(output.input, (output.key, output.offset)) {
            let other = (output.key, output.offset);
            anomalies.push(ConservationAnomaly::Twice { input: output.input, one, other });
        }
    }
    let missing = inputs.iter().filter(|input| !seen.contains_key(*input));
    anomalies.extend(missing.map(|input| ConservationAnomaly::Missing { input: *input }));
    anomalies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(offset: i64, input: Input) -> Output {
        Output { key: 9, offset, input }
    }

    #[test]
    fn finds_nothing_when_each_input_has_one_output() {
        let inputs = BTreeSet::from([(0, 0), (0, 1), (1, 0)]);
        let outputs = [output(0, (1, 0)), output(2, (0, 1)), output(3, (0, 0))];
        assert_eq!(conservation(&inputs, &outputs), []);
    }

    #[test]
    fn finds_inputs_without_output_and_with_two() {
        let inputs = BTreeSet::from([(0, 0), (0, 1)]);
        let outputs = [output(0, (0, 1)), output(4, (0, 1))];
        let (one, other) = ((9, 0), (9, 4));
        let twice = ConservationAnomaly::Twice { input: (0, 1), one, other };
        assert_eq!(conservation(&inputs, &outputs), [twice, ConservationAnomaly::Missing { input: (0, 0) }]);
    }

    #[test]
    fn finds_an_output_of_nothing() {
        let outputs = [output(0, (0, 7))];
        let expected = ConservationAnomaly::Invented { output: outputs[0] };
        assert_eq!(conservation(&BTreeSet::new(), &outputs), [expected]);
    }
}
