//! Rotation of the cards' keys: the next generation becomes the active one, the cards are told, and one more is made ahead.
//!
//! One transaction: the file is sealed anew before it commits, so what was activated is always in the file. Where the commit
//! fails, the file has keys that nobody uses yet. Old master keys stay: old answers are signed with them.

use chrono::NaiveDate;

use super::key_store::{self, KeyPlaces, KeyStoreError};
use crate::db::connect::Database;
use crate::db::key_generations::{KeyGeneration, Progress};
use crate::db::{card_events, card_scripts, key_generations};

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Rotated {
    pub from: u8,
    pub to: u8,
    /// Cards that are told to sign with the new one.
    pub cards: usize,
}

/// Activates the next generation, and says from which day on the one before it is refused, if `refuse_from` is given.
///
/// # Errors
/// [`KeyStoreError`]; nothing is activated then.
pub async fn rotate(
    database: &Database,
    places: &KeyPlaces,
    refuse_from: Option<NaiveDate>,
) -> Result<Rotated, KeyStoreError> {
    let mut conn = database.connection().await?;
    key_store::in_transaction(&mut conn, async |conn| {
        let generations = key_generations::load(conn).await?;
        let from = generations.last().ok_or_else(|| KeyStoreError::Missing(places.file.clone()))?.generation;
        let to = from.checked_add(1).ok_or(KeyStoreError::Spent(from))?;
        key_store::make_ahead(places, conn, to).await?;
        card_events::lock(conn).await?;
        key_generations::activate(conn, to).await?;
        if refuse_from.is_some() {
            key_generations::refuse(conn, from, refuse_from).await?;
        }
        let cards = card_scripts::activate_everywhere(conn, to).await?;
        Ok(Rotated { from, to, cards })
    })
    .await
}

/// Says from which day on what an old generation signs is refused; none: never.
///
/// # Errors
/// [`KeyStoreError`].
pub async fn refuse(database: &Database, generation: u8, from: Option<NaiveDate>) -> Result<(), KeyStoreError> {
    let mut conn = database.connection().await?;
    key_store::in_transaction(&mut conn, async |conn| {
        let generations = key_generations::load(conn).await?;
        if from.is_some() && generations.last().is_some_and(|active| active.generation == generation) {
            return Err(KeyStoreError::Active(generation));
        }
        let is_known = key_generations::refuse(conn, generation, from).await?;
        if is_known { Ok(()) } else { Err(KeyStoreError::NeverActive(generation)) }
    })
    .await
}

/// The generations that were activated, the active one last.
///
/// # Errors
/// [`KeyStoreError`].
pub async fn generations(database: &Database) -> Result<Vec<KeyGeneration>, KeyStoreError> {
    Ok(key_generations::load(&*database.connection().await?).await?)
}

/// How far the cards are.
///
/// # Errors
/// [`KeyStoreError`].
pub async fn progress(database: &Database, today: NaiveDate) -> Result<Vec<Progress>, KeyStoreError> {
    Ok(key_generations::progress(&*database.connection().await?, today).await?)
}
