//! Worlds from seeds: tills, cards, a bad network, power losses, thieves and the office, against the real service and an
//! independent model (`firmware-sim/src/simulation`).
//!
//! `PASJE_SEED` replays one seed, `PASJE_STEPS` sets how much happens; a failure prints both. `PASJE_SEEDS` sets how many,
//! from `PASJE_SEED` on where both are set.
//! With `PASJE_TELL=1` everything that happens is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod house;
mod prepare;

use std::collections::BTreeMap;
use std::time::Instant;

use firmware_sim::simulation::network::Sabotage;
use firmware_sim::simulation::run::{Failure, Settings, Tally, run};
use firmware_sim::till::Faults;
use house::{House, Rotation};

const SEEDS: u64 = 200;
const STEPS: usize = 500;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seeds() -> Vec<u64> {
    let first = from_environment("PASJE_SEED");
    let count = from_environment("PASJE_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    (first.unwrap_or(1)..).take(usize::try_from(count).unwrap()).collect()
}

fn steps() -> usize {
    from_environment("PASJE_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap())
}

/// The command that shows it again.
fn replay(failure: &Failure) -> String {
    let Failure { seed, steps, .. } = failure;
    format!("  to see it alone: PASJE_SEED={seed} PASJE_STEPS={steps} ./dev test --test simulation every_handover")
}

/// One seed in a world of its own.
async fn one(house: &House, settings: Settings) -> Result<Tally, Box<Failure>> {
    let world = prepare::world(house, settings.seed).await;
    let mut office = house.office(world.organisation);
    run(&world, &mut office, settings).await
}

/// What a rotation of keys leads to.
const ROTATION: [&str; 8] = [
    "keys rotated",
    "script activate generation",
    "card switched to its next keys",
    "card pulled away when it had applied a script",
    "sale signed with the keys of its issue",
    "sale signed with newer keys",
    "forward signed with the keys of its issue",
    "forward signed with newer keys",
];

/// What comes of a terminal that is moved.
const MOVES: [&str; 5] = [
    "terminal moved",
    "till heard that it was moved",
    "approved offline where the till was moved to",
    "forward of where its terminal stood before",
    "undoing left to the office",
];

/// And seldom: a tap torn in the middle of a script, a copy that comes when the card has left the keys that signed it.
const SELDOM: [&str; 2] =
    ["card pulled away before it applied a script", "sale signed with keys that the card has left"];

/// What no run of so many worlds may miss: that it could no longer happen would go unnoticed otherwise.
const WORLDS_OF_MOST: usize = 20;
const WORLDS_OF_ALL: usize = 100;

fn must_have_seen(seen: &BTreeMap<String, usize>, all: &[&str]) {
    let missed: Vec<_> = all.iter().filter(|what| !seen.contains_key(**what)).collect();
    assert!(missed.is_empty(), "no world saw {missed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_handover_is_booked_once_and_every_purse_is_right_whatever_fails() {
    let house = House::open().await;
    let started = Instant::now();
    let settings = |seed| Settings {
        seed,
        steps: steps(),
        is_loud: from_environment("PASJE_TELL").is_some(),
        ..Settings::default()
    };
    let mut all = Tally::default();
    let mut failures = Vec::new();
    for result in house.many(seeds(), |house, seed| async move { one(&house, settings(seed)).await }).await {
        match result {
            Ok(tally) => add(&mut all, tally),
            Err(failure) => failures.push(failure),
        }
    }
    let Tally { delivered, seen } = all;
    for (what, times) in &seen {
        eprintln!("{times:>8}  {what}");
    }
    eprintln!("{} seeds of {} steps, {delivered} requests, in {:?}", seeds().len(), steps(), started.elapsed());
    if let Some(first) = failures.iter().min_by_key(|failure| failure.seed) {
        let mut others: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        others.sort_unstable();
        for failure in &failures {
            eprintln!("seed {} fails at step {}: {}", failure.seed, failure.step, failure.what);
        }
        panic!("{} of {} seeds fail: {others:?}\n{first}\n{}", failures.len(), seeds().len(), replay(first));
    }
    if steps() >= STEPS && seeds().len() >= WORLDS_OF_MOST {
        must_have_seen(&seen, &ROTATION);
        must_have_seen(&seen, &MOVES);
    }
    if steps() >= STEPS && seeds().len() >= WORLDS_OF_ALL {
        must_have_seen(&seen, &SELDOM);
    }
    house.verify().await;
}

fn add(all: &mut Tally, tally: Tally) {
    all.delivered += tally.delivered;
    for (what, times) in tally.seen {
        *all.seen.entry(what).or_default() += times;
    }
}

/// The first office that says so runs `pasje keys rotate` while all worlds go on: their cards hear of it meanwhile, whatever
/// their own offices do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worlds_go_on_while_keys_are_rotated() {
    let house = House::with(Rotation::UnderWay).await;
    let settings = |seed| Settings { seed, steps: 300, ..Settings::default() };
    let mut all = Tally::default();
    // one after the other: all cards are there before the first world begins
    let mut worlds = Vec::new();
    for seed in 2001..=2012 {
        worlds.push((seed, prepare::world(&house, seed).await));
    }
    let seeds = worlds.iter().map(|(seed, _)| *seed).collect();
    let worlds = std::sync::Arc::new(BTreeMap::from_iter(worlds));
    let run_one = |house: House, seed: u64| {
        let worlds = worlds.clone();
        async move {
            let world = &worlds[&seed];
            run(world, &mut house.office(world.organisation), settings(seed)).await
        }
    };
    for result in house.many(seeds, run_one).await {
        match result {
            Ok(tally) => add(&mut all, tally),
            Err(failure) => panic!("{failure}\n  keys were rotated meanwhile; without that:\n{}", replay(&failure)),
        }
    }
    for (what, times) in &all.seen {
        eprintln!("{times:>8}  {what}");
    }
    must_have_seen(&all.seen, &ROTATION);
    house.verify().await;
}

/// While worlds run, the service is killed and comes back: whatever was under way is asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worlds_go_on_while_the_service_is_killed() {
    let house = House::open().await;
    let killing = tokio::spawn({
        let house = house.clone();
        async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(3)).await;
                house.kill_and_serve().await;
            }
        }
    });
    let settings = |seed| Settings { seed, steps: 300, ..Settings::default() };
    let seeds = (1001..=1012).collect();
    for result in house.many(seeds, |house, seed| async move { one(&house, settings(seed)).await }).await {
        if let Err(failure) = result {
            panic!("{failure}\n  the service was killed meanwhile; without that:\n{}", replay(&failure));
        }
    }
    killing.abort();
    house.verify().await;
}

/// The seeds that find a fault, from the first on: at most this many are tried.
const SEEDS_OF_A_FAULT: u64 = 40;

/// Seeds one after the other until one finds what was planted; which one.
async fn found_by(house: &House, plant: impl Fn(Settings) -> Settings) -> Option<(u64, Box<Failure>)> {
    for seed in 1..=SEEDS_OF_A_FAULT {
        let settings = plant(Settings { seed, steps: steps(), ..Settings::default() });
        if let Err(failure) = one(house, settings).await {
            return Some((seed, failure));
        }
    }
    None
}

fn told(name: &str, found: Option<(u64, Box<Failure>)>) {
    let Some((seed, failure)) = found else { panic!("{name} is not found by {SEEDS_OF_A_FAULT} seeds") };
    let what: String = failure.what.chars().take(300).collect();
    eprintln!("{name}: found by seed {seed} at step {}: {what}", failure.step);
    assert_eq!(failure.seed, seed);
    assert!(!failure.events.is_empty(), "{name}: the events are told");
}

/// Faults of tills and cards, by the names of their switches.
async fn is_found(name: &str) {
    let house = House::open().await;
    let faults = Faults::named(name).unwrap();
    told(name, found_by(&house, |settings| Settings { faults, ..settings }).await);
}

macro_rules! faults_are_found {
    ($($test:ident $name:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            is_found($name).await;
        }
    )+};
}

faults_are_found! {
    approved_before_it_is_journalled_is_found "journal-after-approval";
    a_journal_that_is_not_synced_is_found "no-fsync";
    a_forward_under_a_new_id_each_time_is_found "forward-under-new-id";
    a_hotlist_that_is_ignored_is_found "hotlist-ignored";
    an_attempt_that_is_not_named_is_found "instead-of-not-named";
    a_timeout_taken_for_a_decline_is_found "timeout-is-decline";
    a_timeout_taken_for_an_approval_is_found "timeout-is-approval";
    limits_that_a_restart_forgets_are_found "limits-forgotten-at-restart";
    records_dropped_on_a_problem_are_found "dropped-on-problem";
    records_that_count_as_delivered_when_sent_are_found "delivered-when-sent";
    an_online_tap_that_is_forwarded_is_found "online-tap-forwarded";
    forwards_out_of_order_are_found "forwards-out-of-order";
    a_cancelled_sale_that_is_not_undone_is_found "cancel-undoes-nothing";
    a_card_that_uses_a_counter_twice_is_found "card-reuses-counter";
    a_mac_that_is_not_verified_is_found "terminal-mac-not-verified";
    a_sequence_that_restarts_is_found "sequence-restarts";
}

/// A service that is broken, as tills and the model see it.
async fn sabotage_is_found(sabotage: Sabotage) {
    let house = House::open().await;
    told(&format!("{sabotage:?}"), found_by(&house, |settings| Settings { sabotage, ..settings }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_drops_what_it_acknowledged_is_found() {
    sabotage_is_found(Sabotage::ForwardsDropped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_books_each_copy_is_found() {
    sabotage_is_found(Sabotage::IdsIgnored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_changes_is_found() {
    sabotage_is_found(Sabotage::AnswersChange).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_that_is_not_the_agreed_one_is_found() {
    sabotage_is_found(Sabotage::AmountsChange).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_that_is_not_carried_out_is_found() {
    sabotage_is_found(Sabotage::VoidsDropped).await;
}
