//! The settings of consumer groups that decide something. They travel in the entries, so that gateways with different
//! settings decide alike: what counts is the setting of the one that the client asked.

use super::assignors::Assignor;
use crate::codec::{DecodeError, Reader, Writer};

/// The settings of the proposer, with what the group overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerGroupSettings {
    /// The most members of a consumer group.
    pub max_size: i32,
    /// The least time between two target assignments, in milliseconds.
    pub assignment_interval_ms: i32,
    /// The assignor of groups whose members have no wish.
    pub default_assignor: Assignor,
    /// Whether a classic group becomes a consumer group when a consumer joins it.
    pub upgrade: bool,
    /// Whether a consumer group becomes a classic group when its last consumer leaves it.
    pub downgrade: bool,
    /// The most members of a classic group.
    pub classic_max_size: i32,
}

impl ConsumerGroupSettings {
    /// Whether one more member is one too many.
    pub(super) fn is_full(&self, members: usize) -> bool {
        i32::try_from(members).map_or(true, |members| members >= self.max_size)
    }

    /// Layout: max size i32, assignment interval i32, default assignor u8, upgrade u8, downgrade u8, classic max size i32.
    pub(super) fn write(&self, w: &mut Writer) {
        w.i32(self.max_size);
        w.i32(self.assignment_interval_ms);
        self.default_assignor.write(w);
        w.u8(self.upgrade.into());
        w.u8(self.downgrade.into());
        w.i32(self.classic_max_size);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            max_size: r.i32("max size")?,
            assignment_interval_ms: r.i32("assignment interval")?,
            default_assignor: Assignor::read(r)?,
            upgrade: read_flag(r, "upgrade")?,
            downgrade: read_flag(r, "downgrade")?,
            classic_max_size: r.i32("classic max size")?,
        })
    }
}

pub(super) fn read_flag(r: &mut Reader<'_>, field: &'static str) -> Result<bool, DecodeError> {
    match r.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(DecodeError::Invalid { field, reason: format!("a flag is 0 or 1, not {other}") }),
    }
}
