//! Zigzag variable-length integers of records, checked, over a slice that shrinks from the front.

/// Why a number cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarintError {
    /// The bytes end within it.
    Truncated,
    /// It does not fit its type.
    Overlong,
}

/// Takes a 32-bit number off the front.
pub(super) fn take_i32(bytes: &mut &[u8]) -> Result<i32, VarintError> {
    let raw = u32::try_from(take_raw(bytes, 5)?).map_err(|_| VarintError::Overlong)?;
    Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// Takes a 64-bit number off the front.
pub(super) fn take_i64(bytes: &mut &[u8]) -> Result<i64, VarintError> {
    let raw = take_raw(bytes, 10)?;
    Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// Appends a 32-bit number.
pub(super) fn put_i32(value: i32, output: &mut Vec<u8>) {
    put_raw(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()), output);
}

/// Appends a 64-bit number.
pub(super) fn put_i64(value: i64, output: &mut Vec<u8>) {
    put_raw(((value << 1) ^ (value >> 63)).cast_unsigned(), output);
}

fn take_raw(bytes: &mut &[u8], max_len: u32) -> Result<u64, VarintError> {
    let mut value = 0;
    for index in 0..max_len {
        let (&byte, rest) = bytes.split_first().ok_or(VarintError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        let shift = index * 7;
        // The tenth byte has room for one bit.
        if bits << shift >> shift != bits {
            return Err(VarintError::Overlong);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(VarintError::Overlong)
}

fn put_raw(mut value: u64, output: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            output.push(low & 0x7f);
            return;
        }
        output.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{VarintError, put_i32, put_i64, take_i32, take_i64};

    #[test]
    fn edges_round_trip() {
        for value in [0, -1, 1, 63, -64, 64, -65, 8_191, -8_192, i32::MAX, i32::MIN] {
            let mut bytes = Vec::new();
            put_i32(value, &mut bytes);
            let mut rest = bytes.as_slice();
            assert_eq!((take_i32(&mut rest), rest.len()), (Ok(value), 0));
        }
        for value in [0, -1, 1, i64::from(i32::MAX) + 1, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_i64(value, &mut bytes);
            for cut in 0..bytes.len() {
                assert_eq!(take_i64(&mut &bytes[..cut]), Err(VarintError::Truncated));
            }
            assert_eq!(take_i64(&mut bytes.as_slice()), Ok(value));
        }
    }

    #[test]
    fn bits_beyond_the_type_are_refused() {
        assert_eq!(take_i32(&mut [0xff, 0xff, 0xff, 0xff, 0x1f].as_slice()), Err(VarintError::Overlong));
        assert_eq!(take_i32(&mut [0x80; 6].as_slice()), Err(VarintError::Overlong));
        let mut ten = [0xff; 10];
        ten[9] = 0x02;
        assert_eq!(take_i64(&mut ten.as_slice()), Err(VarintError::Overlong));
        assert_eq!(take_i64(&mut [0x80; 11].as_slice()), Err(VarintError::Overlong));
    }

    #[test]
    fn known_encodings() {
        let mut bytes = Vec::new();
        put_i32(-1, &mut bytes);
        put_i32(300, &mut bytes);
        assert_eq!(bytes, [0x01, 0xd8, 0x04]);
    }
}
