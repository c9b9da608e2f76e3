//! A world in a nutshell, from a seed: tills and cards, a network that loses things, power that fails, thieves, people in
//! the office, and the real service; beside it a model that says what must come of it.

pub mod bare;
pub mod clock;
pub mod counter;
pub mod dice;
pub mod handover;
pub mod model;
pub mod network;
pub mod office;
pub mod plastic;
pub mod run;
pub mod story;
pub mod world;
