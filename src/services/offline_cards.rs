//! What a terminal must know to sell without the service: the cards that may pay, the keys that it checks their approvals
//! with, and how much it may sell.
//!
//! The keys are derived for each terminal, and cost two HMACs each. So what is there is first told by a digest, which
//! costs one statement; the list is made for who does not have it.

use std::sync::Arc;

use card_protocol::{Key as _, MasterKey};
use chrono::{NaiveDate, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::book::BookError;
use super::key_store::{KeyStore, hex};
use crate::db::cards::PayingCard;
use crate::db::connect::Database;
use crate::db::{DbError, card_events, cards, locations, wallets};
use crate::domain::card::OfflineLimits;
use crate::domain::request::Problem;
use crate::domain::sale::Terminal;

/// What the list is of, and a tag that changes whenever the list does.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Edition {
    pub tag: [u8; 16],
    /// Rises with what happens to cards.
    pub version: i64,
    pub limits: OfflineLimits,
    today: NaiveDate,
    /// Whose keys terminals may check.
    generations: Vec<u8>,
}

/// A card that may pay, with this terminal's keys of it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct OfflineCard {
    pub card: PayingCard,
    /// Generation, and the key in hexadecimal digits.
    pub keys: Vec<(u8, Zeroizing<String>)>,
}

/// What there is for a terminal now.
///
/// # Errors
/// [`BookError`].
pub async fn edition(database: &Database, keys: &dyn KeyStore, terminal: &Terminal) -> Result<Edition, BookError> {
    let conn = database.connection().await?;
    let organisation = terminal.organisation;
    let today = wallets::book_dates(&conn, &[organisation], Utc::now()).await?.remove(&organisation);
    let today = today.ok_or(Problem::Unknown("organisation"))?;
    let location = locations::find(&conn, terminal.location).await?.ok_or(Problem::Unknown("location"))?;
    let is_refused = |generation: &u8| keys.refused_from(*generation).is_some_and(|day| day <= today);
    let generations: Vec<u8> = keys.generations().into_iter().filter(|generation| !is_refused(generation)).collect();
    let version = card_events::newest(&conn, organisation).await?;
    let cards = cards::paying_digest(&conn, organisation, today).await?;
    let mut digest = Sha256::new();
    digest.update(terminal.id);
    digest.update(terminal.location);
    digest.update(format!("{version} {generations:?} {:?} {cards}", location.offline));
    let digest: [u8; 32] = digest.finalize().into();
    let tag = digest.first_chunk().copied().unwrap_or_default();
    Ok(Edition { tag, version, limits: location.offline, today, generations })
}

/// The cards of an edition, each with this terminal's keys of it.
///
/// # Errors
/// [`BookError`].
pub async fn list(
    database: &Database,
    keys: &Arc<dyn KeyStore>,
    terminal: &Terminal,
    edition: &Edition,
) -> Result<Vec<OfflineCard>, BookError> {
    let paying = cards::paying(&*database.connection().await?, terminal.organisation, edition.today).await?;
    let masters: Vec<(u8, MasterKey)> = edition
        .generations
        .iter()
        .filter_map(|generation| keys.master(*generation).map(|master| (*generation, master)))
        .collect();
    let (terminal, location) = (terminal.id, terminal.location);
    // Thousands of derivations: not on a thread that others wait for.
    let derived = tokio::task::spawn_blocking(move || {
        paying.into_iter().map(|card| derive(card, &masters, terminal, location)).collect()
    });
    derived.await.map_err(|error| BookError::Unavailable(DbError::Unreachable(error.to_string())))
}

fn derive(card: PayingCard, masters: &[(u8, MasterKey)], terminal: Uuid, location: Uuid) -> OfflineCard {
    let on_the_card = card.generation..=card.generations_to;
    let keys = masters
        .iter()
        .filter(|(generation, _)| on_the_card.contains(generation))
        .map(|(generation, master)| {
            let verify = master.offline_verify_key(card.id.as_bytes(), *generation);
            (*generation, hex(verify.terminal_key(terminal.as_bytes(), location.as_bytes()).secret()))
        })
        .collect();
    OfflineCard { card, keys }
}
