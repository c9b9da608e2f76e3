//! The rules, pure: no async, no database, no clock, no randomness; time is an argument.

pub mod account;
pub mod basket;
pub mod card;
pub mod card_script;
mod codes;
pub mod draw;
pub mod exchange;
pub mod flow;
pub mod funding;
pub mod grant;
pub mod hex;
pub mod hold;
pub mod money;
pub mod operation;
pub mod payout;
pub mod price_list;
pub mod refund;
pub mod request;
pub mod sale;
pub mod saving;
pub mod tap;
pub mod top_up;
pub mod wallet;
