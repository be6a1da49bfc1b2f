//! The state as bytes: checkpoints and the hash.
//!
//! ```text
//! offset  width  field
//!      0      8  magic, `CHKSTATE`
//!      8      2  format version, u16: 2
//!     10      8  length of the body, u64
//!     18      n  body
//! 18 + n      8  CRC-64/NVME of all bytes before
//! ```
//!
//! The body is, one after the other: optional position u64 of the last entry applied, cluster, next producer id i64,
//! broker configs, topics; then, since version 2, sections, each a tag u8 and its content, in the order of their tags:
//! 1 groups, 2 transactions, 3 configs of groups. The layout of each stands with its type. A section of nothing is left out, so that a state without anything
//! in it has the bytes, and the hash, that an earlier program gave it: replaying a journal with hashes of then finds them right. Everything has one order, so that equal states have
//! equal bytes. Integers are little-endian.

use crc_fast::{CrcAlgorithm, checksum};

use crate::cluster::Cluster;
use crate::codec::{DecodeError, Reader, Writer};
use crate::configs::{BrokerConfigs, GroupConfigs};
use crate::groups::Groups;
use crate::invariants;
use crate::partitions::Partition;
use crate::producers::ProducerIds;
use crate::state::State;
use crate::topics::Topics;
use crate::transactions::Transactions;

/// The format version that [`State::encode`] writes, and the newest that [`State::decode`] reads.
pub const CHECKPOINT_VERSION: u16 = 2;

const MAGIC: &[u8; 8] = b"CHKSTATE";
const CHECKSUM_BYTES: usize = 8;

/// Persisted tags, never reused.
mod section {
    pub(super) const GROUPS: u8 = 1;
    pub(super) const TRANSACTIONS: u8 = 2;
    pub(super) const GROUP_CONFIGS: u8 = 3;
}

impl State {
    /// The bytes of a checkpoint.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = self.body();
        let mut w = Writer::with_capacity(body.len() + 32);
        w.raw(MAGIC);
        w.u16(CHECKPOINT_VERSION);
        w.u64(u64::try_from(body.len()).unwrap_or(u64::MAX));
        w.raw(&body);
        let crc = checksum(CrcAlgorithm::Crc64Nvme, w.as_bytes());
        w.u64(crc);
        w.into_bytes()
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// When the bytes are not a whole and intact checkpoint of a known version, or when what they say cannot be. Never
    /// panics.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.raw("magic", MAGIC.len()).ok() != Some(MAGIC) {
            return Err(DecodeError::NotACheckpoint);
        }
        let version = r.u16("checkpoint version")?;
        if !(1..=CHECKPOINT_VERSION).contains(&version) {
            let known = CHECKPOINT_VERSION;
            return Err(DecodeError::UnknownVersion { what: "the checkpoint", found: version, known });
        }
        let needed = r.u64("body length")?;
        let truncated = DecodeError::Truncated { field: "body", needed, left: bytes.len() };
        let length = usize::try_from(needed).map_err(|_| truncated)?;
        let body = r.raw("body", length)?;
        let stored = r.u64("checksum")?;
        r.finish()?;
        let guarded =
            bytes.split_at_checked(bytes.len() - CHECKSUM_BYTES).map_or(bytes, |(guarded, _)| guarded);
        let computed = checksum(CrcAlgorithm::Crc64Nvme, guarded);
        if stored != computed {
            return Err(DecodeError::Checksum { stored, computed });
        }
        Self::read_body(version, body)
    }

    /// A hash of the state: equal for equal states, whichever way they came about.
    #[must_use]
    pub fn hash(&self) -> u64 {
        checksum(CrcAlgorithm::Crc64Nvme, &self.body())
    }

    fn body(&self) -> Vec<u8> {
        let partitions = usize::try_from(self.partition_count()).unwrap_or(0);
        let mut w = Writer::with_capacity(
            1024 + self.topic_count() * 96
                + partitions * Partition::ENCODED_BYTES
                + self.transactions.encoded_size_hint(),
        );
        w.optional(self.applied, Writer::u64);
        self.cluster.write(&mut w);
        self.producer_ids.write(&mut w);
        self.broker_configs.write(&mut w);
        self.topics.write(&mut w);
        if !self.groups.is_empty() {
            w.u8(section::GROUPS);
            self.groups.write(&mut w);
        }
        if !self.transactions.is_empty() {
            w.u8(section::TRANSACTIONS);
            self.transactions.write(&mut w);
        }
        if !self.group_configs.is_empty() {
            w.u8(section::GROUP_CONFIGS);
            self.group_configs.write(&mut w);
        }
        w.into_bytes()
    }

    fn read_body(version: u16, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let mut state = Self {
            applied: r.optional("applied position", |r| r.u64("applied position"))?,
            cluster: Cluster::read(&mut r)?,
            producer_ids: ProducerIds::read(&mut r)?,
            broker_configs: BrokerConfigs::read(&mut r)?,
            topics: Topics::read(&mut r)?,
            groups: Groups::default(),
            transactions: Transactions::default(),
            group_configs: GroupConfigs::default(),
        };
        if version >= 2 {
            state.read_sections(&mut r)?;
        }
        r.finish()?;
        invariants::check(&state)
            .map_err(|broken| DecodeError::Invalid { field: "state", reason: broken.to_string() })?;
        Ok(state)
    }

    fn read_sections(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let mut last = 0;
        while !r.is_empty() {
            let tag = r.u8("section")?;
            match tag {
                _ if tag <= last => {
                    let reason = format!("section {tag} comes after section {last}");
                    return Err(DecodeError::Invalid { field: "section", reason });
                }
                section::GROUPS => self.groups = Groups::read(r)?,
                section::TRANSACTIONS => self.transactions = Transactions::read(r)?,
                section::GROUP_CONFIGS => self.group_configs = GroupConfigs::read(r)?,
                _ => {
                    let reason = format!("{tag} does not exist in format version {CHECKPOINT_VERSION}");
                    return Err(DecodeError::Invalid { field: "section", reason });
                }
            }
            last = tag;
        }
        Ok(())
    }
}
