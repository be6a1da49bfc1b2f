//! `[groups]`: consumer groups and their offsets.

use std::time::Duration;

use super::section;
use crate::values::{ByteSize, ConsumerAssignor, ConsumerMigration, RebalanceProtocol};

/// The longest time that fits into Kafka's 32-bit settings.
const MAX: Duration = Duration::from_millis(0x7fff_ffff);
/// The shortest time that makes sense where Kafka asks for at least 1 ms.
const MIN: Duration = Duration::from_millis(1);

section! {
    /// Consumer groups and the offsets they commit.
    pub struct GroupSettings as SECTION at groups {
        /// Which group protocols are spoken.
        rebalance_protocols: Vec<RebalanceProtocol> = vec![RebalanceProtocol::Classic, RebalanceProtocol::Consumer];
        /// Classic: how long an empty group waits for more members before its first assignment.
        initial_rebalance_delay: Duration = Duration::from_secs(3), in Duration::ZERO => MAX;
        /// Classic: the shortest session timeout a member may ask for.
        min_session_timeout: Duration = Duration::from_secs(6), in MIN => MAX;
        /// Classic: the longest session timeout a member may ask for.
        max_session_timeout: Duration = Duration::from_secs(1_800), in MIN => MAX;
        /// Classic: the most members of a group. 2147483647 is no limit.
        max_size: i32 = i32::MAX, in 1 => i32::MAX;
        /// The most groups, with and without members. A join or a first commit beyond is refused.
        max_groups: u32 = 100_000, in 1 => 10_000_000;
        /// The most members of all groups together. A join beyond is refused.
        max_members: u32 = 200_000, in 1 => 10_000_000;
        /// The most memory for what the members of all groups subscribe to and are assigned. A join beyond is refused.
        max_member_bytes: ByteSize = ByteSize::mib(256), in ByteSize::mib(1) => ByteSize::gib(1_024);
        /// The most memory for the names of all groups and the offsets they have committed. A first commit or a join beyond is
        /// refused, one that only takes the place of an earlier commit is not. The last eighth is for transactions.
        max_offset_bytes: ByteSize = ByteSize::mib(256), in ByteSize::mib(1) => ByteSize::gib(1_024);
        /// Consumer: a member that is silent for this long has left.
        consumer_session_timeout: Duration = Duration::from_secs(45), in MIN => MAX;
        /// Consumer: the shortest session timeout that a group can be given.
        consumer_min_session_timeout: Duration = Duration::from_secs(45), in MIN => MAX;
        /// Consumer: the longest session timeout that a group can be given.
        consumer_max_session_timeout: Duration = Duration::from_secs(60), in MIN => MAX;
        /// Consumer: how often members are told to send a heartbeat.
        consumer_heartbeat_interval: Duration = Duration::from_secs(5), in MIN => MAX;
        /// Consumer: the shortest heartbeat interval that a group can be given.
        consumer_min_heartbeat_interval: Duration = Duration::from_secs(5), in MIN => MAX;
        /// Consumer: the longest heartbeat interval that a group can be given.
        consumer_max_heartbeat_interval: Duration = Duration::from_secs(15), in MIN => MAX;
        /// Consumer: the shortest time between two assignments of a group.
        consumer_assignment_interval: Duration = Duration::from_secs(1), in Duration::ZERO => MAX;
        /// Consumer: the shortest such time that a group can be given.
        consumer_min_assignment_interval: Duration = Duration::ZERO, in Duration::ZERO => MAX;
        /// Consumer: the longest such time that a group can be given.
        consumer_max_assignment_interval: Duration = Duration::from_secs(15), in Duration::ZERO => MAX;
        /// Consumer: the most members of a group. 2147483647 is no limit.
        consumer_max_size: i32 = i32::MAX, in 1 => i32::MAX;
        /// Consumer: the assignors that members may choose from, the default first.
        consumer_assignors: Vec<ConsumerAssignor> = vec![ConsumerAssignor::Uniform, ConsumerAssignor::Range];
        /// Which groups may change between the classic and the consumer protocol.
        consumer_migration_policy: ConsumerMigration = ConsumerMigration::Bidirectional;
        /// How long the offsets of an empty group are kept.
        offsets_retention: Duration = Duration::from_secs(604_800), in Duration::from_secs(60) => Duration::from_secs(0x7fff_ffff * 60);
        /// How often offsets are looked at for that.
        offsets_retention_check_interval: Duration = Duration::from_secs(600), in MIN => Duration::from_secs(86_400);
        /// The most metadata that a committed offset can carry.
        offset_metadata_max_bytes: ByteSize = ByteSize::kib(4), in ByteSize::new(0) => ByteSize::mib(1);
        /// Into how many coordinators groups are divided.
        offsets_partitions: i32 = 50, in 1 => 10_000;
    }
}
