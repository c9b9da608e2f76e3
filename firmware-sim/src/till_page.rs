//! The till's page: served by the till itself to the browser beside it, so that it works without the network.
//!
//! [`driver`] drives the till and hears what staff do; [`snapshot`] is how things stand, in codes; [`view`] says it in a
//! language; [`serve`] is the local server. The page decides nothing: it shows what the driver says, and asks.

pub mod assets;
pub mod driver;
pub mod serve;
pub mod snapshot;
pub mod view;
pub mod words;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
