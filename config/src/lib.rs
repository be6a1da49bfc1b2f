//! The settings of the gateway: sections, loading, checking, and Kafka's names for them.
