//! The torture program.
fn main() {}
