//! The `chronik` binary.
fn main() {}
