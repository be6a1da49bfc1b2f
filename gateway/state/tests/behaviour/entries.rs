//! The bytes of entries: round trips, truncation, noise, and what a later version meets.

use chronik_state::{DecodeError, Entry};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use crate::generator;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_round_trip(entry in generator::entry()) {
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn every_truncation_and_every_extension_is_refused(entry in generator::entry()) {
        let mut bytes = entry.encode();
        for length in 0..bytes.len() {
            assert!(matches!(Entry::decode(&bytes[..length]), Err(DecodeError::Truncated { .. })), "{length}");
        }
        bytes.push(0);
        prop_assert_eq!(Entry::decode(&bytes), Err(DecodeError::Trailing { bytes: 1 }));
    }

    #[test]
    fn noise_is_an_entry_or_an_error(kind in 0..40u8, noise in vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![1, kind];
        bytes.extend(noise);
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
        }
    }

    #[test]
    fn a_changed_byte_is_an_entry_or_an_error(entry in generator::entry(), at in any::<u16>(), byte in any::<u8>()) {
        let mut bytes = entry.encode();
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
        }
    }
}

#[test]
fn a_later_version_is_refused_by_name() {
    let refused = Entry::decode(&[2, 7, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the journal entry has format version 2, this program reads up to 1: start the version that wrote it"
    );
}

#[test]
fn an_unknown_kind_is_refused_by_name() {
    let refused = Entry::decode(&[1, 200, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(refused, DecodeError::UnknownKind { kind: 200, version: 1 });
    assert_eq!(refused.to_string(), "entry kind 200 does not exist in format version 1");
}

#[test]
fn a_false_count_allocates_nothing() {
    let mut bytes = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(u32::MAX.to_le_bytes());
    let refused = Entry::decode(&bytes).unwrap_err();
    assert!(matches!(refused, DecodeError::Truncated { field: "batches", .. }), "{refused}");
}
