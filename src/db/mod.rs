//! PostgreSQL: one file an aggregate; functions take a connection.

pub mod cluster;
pub mod connect;
pub mod migrate;
pub mod partitions;
pub mod url;
