//! A virtual card and the terminal that reads it.

pub mod signature;
