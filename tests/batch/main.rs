//! The ledger against an independent model, and batches against one by one.
//!
//! `PASJE_SEED` replays one seed; a failure prints the seed it came from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod compare;
mod dice;
mod drive;
mod generator;
mod model;
mod moving;
mod paying;
mod selling;
mod world;

use dice::Dice;
use generator::{Event, Generator};
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
        let proof = pasje::services::verify::verify(&mut ledger.test.service().await, |_| ()).await.unwrap();
        let failed: Vec<_> = proof.failed().collect();
        assert!(failed.is_empty(), "seed {seed}: verify finds {failed:#?}");
        ledger.stop().await;
    }
}

const SALES: usize = 400;

/// What came before the batch: enough for holds, draws, used counters and half-empty purses.
const BEFORE: usize = 400;

/// One ledger gets the sales in one go, the other one by one; each wallet's sales in the same order. The lanes run beside
/// each other, so what wallets share must not be short: a draw on the shared buffer is bounded by its approval alone.
/// The runtime has one thread, so that tasks queue their sales in the order in which they were started.
#[tokio::test]
async fn a_batch_decides_as_its_requests_one_by_one() {
    // sales that may draw on a shared buffer run alone: with draws that is what is tested, without them the batches
    for (seed, draws) in seeds().into_iter().take(2).flat_map(|seed| [(seed, false), (seed, true)]) {
        eprintln!("seed {seed}, {} draws", if draws { "with" } else { "without" });
        let together = drive::Ledger::new(&mut Dice::new(seed)).await;
        let apart = drive::Ledger::new(&mut Dice::new(seed)).await;
        let mut dice = Dice::new(seed);
        let world = world::World::new(&mut dice, &drive::days(&apart.test).await);
        let mut model = Model::new(&world);
        let mut generator = Generator::new(&world, dice, chrono::Utc::now());
        generator.draws = draws;
        let mut before: Vec<Event> = generator.opening().into_iter().map(Event::Ask).collect();
        before.extend(generator.plentiful_buffers().into_iter().map(Event::Ask));
        for event in &before {
            both(&together, &apart, &mut model, event).await;
        }
        for _ in 0..BEFORE {
            let event = generator.next(&model);
            both(&together, &apart, &mut model, &event).await;
        }
        // the model goes ahead, so that counters rise and attempts are known by the time they are replaced
        let mut sales = Vec::new();
        for _ in 0..SALES {
            let ask = generator.sale_in_a_batch(&model);
            model.ask(&ask, chrono::Utc::now());
            sales.push(ask);
        }
        // what a sale is prepared with is read when a card or list is first seen: read it all before the batch
        for ask in generator.a_sale_of_every_card_and_list() {
            both(&together, &apart, &mut model, &Event::Ask(ask)).await;
        }
        let ledger = std::sync::Arc::new(together);
        let tasks: Vec<_> = sales
            .iter()
            .map(|ask| {
                let (ledger, ask) = (ledger.clone(), ask.clone());
                tokio::spawn(async move { ledger.ask(&ask).await })
            })
            .collect();
        let mut in_one_go = Vec::new();
        for task in tasks {
            in_one_go.push(task.await.unwrap());
        }
        let bytes = |said: &drive::Said| said.as_ref().map(|booked| booked.answer().to_bytes()).map_err(Clone::clone);
        for (ask, said) in sales.iter().zip(&in_one_go) {
            let alone = apart.ask(ask).await;
            assert_eq!(bytes(said), bytes(&alone), "seed {seed}: in one go {said:?}, alone {alone:?}: {ask:?}");
        }
        let (one, other) = (compare::of_database(&ledger).await, compare::of_database(&apart).await);
        let differences = compare::differences(&one, &other);
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
        compare::everything(&apart, &model, seed).await;
        let batches = compare::sales_per_batch(&ledger).await;
        eprintln!("  {} facts agree; {batches} sales in the greatest batch", one.len());
        assert!(draws || batches > 10, "the sales did not come in batches: {batches} in the greatest");
    }
}

async fn both(one: &drive::Ledger, other: &drive::Ledger, model: &mut Model<'_>, event: &Event) {
    match event {
        Event::Ask(ask) => {
            model.ask(ask, chrono::Utc::now());
            let (said, also) = (one.ask(ask).await, other.ask(ask).await);
            assert_eq!(said, also, "two ledgers asked the same: {ask:?}");
        }
        event => {
            one.by_hand(model, event).await;
            other.by_hand(model, event).await;
        }
    }
}
