//! What terminals ask.

pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod holds;
pub mod hotlist;
pub mod sales;
