//! Enrolment: a terminal's public key comes in, a person accepts the code made of it, the key goes out sealed.
//!
//! Nothing here is secret to who asks: a code that is guessed gives ciphertext at most, which one key pair opens. The key of
//! the terminal exists in memory while it is sealed, and never in the database. Both ends show a check number that is
//! exported from the sealed exchange: who stands between and seals something of his own cannot know it.

use card_protocol::Secret;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _, setup_sender};
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::book::{begin, commit, rollback};
use super::key_store::{KeyStore, hex};
use super::terminals::{self, TerminalError};
use crate::db::connect::{ConnectError, Database};
use crate::db::enrolments::{self, SealedAnswer};
use crate::db::organisations::LocationRow;
use crate::db::{DbError, enrolments as rows};
use crate::domain::enrolment::EnrolmentCode;

/// How long a code is good for.
pub const LIFE_S: i64 = 600;

const INFO: &[u8] = b"PASJE enrolment 1";
const CHECK_CONTEXT: &[u8] = b"PASJE check 1";

/// Why nobody was enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// A point that gives everybody the same secret.
    #[error("public_key: it is no key to seal anything to")]
    WeakKey,
    /// The table is full of others.
    #[error("too many terminals wait to be enrolled")]
    Full,
    /// A key pair is used once.
    #[error("this key pair was used: make a new one")]
    Used,
    /// Nobody waits under this code.
    #[error(
        "no terminal waits under the code {0}: compare it with the terminal's screen. A code is good for ten minutes, and \
         the terminal shows a new one by itself"
    )]
    Unknown(EnrolmentCode),
    /// Somebody accepted it.
    #[error(
        "the code {0} was accepted before: if that was not you, `pasje terminal list` shows the terminal, revoke it"
    )]
    Accepted(EnrolmentCode),
    /// The terminal cannot be added.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A code that waits.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Offered {
    pub code: EnrolmentCode,
    pub expires_at: DateTime<Utc>,
}

/// Takes in a terminal's public key. The same key again, while it waits, is answered as the first time.
///
/// # Errors
/// [`EnrolmentError`].
pub async fn offer(database: &Database, public_key: &[u8; 32], ca: Option<&str>) -> Result<Offered, EnrolmentError> {
    // refused now, as it could never be accepted
    seal_to(public_key, b"", b"")?;
    let code = EnrolmentCode::of(public_key);
    let conn = database.connection().await?;
    if !rows::make_room(&conn).await? {
        return Err(EnrolmentError::Full);
    }
    let row = rows::insert(&conn, &code, public_key, ca, LIFE_S).await?;
    if row.answer.is_some() || row.public_key != *public_key {
        return Err(EnrolmentError::Used);
    }
    Ok(Offered { code, expires_at: row.expires_at })
}

/// Forgets what expired.
///
/// # Errors
/// [`EnrolmentError`].
pub async fn forget(database: &Database) -> Result<(), EnrolmentError> {
    let conn = database.connection().await?;
    rows::make_room(&conn).await?;
    Ok(())
}

/// The answer under a code; none while nobody accepted it.
///
/// # Errors
/// [`EnrolmentError`].
pub async fn ask(database: &Database, code: &EnrolmentCode) -> Result<Option<SealedAnswer>, EnrolmentError> {
    let conn = database.connection().await?;
    let row = enrolments::load(&conn, code).await?;
    row.map(|row| row.answer).ok_or_else(|| EnrolmentError::Unknown(code.clone()))
}

/// A terminal that was let in.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Accepted {
    pub terminal: Uuid,
    pub location: LocationRow,
    /// To be compared with what the terminal shows: `123 456`.
    pub check: String,
}

/// Lets the terminal in that shows this code: adds it at a location (an id or a name) and lays down its key, sealed.
///
/// # Errors
/// [`EnrolmentError`]; nothing was added then.
pub async fn accept(
    database: &Database,
    keys: &dyn KeyStore,
    code: &EnrolmentCode,
    location: &str,
    name: &str,
) -> Result<Accepted, EnrolmentError> {
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    match accept_on(&conn, keys, code, location, name).await {
        Ok(accepted) => {
            commit(&mut conn).await?;
            Ok(accepted)
        }
        Err(error) => {
            // The connection may be gone with its transaction; the pool checks before it hands it out again.
            let _ = rollback(&mut conn).await;
            Err(error)
        }
    }
}

async fn accept_on(
    conn: &AsyncPgConnection,
    keys: &dyn KeyStore,
    code: &EnrolmentCode,
    location: &str,
    name: &str,
) -> Result<Accepted, EnrolmentError> {
    let row = enrolments::lock(conn, code).await?.ok_or_else(|| EnrolmentError::Unknown(code.clone()))?;
    if row.answer.is_some() {
        return Err(EnrolmentError::Accepted(code.clone()));
    }
    let location = terminals::find_location(conn, location).await?;
    let added = terminals::add_on(conn, keys, location.id, name).await?;
    let plain = plain(&added, name, row.ca.as_deref());
    let (answer, check) = seal_to(&row.public_key, &plain, code.as_str().as_bytes())?;
    enrolments::accept(conn, code, added.id, &answer).await?;
    Ok(Accepted { terminal: added.id, location, check })
}

#[derive(Serialize)]
struct Plain<'a> {
    terminal: Uuid,
    location: Uuid,
    name: &'a str,
    key: &'a str,
    ca: Option<&'a str>,
}

fn plain(added: &terminals::Added, name: &str, ca: Option<&str>) -> Zeroizing<Vec<u8>> {
    let key: &Secret = &added.key;
    let plain = Plain { terminal: added.id, location: added.location, name, key: &hex(key), ca };
    // room for all of it at once: a text that grows leaves copies of the key behind
    let mut text = Zeroizing::new(Vec::with_capacity(1024 + name.len() * 6 + ca.map_or(0, |ca| ca.len() * 2)));
    // Strings cannot fail to serialise.
    let _ = serde_json::to_writer(&mut *text, &plain);
    text
}

/// Seals a text to a public key (HPKE, RFC 9180, base mode); with the check number of that exchange.
fn seal_to(public_key: &[u8; 32], plain: &[u8], aad: &[u8]) -> Result<(SealedAnswer, String), EnrolmentError> {
    let weak = |_| EnrolmentError::WeakKey;
    let public_key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public_key).map_err(weak)?;
    let sender = setup_sender::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &public_key, INFO);
    let (encapsulated, mut context) = sender.map_err(weak)?;
    let sealed = context.seal(plain, aad).map_err(weak)?;
    let mut number = [0; 8];
    context.export(CHECK_CONTEXT, &mut number).map_err(weak)?;
    let number = u64::from_be_bytes(number) % 1_000_000;
    let check = format!("{:03} {:03}", number / 1000, number % 1000);
    Ok((SealedAnswer { encapsulated: encapsulated.to_bytes().into(), sealed }, check))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::hex::from_hex;

    #[test]
    fn points_that_give_everybody_the_same_secret_are_refused() {
        // the u coordinates of small order, of Curve25519 and its twist, and those that are the same modulo the field
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000080",
        ] {
            let point = from_hex::<32>(point).unwrap();
            assert!(matches!(seal_to(&point, b"", b""), Err(EnrolmentError::WeakKey)), "{point:?}");
        }
        assert!(seal_to(&[9; 32], b"", b"").is_ok());
    }
}
