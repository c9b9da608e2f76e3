//! What happens to cards: issued, blocked, unblocked, replaced. The wallet follows the client, history stays.
//!
//! Each change is one transaction under the lock of card events, so that terminals hear of changes in the order in which
//! they were committed. A tap that is being decided meanwhile may still be approved; so it would have been a moment before.

use card_protocol::CardKeys;
use card_protocol::personalise::GENERATIONS_MAX;
use card_protocol::script::Change;
use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::book::{begin, commit, rollback};
use super::key_store::KeyStore;
use crate::db::card_scripts::ScriptRow;
use crate::db::cards::CardRow;
use crate::db::connect::{ConnectError, Database};
use crate::db::{DbError, card_events, card_scripts, cards, key_generations};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::card::{CardEvent, CardStatus};
use crate::domain::card_script::{self, Queued};

/// Why nothing happened to a card.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// No such card.
    #[error("there is no card {0}: `pasje card list` shows the cards there are")]
    Unknown(Uuid),
    /// No such wallet.
    #[error(
        "there is no wallet {} of organisation {}: `pasje card list` shows those that have a card",
        .0.number(), .0.organisation().number()
    )]
    NoWallet(WalletId),
    /// It was replaced.
    #[error("card {0} was replaced by another one and never works again")]
    Replaced(Uuid),
    /// The key store has no key to issue with.
    #[error("the key store has no master key of generation {0}")]
    NoKey(u8),
    /// It was told more than four milliards of times.
    #[error("card {0} takes no more scripts: replace it")]
    NoNumber(Uuid),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A card that was just made, with the keys it is personalised with.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Issued {
    pub card: CardRow,
    /// By generation: the one that it signs with first, then those made beforehand.
    pub keys: Vec<(u8, CardKeys)>,
}

/// What a new card may do.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Issue {
    pub wallet: WalletId,
    /// The last day on which it works.
    pub expires_on: NaiveDate,
    /// Activity, extra and own lines of one tap; none is no limit.
    pub tap_limit_cents: Option<i64>,
    /// Activity, extra and own lines of one day; none is no limit.
    pub day_limit_cents: Option<i64>,
    /// What activity, extra and own lines of a tap may come to without PIN; none: no PIN is asked.
    pub pin_free_cents: Option<i64>,
}

/// Issues a card: a random id, keys of the active generation and of those made beforehand.
///
/// # Errors
/// [`CardError`].
pub async fn issue(database: &Database, keys: &dyn KeyStore, issue: &Issue) -> Result<Issued, CardError> {
    let (card, personal) = personalised(keys, issue)?;
    change(database, async |conn| {
        insert(conn, &card).await?;
        Ok(card.clone())
    })
    .await
    .map(|card| Issued { card, keys: personal })
}

/// Blocks a card, and tells it so when it is tapped next; blocking it twice is no error.
///
/// # Errors
/// [`CardError`].
pub async fn block(database: &Database, id: Uuid) -> Result<CardRow, CardError> {
    set_status(database, id, CardStatus::Blocked, CardEvent::Blocked, Change::Block).await
}

/// Lets a blocked card pay again, and tells it so: its PIN works again too, and may be all that was blocked.
///
/// # Errors
/// [`CardError`]; a card that was replaced stays so.
pub async fn unblock(database: &Database, id: Uuid) -> Result<CardRow, CardError> {
    set_status(database, id, CardStatus::Active, CardEvent::Unblocked, Change::Unblock).await
}

/// Puts a new card in the place of one that is lost or broken, with the same wallet and limits.
///
/// # Errors
/// [`CardError`].
pub async fn replace(
    database: &Database,
    keys: &dyn KeyStore,
    id: Uuid,
    expires_on: NaiveDate,
) -> Result<Issued, CardError> {
    change(database, async |conn| {
        let old = find(conn, id).await?;
        if old.status == CardStatus::Replaced {
            return Err(CardError::Replaced(id));
        }
        let CardRow { wallet, tap_limit_cents, day_limit_cents, pin_free_cents, .. } = old;
        let issue = Issue { wallet, expires_on, tap_limit_cents, day_limit_cents, pin_free_cents };
        let (card, keys) = personalised(keys, &issue)?;
        let card = CardRow { replaces: Some(id), ..card };
        // The new card first: it waits for the wallet, and who waits for that must have written no card's row yet.
        insert(conn, &card).await?;
        cards::set_status(conn, id, CardStatus::Replaced).await?;
        card_events::insert(conn, id, wallet.organisation(), CardEvent::Replaced).await?;
        queue(conn, id, Change::Block).await?;
        Ok(Issued { card, keys })
    })
    .await
}

/// Tells a card to change when it is tapped next.
///
/// # Errors
/// [`CardError`]; a card that was replaced is told nothing more.
pub async fn tell(database: &Database, id: Uuid, told: Change) -> Result<CardRow, CardError> {
    change(database, async |conn| {
        let card = find(conn, id).await?;
        if card.status == CardStatus::Replaced {
            return Err(CardError::Replaced(id));
        }
        queue(conn, id, told).await?;
        Ok(card)
    })
    .await
}

/// Tells a card that has just asked the service that what it approved offline counts no more. Nothing where it is told so
/// already, or where it was told something since it made this tap: a tap that is sent again. What the tap says that came is
/// written first: it must not be queued again behind the reset, nor come before it. Answers all that waits, by number.
///
/// # Errors
/// [`CardError`].
pub async fn tell_reset(database: &Database, id: Uuid, script_number: u32) -> Result<Vec<Queued>, CardError> {
    change(database, async |conn| {
        card_scripts::confirm(conn, &[(id, script_number)]).await?;
        let scripts = card_scripts::of_card(conn, id).await?;
        let newer = || scripts.iter().filter(|row| row.script.number > script_number);
        let is_told = newer().any(|row| row.is_waiting() && row.script.change == Change::ResetOffline);
        if is_told || newer().any(|row| row.confirmed_at.is_some()) {
            return Ok(waiting(&scripts));
        }
        queue(conn, id, Change::ResetOffline).await?;
        Ok(waiting(&card_scripts::of_card(conn, id).await?))
    })
    .await
}

fn waiting(scripts: &[ScriptRow]) -> Vec<Queued> {
    scripts.iter().filter(|row| row.is_waiting()).map(|row| row.script).collect()
}

/// Queues a script under the lock of card events.
async fn queue(conn: &mut AsyncPgConnection, id: Uuid, told: Change) -> Result<(), CardError> {
    let scripts = card_scripts::of_card(conn, id).await?;
    let last = scripts.last().map_or(0, |row| row.script.number);
    let plan = card_script::queue(last, &waiting(&scripts), told).ok_or(CardError::NoNumber(id))?;
    Ok(card_scripts::insert(conn, id, &plan).await?)
}

/// What an organisation's terminals have to know of cards.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Hotlist {
    /// To ask from next time.
    pub version: i64,
    pub blocked: Vec<Uuid>,
    pub unblocked: Vec<Uuid>,
}

/// What changed after a version; from 0 on: all cards that do not pay.
///
/// # Errors
/// [`CardError`].
pub async fn hotlist(database: &Database, organisation: OrganisationId, since: i64) -> Result<Hotlist, CardError> {
    let conn = database.connection().await?;
    let (version, last) = card_events::since(&conn, organisation, since).await?;
    let mut hotlist = Hotlist { version, blocked: Vec::new(), unblocked: Vec::new() };
    for (card, event) in last {
        match event {
            CardEvent::Blocked | CardEvent::Replaced => hotlist.blocked.push(card),
            // Who never heard of a card needs not hear that it works.
            CardEvent::Unblocked if since > 0 => hotlist.unblocked.push(card),
            CardEvent::Unblocked | CardEvent::Issued => {}
        }
    }
    Ok(hotlist)
}

/// A new card, with the keys that go onto it.
fn personalised(keys: &dyn KeyStore, issue: &Issue) -> Result<(CardRow, Vec<(u8, CardKeys)>), CardError> {
    // Random, so that a card tells nothing about its holder or its age.
    let (id, generation) = (Uuid::new_v4(), keys.generation());
    let ahead = keys.generations().into_iter().filter(|ahead| *ahead >= generation);
    let of = |generation| keys.master(generation).map(|key| (generation, key.card_keys(id.as_bytes(), generation)));
    let personal: Vec<_> = ahead.filter_map(of).take(GENERATIONS_MAX).collect();
    let newest = personal.last().filter(|_| personal.first().is_some_and(|(first, _)| *first == generation));
    let card = CardRow {
        id,
        wallet: issue.wallet,
        status: CardStatus::Active,
        expires_on: issue.expires_on,
        generation,
        generations_to: newest.ok_or(CardError::NoKey(generation))?.0,
        replaces: None,
        tap_limit_cents: issue.tap_limit_cents,
        day_limit_cents: issue.day_limit_cents,
        pin_free_cents: issue.pin_free_cents,
    };
    Ok((card, personal))
}

async fn insert(conn: &mut AsyncPgConnection, card: &CardRow) -> Result<(), CardError> {
    cards::insert(conn, card).await.map_err(|error| match error {
        error if error.is_foreign_key() => CardError::NoWallet(card.wallet),
        error => error.into(),
    })?;
    card_events::insert(conn, card.id, card.wallet.organisation(), CardEvent::Issued).await?;
    // Another generation may have been activated since its keys were made.
    let active = key_generations::load(conn).await?.last().map(|active| active.generation);
    if let Some(active) = active.filter(|active| *active > card.generation && *active <= card.generations_to) {
        queue(conn, card.id, Change::ActivateGeneration(active)).await?;
    }
    Ok(())
}

async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<CardRow, CardError> {
    cards::find(conn, id).await?.ok_or(CardError::Unknown(id))
}

async fn set_status(
    database: &Database,
    id: Uuid,
    status: CardStatus,
    event: CardEvent,
    told: Change,
) -> Result<CardRow, CardError> {
    change(database, async |conn| {
        let card = find(conn, id).await?;
        if card.status == CardStatus::Replaced {
            return Err(CardError::Replaced(id));
        }
        if card.status != status {
            cards::set_status(conn, id, status).await?;
            card_events::insert(conn, id, card.wallet.organisation(), event).await?;
        }
        // A card that is active may have blocked its own PIN; one that was blocked before there were scripts was not told.
        let was_told = status == CardStatus::Blocked && {
            let scripts = card_scripts::of_card(conn, id).await?;
            let about_it = |row: &&ScriptRow| matches!(row.script.change, Change::Block | Change::Unblock);
            scripts.iter().rev().find(about_it).is_some_and(|row| row.script.change == told)
        };
        if !was_told {
            queue(conn, id, told).await?;
        }
        Ok(CardRow { status, ..card })
    })
    .await
}

/// One transaction under the lock of card events.
async fn change<T>(
    database: &Database,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, CardError>,
) -> Result<T, CardError> {
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    let worked = async {
        card_events::lock(&mut conn).await?;
        work(&mut conn).await
    };
    match worked.await {
        Ok(done) => {
            commit(&mut conn).await?;
            Ok(done)
        }
        Err(error) => {
            // The connection may be gone with its transaction; the pool checks before it hands it out again.
            let _ = rollback(&mut conn).await;
            Err(error)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use card_protocol::{MasterKey, Secret};

    use super::*;

    /// Master keys of the generations 2 to 30, of which 3 is active.
    struct Masters(Vec<MasterKey>);

    impl KeyStore for Masters {
        fn generation(&self) -> u8 {
            3
        }
        fn generations(&self) -> Vec<u8> {
            (2..).take(self.0.len()).collect()
        }
        fn refused_from(&self, _: u8) -> Option<NaiveDate> {
            None
        }
        fn master(&self, generation: u8) -> Option<MasterKey> {
            self.0.get(usize::from(generation.checked_sub(2)?)).cloned()
        }
        fn terminal_key(&self, _: Uuid, _: &[u8; 16]) -> Secret {
            Secret::new([0; 32])
        }
        fn integration_key(&self, _: Uuid, _: &[u8; 16]) -> Secret {
            Secret::new([0; 32])
        }
        fn check_values(&self) -> Vec<(u8, [u8; 32])> {
            Vec::new()
        }
    }

    #[test]
    fn a_card_gets_the_keys_of_the_active_generation_and_of_those_prepared_as_far_as_it_has_room() {
        let issue = Issue {
            wallet: WalletId::new(OrganisationId::new(1).unwrap(), 17).unwrap(),
            expires_on: NaiveDate::MAX,
            tap_limit_cents: None,
            day_limit_cents: None,
            pin_free_cents: None,
        };
        let numbers = |count: u8| {
            let masters = Masters((0..count).map(|tag| MasterKey::new(Secret::new([tag; 32]))).collect());
            let (card, keys) = personalised(&masters, &issue)?;
            for (number, of_card) in &keys {
                assert_eq!(*of_card, masters.master(*number).unwrap().card_keys(card.id.as_bytes(), *number));
            }
            Ok(keys.into_iter().map(|(number, _)| number).collect::<Vec<_>>())
        };
        assert_eq!(numbers(2).unwrap(), [3], "the one before is known to others by now");
        assert_eq!(numbers(4).unwrap(), [3, 4, 5]);
        assert_eq!(numbers(28).unwrap(), [3, 4, 5, 6, 7, 8, 9, 10]);
        let none: Result<Vec<u8>, CardError> = numbers(1);
        assert!(matches!(none, Err(CardError::NoKey(3))));
    }
}
