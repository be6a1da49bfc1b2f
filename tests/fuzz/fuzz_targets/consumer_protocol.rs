//! The blobs that consumers pass each other: memory within the rule of requests, and what is read says the same when it
//! is written and read again.
#![no_main]

use bytes::Bytes;
use chronik_fuzz::peak_of;
use chronik_wire::consumer_protocol::{
    MAX_VERSION, decode_assignment, decode_subscription, encode_assignment, encode_subscription,
};
use chronik_wire::wellformed::allowed_memory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let blob = Bytes::copy_from_slice(input);
    let version = blob.first_chunk().map_or(0, |version| i16::from_be_bytes(*version)).min(MAX_VERSION);
    let (subscription, peak) = peak_of(|| decode_subscription(&blob));
    assert!(peak <= allowed_memory(blob.len()), "a subscription took {peak} bytes for {}", blob.len());
    if let Ok(subscription) = subscription {
        let again = encode_subscription(version, &subscription).expect("what was read can be written");
        assert_eq!(decode_subscription(&again).expect("and read"), subscription);
    }
    let (assignment, peak) = peak_of(|| decode_assignment(&blob));
    assert!(peak <= allowed_memory(blob.len()), "an assignment took {peak} bytes for {}", blob.len());
    if let Ok(assignment) = assignment {
        let again = encode_assignment(version, &assignment).expect("what was read can be written");
        assert_eq!(decode_assignment(&again).expect("and read"), assignment);
    }
});
