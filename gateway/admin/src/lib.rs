//! The admin HTTP API: probes, metrics, version.
