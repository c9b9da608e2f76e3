//! What terminals ask.

pub mod catalogue;
pub mod forwards;
pub mod hotlist;
pub mod sales;
