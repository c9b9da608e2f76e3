//! What terminals ask.

pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod forwards;
pub mod holds;
pub mod hotlist;
pub mod sales;
