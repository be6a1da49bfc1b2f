//! Frames on a socket: a length of four bytes, and that many bytes.

use std::io::{Read, Write};

use bytes::{BufMut, Bytes, BytesMut};

use crate::ClientError;

/// No broker under test says more at once; a larger length is a broken frame.
const MAX_FRAME_BYTES: usize = 256 * 1024 * 1024;

/// Waits for the next frame and gives what follows its length.
pub(crate) fn read_frame(socket: &mut impl Read) -> Result<Bytes, ClientError> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length))
        .ok()
        .filter(|length| *length <= MAX_FRAME_BYTES)
        .ok_or_else(|| ClientError::Unreadable("impossible frame length".to_owned()))?;
    let mut frame = vec![0; length];
    socket.read_exact(&mut frame)?;
    Ok(Bytes::from(frame))
}

/// Sends bytes as one frame.
pub(crate) fn write_frame(socket: &mut impl Write, body: &[u8]) -> Result<(), ClientError> {
    socket.write_all(&framed(body)?)?;
    Ok(())
}

/// Bytes with their length in front.
pub(crate) fn framed(body: &[u8]) -> Result<Bytes, ClientError> {
    let length = i32::try_from(body.len()).map_err(|error| ClientError::Unencodable(error.to_string()))?;
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.put_i32(length);
    frame.put_slice(body);
    Ok(frame.freeze())
}
