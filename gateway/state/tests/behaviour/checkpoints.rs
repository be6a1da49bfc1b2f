//! The bytes of checkpoints: what damage does to them.

use chronik_state::{Change, DecodeError, State};
use chronik_types::ClusterId;

use crate::support::{Life, idempotent};

fn lived() -> Life {
    let mut life = Life::with_topic(2);
    life.apply(Change::NameCluster { cluster_id: ClusterId::new("c") });
    for sequence in 0..3 {
        life.append(idempotent(0, sequence, 1)).unwrap();
    }
    life
}

#[test]
fn round_trips() {
    for state in [State::new(), lived().state] {
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = lived().state.encode();
    for length in 0..bytes.len() {
        assert!(State::decode(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = lived().state.encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(State::decode(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn says_what_is_wrong() {
    let bytes = lived().state.encode();
    assert_eq!(State::decode(b"hello"), Err(DecodeError::NotACheckpoint));
    let mut later = bytes.clone();
    later[8] = 3;
    let refused = State::decode(&later).unwrap_err();
    assert_eq!(refused, DecodeError::UnknownVersion { what: "the checkpoint", found: 3, known: 2 });
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert!(matches!(State::decode(&damaged), Err(DecodeError::Checksum { .. })));
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(State::decode(&longer), Err(DecodeError::Trailing { bytes: 1 }));
}
