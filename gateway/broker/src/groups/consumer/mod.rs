//! Consumer groups (KIP-848): what of them lives in memory, and the way of a heartbeat.
//!
//! The state decides everything about members and partitions. Here are the clocks, which are nobody's decision
//! (`sessions`), and regular expressions, which the state takes resolved (`regexes`). A heartbeat that changes nothing is
//! answered without an entry; `heartbeat` has its way, `timers` what happens to members that are not heard of,
//! `classic` those that speak the classic protocol.

mod classic;
mod error;
mod heartbeat;
mod offsets;
mod regexes;
mod sessions;
mod timers;

use self::regexes::Regexes;
use self::sessions::Sessions;

pub use error::ConsumerGroupError;
pub use heartbeat::ConsumerHeartbeatAnswer;

/// What of consumer groups lives in memory.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    pub(crate) sessions: Sessions,
    regexes: Regexes,
}
