//! Reads the fields of an answer off the front of its bytes.

/// An answer ends early, or holds a length that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What of an answer has not been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(crate) fn int16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    pub(crate) fn int32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    pub(crate) fn int64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    /// `length` bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A string behind a length of two bytes; null reads as empty.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        match self.int16()? {
            -1 => Ok(&[]),
            length => self.bytes(usize::try_from(length).map_err(|_| Malformed)?),
        }
    }

    /// The count of an array; null reads as 0.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        match self.int32()? {
            -1 => Ok(0),
            count => usize::try_from(count).map_err(|_| Malformed),
        }
    }

    /// An unsigned varint of 32 bits.
    pub(crate) fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// The count of a compact array, or the length of compact bytes; null reads as 0.
    pub(crate) fn compact(&mut self) -> Result<usize, Malformed> {
        Ok(self.varint()?.saturating_sub(1))
    }

    /// Skips tagged fields.
    pub(crate) fn tags(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.bytes(size)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Reader};

    #[test]
    fn fields_are_read_in_order() {
        let mut reader = Reader(b"\0\x02ab\0\0\0\x03\xac\x02\xff\xff\x01\x05\x02..\x04xyz");
        assert_eq!(reader.string(), Ok(&b"ab"[..]));
        assert_eq!((reader.count(), reader.varint(), reader.string()), (Ok(3), Ok(300), Ok(&[][..])));
        assert_eq!(reader.tags(), Ok(()));
        let length = reader.compact().unwrap();
        assert_eq!(reader.bytes(length), Ok(&b"xyz"[..]));
        assert_eq!(reader.int16(), Err(Malformed));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert_eq!(Reader(b"\xff\xfe").string(), Err(Malformed));
        assert_eq!(Reader(b"\xff\xff\xff\xfe").count(), Err(Malformed));
        assert_eq!(Reader(b"\x80\x80\x80\x80\x80\x01").varint(), Err(Malformed));
        assert_eq!(Reader(b"\x01\0\x05a").tags(), Err(Malformed));
    }
}
