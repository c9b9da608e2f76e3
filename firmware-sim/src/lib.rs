//! A virtual card and the terminal that reads it.
//!
//! Written as any maker of terminals would write it: from `card-protocol` and the service's HTTP contract alone.
//!
//! - [`card`]: the card's state machine, over the bytes of commands.
//! - [`reader`]: real cards, in PC/SC readers; [`vpcd`] puts a virtual card into one.
//! - [`torn_tap`]: has a card sign, also where it is pulled away meanwhile.
//! - [`terminal`]: catalogue, prices, taps, sales, and asking again until it is known how a sale ended.
//! - [`card_script`]: what a card is told where no sale told it anything.
//! - [`client`] and [`signature`]: the signed requests of one terminal, over one connection ([`tls`], [`clock`]).
//! - [`enrolment`]: how a terminal gets its key. [`heartbeat`] and [`wipe`]: how it is moved and revoked.
//! - [`files`]: where keys, counters and sequences are kept.
//! - [`till`] and [`journal`]: a till that goes on without a connection, and what it sold meanwhile.
//! - [`till_screen`] and [`phrases`]: what staff and client see; [`till_page`] the same in a browser. [`desk`]: what each way of
//!   driving a till does beside selling.
//! - [`vending`] and [`machine_screen`]: an unattended machine, and what it shows.
//! - [`fleet`]: many terminals and cards at once.
//! - [`simulation`]: a world of tills, cards, a bad network and thieves, from a seed, against a model.

pub mod address;
pub mod answer;
pub mod card;
pub mod card_script;
pub mod client;
pub mod clock;
pub mod desk;
pub mod dutch_time;
pub mod enrolment;
pub mod enrolment_screen;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fake_forwards;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fake_service;
pub mod files;
pub mod fleet;
pub mod give_up;
pub mod heartbeat;
pub mod hex;
pub mod journal;
pub mod machine_screen;
pub mod phrases;
pub mod price_list;
pub mod random;
pub mod reader;
pub mod request;
pub mod seal;
pub mod settling;
pub mod signature;
pub mod simulation;
pub mod terminal;
pub mod till;
pub mod till_page;
pub mod till_screen;
pub mod till_words;
pub mod tls;
pub mod torn_tap;
pub mod vending;
pub mod vpcd;
pub mod wipe;
mod wire;
