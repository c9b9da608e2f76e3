//! Who gets at the data, and how: the embedded cluster, servers named in the environment, and what logins may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod embedded;
mod external;
mod killed;
#[path = "../../firmware-sim/tests/readers/namespace.rs"]
#[allow(dead_code)]
mod namespace;
mod personalise;
mod program;
mod rights;
