//! Who gets at the data, and how: the embedded cluster, servers named in the environment, and what logins may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod embedded;
mod external;
mod killed;
mod program;
mod rights;
