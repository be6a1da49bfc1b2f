//! The deterministic state machine: entries in, outcomes out.
