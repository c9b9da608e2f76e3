//! Years of life by dice: months are opened, lived in, corrected and closed, and after each of them everything must still add up.
//! What must hold is computed here by itself, from tables and ledger rows, never by the rules that it checks.
//!
//! `PASJE_SEED` replays one seed, `PASJE_SEEDS` says how many; a failure prints the seed it came from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
// Dice give small numbers.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

#[path = "../support/mod.rs"]
mod support;

mod checks;
mod deeds;
mod world;

use chrono::{Datelike, Days, Months, NaiveDate, Utc};
use firmware_sim::simulation::dice::Dice;
use world::World;

/// Lived before the month that is open now.
const MONTHS: u32 = 12;

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|seed| seed.parse::<u64>().expect("a number"));
    match number("PASJE_SEED") {
        Some(first) => (first..first + number("PASJE_SEEDS").unwrap_or(1)).collect(),
        None => (1..=number("PASJE_SEEDS").unwrap_or(10)).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn years_of_life_add_up_to_the_cent() {
    for seed in seeds() {
        // Boxed, as a year has a large future.
        let told = Box::pin(live(seed)).await;
        eprintln!("seed {seed}: {told}");
    }
}

async fn live(seed: u64) -> String {
    let mut dice = Dice::new(seed, 1);
    let this_month = Utc::now().date_naive().with_day(1).unwrap();
    let first = this_month - Months::new(MONTHS);
    let mut world = World::new(&mut dice, seed, first).await;
    let mut month = first;
    while month <= this_month {
        month_of_life(&mut world, &mut dice, month, this_month).await;
        month = month + Months::new(1);
    }
    checks::verify(&world).await;
    checks::closed_months_did_not_change(&world).await;
    world.told().await
}

async fn month_of_life(world: &mut World, dice: &mut Dice, month: NaiveDate, this_month: NaiveDate) {
    world.day = month;
    deeds::before(world, dice, month).await;
    world.open(month).await;
    if dice.chance(400) {
        let before = world.rows().await;
        world.open(month).await;
        assert_eq!(before, world.rows().await, "seed {}: opening {month} again booked something", world.seed);
    }
    let deeds = dice.between(5, 25);
    let last_day = (month + Months::new(1) - Days::new(1)).min(Utc::now().date_naive());
    for _ in 0..deeds {
        world.day = (world.day + Days::new(dice.below(4) as u64)).min(last_day);
        deeds::one(world, dice, month).await;
    }
    checks::a_month(world).await;
    if month == this_month {
        return;
    }
    world.day = month + Months::new(1);
    world.close(month).await;
    if dice.chance(400) {
        let before = world.rows().await;
        world.close(month).await;
        assert_eq!(before, world.rows().await, "seed {}: closing {month} again booked something", world.seed);
    }
    checks::a_month(world).await;
    world.remember(month).await;
}
