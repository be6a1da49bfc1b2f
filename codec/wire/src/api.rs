//! The one table of supported APIs.
//!
//! ApiVersions is answered from it, the request header is parsed with it, and the dispatcher checks against it. An API
//! or version that is not here does not exist. Adding one takes a line here and a shape in `wellformed/requests`.

use crate::wellformed::requests::{self, groups, transactions};
use crate::wellformed::shape::Shape;

/// What is supported of one API, and under which conditions.
#[derive(Debug)]
pub struct Api {
    /// The number on the wire.
    pub key: i16,
    /// Kafka's name, also used as a metric label.
    pub name: &'static str,
    /// The least version that ApiVersions advertises.
    pub min_version: i16,
    /// The greatest version that ApiVersions advertises and that can be decoded.
    pub max_version: i16,
    /// The least version that can be decoded; greater than `min_version` for Produce alone.
    pub min_decodable: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible_from: i16,
    /// The greatest frame that such a request may have, below the limit of the listener; `None` leaves it at that.
    pub max_request_bytes: Option<usize>,
    /// Whether a client has to authenticate first, on a listener that asks for it.
    pub needs_authentication: bool,
    pub(crate) request: &'static Shape,
}

impl Api {
    /// Whether a request of this version can be decoded.
    #[must_use]
    pub const fn decodes(&self, version: i16) -> bool {
        self.min_decodable <= version && version <= self.max_version
    }

    /// Whether this version has compact lengths and tagged fields.
    #[must_use]
    pub const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    /// The version of the response header: 1 has a tagged section, 0 has none.
    ///
    /// ApiVersions always has version 0, because a client that asks does not know yet what the broker understands.
    #[must_use]
    pub const fn response_header_version(&self, version: i16) -> i16 {
        if self.is_flexible(version) && self.key != API_VERSIONS { 1 } else { 0 }
    }
}

/// All supported APIs, by ascending key.
#[must_use]
pub fn all() -> &'static [Api] {
    &APIS
}

/// The API with that key, in constant time.
#[must_use]
pub fn lookup(key: i16) -> Option<&'static Api> {
    BY_KEY.get(usize::try_from(key).ok()?).copied().flatten()
}

/// The key of ApiVersions, which is special in three ways: it needs no authentication, its response header is never
/// flexible, and a version that is not supported is answered instead of closing the connection (KIP-511).
pub const API_VERSIONS: i16 = 18;

/// Requests without arrays, or with filters alone: a few strings at most.
const SMALL: Option<usize> = Some(128 * 1024);
/// Requests that name topics, partitions or configs: room for hundreds of thousands of them.
const LARGE: Option<usize> = Some(16 * 1024 * 1024);
/// Requests that name what is only looked at, and are answered with more bytes than they have: room for tens of thousands.
const MEDIUM: Option<usize> = Some(2 * 1024 * 1024);
/// Requests that carry what the members of a group subscribe to or are assigned. A broker keeps that of all members in
/// one record, which Kafka holds to 1 MiB by default (`max.message.bytes` of `__consumer_offsets`, compressed): this is
/// room for a million partitions.
const GROUP: Option<usize> = Some(4 * 1024 * 1024);
/// Requests that carry records: only the listener's limit holds.
const RECORDS: Option<usize> = None;

/// No version has compact lengths.
const NEVER: i16 = i16::MAX;

const fn api(
    key: i16,
    name: &'static str,
    (min_version, max_version): (i16, i16),
    flexible_from: i16,
    max_request_bytes: Option<usize>,
    request: &'static Shape,
) -> Api {
    Api {
        key,
        name,
        min_version,
        max_version,
        min_decodable: min_version,
        flexible_from,
        max_request_bytes,
        needs_authentication: key != API_VERSIONS,
        request,
    }
}

/// Produce is advertised from version 0, as Kafka 4 does, although both only take 3 and above: librdkafka looks at the
/// least version to find out whether it may compress, and falls back to sending uncompressed (KAFKA-18659).
const fn produce() -> Api {
    let mut produce = api(0, "Produce", (0, 13), 9, RECORDS, &requests::PRODUCE);
    produce.min_decodable = 3;
    produce
}

#[rustfmt::skip]
static APIS: [Api; 41] = [
    produce(),
    api(1, "Fetch", (4, 18), 12, LARGE, &requests::FETCH),
    api(2, "ListOffsets", (1, 10), 6, LARGE, &requests::LIST_OFFSETS),
    api(3, "Metadata", (0, 13), 9, LARGE, &requests::METADATA),
    api(8, "OffsetCommit", (2, 9), 8, LARGE, &groups::OFFSET_COMMIT),
    api(9, "OffsetFetch", (1, 9), 6, MEDIUM, &groups::OFFSET_FETCH),
    api(10, "FindCoordinator", (0, 6), 3, MEDIUM, &groups::FIND_COORDINATOR),
    api(11, "JoinGroup", (0, 9), 6, GROUP, &groups::JOIN_GROUP),
    api(12, "Heartbeat", (0, 4), 4, SMALL, &groups::HEARTBEAT),
    api(13, "LeaveGroup", (0, 5), 4, MEDIUM, &groups::LEAVE_GROUP),
    api(14, "SyncGroup", (0, 5), 4, GROUP, &groups::SYNC_GROUP),
    api(15, "DescribeGroups", (0, 6), 5, MEDIUM, &groups::DESCRIBE_GROUPS),
    api(16, "ListGroups", (0, 5), 3, SMALL, &groups::LIST_GROUPS),
    api(API_VERSIONS, "ApiVersions", (0, 4), 3, SMALL, &requests::API_VERSIONS),
    api(19, "CreateTopics", (2, 7), 5, LARGE, &requests::CREATE_TOPICS),
    api(20, "DeleteTopics", (1, 6), 4, LARGE, &requests::DELETE_TOPICS),
    api(21, "DeleteRecords", (0, 2), 2, LARGE, &requests::DELETE_RECORDS),
    api(22, "InitProducerId", (0, 5), 2, SMALL, &requests::INIT_PRODUCER_ID),
    api(23, "OffsetForLeaderEpoch", (2, 4), 4, LARGE, &requests::OFFSET_FOR_LEADER_EPOCH),
    api(24, "AddPartitionsToTxn", (0, 5), 3, LARGE, &transactions::ADD_PARTITIONS_TO_TXN),
    api(25, "AddOffsetsToTxn", (0, 4), 3, SMALL, &transactions::ADD_OFFSETS_TO_TXN),
    api(26, "EndTxn", (0, 5), 3, SMALL, &transactions::END_TXN),
    api(27, "WriteTxnMarkers", (1, 1), 1, LARGE, &transactions::WRITE_TXN_MARKERS),
    api(28, "TxnOffsetCommit", (0, 5), 3, LARGE, &transactions::TXN_OFFSET_COMMIT),
    api(32, "DescribeConfigs", (1, 4), 4, MEDIUM, &requests::DESCRIBE_CONFIGS),
    api(33, "AlterConfigs", (0, 2), 2, LARGE, &requests::ALTER_CONFIGS),
    api(35, "DescribeLogDirs", (1, 4), 2, MEDIUM, &requests::DESCRIBE_LOG_DIRS),
    api(37, "CreatePartitions", (0, 3), 2, LARGE, &requests::CREATE_PARTITIONS),
    api(42, "DeleteGroups", (0, 2), 2, MEDIUM, &groups::DELETE_GROUPS),
    api(43, "ElectLeaders", (0, 2), 2, MEDIUM, &requests::ELECT_LEADERS),
    api(44, "IncrementalAlterConfigs", (0, 1), 1, LARGE, &requests::INCREMENTAL_ALTER_CONFIGS),
    api(46, "ListPartitionReassignments", (0, 0), 0, MEDIUM, &requests::LIST_PARTITION_REASSIGNMENTS),
    api(47, "OffsetDelete", (0, 0), NEVER, LARGE, &groups::OFFSET_DELETE),
    api(60, "DescribeCluster", (0, 2), 0, SMALL, &requests::DESCRIBE_CLUSTER),
    api(61, "DescribeProducers", (0, 0), 0, MEDIUM, &requests::DESCRIBE_PRODUCERS),
    api(65, "DescribeTransactions", (0, 0), 0, MEDIUM, &transactions::DESCRIBE_TRANSACTIONS),
    api(66, "ListTransactions", (0, 2), 0, MEDIUM, &transactions::LIST_TRANSACTIONS),
    api(68, "ConsumerGroupHeartbeat", (0, 1), 0, GROUP, &groups::CONSUMER_GROUP_HEARTBEAT),
    api(69, "ConsumerGroupDescribe", (0, 1), 0, MEDIUM, &groups::CONSUMER_GROUP_DESCRIBE),
    api(74, "ListConfigResources", (0, 1), 0, SMALL, &requests::LIST_CONFIG_RESOURCES),
    api(75, "DescribeTopicPartitions", (0, 0), 0, MEDIUM, &requests::DESCRIBE_TOPIC_PARTITIONS),
];

static BY_KEY: [Option<&'static Api>; 128] = by_key();

#[expect(clippy::cast_sign_loss, reason = "keys are not negative, and a negative one would fail to compile")]
const fn by_key() -> [Option<&'static Api>; 128] {
    let mut table: [Option<&'static Api>; 128] = [None; 128];
    let mut at = 0;
    while at < APIS.len() {
        table[APIS[at].key as usize] = Some(&APIS[at]);
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{self, ApiKey};
    use kafka_protocol::protocol::{Message, VersionRange};

    use super::*;
    use crate::wellformed::tests::for_request_type;

    fn versions<T: Message>() -> VersionRange {
        T::VERSIONS
    }

    #[test]
    fn keys_ascend_and_are_found() {
        assert!(all().is_sorted_by(|one, next| one.key < next.key));
        for api in all() {
            assert_eq!(lookup(api.key).map(|found| found.name), Some(api.name));
        }
        for absent in [i16::MIN, -1, 4, 62, 127, 128, i16::MAX] {
            assert!(lookup(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn names_and_versions_are_those_of_kafka_protocol() {
        for api in all() {
            let key = ApiKey::try_from(api.key).unwrap();
            assert_eq!(format!("{key:?}"), api.name);
            let range = for_request_type!(api.key, versions());
            assert_eq!((api.min_decodable, api.max_version), (range.min, range.max), "{}", api.name);
            for version in api.min_decodable..=api.max_version {
                let request = if api.is_flexible(version) { 2 } else { 1 };
                assert_eq!(key.request_header_version(version), request, "{} v{version}", api.name);
                let response = api.response_header_version(version);
                assert_eq!(key.response_header_version(version), response, "{} v{version}", api.name);
            }
        }
    }

    #[test]
    fn produce_is_advertised_from_0_but_decodes_from_3() {
        let produce = lookup(0).unwrap();
        assert_eq!(produce.min_version, 0);
        assert!(!produce.decodes(2) && produce.decodes(3) && produce.decodes(13) && !produce.decodes(14));
    }

    #[test]
    fn only_api_versions_comes_before_authentication() {
        let open: Vec<_> = all().iter().filter(|api| !api.needs_authentication).map(|api| api.key).collect();
        assert_eq!(open, [API_VERSIONS]);
    }
}
