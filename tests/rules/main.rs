//! The pure rules against worked cases, and the matrix of kinds and flows against itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod explain;
mod matrix;
