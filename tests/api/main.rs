//! What the HTTP edge promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod signatures;
