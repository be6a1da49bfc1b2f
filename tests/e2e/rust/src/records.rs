//! The records every e2e client writes and expects; the rules are explained in `tests/e2e/python/records.py`.
//! rskafka keeps headers in a sorted map: no duplicate keys, no null values.

use std::collections::BTreeMap;
use std::env;

use chrono::DateTime;
use rskafka::record::Record;

/// Partitions of each topic.
pub const PARTITIONS: usize = 3;

/// A setting of the run from the environment.
pub fn setting(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// Records per topic.
pub fn count() -> usize {
    setting("E2E_COUNT", "10000").parse().expect("E2E_COUNT is a number")
}

/// Records of a partition.
pub fn count_of(partition: usize) -> usize {
    (count() + PARTITIONS - 1 - partition) / PARTITIONS
}

/// Milliseconds of the first record's timestamp.
pub fn t0() -> i64 {
    setting("E2E_T0", "0").parse().expect("E2E_T0 is a number")
}

/// The record of a partition and index; its offset is its index.
pub fn at(p: usize, i: usize) -> Record {
    let key = match i % 7 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(format!("key-{p}-{i}").into_bytes()),
    };
    let value = match i % 11 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some((0..=i * 37 % 200).map(|j| ((p * 7 + i + j * 31) % 256) as u8).collect()),
    };
    let headers: &[(&str, Vec<u8>)] = match i % 3 {
        0 => &[],
        1 => &[("trace", format!("{p}/{i}").into_bytes())],
        _ => &[
            ("dup", format!("a{i}").into_bytes()),
            ("bin", vec![0, 255, (i % 256) as u8]),
            ("dup2", b"b".to_vec()),
            ("empty", Vec::new()),
        ],
    };
    Record {
        key,
        value,
        headers: headers.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<BTreeMap<_, _>>(),
        timestamp: DateTime::from_timestamp_millis(t0() + (3 * i + p) as i64).expect("a time of this century"),
    }
}
