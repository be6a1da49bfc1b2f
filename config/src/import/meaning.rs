//! What the properties mean here that stand for no setting of ours.

/// The first prefix that fits decides.
const MEANINGS: &[(&str, &str)] = &[
    ("zookeeper.", "There is no ZooKeeper: topics and settings are in the journal of the storage."),
    ("controller.", "There is no controller: every gateway can do everything."),
    ("metadata.", "There is no metadata quorum: topics and settings are in the journal of the storage."),
    ("broker.heartbeat.", "There is no controller to send heartbeats to."),
    ("broker.session.", "There is no controller that would miss this gateway."),
    ("initial.broker.registration.", "There is no controller to register at."),
    ("reserved.broker.max.id", "Ids are never generated; set kafka.node_id."),
    ("broker.id.generation.", "Ids are never generated; set kafka.node_id."),
    (
        "controlled.shutdown.",
        "A gateway always finishes what it accepted before it stops (limits.shutdown_grace).",
    ),
    ("replica.", "There is no replication between brokers: the storage keeps the copies."),
    ("follower.", "There is no replication between brokers: the storage keeps the copies."),
    ("leader.", "There is no replication between brokers: the storage keeps the copies."),
    ("replication.", "There is no replication between brokers: the storage keeps the copies."),
    ("alter.log.dirs.", "There is one directory, so nothing moves between several."),
    ("listener.name.", "Listeners have no settings of their own: every listener is plaintext."),
    ("ssl.", "TLS is not there yet: every listener is plaintext."),
    ("sasl.", "Authentication is not there yet: every listener is plaintext."),
    ("security.", "TLS and authentication are not there yet: every listener is plaintext."),
    ("authorizer.", "There is no authorizer: everything is allowed."),
    ("password.encoder.", "There are no stored passwords to encode."),
    ("remote.log.", "There is no second tier for older records."),
    ("log.message.format.version", "Removed in Kafka 4: records always have the newest format."),
    ("log.message.downconversion.enable", "Removed in Kafka 4: records always have the newest format."),
    (
        "log.message.timestamp.difference.max.ms",
        "Removed in Kafka 4: set topics.message_timestamp_before_max_ms and message_timestamp_after_max_ms.",
    ),
    ("group.share.", "Share groups are not spoken here."),
    ("share.", "Share groups are not spoken here."),
    ("group.streams.", "Streams groups are not spoken here."),
    ("quota.", "There are no quotas."),
    ("client.quota.", "There are no quotas."),
    ("telemetry.", "Clients are not asked for their metrics."),
    ("metric", "Metrics are at /metrics of the admin address."),
    ("kafka.metrics.", "Metrics are at /metrics of the admin address."),
    ("auto.include.jmx.", "There is no JMX; metrics are at /metrics of the admin address."),
    ("confluent.", "A setting of Confluent's own server."),
    ("config.providers", "Values cannot come from Java classes; use the environment (CHRONIK_SECTION__KEY)."),
    ("plugin.", "Java classes cannot be loaded here."),
];

/// What a property that is in no table means here.
pub(super) fn meaning(property: &str) -> &'static str {
    MEANINGS
        .iter()
        .find(|(prefix, _)| property.starts_with(prefix))
        .map_or("Not a setting that is known here; in Kafka a Java class may read it.", |(_, meaning)| {
            meaning
        })
}

/// What a broker setting that is only reported means to the one who set it, from its documentation.
pub(super) fn without_effect(doc: &str) -> String {
    let starts = [
        "Accepted and reported.",
        "Reported as Kafka's default.",
        "Reported as Kafka's default:",
        "Reported:",
    ];
    let rest = starts.iter().find_map(|start| doc.strip_prefix(start)).unwrap_or(doc);
    format!("It has no effect. {}", capital(rest.trim_start())).trim_end().to_owned()
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Whether a property asks for protection.
pub(super) fn is_security(property: &str) -> bool {
    let prefixes = ["ssl.", "sasl.", "authorizer.", "super.users", "listener.name."];
    prefixes.iter().any(|prefix| property.starts_with(prefix))
        || property.starts_with("listeners=")
            && property.contains("S")
            && ["SSL://", "SASL_PLAINTEXT://", "SASL_SSL://"]
                .iter()
                .any(|protocol| property.contains(protocol))
}

/// Whether the value of a property must not be repeated.
pub(super) fn is_secret(property: &str) -> bool {
    let property = property.to_ascii_lowercase();
    ["password", "secret", "jaas", "credential", "keystore.key", "token"]
        .iter()
        .any(|word| property.contains(word))
}
