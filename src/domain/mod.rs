//! The rules, pure: no async, no database, no clock, no randomness; time is an argument.
