//! Tasks about plans that are due, for all clients of an organisation at once.

use chrono::NaiveDate;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::OrganisationId;

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
    let query: Statement = statement(
        "INSERT INTO task (month, organisation, wallet, kind) \
         SELECT ?, w.id >> 32, w.id, 6 FROM wallet AS w JOIN client AS c ON c.wallet = w.id \
         LEFT JOIN LATERAL (SELECT max(held_on) AS held_on FROM plan_review WHERE wallet = w.id AND held_on >= c.arrived_on) AS r ON true \
         WHERE w.id >> 32 = ? AND w.status = 1 AND c.left_on IS NULL \
         AND coalesce(r.held_on + interval '6 months', c.arrived_on + interval '42 days') <= ? \
         AND NOT EXISTS (SELECT FROM task WHERE wallet = w.id AND kind = 6 AND done_at IS NULL) \
         ORDER BY w.id ON CONFLICT DO NOTHING",
    )
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
