//! The HTTP edge.

pub mod signature;
