//! Enrolments: codes that wait, and answers that were sealed for who showed them. They pass: each row lives for minutes.

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Binary, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::enrolment::EnrolmentCode;

/// An enrolment as it stands.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct EnrolmentRow {
    pub public_key: [u8; 32],
    pub ca: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub answer: Option<SealedAnswer>,
}

/// What only the terminal can open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SealedAnswer {
    pub encapsulated: [u8; 32],
    pub sealed: Vec<u8>,
}

type Sql = (Binary, Nullable<Text>, Timestamptz, Nullable<Binary>, Nullable<Binary>);
type Row = (Vec<u8>, Option<String>, DateTime<Utc>, Option<Vec<u8>>, Option<Vec<u8>>);

fn read((public_key, ca, expires_at, encapsulated, sealed): Row) -> Result<EnrolmentRow, DbError> {
    let answer = encapsulated.zip(sealed).map(|(encapsulated, sealed)| {
        let encapsulated = encapsulated.try_into().map_err(|_| corrupt("enrolment.encapsulated"))?;
        Ok::<_, DbError>(SealedAnswer { encapsulated, sealed })
    });
    Ok(EnrolmentRow {
        public_key: public_key.try_into().map_err(|_| corrupt("enrolment.public_key"))?,
        ca,
        expires_at,
        answer: answer.transpose()?,
    })
}

/// Forgets what expired; whether there is room for one more.
///
/// # Errors
/// [`DbError`].
pub async fn make_room(mut conn: &AsyncPgConnection) -> Result<bool, DbError> {
    let query: Statement<Bool> = statement("SELECT make_room_for_enrolment()");
    Ok(query.get_result(&mut conn).await?)
}

/// Stores one that waits from now on, or answers when the one that is there expires. Who sends the same key again, as the
/// answer did not arrive, gets no longer life by it.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    code: &EnrolmentCode,
    public_key: &[u8; 32],
    ca: Option<&str>,
    life_s: i64,
) -> Result<EnrolmentRow, DbError> {
    let query: Statement<Sql> = statement(
        "INSERT INTO enrolment (code, public_key, ca, expires_at) VALUES (?, ?, ?, now() + ? * interval '1 second') \
         ON CONFLICT (code) DO UPDATE SET expires_at = enrolment.expires_at \
         RETURNING public_key, ca, expires_at, encapsulated, sealed",
    )
    .bind(code.as_str().to_owned())
    .bind(public_key.to_vec())
    .bind(ca.map(str::to_owned))
    .bind(life_s);
    read(query.get_result::<Row>(&mut conn).await?)
}

/// One that did not expire.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, code: &EnrolmentCode) -> Result<Option<EnrolmentRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT public_key, ca, expires_at, encapsulated, sealed FROM enrolment WHERE code = ? AND expires_at > now()",
    )
    .bind(code.as_str().to_owned());
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// The same, locked until COMMIT: of two who accept it the second sees the first.
///
/// # Errors
/// [`DbError`].
pub async fn lock(mut conn: &AsyncPgConnection, code: &EnrolmentCode) -> Result<Option<EnrolmentRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT public_key, ca, expires_at, encapsulated, sealed FROM enrolment WHERE code = ? AND expires_at > now() \
         FOR UPDATE",
    )
    .bind(code.as_str().to_owned());
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// Lays down the answer, for two minutes at least: the terminal asks every few seconds.
///
/// # Errors
/// [`DbError`].
pub async fn accept(
    mut conn: &AsyncPgConnection,
    code: &EnrolmentCode,
    terminal: Uuid,
    answer: &SealedAnswer,
) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE enrolment SET terminal = ?, encapsulated = ?, sealed = ?, \
         expires_at = greatest(expires_at, now() + interval '2 minutes') WHERE code = ?",
    )
    .bind(terminal)
    .bind(answer.encapsulated.to_vec())
    .bind(answer.sealed.clone())
    .bind(code.as_str().to_owned());
    query.execute(&mut conn).await?;
    Ok(())
}
