//! Listeners, connections and requests.

use super::super::definition::{int, list, long, string};
use super::BrokerConfigKey;

pub(super) const KEYS: &[BrokerConfigKey] = &[
    list("listeners", "Addresses to listen on.").sets("kafka.listeners"),
    list(
        "advertised.listeners",
        "What clients are told to connect to, where that is not the address listened on.",
    )
    .sets("kafka.advertised_listeners"),
    string(
        "listener.security.protocol.map",
        "The protocol of each listener name. Every listener is plaintext.",
    )
    .or("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
    .reported(),
    string("inter.broker.listener.name", "Reported as Kafka's default: gateways do not talk to each other.")
        .reported(),
    string(
        "security.inter.broker.protocol",
        "Reported as Kafka's default: gateways do not talk to each other.",
    )
    .or("PLAINTEXT")
    .reported(),
    int("max.connections", "Connections at the same time; one more has to wait.")
        .at_least(0)
        .sets("limits.max_connections")
        .dynamic(),
    int("max.connections.per.ip", "Connections at the same time from one address; one more is closed.")
        .at_least(0)
        .sets("limits.max_connections_per_ip")
        .dynamic(),
    string("max.connections.per.ip.overrides", "Other limits for single addresses. There are none.")
        .or("")
        .reported(),
    int("max.connection.creation.rate", "New connections in a second.")
        .at_least(0)
        .sets("limits.max_connection_creation_rate")
        .dynamic(),
    long("connections.max.idle.ms", "A connection on which nothing happens for this long is closed.")
        .sets("limits.connections_max_idle"),
    int(
        "connection.failed.authentication.delay.ms",
        "Reported as Kafka's default. There is no authentication to fail.",
    )
    .at_least(0)
    .or("100")
    .reported(),
    int("socket.request.max.bytes", "The largest request.")
        .at_least(1)
        .sets("limits.socket_request_max_bytes"),
    int(
        "socket.send.buffer.bytes",
        "What the operating system takes of an answer before the client has; -1: as much as it likes.",
    )
    .sets("limits.socket_send_buffer_bytes"),
    int(
        "socket.receive.buffer.bytes",
        "What the operating system takes of requests before they are read; -1: as much as it likes.",
    )
    .sets("limits.socket_receive_buffer_bytes"),
    int(
        "socket.listen.backlog.size",
        "Connections that the operating system may hold before they are accepted.",
    )
    .at_least(1)
    .sets("limits.socket_listen_backlog_size"),
    long(
        "queued.max.request.bytes",
        "Bytes of all requests that are being worked on; beyond, sockets are not read.",
    )
    .sets("limits.queued_max_request_bytes"),
    int(
        "queued.max.requests",
        "Reported as Kafka's default. Requests are bounded by their bytes, and for each connection.",
    )
    .at_least(1)
    .or("500")
    .reported(),
    int(
        "num.network.threads",
        "Reported as Kafka's default. The gateway has as many threads as the machine has processors.",
    )
    .at_least(1)
    .or("3")
    .reported(),
];
