//! Reviews of plans and meetings of clients' networks; and tasks about what is due, for all clients of an organisation at once.

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{Date, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::{OrganisationId, WalletId};

/// Of the clients `c` with the wallets `w` that are reviewed: on which day their plan is due, as `due`. Six weeks after arrival, and half a
/// year after the last review since then.
macro_rules! due_of_clients {
    () => {
        "wallet AS w JOIN client AS c ON c.wallet = w.id AND w.status = 1 AND c.left_on IS NULL \
         CROSS JOIN LATERAL (SELECT coalesce(max(held_on) + interval '6 months', c.arrived_on + interval '42 days')::date AS due \
             FROM plan_review WHERE wallet = w.id AND held_on >= c.arrived_on) AS r"
    };
}

/// Opens a task for each client whose plan is to be reviewed: six weeks after arrival, and half a year after the last review. None while one
/// is open; answers how many.
///
/// # Errors
/// [`DbError`].
pub async fn open_due(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    today: NaiveDate,
) -> Result<usize, DbError> {
    let query: Statement = statement(concat!(
        "INSERT INTO task (month, organisation, wallet, kind) SELECT ?, w.id >> 32, w.id, 6 FROM ",
        due_of_clients!(),
        " WHERE w.id >> 32 = ? AND r.due <= ? \
         AND NOT EXISTS (SELECT FROM task WHERE wallet = w.id AND kind = 6 AND done_at IS NULL) \
         ORDER BY w.id ON CONFLICT DO NOTHING",
    ))
    .bind(month)
    .bind(i32::from(organisation.number()))
    .bind(today);
    Ok(query.execute(&mut conn).await?)
}

/// Opens a task for each client with a line that waits for consent, provisional ones from the end of their weeks. None while one is open;
/// answers how many.
///
/// # Errors
/// [`DbError`].
pub async fn open_unconsented(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    today: NaiveDate,
) -> Result<usize, DbError> {
    let query: Statement = statement(
        "INSERT INTO task (month, organisation, wallet, kind) \
         SELECT ?, w.id >> 32, w.id, 7 FROM wallet AS w WHERE w.id >> 32 = ? AND w.status = 1 \
         AND EXISTS (SELECT FROM plan_line AS l LEFT JOIN plan_consent AS c ON c.line = l.id \
             WHERE l.wallet = w.id AND l.price_cents > 0 AND c.line IS NULL AND (l.dropped_from IS NULL OR l.dropped_from > ?) \
             AND (l.provisional_until IS NULL OR l.provisional_until < ?)) \
         AND NOT EXISTS (SELECT FROM task WHERE wallet = w.id AND kind = 7 AND done_at IS NULL) \
         ORDER BY w.id ON CONFLICT DO NOTHING",
    )
    .bind(month)
    .bind(i32::from(organisation.number()))
    .bind(today)
    .bind(today);
    Ok(query.execute(&mut conn).await?)
}

/// On which day a client's plan is to be reviewed next; none for one who left, or of whom no arrival is known.
///
/// # Errors
/// [`DbError`].
pub async fn due(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Option<NaiveDate>, DbError> {
    let query: Statement<Nullable<Date>> =
        statement(concat!("SELECT r.due FROM ", due_of_clients!(), " WHERE w.id = ?")).bind(wallet.field());
    Ok(query.get_result::<Option<NaiveDate>>(&mut conn).await.optional()?.flatten())
}

/// A review that was held, and by whom of staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReviewRow {
    pub held_on: NaiveDate,
    pub held_by: Uuid,
}

/// Reviews of a wallet's plan by day, those after a day, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn reviews(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    after: Option<NaiveDate>,
    limit: i64,
) -> Result<Vec<ReviewRow>, DbError> {
    let query: Statement<(Date, SqlUuid)> = statement(
        "SELECT held_on, held_by FROM plan_review WHERE wallet = ? AND held_on > coalesce(?, '-infinity') \
         ORDER BY held_on LIMIT ?",
    )
    .bind(wallet.field())
    .bind(after)
    .bind(limit);
    let rows = query.load::<(NaiveDate, Uuid)>(&mut conn).await?;
    Ok(rows.into_iter().map(|(held_on, held_by)| ReviewRow { held_on, held_by }).collect())
}

/// Writes that a plan was reviewed; a second review on one day is the same.
///
/// # Errors
/// [`DbError`].
pub async fn insert_review(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    day: NaiveDate,
    by: Uuid,
) -> Result<(), DbError> {
    let query: Statement =
        statement("INSERT INTO plan_review (wallet, held_on, held_by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(wallet.field())
            .bind(day)
            .bind(by);
    query.execute(&mut conn).await?;
    Ok(())
}

/// A meeting of a client's network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MeetingRow {
    pub id: Uuid,
    pub held_on: NaiveDate,
    pub present: String,
    pub agreed: String,
}

/// Writes a meeting; false if its id or its day was taken.
///
/// # Errors
/// [`DbError`].
pub async fn insert_meeting(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    meeting: &MeetingRow,
) -> Result<bool, DbError> {
    let query: Statement = statement(
        "INSERT INTO network_meeting (id, wallet, held_on, present, agreed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(meeting.id)
    .bind(wallet.field())
    .bind(meeting.held_on)
    .bind(meeting.present.clone())
    .bind(meeting.agreed.clone());
    Ok(query.execute(&mut conn).await? == 1)
}

/// A wallet's meetings by day, those after a day, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn meetings(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    after: Option<NaiveDate>,
    limit: i64,
) -> Result<Vec<MeetingRow>, DbError> {
    let query: Statement<(SqlUuid, Date, Text, Text)> = statement(
        "SELECT id, held_on, present, agreed FROM network_meeting WHERE wallet = ? AND held_on > coalesce(?, '-infinity') \
         ORDER BY held_on LIMIT ?",
    )
    .bind(wallet.field())
    .bind(after)
    .bind(limit);
    let rows = query.load::<(Uuid, NaiveDate, String, String)>(&mut conn).await?;
    Ok(rows.into_iter().map(|(id, held_on, present, agreed)| MeetingRow { id, held_on, present, agreed }).collect())
}

/// The meeting that a wallet had on a day.
///
/// # Errors
/// [`DbError`].
pub async fn meeting_on(
    conn: &AsyncPgConnection,
    wallet: WalletId,
    day: NaiveDate,
) -> Result<Option<MeetingRow>, DbError> {
    let first = meetings(conn, wallet, day.pred_opt(), 1).await?.into_iter().next();
    Ok(first.filter(|meeting| meeting.held_on == day))
}
