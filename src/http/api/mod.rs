//! What terminals ask.

pub mod catalogue;
pub mod hotlist;
pub mod sales;
