//! The local write-ahead log: one log for all partitions, group commit, recovery.
