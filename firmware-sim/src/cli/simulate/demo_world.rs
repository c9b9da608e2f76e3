//! The world of a run that stands alone: the demo organisation's clients with purses in euros, as the service has them.

use std::fs;
use std::path::Path;

use firmware_sim::files::{CardFile, TerminalFile};
use firmware_sim::simulation::dice::Dice;
use firmware_sim::simulation::world::{Card, PriceList, Scheme, Wallet, World};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::super::Failure;
use super::service::Service;

/// As many cards as meet each other often.
const CARDS: usize = 7;

/// Tills at both locations; the last is the machine of another maker.
const TERMINALS: [&str; 4] = ["linde-kassa-1", "linde-kassa-2", "wilg-kassa-1", "linde-wasmachine"];

/// Everything of the organisation that a run must know, in an order that is the same each time. Whose card has expired
/// or who has left is not in it: the demo's cards expired while the world was under way. Nor is whose budget is set aside for
/// what is agreed: the model knows of no agreements.
const SQL: &str = "
WITH euros AS (
    SELECT wallet.*, card.id AS card, card.tap_limit_cents, card.day_limit_cents, card.pin_free_cents
    FROM wallet JOIN card ON card.wallet = wallet.id
    WHERE wallet.unit = 1 AND wallet.status = 1 AND wallet.budget_held = 0 AND card.status = 1 AND card.expires_on > current_date
), prices AS (
    SELECT price_list, json_agg(json_build_object('service', service, 'buyer', buyer, 'cents', price_cents,
        'kind', (ARRAY['care', 'included', 'activity', 'extra', 'own'])[kind]) ORDER BY name, buyer) AS prices
    FROM price JOIN service ON service.id = service GROUP BY price_list
)
SELECT json_build_object(
    'scheme', (SELECT json_build_object('unplanned_collective', unplanned = 2, 'extras_from_budget', extras_from_budget,
        'extras_from_savings', extras_from_savings, 'care_from_savings', care_from_savings = 2)
        FROM scheme WHERE unit = 1),
    'price_lists', (SELECT json_agg(json_build_object('location', location, 'version', version, 'prices', prices,
        'age', CASE WHEN superseded_at IS NULL THEN 'current' ELSE 'out_of_date' END) ORDER BY name, version)
        FROM price_list JOIN prices ON price_list = price_list.id JOIN location ON location.id = location),
    'wallets', (SELECT json_agg(json_build_object('number', id & 4294967295, 'buyer', buyer, 'budget', budget,
        'reserve', reserve, 'savings', savings, 'own', credit_cents) ORDER BY id) FROM euros),
    'cards', (SELECT json_agg(json_build_object('card', card, 'wallet', id & 4294967295,
        'tap_limit_cents', tap_limit_cents, 'day_limit_cents', day_limit_cents, 'pin_free_cents', pin_free_cents)
        ORDER BY id) FROM euros))";

#[derive(Deserialize)]
struct Found {
    scheme: Scheme,
    price_lists: Vec<PriceList>,
    wallets: Vec<Wallet>,
    cards: Vec<FoundCard>,
}

#[derive(Deserialize)]
struct FoundCard {
    card: Uuid,
    wallet: u32,
    tap_limit_cents: Option<i64>,
    day_limit_cents: Option<i64>,
    pin_free_cents: Option<i64>,
}

/// Has the demo made, and reads it back.
pub(super) async fn make(service: &Service, seed: u64) -> Result<World, Failure> {
    let out = service.folder().join("files");
    service.call(&["demo", "--out", &out.display().to_string(), "--service", service.url()]).await?;
    let text = service.call(&["database", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", SQL]).await?;
    let Found { scheme, price_lists, mut wallets, cards } = serde_json::from_str(&text)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(out.join("cards"))? {
        files.push(read::<CardFile>(&entry?.path())?);
    }
    let mut plastic = Vec::with_capacity(CARDS);
    for found in cards.into_iter().take(CARDS) {
        let FoundCard { card, wallet, tap_limit_cents, day_limit_cents, pin_free_cents } = found;
        let file = files.iter().find(|file| file.card == card).ok_or("a card has no file")?.clone();
        plastic.push(Card {
            wallet,
            tap_limit_cents,
            day_limit_cents,
            pin_free_cents,
            has_expired: false,
            told_generation: None,
            file,
        });
    }
    wallets.retain(|wallet| plastic.iter().any(|card| card.wallet == wallet.number));
    let mut terminals = Vec::with_capacity(TERMINALS.len());
    for name in TERMINALS {
        terminals.push(read::<TerminalFile>(&out.join("terminals").join(format!("{name}.json")))?);
    }
    let mut locations = Vec::new();
    for list in &price_lists {
        if !locations.contains(&list.location) {
            locations.push(list.location);
        }
    }
    Ok(World {
        service: service.url().to_owned(),
        organisation: 1,
        staff: Dice::new(seed, 3).uuid7(0),
        scheme,
        locations,
        price_lists,
        terminals,
        wallets,
        refused: Vec::new(),
        next_generation: plastic.iter().filter_map(|card| card.file.generation.checked_add(1)).max(),
        is_rotated_by_others: false,
        cards: plastic,
        office: Vec::new(),
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}
