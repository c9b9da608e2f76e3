//! What terminals ask.

pub mod catalogue;
pub mod enrolments;
pub mod forwards;
pub mod heartbeat;
pub mod hotlist;
pub mod sales;
