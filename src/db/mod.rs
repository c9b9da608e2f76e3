//! PostgreSQL: one file an aggregate; functions take a connection.
