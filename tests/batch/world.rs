//! Two organisations with everything a sale is decided by: schemes of every sort, clients of every kind, cards with and
//! without limits, price lists of every age. Money comes in by operations alone, so that every cent has its transfer.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::dice::Dice;
use crate::paying::Scheme;

pub struct World {
    pub organisations: BTreeMap<u16, Organisation>,
    pub schemes: Vec<(u16, &'static str, Scheme)>,
    pub terminals: Vec<Counter>,
    pub wallets: BTreeMap<i64, Client>,
    pub cards: BTreeMap<Uuid, Plastic>,
    pub services: Vec<Uuid>,
    pub lists: BTreeMap<(Uuid, u32), List>,
    pub staff: Vec<Uuid>,
}

pub struct Organisation {
    pub time_zone: String,
    pub today: NaiveDate,
    pub locations: Vec<Uuid>,
}

/// A terminal and where it stands.
#[derive(Clone, Copy)]
pub struct Counter {
    pub id: Uuid,
    pub organisation: u16,
    pub location: Uuid,
}

#[derive(Clone)]
pub struct Client {
    /// Place in [`World::schemes`].
    pub scheme: usize,
    pub unit: &'static str,
    pub rules: Scheme,
    pub buyer: u8,
}

#[derive(Clone)]
pub struct Plastic {
    pub wallet: i64,
    pub blocked: bool,
    pub expires_on: NaiveDate,
    pub tap_limit: Option<i64>,
    pub day_limit: Option<i64>,
}

pub struct List {
    pub superseded_minutes_ago: Option<i64>,
    pub prices: BTreeMap<(Uuid, u8), Tag>,
}

#[derive(Clone)]
pub struct Tag {
    pub kind: &'static str,
    pub cents: i64,
    pub minutes: Option<i64>,
    pub points: Option<i64>,
    pub vat: u16,
    pub from_savings: bool,
}

const KINDS: [&str; 5] = ["care", "included", "activity", "extra", "own"];
const CONSENT: [&str; 3] = ["never", "consented", "always"];
/// The version that no list has.
pub const UNPUBLISHED: u32 = 99;
/// Superseded long ago, superseded but still to be sold from, superseded just now, current.
const AGES: [Option<i64>; 4] = [Some(3 * 24 * 60), Some(24 * 60 + 20), Some(23 * 60 + 20), None];

impl World {
    /// `days`: organisation, time zone, its calendar day.
    pub fn new(dice: &mut Dice, days: &[(u16, String, NaiveDate)]) -> World {
        let mut world = World {
            organisations: BTreeMap::new(),
            schemes: Vec::new(),
            terminals: Vec::new(),
            wallets: BTreeMap::new(),
            cards: BTreeMap::new(),
            services: (0..28).map(|_| dice.uuid()).collect(),
            lists: BTreeMap::new(),
            staff: (0..4).map(|_| dice.uuid()).collect(),
        };
        for (number, time_zone, today) in days {
            let locations: Vec<Uuid> = (0..2).map(|_| dice.uuid()).collect();
            for location in &locations {
                world.stock(dice, *location);
                for _ in 0..2 {
                    world.terminals.push(Counter { id: dice.uuid(), organisation: *number, location: *location });
                }
            }
            let organisation = Organisation { time_zone: time_zone.clone(), today: *today, locations };
            world.organisations.insert(*number, organisation);
            for (place, unit) in ["EUR", "EUR", "PNT", "MIN", "PNT", "EUR"].into_iter().enumerate() {
                let rules = Scheme {
                    collective: place == 1 || place == 4,
                    extras_from_budget: place == 0 || dice.chance(50),
                    extras_from_savings: place == 2 || dice.chance(50),
                    care_from_savings: CONSENT[(place + usize::from(*number)) % 3],
                };
                world.schemes.push((*number, unit, rules));
                for buyer in 1..=4 {
                    world.settle(dice, *number, *today, buyer);
                }
            }
        }
        world
    }

    /// A client in the newest scheme, with one to three cards.
    fn settle(&mut self, dice: &mut Dice, organisation: u16, today: NaiveDate, buyer: u8) {
        let scheme = self.schemes.len() - 1;
        let (_, unit, rules) = self.schemes[scheme];
        // numbers far apart, the greatest among them: an account's fields must not run into each other
        let place = i64::try_from(self.wallets.len()).unwrap();
        let number = if place == 3 { 0xffff_ffff } else { 1 + place * 70_001 };
        let wallet = i64::from(organisation) << 32 | number;
        self.wallets.insert(wallet, Client { scheme, unit, rules, buyer });
        for _ in 0..=dice.below(3) {
            let limits = dice.chance(40);
            let card = Plastic {
                wallet,
                blocked: dice.chance(4),
                expires_on: match dice.below(20) {
                    0 => today - chrono::Duration::days(1),
                    1 => today,
                    _ => today + chrono::Duration::days(900),
                },
                tap_limit: (limits && dice.chance(70)).then(|| dice.between(0, 2500)),
                day_limit: (limits && dice.chance(70)).then(|| dice.between(0, 9000)),
            };
            self.cards.insert(dice.uuid(), card);
        }
    }

    fn stock(&mut self, dice: &mut Dice, location: Uuid) {
        for (place, superseded_minutes_ago) in AGES.into_iter().enumerate() {
            let mut prices = BTreeMap::new();
            for (number, service) in self.services.iter().enumerate() {
                for buyer in 1..=4 {
                    if dice.chance(4) {
                        continue;
                    }
                    let kind = if dice.chance(85) { KINDS[number % 5] } else { KINDS[dice.below(5)] };
                    prices.insert((*service, buyer), tag(dice, kind));
                }
            }
            let version = u32::try_from(place).unwrap() + 1;
            self.lists.insert((location, version), List { superseded_minutes_ago, prices });
        }
    }

    /// The rows, for the owner to insert.
    pub fn rows(&self) -> String {
        let mut sql = String::new();
        for (number, organisation) in &self.organisations {
            let zone = &organisation.time_zone;
            writeln!(sql, "INSERT INTO organisation VALUES ({number}, 'Zorg {number}', '{zone}');").unwrap();
            for location in &organisation.locations {
                writeln!(sql, "INSERT INTO location VALUES ('{location}', {number}, 'Huis');").unwrap();
            }
            // the second organisation's buffers come into being with their first contribution
            if *number == 1 {
                writeln!(sql, "INSERT INTO shared_buffer SELECT 1, unit FROM generate_series(1, 3) AS unit;").unwrap();
            }
        }
        for (place, (organisation, unit, rules)) in self.schemes.iter().enumerate() {
            writeln!(
                sql,
                "INSERT INTO scheme OVERRIDING SYSTEM VALUE VALUES ({}, {organisation}, 'methodiek', {}, {}, {}, {}, {}, {});",
                place + 1,
                place + 1,
                unit_code(unit),
                if rules.collective { 2 } else { 1 },
                rules.extras_from_budget,
                rules.extras_from_savings,
                CONSENT.iter().position(|name| *name == rules.care_from_savings).unwrap()
            )
            .unwrap();
        }
        for (id, client) in &self.wallets {
            let (scheme, unit, buyer) = (client.scheme + 1, unit_code(client.unit), client.buyer);
            writeln!(sql, "INSERT INTO wallet (id, scheme, unit, buyer) VALUES ({id}, {scheme}, {unit}, {buyer});")
                .unwrap();
        }
        for (id, card) in &self.cards {
            writeln!(
                sql,
                "INSERT INTO card (id, wallet, status, expires_on, tap_limit_cents, day_limit_cents)
                 VALUES ('{id}', {}, {}, '{}', {}, {});",
                card.wallet,
                if card.blocked { 2 } else { 1 },
                card.expires_on,
                null(card.tap_limit),
                null(card.day_limit)
            )
            .unwrap();
        }
        for (place, ((location, version), list)) in self.lists.iter().enumerate() {
            let superseded = list.superseded_minutes_ago.map(|minutes| format!("now() - interval '{minutes} minutes'"));
            writeln!(
                sql,
                "INSERT INTO price_list OVERRIDING SYSTEM VALUE
                 VALUES ({}, '{location}', {version}, now() - interval '30 days', {});",
                place + 1,
                null(superseded)
            )
            .unwrap();
            for ((service, buyer), tag) in &list.prices {
                writeln!(
                    sql,
                    "INSERT INTO price VALUES ({}, '{service}', {buyer}, {}, {}, {}, {}, {}, {});",
                    place + 1,
                    KINDS.iter().position(|kind| *kind == tag.kind).unwrap() + 1,
                    tag.cents,
                    null(tag.minutes),
                    null(tag.points),
                    tag.vat,
                    tag.from_savings
                )
                .unwrap();
            }
        }
        sql
    }
}

fn tag(dice: &mut Dice, kind: &'static str) -> Tag {
    let cents = match dice.below(40) {
        0 | 1 => 0,
        2 => 1,
        3 => 7,
        4 => 100_000_000,
        5..=20 => dice.between(2, 500),
        _ => dice.between(100, 2500),
    };
    let mut other = |least: i64, greatest: i64| {
        (!dice.chance(15)).then(|| if cents == 0 { 0 } else { dice.between(least, greatest) })
    };
    let (minutes, points) = (other(1, 90), other(1, 2000));
    Tag { kind, cents, minutes, points, vat: [0, 900, 2100][dice.below(3)], from_savings: dice.chance(40) }
}

fn null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "NULL".to_string(), |value| value.to_string())
}

pub fn unit_code(unit: &str) -> i64 {
    match unit {
        "EUR" => 1,
        "MIN" => 2,
        _ => 3,
    }
}
