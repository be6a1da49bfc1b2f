//! Produce, fetch and administration over a storage backend and the state machine.
