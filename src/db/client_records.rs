//! What other systems read of clients: who they are, what is in their purses, what a month was.

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::money::Unit;
use crate::domain::operation::OperationId;
use crate::domain::wallet::Buyer;

/// A client with the wallet, as they stand. Purses as balance and held, in the order budget, reserve, savings, credit,
/// credit in euros.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ClientRecord {
    pub wallet: WalletId,
    pub number: i32,
    pub display_name: String,
    pub location: Option<Uuid>,
    pub arrived_on: Option<NaiveDate>,
    pub left_on: Option<NaiveDate>,
    pub supporter: Option<Uuid>,
    pub scheme: i32,
    pub scheme_name: String,
    pub scheme_version: i32,
    pub unit: Unit,
    pub buyer: Buyer,
    pub is_closed: bool,
    pub month: Option<NaiveDate>,
    pub purses: [(i64, i64); 5],
    /// Whether its scheme shows euros to client and family; one without a file does unless it counts in minutes.
    pub shows_euros: bool,
}

type Sql = (
    (BigInt, Integer, Text, Nullable<SqlUuid>, Nullable<Date>, Nullable<Date>, Nullable<SqlUuid>),
    (Integer, Text, Integer, SmallInt, SmallInt, SmallInt, Nullable<Date>),
    (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt),
);
type Row = (
    (i64, i32, String, Option<Uuid>, Option<NaiveDate>, Option<NaiveDate>, Option<Uuid>),
    (i32, String, i32, i16, i16, i16, Option<NaiveDate>),
    (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64),
);

fn read(row: Row) -> Result<ClientRecord, DbError> {
    let (who, how, held) = row;
    let (wallet, number, display_name, location, arrived_on, left_on, supporter) = who;
    let (scheme, scheme_name, scheme_version, unit, buyer, status, month) = how;
    let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("wallet.unit"))?;
    Ok(ClientRecord {
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("client.wallet"))?,
        shows_euros: unit != Unit::Min,
        number,
        display_name,
        location,
        arrived_on,
        left_on,
        supporter,
        scheme,
        scheme_name,
        scheme_version,
        unit,
        buyer: Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("wallet.buyer"))?,
        is_closed: status != 1,
        month,
        purses: [(held.0, held.1), (held.2, held.3), (held.4, held.5), (held.6, held.7), (held.8, held.9)],
    })
}

/// One client of an organisation by number; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn find(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    number: i32,
) -> Result<Option<ClientRecord>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT c.wallet, c.number, c.display_name, c.location, c.arrived_on, c.left_on, c.supporter, \
         w.scheme, s.name, s.version, w.unit, w.buyer, w.status, w.month, w.budget, w.budget_held, w.reserve, \
         w.reserve_held, w.savings, w.savings_held, w.credit, w.credit_held, w.credit_cents, w.credit_cents_held \
         FROM client AS c JOIN wallet AS w ON w.id = c.wallet JOIN scheme AS s ON s.id = w.scheme \
         WHERE c.wallet >> 32 = ? AND c.number = ?",
    )
    .bind(i64::from(organisation.number()))
    .bind(number);
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// Clients of an organisation by number, those after `after`, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn page(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    after: i32,
    limit: i64,
) -> Result<Vec<ClientRecord>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT c.wallet, c.number, c.display_name, c.location, c.arrived_on, c.left_on, c.supporter, \
         w.scheme, s.name, s.version, w.unit, w.buyer, w.status, w.month, w.budget, w.budget_held, w.reserve, \
         w.reserve_held, w.savings, w.savings_held, w.credit, w.credit_held, w.credit_cents, w.credit_cents_held \
         FROM client AS c JOIN wallet AS w ON w.id = c.wallet JOIN scheme AS s ON s.id = w.scheme \
         WHERE c.wallet >> 32 = ? AND c.number > ? ORDER BY c.wallet >> 32, c.number LIMIT ?",
    )
    .bind(i64::from(organisation.number()))
    .bind(after)
    .bind(limit);
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}

/// Operations of a wallet that belong to a month, by id, those after `after`. Where no month was opened for the wallet, an
/// operation belongs to the month of its book date.
///
/// # Errors
/// [`DbError`].
pub async fn operations(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<OperationId>, DbError> {
    // Nothing is booked into a month before it begins, and an id is at most 35 days old when it is booked.
    let begins_ms = month.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    let oldest = begins_ms - (OperationId::DAYS_BACK_MAX + 2) * 86_400_000;
    let least = Uuid::from_u128(u128::from(oldest.max(0).cast_unsigned()) << 80);
    let query: Statement<SqlUuid> = statement(
        "SELECT id FROM ledger.operation WHERE wallet = ? AND id > ? \
         AND coalesce(month, date_trunc('month', book_date)::date) = ? ORDER BY id LIMIT ?",
    )
    .bind(wallet.field())
    .bind(after.unwrap_or(least).max(least))
    .bind(month)
    .bind(limit);
    let ids = query.load::<Uuid>(&mut conn).await?;
    ids.into_iter().map(|id| OperationId::new(id).map_err(|_| corrupt("operation.id"))).collect()
}

/// What became of a wallet's months, newest first: the month, whether it was granted, held and closed, and whether its last
/// grant is provisional.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct MonthRow {
    pub month: NaiveDate,
    pub is_granted: bool,
    pub is_held: bool,
    pub is_closed: bool,
    pub is_provisional: bool,
}

/// A wallet's months, the newest first.
///
/// # Errors
/// [`DbError`].
pub async fn months(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Vec<MonthRow>, DbError> {
    let query: Statement<(Date, Bool, Bool, Bool, Bool)> = statement(
        "SELECT p.month, bool_or(phase = 1), bool_or(phase = 2), bool_or(phase = 3), coalesce((SELECT data_error IS NOT NULL \
         FROM month_grant AS g WHERE g.wallet = ? AND g.month = p.month ORDER BY revision DESC LIMIT 1), false) \
         FROM month_phase AS p WHERE p.wallet = ? GROUP BY p.month ORDER BY p.month DESC",
    )
    .bind(wallet.field())
    .bind(wallet.field());
    let rows = query.load::<(NaiveDate, bool, bool, bool, bool)>(&mut conn).await?;
    Ok(rows
        .into_iter()
        .map(|(month, is_granted, is_held, is_closed, is_provisional)| MonthRow {
            month,
            is_granted,
            is_held,
            is_closed,
            is_provisional,
        })
        .collect())
}

/// What a month was granted, as it was computed. `gross`, `deductions`, `collective` and the parts in `gross_unit`, what the
/// purses got in the wallet's unit, `rounding` in cents.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct GrantRecord {
    pub revision: i16,
    pub scheme: i32,
    pub operation: Option<Uuid>,
    pub data_error: Option<i16>,
    pub error_day: Option<NaiveDate>,
    pub funded_days: i16,
    /// Whether gross, deductions, collective and parts are cents; else they are of the wallet's unit.
    pub in_cents: bool,
    pub gross: i64,
    pub deductions: Vec<i64>,
    pub collective: i64,
    /// Reserve, buffer and budget, before cents became units.
    pub parts: [i64; 3],
    /// Reserve, buffer and budget.
    pub purses: [i64; 3],
    pub rounding: i64,
}

type GrantSql = (
    (SmallInt, Integer, Nullable<SqlUuid>, Nullable<SmallInt>, Nullable<Date>, SmallInt, Bool),
    (BigInt, Array<BigInt>, BigInt),
    (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt),
);
type GrantRow = (
    (i16, i32, Option<Uuid>, Option<i16>, Option<NaiveDate>, i16, bool),
    (i64, Vec<i64>, i64),
    (i64, i64, i64, i64, i64, i64, i64),
);

/// All that was granted for a wallet's month, the opening's first.
///
/// # Errors
/// [`DbError`].
pub async fn grants(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
) -> Result<Vec<GrantRecord>, DbError> {
    let query: Statement<GrantSql> = statement(
        "SELECT revision, scheme, operation, data_error, error_day, funded_days, \
         (SELECT unit = 1 FROM wallet AS w WHERE w.id = g.wallet) OR EXISTS (SELECT FROM ledger.operation AS o \
         WHERE o.id = g.operation AND o.unit_value_cents IS NOT NULL), gross, deductions, collective, \
         reserve_part, buffer_part, budget_part, reserve, buffer, budget, rounding FROM month_grant AS g \
         WHERE wallet = ? AND month = ? ORDER BY revision",
    )
    .bind(wallet.field())
    .bind(month);
    let rows = query.load::<GrantRow>(&mut conn).await?;
    Ok(rows
        .into_iter()
        .map(|(head, (gross, deductions, collective), parts)| {
            let (revision, scheme, operation, data_error, error_day, funded_days, in_cents) = head;
            let (reserve_part, buffer_part, budget_part, reserve, buffer, budget, rounding) = parts;
            GrantRecord {
                revision,
                scheme,
                operation,
                data_error,
                error_day,
                funded_days,
                in_cents,
                gross,
                deductions,
                collective,
                parts: [reserve_part, buffer_part, budget_part],
                purses: [reserve, buffer, budget],
                rounding,
            }
        })
        .collect())
}

/// A plan line's days in a month: bit n - 1 is day n.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PlannedRow {
    pub line: Uuid,
    pub service_name: String,
    pub planned: i32,
    pub held: i32,
    pub done: i32,
    pub released: i32,
}

/// What of a wallet's plan falls in a month, and what became of it.
///
/// # Errors
/// [`DbError`].
pub async fn planned(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
) -> Result<Vec<PlannedRow>, DbError> {
    let query: Statement<(SqlUuid, Text, Integer, Integer, Integer, Integer)> = statement(
        "SELECT m.line, s.name, m.planned, m.held, m.done, m.released FROM plan_month AS m \
         JOIN plan_line AS l ON l.id = m.line JOIN service AS s ON s.id = l.service \
         WHERE m.wallet = ? AND m.month = ? ORDER BY m.line",
    )
    .bind(wallet.field())
    .bind(month);
    let rows = query.load::<(Uuid, String, i32, i32, i32, i32)>(&mut conn).await?;
    Ok(rows
        .into_iter()
        .map(|(line, service_name, planned, held, done, released)| PlannedRow {
            line,
            service_name,
            planned,
            held,
            done,
            released,
        })
        .collect())
}

/// How a month ended. In the order budget, reserve, savings, credit, credit in euros.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StatementRow {
    pub operation: Option<Uuid>,
    pub opening: Vec<i64>,
    pub closing: Vec<i64>,
    /// Flow, purse from 1, came, went, one after the other.
    pub moved: Vec<i64>,
    pub closed_at: chrono::DateTime<chrono::Utc>,
}

/// The frozen statement of a month; none if it is not closed.
///
/// # Errors
/// [`DbError`].
pub async fn statement_of(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
) -> Result<Option<StatementRow>, DbError> {
    type Sql = (Nullable<SqlUuid>, Array<BigInt>, Array<BigInt>, Array<BigInt>, diesel::sql_types::Timestamptz);
    type Row = (Option<Uuid>, Vec<i64>, Vec<i64>, Vec<i64>, chrono::DateTime<chrono::Utc>);
    let query: Statement<Sql> = statement(
        "SELECT operation, opening, closing, moved, closed_at FROM month_statement WHERE wallet = ? AND month = ?",
    )
    .bind(wallet.field())
    .bind(month);
    let row = query.get_result::<Row>(&mut conn).await.optional()?;
    Ok(row.map(|(operation, opening, closing, moved, closed_at)| StatementRow {
        operation,
        opening,
        closing,
        moved,
        closed_at,
    }))
}

/// Names of services, by id.
///
/// # Errors
/// [`DbError`].
pub async fn service_names(
    mut conn: &AsyncPgConnection,
    services: Vec<Uuid>,
) -> Result<std::collections::HashMap<Uuid, String>, DbError> {
    let query: Statement<(SqlUuid, Text)> = statement("SELECT id, name FROM service WHERE id = ANY(?)").bind(services);
    Ok(query.load::<(Uuid, String)>(&mut conn).await?.into_iter().collect())
}

/// Draws on the shared buffer of a wallet, the newest first: id, amount, used, first and last day.
///
/// # Errors
/// [`DbError`].
pub async fn draws(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
) -> Result<Vec<(Uuid, i64, i64, NaiveDate, NaiveDate)>, DbError> {
    let query: Statement<(SqlUuid, BigInt, BigInt, Date, Date)> = statement(
        "SELECT id, amount, used, from_date, until_date FROM buffer_draw WHERE wallet = ? ORDER BY from_date DESC, id DESC",
    )
    .bind(wallet.field());
    Ok(query.load(&mut conn).await?)
}

/// The version that a location of an organisation sells from now; none if there is no such, or it has no prices.
///
/// # Errors
/// [`DbError`].
pub async fn price_list(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    location: Uuid,
) -> Result<Option<u32>, DbError> {
    let query: Statement<Integer> = statement(
        "SELECT p.version FROM price_list AS p JOIN location AS l ON l.id = p.location WHERE l.id = ? AND l.organisation = ? \
         AND p.valid_from <= now() AND (p.superseded_at IS NULL OR p.superseded_at > now()) ORDER BY p.version DESC LIMIT 1",
    )
    .bind(location)
    .bind(i32::from(organisation.number()));
    let version = query.get_result::<i32>(&mut conn).await.optional()?;
    version.map(|version| u32::try_from(version).map_err(|_| corrupt("price_list.version"))).transpose()
}
