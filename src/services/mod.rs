//! What the product does: begin, lock, look the id up, decide in domain, write outcome and transfers, commit, answer.
//!
//! Sales go through `authorise`, in batches; every other operation through `book`, one by one (`bookings` says what each
//! loads, `card_holds` what a card's hold does).

pub mod absences;
pub mod agendas;
pub mod authorise;
pub mod book;
mod bookings;
pub mod card_holds;
pub mod card_proof;
pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod certificates;
pub mod client_records;
pub mod colours;
pub mod demo;
pub mod enrolments;
pub mod expire_holds;
pub mod forwards;
pub mod imports;
pub mod integration_keys;
mod key_file;
pub mod key_rotation;
pub mod key_store;
pub mod locations;
pub mod months;
pub mod offline_cards;
pub mod organisations;
pub mod own_money;
pub mod payouts;
pub mod plan_books;
pub mod plan_reviews;
mod planned_days;
pub mod plans;
pub mod price_cache;
pub mod publish;
pub mod readiness;
pub mod remembered;
pub mod reports;
pub mod reviews;
pub mod reviews_due;
pub mod sales;
pub mod schemes;
pub mod staffing;
pub mod task_lists;
pub mod terminals;
pub mod unplanned_care;
pub mod verify;
