//! The torture program.
mod checker;
fn main() {}
