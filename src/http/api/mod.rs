//! What terminals ask.

pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod enrolments;
pub mod forwards;
pub mod heartbeat;
pub mod holds;
pub mod hotlist;
pub mod sales;
