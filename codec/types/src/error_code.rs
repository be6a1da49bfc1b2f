//! Kafka's error codes, one enum: the number on the wire, Kafka's name, and what a client does about it.
//!
//! The table at the end holds everything. Whether a code is retriable follows Kafka's exception hierarchy; whether it is
//! fatal follows what the Java client gives up on. Which failure of ours becomes which code is decided by each handler.

use std::fmt;

/// What the client that receives a code can do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Neither of the others: the request has to change, or a protocol step has to be taken first.
    Plain,
    /// Send the same request again, perhaps to another broker.
    Retriable,
    /// Nothing: this instance of the client cannot go on.
    Fatal,
}

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $name:literal, $class:ident, $message:literal;)*) => {
        /// A Kafka error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// The code with that number on the wire.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Kafka's name for it, as in `OFFSET_OUT_OF_RANGE`. Used as a metric label.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// A sentence for people, for answers that have room for one and no better one to give.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                }
            }

            const fn class(self) -> Class {
                match self {
                    $(Self::$variant => Class::$class,)*
                }
            }
        }
    };
}

impl ErrorCode {
    /// Whether a client sends the same request again, perhaps to another broker or after refreshing its metadata.
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        matches!(self.class(), Class::Retriable)
    }

    /// Whether the instance of the client that receives it cannot go on: it was fenced, or is not let in.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        matches!(self.class(), Class::Fatal)
    }

    /// Whether this is [`ErrorCode::None`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

error_codes! {
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR", Plain, "The broker met an error that it did not expect.";
    None = 0, "NONE", Plain, "No error.";
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", Plain, "The partition holds no record at this offset.";
    CorruptMessage = 2, "CORRUPT_MESSAGE", Retriable, "The batch is damaged: its checksum, its size or its contents are wrong.";
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", Retriable, "This topic or partition does not exist here.";
    InvalidFetchSize = 4, "INVALID_FETCH_SIZE", Plain, "The size asked for in the fetch is not possible.";
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", Retriable, "The partition has no leader at the moment.";
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", Retriable, "This broker does not serve the partition.";
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", Retriable, "The request was not completed in its time.";
    BrokerNotAvailable = 8, "BROKER_NOT_AVAILABLE", Plain, "The broker cannot be reached.";
    ReplicaNotAvailable = 9, "REPLICA_NOT_AVAILABLE", Retriable, "The replica cannot be reached.";
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE", Plain, "The batch is larger than the topic allows.";
    StaleControllerEpoch = 11, "STALE_CONTROLLER_EPOCH", Plain, "Another broker is the controller by now.";
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE", Plain, "The metadata beside the offset is too long.";
    NetworkException = 13, "NETWORK_EXCEPTION", Retriable, "The connection ended before the response.";
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", Retriable, "The coordinator is still loading its state.";
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", Retriable, "There is no coordinator at the moment.";
    NotCoordinator = 16, "NOT_COORDINATOR", Retriable, "Another broker is the coordinator.";
    InvalidTopicException = 17, "INVALID_TOPIC_EXCEPTION", Plain, "The topic name is not legal, or the topic may not be used in this way.";
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE", Plain, "The batch is larger than a log segment may be.";
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", Retriable, "Fewer replicas are in sync than the topic demands.";
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Retriable, "The records were written, but to fewer replicas than the topic demands.";
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", Plain, "The required acks are none of -1, 0 and 1.";
    IllegalGeneration = 22, "ILLEGAL_GENERATION", Plain, "The group is at another generation.";
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", Plain, "The member shares no protocol with the rest of the group.";
    InvalidGroupId = 24, "INVALID_GROUP_ID", Plain, "The group id is not legal.";
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", Plain, "The group has no such member.";
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", Plain, "The session timeout lies outside of what the broker allows.";
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", Plain, "The group rebalances; the member has to join again.";
    InvalidCommitOffsetSize = 28, "INVALID_COMMIT_OFFSET_SIZE", Plain, "The commit is larger than the broker allows.";
    TopicAuthorizationFailed = 29, "TOPIC_AUTHORIZATION_FAILED", Plain, "The principal may not do this with the topic.";
    GroupAuthorizationFailed = 30, "GROUP_AUTHORIZATION_FAILED", Plain, "The principal may not do this with the group.";
    ClusterAuthorizationFailed = 31, "CLUSTER_AUTHORIZATION_FAILED", Fatal, "The principal may not do this in the cluster.";
    InvalidTimestamp = 32, "INVALID_TIMESTAMP", Plain, "The timestamp lies outside of what the topic allows.";
    UnsupportedSaslMechanism = 33, "UNSUPPORTED_SASL_MECHANISM", Fatal, "The broker does not offer this SASL mechanism.";
    IllegalSaslState = 34, "ILLEGAL_SASL_STATE", Fatal, "The request does not fit the state of the SASL exchange.";
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION", Fatal, "The broker does not support this version of the API.";
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS", Plain, "There is a topic with this name already.";
    InvalidPartitions = 37, "INVALID_PARTITIONS", Plain, "The number of partitions is not possible.";
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR", Plain, "The replication factor is below 1 or above the number of brokers.";
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT", Plain, "The assignment of replicas is not possible.";
    InvalidConfig = 40, "INVALID_CONFIG", Plain, "The configuration is not valid.";
    NotController = 41, "NOT_CONTROLLER", Retriable, "Another broker is the controller.";
    InvalidRequest = 42, "INVALID_REQUEST", Plain, "The request contradicts itself or the protocol.";
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Plain, "The format of the records does not allow this request.";
    PolicyViolation = 44, "POLICY_VIOLATION", Plain, "A policy of the broker forbids this request.";
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", Plain, "The sequence of the batch does not follow the last one.";
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", Plain, "The batch was appended before.";
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", Plain, "A producer with the same id and a newer epoch exists.";
    InvalidTxnState = 48, "INVALID_TXN_STATE", Plain, "The transaction is in a state that does not allow this request.";
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING", Fatal, "The producer id does not belong to the transactional id.";
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT", Plain, "The transaction timeout is above what the broker allows.";
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", Retriable, "Another operation on the same transaction is still under way.";
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED", Plain, "The coordinator that sent the marker has been replaced.";
    TransactionalIdAuthorizationFailed = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Fatal, "The principal may not use the transactional id.";
    SecurityDisabled = 54, "SECURITY_DISABLED", Fatal, "Security is switched off on this broker.";
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED", Plain, "The broker did not try this part of the request.";
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", Retriable, "The storage of the broker failed.";
    LogDirNotFound = 57, "LOG_DIR_NOT_FOUND", Plain, "The broker has no such log directory.";
    SaslAuthenticationFailed = 58, "SASL_AUTHENTICATION_FAILED", Fatal, "SASL authentication failed.";
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID", Plain, "The broker knows nothing (any more) about the producer id.";
    ReassignmentInProgress = 60, "REASSIGNMENT_IN_PROGRESS", Plain, "The partition is being reassigned.";
    DelegationTokenAuthDisabled = 61, "DELEGATION_TOKEN_AUTH_DISABLED", Plain, "Delegation tokens are switched off.";
    DelegationTokenNotFound = 62, "DELEGATION_TOKEN_NOT_FOUND", Plain, "There is no such delegation token.";
    DelegationTokenOwnerMismatch = 63, "DELEGATION_TOKEN_OWNER_MISMATCH", Plain, "The principal neither owns nor renews the delegation token.";
    DelegationTokenRequestNotAllowed = 64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", Plain, "Delegation tokens cannot be requested over this kind of connection.";
    DelegationTokenAuthorizationFailed = 65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", Plain, "The principal may not do this with the delegation token.";
    DelegationTokenExpired = 66, "DELEGATION_TOKEN_EXPIRED", Plain, "The delegation token has expired.";
    InvalidPrincipalType = 67, "INVALID_PRINCIPAL_TYPE", Plain, "The type of the principal is not supported.";
    NonEmptyGroup = 68, "NON_EMPTY_GROUP", Plain, "The group has members.";
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND", Plain, "There is no such group.";
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND", Retriable, "There is no such fetch session.";
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH", Retriable, "The fetch session is at another epoch.";
    ListenerNotFound = 72, "LISTENER_NOT_FOUND", Retriable, "The leader has no listener that matches the one of this connection.";
    TopicDeletionDisabled = 73, "TOPIC_DELETION_DISABLED", Plain, "Deleting topics is switched off.";
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", Retriable, "The leader epoch of the request is older than the one of the partition.";
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", Retriable, "The leader epoch of the request is newer than the one of the partition.";
    UnsupportedCompressionType = 76, "UNSUPPORTED_COMPRESSION_TYPE", Plain, "The client cannot read the codec of these records.";
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", Plain, "The broker has registered anew since.";
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", Retriable, "The new leader cannot tell this offset yet.";
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", Plain, "The member has to join again with the id that it was just given.";
    PreferredLeaderNotAvailable = 80, "PREFERRED_LEADER_NOT_AVAILABLE", Retriable, "The preferred leader cannot be reached.";
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", Plain, "The group has as many members as it may have.";
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", Fatal, "Another member has taken over the group instance id.";
    EligibleLeadersNotAvailable = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", Retriable, "No replica that may lead can be reached.";
    ElectionNotNeeded = 84, "ELECTION_NOT_NEEDED", Retriable, "The partition has the right leader already.";
    NoReassignmentInProgress = 85, "NO_REASSIGNMENT_IN_PROGRESS", Plain, "The partition is not being reassigned.";
    GroupSubscribedToTopic = 86, "GROUP_SUBSCRIBED_TO_TOPIC", Plain, "The group still subscribes to the topic.";
    InvalidRecord = 87, "INVALID_RECORD", Plain, "The broker refused a record.";
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", Retriable, "The offset belongs to a transaction that is still open.";
    ThrottlingQuotaExceeded = 89, "THROTTLING_QUOTA_EXCEEDED", Retriable, "The quota is used up for now.";
    ProducerFenced = 90, "PRODUCER_FENCED", Fatal, "Another producer has taken over the transactional id.";
    ResourceNotFound = 91, "RESOURCE_NOT_FOUND", Plain, "The request names something that does not exist.";
    DuplicateResource = 92, "DUPLICATE_RESOURCE", Plain, "The request names the same thing twice.";
    UnacceptableCredential = 93, "UNACCEPTABLE_CREDENTIAL", Plain, "The credential does not meet the demands of the broker.";
    InconsistentVoterSet = 94, "INCONSISTENT_VOTER_SET", Plain, "The sender or the receiver is not among the expected voters.";
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", Plain, "The version in the update is not valid.";
    FeatureUpdateFailed = 96, "FEATURE_UPDATE_FAILED", Plain, "The finalized features could not be updated.";
    PrincipalDeserializationFailure = 97, "PRINCIPAL_DESERIALIZATION_FAILURE", Plain, "The principal of a forwarded request could not be read.";
    SnapshotNotFound = 98, "SNAPSHOT_NOT_FOUND", Plain, "There is no such snapshot.";
    PositionOutOfRange = 99, "POSITION_OUT_OF_RANGE", Plain, "The position lies outside of the snapshot.";
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID", Retriable, "There is no topic with this id.";
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION", Plain, "Another broker uses this id.";
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED", Plain, "No broker has registered with this id.";
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID", Retriable, "The topic has another id than the request says.";
    InconsistentClusterId = 104, "INCONSISTENT_CLUSTER_ID", Plain, "The cluster has another id than the request says.";
    TransactionalIdNotFound = 105, "TRANSACTIONAL_ID_NOT_FOUND", Plain, "There is no such transactional id.";
    FetchSessionTopicIdError = 106, "FETCH_SESSION_TOPIC_ID_ERROR", Retriable, "The fetch session mixes topic names and topic ids.";
    IneligibleReplica = 107, "INELIGIBLE_REPLICA", Plain, "The new set of replicas in sync holds one that may not be in it.";
    NewLeaderElected = 108, "NEW_LEADER_ELECTED", Plain, "The partition was altered, and has another leader now.";
    OffsetMovedToTieredStorage = 109, "OFFSET_MOVED_TO_TIERED_STORAGE", Plain, "The offset has moved to tiered storage.";
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", Plain, "The coordinator has fenced this member epoch; the member has to join again.";
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID", Plain, "Another member still holds the group instance id.";
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR", Plain, "The group does not support this assignor.";
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", Plain, "The member epoch is old; the next heartbeat brings the new one.";
    MismatchedEndpointType = 114, "MISMATCHED_ENDPOINT_TYPE", Plain, "The request was meant for another kind of endpoint.";
    UnsupportedEndpointType = 115, "UNSUPPORTED_ENDPOINT_TYPE", Plain, "This kind of endpoint is not supported.";
    UnknownControllerId = 116, "UNKNOWN_CONTROLLER_ID", Plain, "There is no such controller.";
    UnknownSubscriptionId = 117, "UNKNOWN_SUBSCRIPTION_ID", Plain, "The telemetry subscription is unknown or outdated.";
    TelemetryTooLarge = 118, "TELEMETRY_TOO_LARGE", Plain, "The telemetry is larger than the broker accepts.";
    InvalidRegistration = 119, "INVALID_REGISTRATION", Plain, "The registration of the broker is not valid.";
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE", Plain, "The transaction cannot go on; the client has to abort it and may begin another.";
    InvalidRecordState = 121, "INVALID_RECORD_STATE", Plain, "The record is in a state that cannot be acknowledged in this way.";
    ShareSessionNotFound = 122, "SHARE_SESSION_NOT_FOUND", Retriable, "There is no such share session.";
    InvalidShareSessionEpoch = 123, "INVALID_SHARE_SESSION_EPOCH", Retriable, "The share session is at another epoch.";
    FencedStateEpoch = 124, "FENCED_STATE_EPOCH", Plain, "The share group is at another state epoch.";
    InvalidVoterKey = 125, "INVALID_VOTER_KEY", Plain, "The voter key is not the one of the receiving replica.";
    DuplicateVoter = 126, "DUPLICATE_VOTER", Plain, "The voter is in the set already.";
    VoterNotFound = 127, "VOTER_NOT_FOUND", Plain, "The voter is not in the set.";
    InvalidRegularExpression = 128, "INVALID_REGULAR_EXPRESSION", Plain, "The regular expression is not valid.";
    RebootstrapRequired = 129, "REBOOTSTRAP_REQUIRED", Plain, "The client has to start over from its bootstrap servers.";
    StreamsInvalidTopology = 130, "STREAMS_INVALID_TOPOLOGY", Plain, "The topology of the streams application is not valid.";
    StreamsInvalidTopologyEpoch = 131, "STREAMS_INVALID_TOPOLOGY_EPOCH", Plain, "The epoch of the topology is not valid.";
    StreamsTopologyFenced = 132, "STREAMS_TOPOLOGY_FENCED", Plain, "The epoch of the topology is outdated.";
    ShareSessionLimitReached = 133, "SHARE_SESSION_LIMIT_REACHED", Retriable, "The broker has as many share sessions as it may have.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_contiguous_and_round_trip() {
        for (code, error) in (-1..).zip(ErrorCode::ALL) {
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(ErrorCode::from_code(code), Some(*error));
        }
        assert_eq!(ErrorCode::ALL.len(), 135);
        assert_eq!(ErrorCode::from_code(134), None);
        assert_eq!(ErrorCode::from_code(-2), None);
    }

    /// Numbers and names against the documentation of the protocol, at points spread over the table.
    #[test]
    fn names_stand_at_their_numbers() {
        let known = [
            (-1, "UNKNOWN_SERVER_ERROR"),
            (10, "MESSAGE_TOO_LARGE"),
            (29, "TOPIC_AUTHORIZATION_FAILED"),
            (35, "UNSUPPORTED_VERSION"),
            (45, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
            (56, "KAFKA_STORAGE_ERROR"),
            (74, "FENCED_LEADER_EPOCH"),
            (87, "INVALID_RECORD"),
            (100, "UNKNOWN_TOPIC_ID"),
            (113, "STALE_MEMBER_EPOCH"),
            (120, "TRANSACTION_ABORTABLE"),
            (133, "SHARE_SESSION_LIMIT_REACHED"),
        ];
        for (code, name) in known {
            assert_eq!(ErrorCode::from_code(code).map(ErrorCode::name), Some(name));
        }
    }

    /// The codes whose exceptions extend RetriableException in Kafka's clients.
    #[test]
    fn retriable_codes_are_kafkas() {
        let retriable: Vec<i16> =
            ErrorCode::ALL.iter().filter(|error| error.is_retriable()).map(|error| error.code()).collect();
        let kafkas = [
            2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89,
            100, 103, 106, 122, 123, 133,
        ];
        assert_eq!(retriable, kafkas);
    }

    #[test]
    fn fatal_codes_stop_the_client() {
        let fatal: Vec<i16> =
            ErrorCode::ALL.iter().filter(|error| error.is_fatal()).map(|error| error.code()).collect();
        assert_eq!(fatal, [31, 33, 34, 35, 49, 53, 54, 58, 82, 90]);
    }
}
