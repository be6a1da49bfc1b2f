//! The vocabulary of the gateway: names, ids, offsets and error codes, without I/O.
