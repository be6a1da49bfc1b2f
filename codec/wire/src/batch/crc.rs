//! CRC-32C (Castagnoli), and its algebra for changing a prefix without reading what follows.

use crc_fast::CrcAlgorithm::Crc32Iscsi;

/// CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    low_half(crc_fast::checksum(Crc32Iscsi, bytes))
}

/// The CRC of a message whose CRC was `crc`, after `old_prefix` in front of `suffix_len` further bytes became
/// `new_prefix` of the same length.
///
/// Right only if `crc` was: CRC(prefix ‖ suffix) is shift(CRC(prefix)) ⊕ CRC(suffix), so the suffix cancels out.
pub(super) fn crc_after_prefix_change(
    crc: u32,
    old_prefix: &[u8],
    new_prefix: &[u8],
    suffix_len: usize,
) -> u32 {
    let suffix_len = u64::try_from(suffix_len).unwrap_or(u64::MAX);
    let shift =
        |prefix| low_half(crc_fast::checksum_combine(Crc32Iscsi, u64::from(crc32c(prefix)), 0, suffix_len));
    crc ^ shift(old_prefix) ^ shift(new_prefix)
}

/// `crc-fast` gives every width as 64 bits; the upper half of a 32-bit CRC is zero.
fn low_half(crc: u64) -> u32 {
    u32::try_from(crc & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{crc_after_prefix_change, crc32c};

    #[test]
    fn is_the_castagnoli_polynomial() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn a_changed_prefix_gives_what_a_full_pass_gives() {
        for suffix_len in [0, 1, 7, 61, 4_096, 100_003] {
            let mut message = vec![0x5a; 40];
            message.extend((0..suffix_len).map(|i: usize| i.to_le_bytes()[0].wrapping_mul(31)));
            let before = crc32c(&message);
            let old = message[..40].to_vec();
            message[3] = 0xff;
            message[39] = 0;
            assert_eq!(crc_after_prefix_change(before, &old, &message[..40], suffix_len), crc32c(&message));
        }
    }
}
