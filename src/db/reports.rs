//! The rows of an organisation's reports, one after the other as the database finds them: none is held in memory whole.
//!
//! An operation belongs to the month that its wallet was in; where no month was opened, to that of its book date. Nothing is
//! booked into a month before it begins, and an id is at most 35 days old when it is booked: that bounds the partitions that
//! are read from below.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use diesel::sql_types::{BigInt, Date, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{Kind, OrganisationId};
use crate::domain::flow::Flow;
use crate::domain::funding::LineKind;
use crate::domain::indication::Delivery;
use crate::domain::money::Unit;
use crate::domain::operation::OperationId;
use crate::domain::report::Cell;

/// First days of the first and of the last month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Months {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl Months {
    fn least_id(self) -> Uuid {
        let begins_ms = self.first.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        let oldest = begins_ms - (OperationId::DAYS_BACK_MAX + 2) * 86_400_000;
        Uuid::from_u128(u128::from(oldest.max(0).cast_unsigned()) << 80)
    }
}

/// Where rows go; nobody may be there to take them any more.
#[derive(Clone, Debug)]
pub struct Rows(mpsc::Sender<Result<Vec<Cell>, DbError>>);

/// Whoever reads so slowly is let go: a report holds a connection.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

impl Rows {
    /// With a few rows of room.
    pub fn new() -> (Rows, mpsc::Receiver<Result<Vec<Cell>, DbError>>) {
        let (sender, receiver) = mpsc::channel(256);
        (Rows(sender), receiver)
    }

    /// Hands a row over; answers whether there is anybody who wants more.
    pub async fn send(&self, row: Result<Vec<Cell>, DbError>) -> bool {
        self.0.send_timeout(row, TAKEN_WITHIN).await.is_ok()
    }
}

macro_rules! each {
    ($conn:expr, $query:expr, $rows:expr, $row:ty, $read:expr) => {{
        let mut conn = $conn;
        let mut found = $query.load_stream::<$row>(&mut conn).await?;
        while let Some(row) = found.next().await {
            if !$rows.send($read(row?)).await {
                break;
            }
        }
        Ok(())
    }};
}

fn unit(code: i64) -> Result<Unit, DbError> {
    Unit::from_code(code).ok_or_else(|| corrupt("unit"))
}

/// What clients of a profile use, by location.
///
/// # Errors
/// [`DbError`].
pub async fn usage(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Sql = (Date, Nullable<Text>, Nullable<Text>, Nullable<SmallInt>, SmallInt, BigInt, BigInt, BigInt, BigInt);
    type Row = (NaiveDate, Option<String>, Option<String>, Option<i16>, i16, i64, i64, i64, i64);
    let query: Statement<Sql> = statement(
        "WITH month AS (SELECT generate_series(?::date, ?::date, interval '1 month')::date AS month), \
         resident AS (SELECT m.month, c.wallet, c.location, i.profile, i.delivery FROM month AS m CROSS JOIN client AS c \
           LEFT JOIN LATERAL (SELECT profile, delivery FROM indication WHERE wallet = c.wallet \
             AND from_date < m.month + interval '1 month' AND (to_date IS NULL OR to_date >= m.month) \
             ORDER BY from_date DESC LIMIT 1) AS i ON true \
           WHERE c.wallet >> 32 = ? AND (c.arrived_on IS NULL OR c.arrived_on < m.month + interval '1 month') \
             AND (c.left_on IS NULL OR c.left_on >= m.month)), \
         counted AS (SELECT month, location, profile, delivery, count(*) AS residents FROM resident GROUP BY 1, 2, 3, 4), \
         used AS (SELECT o.wallet, coalesce(o.month, date_trunc('month', o.book_date)::date) AS month, l.kind, \
             sum(CASE WHEN o.kind IN (2, 3) THEN -l.quantity ELSE l.quantity END) AS quantity, \
             sum(CASE WHEN o.kind IN (2, 3) THEN -l.price_cents ELSE l.price_cents END) AS cents \
           FROM ledger.operation AS o JOIN ledger.line AS l ON l.id = o.id \
           WHERE o.id >= ? AND l.id >= ? AND o.wallet > ?::bigint << 32 AND o.wallet < (?::bigint + 1) << 32 \
             AND coalesce(o.month, date_trunc('month', o.book_date)::date) BETWEEN ? AND ? \
             AND o.kind IN (1, 2, 3, 9, 22) AND o.outcome < 10 AND l.left_out IS NULL AND l.kind IS NOT NULL \
           GROUP BY 1, 2, 3) \
         SELECT u.month, p.name, r.profile, r.delivery, u.kind, n.residents, count(*) FILTER (WHERE u.quantity > 0), \
           sum(u.quantity)::bigint, sum(u.cents)::bigint \
         FROM used AS u JOIN resident AS r ON r.wallet = u.wallet AND r.month = u.month \
           JOIN counted AS n ON n.month = r.month AND n.location IS NOT DISTINCT FROM r.location \
             AND n.profile IS NOT DISTINCT FROM r.profile AND n.delivery IS NOT DISTINCT FROM r.delivery \
           LEFT JOIN location AS p ON p.id = r.location \
         GROUP BY u.month, r.location, p.name, r.profile, r.delivery, u.kind, n.residents \
         ORDER BY u.month, r.profile, r.delivery, u.kind, p.name, r.location",
    )
    .bind(months.first)
    .bind(months.last)
    .bind(i64::from(organisation.number()))
    .bind(months.least_id())
    .bind(months.least_id())
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last);
    each!(conn, query, rows, Row, |row: Row| {
        let (month, location, profile, delivery, kind, residents, users, quantity, cents) = row;
        let delivery = delivery.map(|code| Delivery::from_code(code.into()).ok_or_else(|| corrupt("delivery")));
        let kind = LineKind::from_code(kind.into()).ok_or_else(|| corrupt("line.kind"))?;
        let per_resident = match residents {
            1.. => Cell::Cents((2 * cents + residents).div_euclid(2 * residents)),
            _ => Cell::Empty,
        };
        Ok(vec![
            Cell::month(month),
            location.into(),
            profile.into(),
            delivery.transpose()?.map_or(Cell::Empty, |delivery| Cell::Text(delivery.name().to_owned())),
            Cell::Text(kind.name().to_owned()),
            Cell::Number(residents),
            Cell::Number(users),
            Cell::Number(quantity),
            Cell::Cents(cents),
            per_resident,
        ])
    })
}

/// Plan lines that cost nothing though they have a price.
///
/// # Errors
/// [`DbError`].
pub async fn waivers(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Sql = (Date, Integer, SqlUuid, Text, Date, Nullable<Date>, BigInt, BigInt, Text);
    type Row = (NaiveDate, i32, Uuid, String, NaiveDate, Option<NaiveDate>, i64, i64, String);
    let query: Statement<Sql> = statement(
        "SELECT m.month::date, c.number, l.id, s.name, l.agreed_on, l.dropped_from, l.waived_cents, \
           coalesce((SELECT bit_count(p.done::bit(32)) FROM plan_month AS p \
             WHERE p.wallet = l.wallet AND p.month = m.month::date AND p.line = l.id), 0)::bigint, l.waiver_reason \
         FROM plan_line AS l JOIN client AS c ON c.wallet = l.wallet JOIN service AS s ON s.id = l.service \
           JOIN generate_series(?::date, ?::date, interval '1 month') AS m (month) \
             ON l.agreed_on < m.month + interval '1 month' AND (l.dropped_from IS NULL OR l.dropped_from > m.month) \
         WHERE l.waiver_reason IS NOT NULL AND c.wallet >> 32 = ? ORDER BY m.month, c.number, l.id",
    )
    .bind(months.first)
    .bind(months.last)
    .bind(i64::from(organisation.number()));
    each!(conn, query, rows, Row, |row: Row| {
        let (month, client, line, service, agreed_on, dropped_from, each, delivered, reason) = row;
        Ok(vec![
            Cell::month(month),
            Cell::Number(client.into()),
            Cell::Text(line.to_string()),
            Cell::Text(service),
            Cell::Day(agreed_on),
            dropped_from.into(),
            Cell::Cents(each),
            Cell::Number(delivered),
            Cell::Cents(each.saturating_mul(delivered)),
            Cell::Text(reason),
        ])
    })
}

/// What the organisation bore.
///
/// # Errors
/// [`DbError`].
pub async fn overruns(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Row = (NaiveDate, i32, Option<i64>, Option<i16>, i64, i64);
    type Sql = (Date, Integer, Nullable<BigInt>, Nullable<SmallInt>, BigInt, BigInt);
    let query: Statement<Sql> = statement(
        "SELECT f.month, c.number, f.kind, f.flow, f.unit, sum(f.amount)::bigint FROM ( \
           SELECT o.wallet, coalesce(o.month, date_trunc('month', o.book_date)::date) AS month, t.flow, t.debit >> 8 & 255 AS unit, \
             CASE WHEN t.debit & 255 IN (48, 49, 50) THEN t.debit & 255 ELSE t.credit & 255 END AS kind, \
             CASE WHEN t.debit & 255 IN (48, 49, 50) THEN t.amount ELSE -t.amount END AS amount \
           FROM ledger.operation AS o JOIN ledger.transfer AS t ON t.id = o.id \
           WHERE o.id >= ? AND t.id >= ? AND o.wallet > ?::bigint << 32 AND o.wallet < (?::bigint + 1) << 32 \
             AND (t.debit & 255 IN (48, 49, 50) OR t.credit & 255 IN (48, 49, 50)) \
             AND coalesce(o.month, date_trunc('month', o.book_date)::date) BETWEEN ? AND ? \
           UNION ALL \
           SELECT t.wallet, t.month, NULL, w.unit, NULL, t.amount FROM task AS t JOIN wallet AS w ON w.id = t.wallet \
           WHERE t.organisation = ? AND t.kind = 3 AND t.amount > 0 AND t.month BETWEEN ? AND ?) AS f \
         JOIN client AS c ON c.wallet = f.wallet GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
    )
    .bind(months.least_id())
    .bind(months.least_id())
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last)
    .bind(i32::from(organisation.number()))
    .bind(months.first)
    .bind(months.last);
    each!(conn, query, rows, Row, |row: Row| {
        let (month, client, kind, flow, of, amount) = row;
        let kind = kind.map(|kind| Kind::from_code(kind).ok_or_else(|| corrupt("account kind"))).transpose()?;
        let flow = flow.map(|flow| Flow::from_code(flow.into()).ok_or_else(|| corrupt("transfer.flow"))).transpose()?;
        let of = unit(of)?;
        Ok(vec![
            Cell::month(month),
            Cell::Number(client.into()),
            Cell::Text(kind.map_or("expected", Kind::name).to_owned()),
            flow.map_or(Cell::Empty, |flow| Cell::Text(flow.name().to_owned())),
            Cell::Text(of.name().to_owned()),
            Cell::Minor(amount, of),
        ])
    })
}

/// What clients saved, spent of it and lost.
///
/// # Errors
/// [`DbError`].
pub async fn savings(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Row = (NaiveDate, i32, i16, Option<i64>, i64, i64, i64, i64, Option<i64>);
    type Sql = (Date, Integer, SmallInt, Nullable<BigInt>, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>);
    let query: Statement<Sql> = statement(
        "SELECT f.month, c.number, w.unit, s.opening[3], f.saved::bigint, f.spent::bigint, f.given_back::bigint, f.lapsed::bigint, \
           s.closing[3] FROM ( \
             SELECT wallet, month, sum(saved) AS saved, sum(spent) AS spent, sum(given_back) AS given_back, sum(lapsed) AS lapsed \
             FROM (SELECT o.wallet, coalesce(o.month, date_trunc('month', o.book_date)::date) AS month, \
               CASE WHEN t.flow = 12 AND t.credit & 255 = 3 THEN t.amount ELSE 0 END AS saved, \
               CASE WHEN t.flow = 3 AND t.debit & 255 = 3 THEN t.amount ELSE 0 END AS spent, \
               CASE WHEN t.flow = 4 AND t.credit & 255 = 3 THEN t.amount ELSE 0 END AS given_back, \
               CASE WHEN t.flow = 13 AND t.debit & 255 = 3 THEN t.amount ELSE 0 END AS lapsed \
             FROM ledger.operation AS o JOIN ledger.transfer AS t ON t.id = o.id \
             WHERE o.id >= ? AND t.id >= ? AND o.wallet > ?::bigint << 32 AND o.wallet < (?::bigint + 1) << 32 \
               AND (t.debit & 255 = 3 OR t.credit & 255 = 3) \
               AND coalesce(o.month, date_trunc('month', o.book_date)::date) BETWEEN ? AND ? \
             UNION ALL SELECT wallet, month, 0, 0, 0, 0 FROM month_statement \
             WHERE wallet > ?::bigint << 32 AND wallet < (?::bigint + 1) << 32 AND month BETWEEN ? AND ? \
               AND (opening[3] > 0 OR closing[3] > 0)) AS moved GROUP BY 1, 2) AS f \
         JOIN client AS c ON c.wallet = f.wallet JOIN wallet AS w ON w.id = f.wallet \
         LEFT JOIN month_statement AS s ON s.wallet = f.wallet AND s.month = f.month ORDER BY 1, 2",
    )
    .bind(months.least_id())
    .bind(months.least_id())
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last)
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last);
    each!(conn, query, rows, Row, |row: Row| {
        let (month, client, of, opening, saved, spent, given_back, lapsed, closing) = row;
        let of = unit(of.into())?;
        let known = |amount: Option<i64>| amount.map_or(Cell::Empty, |amount| Cell::Minor(amount, of));
        Ok(vec![
            Cell::month(month),
            Cell::Number(client.into()),
            Cell::Text(of.name().to_owned()),
            known(opening),
            Cell::Minor(saved, of),
            Cell::Minor(spent, of),
            Cell::Minor(given_back, of),
            Cell::Minor(lapsed, of),
            known(closing),
        ])
    })
}

/// The shared buffer.
///
/// # Errors
/// [`DbError`].
pub async fn buffer(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Row = (NaiveDate, i64, i64, i64, i64, i64, Option<i64>);
    type Sql = (Date, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>);
    let query: Statement<Sql> = statement(
        "SELECT f.month, f.unit, f.contributed::bigint, f.corrected::bigint, f.drawn::bigint, f.given_back::bigint, b.balance FROM ( \
           SELECT coalesce(o.month, date_trunc('month', o.book_date)::date) AS month, t.debit >> 8 & 255 AS unit, \
             sum(CASE WHEN t.flow = 1 THEN t.amount ELSE 0 END) AS contributed, \
             sum(CASE WHEN t.flow <> 2 THEN 0 WHEN t.credit & 255 = 5 THEN t.amount ELSE -t.amount END) AS corrected, \
             sum(CASE WHEN t.flow = 3 THEN t.amount ELSE 0 END) AS drawn, \
             sum(CASE WHEN t.flow = 4 THEN t.amount ELSE 0 END) AS given_back \
           FROM ledger.operation AS o JOIN ledger.transfer AS t ON t.id = o.id \
           WHERE o.id >= ? AND t.id >= ? AND o.wallet >= ?::bigint << 32 AND o.wallet < (?::bigint + 1) << 32 \
             AND (t.debit & 255 = 5 OR t.credit & 255 = 5) \
             AND coalesce(o.month, date_trunc('month', o.book_date)::date) BETWEEN ? AND ? \
           GROUP BY 1, 2) AS f \
         LEFT JOIN shared_buffer AS b ON b.organisation = ? AND b.unit = f.unit ORDER BY 1, 2",
    )
    .bind(months.least_id())
    .bind(months.least_id())
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last)
    .bind(i32::from(organisation.number()));
    each!(conn, query, rows, Row, |row: Row| {
        let (month, of, contributed, corrected, drawn, given_back, balance) = row;
        let of = unit(of)?;
        Ok(vec![
            Cell::month(month),
            Cell::Text(of.name().to_owned()),
            Cell::Minor(contributed, of),
            Cell::Minor(corrected, of),
            Cell::Minor(drawn, of),
            Cell::Minor(given_back, of),
            balance.map_or(Cell::Empty, |balance| Cell::Minor(balance, of)),
        ])
    })
}

/// What came and went by kind of account, virtual and real apart.
///
/// # Errors
/// [`DbError`].
pub async fn money(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    type Row = (i64, i64, i64, i64, Option<i64>);
    let query: Statement<(BigInt, BigInt, BigInt, BigInt, Nullable<BigInt>)> = statement(
        "WITH moved AS ( \
           SELECT a.account & 65535 AS account, sum(a.came)::bigint AS came, sum(a.went)::bigint AS went \
           FROM ledger.operation AS o JOIN ledger.transfer AS t ON t.id = o.id \
             CROSS JOIN LATERAL (VALUES (t.debit, 0, t.amount), (t.credit, t.amount, 0)) AS a (account, came, went) \
           WHERE o.id >= ? AND t.id >= ? AND o.wallet >= ?::bigint << 32 AND o.wallet < (?::bigint + 1) << 32 \
             AND coalesce(o.month, date_trunc('month', o.book_date)::date) BETWEEN ? AND ? GROUP BY 1), \
         kept AS ( \
           SELECT k.account, sum(k.balance)::bigint AS balance FROM wallet AS w CROSS JOIN LATERAL (VALUES \
             (w.unit << 8 | 1, w.budget), (w.unit << 8 | 2, w.reserve), (w.unit << 8 | 3, w.savings), (w.unit << 8 | 4, w.credit), \
             (1 << 8 | 4, w.credit_cents)) AS k (account, balance) \
           WHERE w.id > ?::bigint << 32 AND w.id < (?::bigint + 1) << 32 AND NOT (w.unit = 1 AND k.account = 260 AND k.balance = 0) \
           GROUP BY 1 \
           UNION ALL SELECT unit << 8 | 5, balance FROM shared_buffer WHERE organisation = ?) \
         SELECT account >> 8, account & 255, coalesce(came, 0), coalesce(went, 0), balance FROM moved FULL JOIN kept USING (account) \
         WHERE came > 0 OR went > 0 OR balance > 0 ORDER BY account & 255 IN (4, 64, 65, 66, 67, 21), account & 255, account >> 8",
    )
    .bind(months.least_id())
    .bind(months.least_id())
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(months.first)
    .bind(months.last)
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(i32::from(organisation.number()));
    each!(conn, query, rows, Row, |row: Row| {
        let (of, kind, came, went, balance) = row;
        let (of, kind) = (unit(of)?, Kind::from_code(kind).ok_or_else(|| corrupt("account kind"))?);
        let is_real = matches!(
            kind,
            Kind::Credit | Kind::Bank | Kind::Cash | Kind::Payable | Kind::Receivable | Kind::OwnExchange
        );
        Ok(vec![
            Cell::Text(if is_real { "real" } else { "virtual" }.to_owned()),
            Cell::Text(kind.name().to_owned()),
            Cell::Text(of.name().to_owned()),
            Cell::Minor(came, of),
            Cell::Minor(went, of),
            balance.map_or(Cell::Empty, |balance| Cell::Minor(balance, of)),
        ])
    })
}
