//! What the product does: begin, lock, look the id up, decide in domain, write outcome and transfers, commit, answer.
//!
//! Sales go through `authorise`, in batches; every other operation through `book`, one by one (`bookings` says what each
//! loads).

pub mod authorise;
pub mod book;
mod bookings;
pub mod card_proof;
pub mod cards;
pub mod catalogue;
pub mod certificates;
pub mod demo;
pub mod enrolments;
pub mod expire_holds;
pub mod forwards;
pub mod key_store;
pub mod price_cache;
pub mod readiness;
pub mod reviews;
pub mod sales;
pub mod terminals;
pub mod verify;
