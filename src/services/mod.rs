//! One file a verb: begin, lock, look the id up, decide in domain, write outcome and transfers, commit, answer.

pub mod authorise;
pub mod book;
mod bookings;
pub mod card_proof;
pub mod price_cache;
pub mod verify;
