//! What terminals ask.

pub mod catalogue;
pub mod holds;
pub mod hotlist;
pub mod sales;
