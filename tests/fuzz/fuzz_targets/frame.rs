//! Frames out of a stream that arrives in pieces: the same frames however it is cut, and no room for mere claims.
#![no_main]

use bytes::{Bytes, BytesMut};
use chronik_wire::frame::{FrameError, next_frame};
use chronik_wire::header::parse_request_header;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, stream)) = input.split_first() else { return };
    let (whole, whole_end) = frames(stream, stream.len().max(1));
    let (pieces, pieces_end) = frames(stream, usize::from(cut) + 1);
    assert_eq!((&whole, whole_end), (&pieces, pieces_end));
    for mut frame in whole {
        let length = frame.len();
        if parse_request_header(&mut frame).is_ok() {
            assert!(frame.len() + 8 <= length);
        }
    }
});

/// All frames of a stream that arrives `step` bytes at a time, and how it ended.
fn frames(stream: &[u8], step: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match next_frame(&mut buffer, LIMIT) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
