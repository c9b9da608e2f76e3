//! The `firmware-sim` program.

fn main() {}
