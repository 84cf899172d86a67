//! The `clipdex` program.
fn main() {}
