//! The `pasje` program.

fn main() {}
