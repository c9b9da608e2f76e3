//! The rules, pure: no async, no database, no clock, no randomness; time is an argument.

pub mod absence;
pub mod account;
pub mod basket;
pub mod card;
pub mod card_hold;
pub mod card_script;
mod codes;
pub mod correction;
pub mod delivery;
pub mod draw;
pub mod enrolment;
pub mod exchange;
pub mod flow;
pub mod forward;
pub mod funding;
pub mod grant;
pub mod grant_rules;
pub mod hex;
pub mod hold;
<<<<<<< HEAD
pub mod import;
=======
pub mod holding;
>>>>>>> main
pub mod indication;
pub mod integration_key;
pub mod money;
pub mod month_close;
pub mod month_grant;
<<<<<<< HEAD
pub mod offer;
=======
pub mod occurrence;
>>>>>>> main
pub mod operation;
pub mod payout;
pub mod plan_line;
pub mod price_list;
pub mod production;
pub mod provisional;
pub mod recurrence;
pub mod refund;
pub mod report;
pub mod request;
pub mod review;
pub mod sale;
pub mod saving;
pub mod scheme;
pub mod scheme_file;
pub mod settle;
pub mod sold_line;
pub mod tap;
pub mod tariff;
pub mod top_up;
pub mod wallet;
