//! Sizes of the buffers of sockets.

use super::size::{ByteSize, parse_size};
use super::{Raw, SettingValue, quoted};

/// Bytes of a socket's buffer; −1 leaves them to the operating system (`socket.send.buffer.bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketBuffer(i32);

/// How a setting leaves them to it.
const SYSTEM: &str = "system";

impl SocketBuffer {
    /// What the operating system thinks right, which grows with the round-trip time.
    pub const SYSTEM: Self = Self(-1);
    /// The largest.
    pub const MAX: Self = Self(i32::MAX);

    /// That many times 1,024 bytes.
    #[must_use]
    pub const fn kib(count: u16) -> Self {
        // Cannot overflow: 16 and 10 bits.
        Self((count as i32) << 10)
    }

    /// The bytes, unless they are left to the system.
    #[must_use]
    pub fn bytes(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}

impl SettingValue for SocketBuffer {
    fn expected() -> String {
        "a size such as \"100KiB\", a number of bytes, or \"system\" (-1)".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let too_large = |_| Some("too large".to_owned());
        if let Some(number) = raw.integer() {
            return i32::try_from(number).map(Self).map_err(too_large);
        }
        match raw.text().ok_or(None)? {
            SYSTEM => Ok(Self::SYSTEM),
            text => i32::try_from(parse_size(text).ok_or(None)?).map(Self).map_err(too_large),
        }
    }

    fn toml(&self) -> Option<String> {
        Some(match self.bytes() {
            None => quoted(SYSTEM),
            Some(bytes) => quoted(&ByteSize::new(bytes.into()).to_string()),
        })
    }

    fn kafka(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}
