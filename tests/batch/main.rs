//! The ledger against an independent model, and batches against one by one.
//!
//! `PASJE_SEED` replays one seed; a failure prints the seed it came from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod compare;
mod drive;
mod generator;
mod model;
mod moving;
mod paying;
mod selling;
mod world;

use generator::{Dice, Event, Generator};
use model::Model;

/// The seeds of a run: one that is asked for, or these.
fn seeds() -> Vec<u64> {
    match std::env::var("PASJE_SEED") {
        Ok(seed) => vec![seed.parse().expect("PASJE_SEED is a number")],
        Err(_) => vec![1, 20_261_122, 0xc0ffee],
    }
}

const OPERATIONS: usize = 2500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_equals_an_independent_model_after_thousands_of_operations() {
    for seed in seeds() {
        eprintln!("seed {seed}");
        let mut dice = Dice::new(seed);
        let ledger = drive::Ledger::new(&mut dice).await;
        let mut model = Model::new(&ledger.world);
        let mut generator = Generator::new(&ledger.world, dice, chrono::Utc::now());
        for ask in generator.opening() {
            ledger.ask_both(&mut model, &ask, seed).await;
        }
        for _ in 0..OPERATIONS {
            match generator.next(&model) {
                Event::Ask(ask) => ledger.ask_both(&mut model, &ask, seed).await,
                event => ledger.by_hand(&mut model, &event).await,
            }
        }
        drive::tally(&model);
        compare::everything(&ledger, &model, seed).await;
        ledger.stop().await;
    }
}
