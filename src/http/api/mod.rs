//! What terminals ask, and what the organisations' other systems do.

pub mod absences;
pub mod agenda_addresses;
pub mod buffer_draws;
pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod clients;
pub mod cost_prices;
pub mod enrolments;
pub mod forwards;
pub mod heartbeat;
pub mod holds;
pub mod hotlist;
pub mod imports;
pub mod leaving;
pub mod months;
pub mod plan_lines;
pub mod plan_reviews;
pub mod reports;
pub mod sales;
pub mod staffing;
pub mod standings;
pub mod tasks;
pub mod unplanned_care;
