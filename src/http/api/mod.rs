//! What terminals ask.

pub mod catalogue;
pub mod enrolments;
pub mod heartbeat;
pub mod forwards;
pub mod hotlist;
pub mod sales;
