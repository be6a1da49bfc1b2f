//! The Kafka listener: connections, the layer stack, one handler file per API.
