//! Authentication, authorization and encryption: reported as turned off, for those who ask.

use super::super::definition::{boolean, class, int, list, long, password, string};
use super::BrokerConfigKey;

const NO_TLS: &str = "Reported as Kafka's default. Every listener is plaintext.";
const NO_SASL: &str = "Reported as Kafka's default. No listener authenticates.";
const NO_TOKENS: &str = "Reported as Kafka's default. Delegation tokens are turned off.";
const NO_ACLS: &str = "Reported as Kafka's default. There is no authorizer: everything is allowed.";

pub(super) const KEYS: &[BrokerConfigKey] = &[
    string("authorizer.class.name", NO_ACLS).or("").reported(),
    string("super.users", NO_ACLS).or("").reported(),
    boolean("allow.everyone.if.no.acl.found", NO_ACLS).or("false").reported(),
    class("principal.builder.class", NO_SASL).reported(),
    list("sasl.enabled.mechanisms", "No mechanism is enabled: no listener authenticates.").or("").reported(),
    string("sasl.mechanism.inter.broker.protocol", NO_SASL).or("GSSAPI").reported(),
    int("sasl.server.max.receive.size", NO_SASL).or("524288").reported(),
    password("sasl.jaas.config", NO_SASL).reported(),
    long("connections.max.reauth.ms", NO_SASL).or("0").reported(),
    string("ssl.client.auth", NO_TLS).or("none").one_of(&["required", "requested", "none"]).reported(),
    list("ssl.enabled.protocols", NO_TLS).or("TLSv1.2,TLSv1.3").reported(),
    string("ssl.protocol", NO_TLS).or("TLSv1.3").reported(),
    list("ssl.cipher.suites", NO_TLS).or("").reported(),
    string("ssl.keystore.type", NO_TLS).or("JKS").reported(),
    string("ssl.keystore.location", NO_TLS).reported(),
    password("ssl.keystore.password", NO_TLS).reported(),
    password("ssl.keystore.key", NO_TLS).reported(),
    password("ssl.keystore.certificate.chain", NO_TLS).reported(),
    password("ssl.key.password", NO_TLS).reported(),
    string("ssl.truststore.type", NO_TLS).or("JKS").reported(),
    string("ssl.truststore.location", NO_TLS).reported(),
    password("ssl.truststore.password", NO_TLS).reported(),
    password("ssl.truststore.certificates", NO_TLS).reported(),
    string("ssl.endpoint.identification.algorithm", NO_TLS).or("https").reported(),
    string("ssl.principal.mapping.rules", NO_TLS).or("DEFAULT").reported(),
    boolean("ssl.allow.dn.changes", NO_TLS).or("false").reported(),
    boolean("ssl.allow.san.changes", NO_TLS).or("false").reported(),
    password("delegation.token.secret.key", NO_TOKENS).reported(),
    long("delegation.token.max.lifetime.ms", NO_TOKENS).at_least(1).or("604800000").reported(),
    long("delegation.token.expiry.time.ms", NO_TOKENS).at_least(1).or("86400000").reported(),
    long("delegation.token.expiry.check.interval.ms", NO_TOKENS).at_least(1).or("3600000").reported(),
];
