//! Metadata (3), version 8 and below: a frame that never changes, and the error codes of its answer.

use super::{Malformed, Reader, put_header, put_string};

pub(crate) const API_KEY: i16 = 3;
/// The versions whose frames [`put_request`] writes.
pub(crate) const VERSIONS: (i16, i16) = (4, 8);

/// Appends a whole request but for its length to `head`, about one topic.
pub(crate) fn put_request(head: &mut Vec<u8>, correlation_id: i32, version: i16, topic: &str) {
    put_header(head, API_KEY, version, correlation_id);
    head.extend_from_slice(&1_i32.to_be_bytes());
    put_string(head, topic);
    // No auto-creation; from 8 on, no authorized operations of the cluster and of topics either.
    head.push(0);
    if version >= 8 {
        head.extend_from_slice(&[0, 0]);
    }
}

/// Reads an answer to its end; gives each error code of a topic or partition.
pub(crate) fn read_answer(version: i16, answer: &[u8], mut error: impl FnMut(i16)) -> Result<(), Malformed> {
    let mut reader = Reader(answer);
    let _throttle_time_ms = reader.int32()?;
    for _ in 0..reader.count()? {
        let _node_id = reader.int32()?;
        reader.string()?;
        let _port = reader.int32()?;
        reader.string()?;
    }
    reader.string()?;
    let _controller = reader.int32()?;
    for _ in 0..reader.count()? {
        error(reader.int16()?);
        reader.string()?;
        reader.bytes(1)?;
        for _ in 0..reader.count()? {
            error(reader.int16()?);
            let _partition_and_leader = reader.int64()?;
            if version >= 7 {
                let _leader_epoch = reader.int32()?;
            }
            let lists = if version >= 5 { 3 } else { 2 };
            for _ in 0..lists {
                let nodes = reader.count()?;
                reader.bytes(nodes.saturating_mul(4))?;
            }
        }
        if version >= 8 {
            let _operations = reader.int32()?;
        }
    }
    if version >= 8 {
        let _operations = reader.int32()?;
    }
    if reader.0.is_empty() { Ok(()) } else { Err(Malformed) }
}
