//! One file a verb: begin, lock, decide in domain, write, commit.

pub mod verify;
