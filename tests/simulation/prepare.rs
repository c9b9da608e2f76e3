//! The world of a seed, in the service's database: an organisation of its own, so that many seeds share one service.
//!
//! Money comes in by grants and top-ups, so that every cent has its transfer and `verify` holds.

use std::sync::atomic::{AtomicU16, Ordering};

use card_protocol::Key;
use card_protocol::script::Change;
use chrono::{Datelike, Days, Months, NaiveDate, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use firmware_sim::files::{CardFile, TerminalFile};
use firmware_sim::simulation::dice::Dice;
use firmware_sim::simulation::world::{Age, Card, Kind, Price, PriceList, Scheme, Wallet, World};
use pasje::db::cards::{self, CardRow};
use pasje::db::{card_events, card_scripts, terminals};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::card::{CardEvent, CardStatus};
use pasje::domain::card_script::{Plan, Queued};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::OperationId;
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::book::book;
use pasje::services::key_store::{KeyStore, hex};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, ISSUED, NEXT, REFUSED, Rotation};

/// What is sold: name, category, cents, and what it is to who lives in (1) and to who has part of a package (3).
const SERVICES: [(&str, &str, i64, Kind, Kind); 5] = [
    ("Warme maaltijd", "maaltijden", 950, Kind::Included, Kind::Extra),
    ("Hulp bij douchen", "zorg", 1800, Kind::Care, Kind::Care),
    ("Koffie", "dranken", 250, Kind::Extra, Kind::Extra),
    ("Glas wijn", "dranken", 350, Kind::Own, Kind::Own),
    ("Bingo", "activiteiten", 400, Kind::Activity, Kind::Activity),
];

/// Buyer, budget, reserve, own money; of the card: limit a tap and a day, PIN, whether it has expired.
type Client = (u8, i64, i64, i64, Option<i64>, Option<i64>, Option<&'static str>, bool);
const CLIENTS: [Client; 8] = [
    (1, 200_000, 20_000, 10_000, None, None, None, false),
    (1, 60_000, 5_000, 2_500, None, None, Some("1234"), false),
    // poor: declines, parts and losses
    (1, 3_000, 500, 900, None, None, None, false),
    (1, 0, 0, 1_500, None, None, None, false),
    (3, 40_000, 0, 5_000, Some(1_000), None, None, false),
    (3, 9_000, 0, 0, None, Some(3_000), Some("4711"), false),
    (1, 50_000, 0, 5_000, None, None, None, true),
    (1, 20_000, 0, 5_000, None, None, None, false),
];

/// Its card was not tapped since the rotation before: its keys are refused, and it was told to sign with others.
const LATE: u32 = 8;
/// Its card has no keys of the next generation, and is never told of it.
const WITHOUT_NEXT: u32 = 4;

fn uuid(dice: &mut Dice) -> Uuid {
    uuid::Builder::from_random_bytes(dice.bytes()).into_uuid()
}

const fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Care => 1,
        Kind::Included => 2,
        Kind::Activity => 3,
        Kind::Extra => 4,
        Kind::Own => 5,
    }
}

pub async fn world(house: &House, seed: u64) -> World {
    static ORGANISATIONS: AtomicU16 = AtomicU16::new(1);
    let organisation = ORGANISATIONS.fetch_add(1, Ordering::Relaxed);
    let mut dice = Dice::new(seed, 3);
    let mut conn = house.test().owner().await;
    let scheme = Scheme {
        unplanned_collective: seed.is_multiple_of(3),
        extras_from_budget: dice.chance(500),
        extras_from_savings: dice.chance(500),
        care_from_savings: dice.chance(500),
    };
    let locations = vec![uuid(&mut dice), uuid(&mut dice)];
    let services: Vec<Uuid> = SERVICES.iter().map(|_| uuid(&mut dice)).collect();
    let price_lists = make_places(&mut conn, organisation, scheme, &locations, &services, &mut dice).await;
    let mut tills = Vec::new();
    for (place, name) in [(0, "Kassa 1"), (0, "Kassa 2"), (1, "Kassa 3"), (0, "Automaat")] {
        tills.push(terminal(house, &mut conn, locations[place], name, &mut dice).await);
    }
    let (mut wallets, mut plastic) = (Vec::new(), Vec::new());
    for (number, client) in (1..).zip(CLIENTS) {
        wallets.push(wallet(house, &mut conn, organisation, number, client).await);
        plastic.push(card(house, &mut conn, organisation, number, client, &mut dice).await);
    }
    World {
        service: house.url().to_owned(),
        organisation,
        staff: uuid(&mut dice),
        scheme,
        locations,
        price_lists,
        terminals: tills,
        wallets,
        cards: plastic,
        refused: vec![REFUSED],
        next_generation: Some(NEXT),
        is_rotated_by_others: house.rotation() == Rotation::UnderWay,
        office: Vec::new(),
    }
}

async fn make_places(
    conn: &mut AsyncPgConnection,
    organisation: u16,
    scheme: Scheme,
    locations: &[Uuid],
    services: &[Uuid],
    dice: &mut Dice,
) -> Vec<PriceList> {
    let Scheme { unplanned_collective, extras_from_budget, extras_from_savings, care_from_savings } = scheme;
    let unplanned = if unplanned_collective { 2 } else { 1 };
    let care = if care_from_savings { 2 } else { 0 };
    let mut sql = format!(
        "INSERT INTO organisation (id, name) VALUES ({organisation}, 'Zorggroep {organisation} (fictief)');
         INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
             VALUES ({organisation}, 'euro', 1, 1, {unplanned}, {extras_from_budget}, {extras_from_savings}, {care});\n"
    );
    for (id, (name, category, ..)) in services.iter().zip(SERVICES) {
        sql += &format!(
            "INSERT INTO service (id, organisation, name, name_en, category) VALUES ('{id}', {organisation}, '{name}', '{name}', '{category}');\n"
        );
    }
    let mut lists = Vec::new();
    let ages = [
        (Age::OutOfDate, "90 days", "25 hours"),
        (Age::Superseded, "25 hours", "2 hours"),
        (Age::Current, "2 hours", ""),
    ];
    // tight where two tills stand, so that a run reaches what is allowed without a connection
    for (location, (card_total_cents, card_taps)) in locations.iter().zip([(1_500, 3), (5_000, 5)]) {
        sql += &format!(
            "INSERT INTO location (id, organisation, name, offline_card_cents, offline_card_taps)
                 VALUES ('{location}', {organisation}, 'Locatie', {card_total_cents}, {card_taps});\n"
        );
        for (version, (age, since, until)) in (1..).zip(ages) {
            let superseded = if until.is_empty() { "NULL".to_owned() } else { format!("now() - interval '{until}'") };
            sql += &format!(
                "INSERT INTO price_list (location, version, valid_from, superseded_at) VALUES ('{location}', {version}, now() - interval '{since}', {superseded});\n"
            );
            let mut prices = Vec::new();
            for (service, (_, _, cents, resident, outpatient)) in services.iter().zip(SERVICES) {
                // each version and place has prices of its own
                let cents = cents + 5 * i64::try_from(dice.below(8)).unwrap();
                for (buyer, kind) in [(1, resident), (3, outpatient)] {
                    prices.push(Price { service: *service, buyer, kind, cents });
                    sql += &format!(
                        "INSERT INTO price (price_list, service, buyer, kind, price_cents, points, minutes, vat_basis_points) \
                         SELECT id, '{service}', {buyer}, {}, {cents}, NULL, NULL, 900 FROM price_list WHERE location = '{location}' AND version = {version};\n",
                        kind_code(kind)
                    );
                }
            }
            lists.push(PriceList { location: *location, version, age, prices });
        }
    }
    conn.batch_execute(&sql).await.unwrap();
    lists
}

async fn terminal(
    house: &House,
    conn: &mut AsyncPgConnection,
    location: Uuid,
    name: &str,
    dice: &mut Dice,
) -> TerminalFile {
    let (id, salt) = (uuid(dice), dice.bytes());
    terminals::insert(conn, id, location, name, &salt).await.unwrap();
    let key = house.keys().terminal_key(id, &salt);
    let file = json!({
        "version": 1, "terminal": id, "location": location, "name": name, "service": house.url(), "key": &*hex(&key),
    });
    serde_json::from_value(file).unwrap()
}

fn operation_id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

fn wallet_id(organisation: u16, number: u32) -> WalletId {
    WalletId::new(OrganisationId::new(organisation).unwrap(), number).unwrap()
}

async fn wallet(house: &House, conn: &mut AsyncPgConnection, organisation: u16, number: u32, client: Client) -> Wallet {
    let (buyer, budget, reserve, own, ..) = client;
    let wallet = wallet_id(organisation, number);
    let id = wallet.field();
    conn.batch_execute(&format!(
        "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {id}, id, unit, {buyer} FROM scheme WHERE organisation = {organisation};
         INSERT INTO client (wallet, number, display_name) VALUES ({id}, {number}, 'mw. S. Voorbeeld-{number}')"
    ))
    .await
    .unwrap();
    if budget > 0 {
        let cents = |cents| Amount::cents(cents).unwrap();
        let zero = Amount::zero(Unit::Eur);
        let grant = Grant {
            unit: Unit::Eur,
            unit_value_cents: None,
            overhead: cents(10_000),
            collective: zero,
            reserve: cents(reserve),
            buffer: zero,
            budget: cents(budget),
        };
        let month = Utc::now().date_naive().with_day(1).unwrap();
        book(house.database(), &GrantRequest { id: operation_id(), wallet, month, grant }).await.unwrap();
    }
    if own > 0 {
        let top_up = TopUpRequest { id: operation_id(), wallet, cents: own, from: Till::Bank };
        book(house.database(), &top_up).await.unwrap();
    }
    Wallet { number, buyer, budget, reserve, savings: 0, own }
}

fn last_day(has_expired: bool) -> NaiveDate {
    let today = Utc::now().date_naive();
    if has_expired { today - Days::new(40) } else { today + Months::new(60) }
}

async fn card(
    house: &House,
    conn: &mut AsyncPgConnection,
    organisation: u16,
    number: u32,
    client: Client,
    dice: &mut Dice,
) -> Card {
    let (.., tap_limit_cents, day_limit_cents, pin, has_expired) = client;
    let wallet = wallet_id(organisation, number);
    let (id, expires_on) = (uuid(dice), last_day(has_expired));
    let (generation, newest) = match number {
        LATE => (REFUSED, NEXT),
        WITHOUT_NEXT => (ISSUED, ISSUED),
        _ => (ISSUED, NEXT + 1),
    };
    let pin_free_cents = pin.map(|_| 1_000);
    let row = CardRow {
        id,
        wallet,
        status: CardStatus::Active,
        expires_on,
        generation,
        generations_to: newest,
        replaces: None,
        tap_limit_cents,
        day_limit_cents,
        pin_free_cents,
    };
    cards::insert(conn, &row).await.unwrap();
    card_events::insert(conn, id, wallet.organisation(), CardEvent::Issued).await.unwrap();
    let told_generation = (number == LATE).then_some(ISSUED);
    if let Some(told) = told_generation {
        tell(conn, id, Change::ActivateGeneration(told)).await;
    }
    // some cards would allow more than the location does, some less
    let limits = match number {
        1 | 2 => json!({"tap_cents": 10_000, "total_cents": 50_000, "count": 50}),
        3 => json!({"tap_cents": 1_500, "total_cents": 3_000, "count": 3}),
        _ => json!({"tap_cents": 2_500, "total_cents": 5_000, "count": 5}),
    };
    let file = json!({
        "version": 1, "card": id, "label": "mw. S. Voorbeeld", "expires_on": expires_on, "generation": generation,
        "keys": (generation..=newest).map(|generation| key_set(house, id, generation)).collect::<Vec<_>>(),
        "pin": pin, "limits": limits, "state": null,
    });
    let file: CardFile = serde_json::from_value(file).unwrap();
    Card { wallet: number, tap_limit_cents, day_limit_cents, pin_free_cents, has_expired, told_generation, file }
}

fn key_set(house: &House, card: Uuid, generation: u8) -> Value {
    let keys = house.keys().master(generation).unwrap().card_keys(card.as_bytes(), generation);
    json!({
        "generation": generation,
        "transaction": &*hex(keys.transaction.secret()),
        "response": &*hex(keys.response.secret()),
        "script": &*hex(keys.script.secret()),
        "offline_verify": &*hex(keys.offline_verify.secret()),
    })
}

/// The first script of a card, as the office queues it.
async fn tell(conn: &mut AsyncPgConnection, card: Uuid, change: Change) {
    conn.batch_execute("BEGIN").await.unwrap();
    card_events::lock(conn).await.unwrap();
    let plan = Plan { new: vec![Queued { number: 1, change }], replaced: Vec::new() };
    card_scripts::insert(conn, card, &plan).await.unwrap();
    conn.batch_execute("COMMIT").await.unwrap();
}
