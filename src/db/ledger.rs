//! The append-only tables: operations, lines, transfers and hold entries. This file inserts and reads; nothing updates.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Binary, Bool, Date, Integer, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{Account, WalletId};
use crate::domain::flow::Flow;
use crate::domain::funding::{LeftOut, LineKind, Why};
use crate::domain::money::{Amount, Unit};
use crate::domain::operation::{
    Authority, Booked, HoldEntry, Line, Operation, OperationId, OperationKind, Outcome, Owner, Transfer,
};
use crate::domain::sale::Known;

/// What every row of one ledger transaction carries.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Batch {
    pub number: i64,
    pub booked_at: DateTime<Utc>,
}

/// Must be the first statement of a transaction that books: takes the shared ledger lock, then the number and the time.
///
/// # Errors
/// [`DbError`].
pub async fn begin_batch(mut conn: &AsyncPgConnection) -> Result<Batch, DbError> {
    let query: Statement<(BigInt, Timestamptz)> = statement("SELECT batch, booked_at FROM ledger.begin_batch()");
    let (number, booked_at) = query.get_result::<(i64, DateTime<Utc>)>(&mut conn).await?;
    Ok(Batch { number, booked_at })
}

// Lists of `unnest` rather than `FROM unnest(..)`: the latter copies each array into a store of its own first. The arrays
// of a statement are of one length, made from the same rows.

const INSERT_OPERATIONS: &str = "INSERT INTO ledger.operation (batch, booked_at, id, wallet, kind, outcome, authority, \
     request_hash, book_date, terminal, location, staff, card, counter, price_list, reference, unit_value_cents, \
     card_generation, month) \
     SELECT ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
     unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)";

const INSERT_LINES: &str = "INSERT INTO ledger.line (batch, id, line, service, quantity, kind, price_cents, units, \
     vat_basis_points, planned, from_savings, left_out, hold, book_date) \
     SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
     unnest(?), unnest(?), unnest(?), unnest(?)";

const INSERT_TRANSFERS: &str = "INSERT INTO ledger.transfer (batch, id, leg, line, flow, why, debit, credit, amount, \
     book_date) SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
     unnest(?)";

const INSERT_HOLD_ENTRIES: &str = "INSERT INTO ledger.hold_entry (batch, id, entry, hold, account, amount, book_date) \
     SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)";

/// Writes operations with all their rows, in id order.
///
/// # Errors
/// [`DbError`]; a unique violation on `operation` means that an id was taken meanwhile.
pub async fn insert(conn: &AsyncPgConnection, batch: Batch, booked: &[Booked]) -> Result<(), DbError> {
    let mut in_order: Vec<&Booked> = booked.iter().collect();
    in_order.sort_by_key(|booked| booked.operation.id);
    if in_order.is_empty() {
        return Ok(());
    }
    // Sent together, in this order (biased: the first error is the one that counts): PostgreSQL carries one out while the next is being written.
    tokio::try_join!(
        biased;
        insert_headers(conn, batch, &in_order),
        insert_lines(conn, batch, &in_order),
        insert_transfers(conn, batch, &in_order),
        insert_hold_entries(conn, batch, &in_order),
    )?;
    Ok(())
}

/// One column of a bulk insert.
fn column<'a, T, U>(rows: &[T], value: impl Fn(&T) -> U + 'a) -> Vec<U> {
    rows.iter().map(value).collect()
}

async fn insert_headers(mut conn: &AsyncPgConnection, batch: Batch, rows: &[&Booked]) -> Result<(), DbError> {
    let operations: Vec<&Operation> = rows.iter().map(|booked| &booked.operation).collect();
    let query: Statement = statement(INSERT_OPERATIONS)
        .bind(batch.number)
        .bind(batch.booked_at)
        .bind(column(&operations, |o| o.id.uuid()))
        .bind(column(&operations, |o| o.owner.field()))
        .bind(column(&operations, |o| i16::from(o.kind.code())))
        .bind(column(&operations, |o| i16::from(o.outcome.code())))
        .bind(column(&operations, |o| i16::from(o.authority.code())))
        .bind(column(&operations, |o| o.request_hash.map(Vec::from)))
        .bind(column(rows, |booked| booked.book_date))
        .bind(column(&operations, |o| o.terminal))
        .bind(column(&operations, |o| o.location))
        .bind(column(&operations, |o| o.staff))
        .bind(column(&operations, |o| o.card))
        .bind(column(&operations, |o| o.counter.map(i64::from)))
        .bind(column(&operations, |o| o.price_list.map(u32::cast_signed)))
        .bind(column(&operations, |o| o.reference.map(OperationId::uuid)))
        .bind(column(&operations, |o| o.unit_value_cents))
        .bind(column(&operations, |o| o.card_generation.map(i16::from)))
        .bind(column(&operations, |o| o.month));
    query.execute(&mut conn).await?;
    Ok(())
}

async fn insert_lines(mut conn: &AsyncPgConnection, batch: Batch, booked: &[&Booked]) -> Result<(), DbError> {
    let rows: Vec<(&Booked, &Line)> =
        booked.iter().flat_map(|booked| booked.operation.lines.iter().map(move |line| (*booked, line))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(INSERT_LINES)
        .bind(batch.number)
        .bind(column(&rows, |(booked, _)| booked.operation.id.uuid()))
        .bind(column(&rows, |(_, line)| line.number.cast_signed()))
        .bind(column(&rows, |(_, line)| line.service))
        .bind(column(&rows, |(_, line)| line.quantity.cast_signed()))
        .bind(column(&rows, |(_, line)| line.kind.map(|kind| i16::from(kind.code()))))
        .bind(column(&rows, |(_, line)| line.price.minor()))
        .bind(column(&rows, |(_, line)| line.units.map(Amount::minor)))
        .bind(column(&rows, |(_, line)| line.vat_basis_points.cast_signed()))
        .bind(column(&rows, |(_, line)| line.planned))
        .bind(column(&rows, |(_, line)| line.from_savings))
        .bind(column(&rows, |(_, line)| line.left_out.map(|reason| i16::from(reason.code()))))
        .bind(column(&rows, |(_, line)| line.hold.map(OperationId::uuid)))
        .bind(column(&rows, |(booked, _)| booked.book_date));
    query.execute(&mut conn).await?;
    Ok(())
}

/// Rows of one operation numbered from 0, as `leg` and `entry` are.
fn numbered<'a, T>(booked: &[&'a Booked], of: impl Fn(&'a Operation) -> &'a [T]) -> Vec<(&'a Booked, i16, &'a T)> {
    booked
        .iter()
        .flat_map(|booked| (0_i16..).zip(of(&booked.operation)).map(move |(number, row)| (*booked, number, row)))
        .collect()
}

async fn insert_transfers(mut conn: &AsyncPgConnection, batch: Batch, booked: &[&Booked]) -> Result<(), DbError> {
    let rows = numbered(booked, |operation| operation.transfers.as_slice());
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(INSERT_TRANSFERS)
        .bind(batch.number)
        .bind(column(&rows, |(booked, _, _)| booked.operation.id.uuid()))
        .bind(column(&rows, |(_, leg, _)| *leg))
        .bind(column(&rows, |(_, _, transfer)| transfer.line.map(u16::cast_signed)))
        .bind(column(&rows, |(_, _, transfer)| i16::from(transfer.flow.code())))
        .bind(column(&rows, |(_, _, transfer)| i16::from(transfer.why.code())))
        .bind(column(&rows, |(_, _, transfer)| transfer.debit.number()))
        .bind(column(&rows, |(_, _, transfer)| transfer.credit.number()))
        .bind(column(&rows, |(_, _, transfer)| transfer.amount.minor()))
        .bind(column(&rows, |(booked, _, _)| booked.book_date));
    query.execute(&mut conn).await?;
    Ok(())
}

async fn insert_hold_entries(mut conn: &AsyncPgConnection, batch: Batch, booked: &[&Booked]) -> Result<(), DbError> {
    let rows = numbered(booked, |operation| operation.hold_entries.as_slice());
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(INSERT_HOLD_ENTRIES)
        .bind(batch.number)
        .bind(column(&rows, |(booked, _, _)| booked.operation.id.uuid()))
        .bind(column(&rows, |(_, entry, _)| *entry))
        .bind(column(&rows, |(_, _, entry)| entry.hold.uuid()))
        .bind(column(&rows, |(_, _, entry)| entry.account.number()))
        .bind(column(&rows, |(_, _, entry)| entry.change))
        .bind(column(&rows, |(booked, _, _)| booked.book_date));
    query.execute(&mut conn).await?;
    Ok(())
}

type KnownRow = (SqlUuid, BigInt, SmallInt, SmallInt, Nullable<SqlUuid>, Nullable<Binary>);

/// Which of these ids are taken. The bounds let PostgreSQL look into the partitions of these ids only.
///
/// # Errors
/// [`DbError`].
pub async fn known(mut conn: &AsyncPgConnection, ids: &[OperationId]) -> Result<HashMap<OperationId, Known>, DbError> {
    let (Some(least), Some(greatest)) = (ids.iter().min(), ids.iter().max()) else { return Ok(HashMap::new()) };
    let query: Statement<KnownRow> = statement(
        "SELECT id, wallet, kind, outcome, terminal, request_hash FROM ledger.operation \
         WHERE id BETWEEN ? AND ? AND id = ANY(?)",
    )
    .bind(least.uuid())
    .bind(greatest.uuid())
    .bind(column(ids, |id| id.uuid()));
    let rows = query.load::<(Uuid, i64, i16, i16, Option<Uuid>, Option<Vec<u8>>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(id, wallet, kind, outcome, terminal, hash)| {
            let known = Known {
                owner: Owner::from_field(wallet).ok_or_else(|| corrupt("operation.wallet"))?,
                kind: OperationKind::from_code(kind.into()).ok_or_else(|| corrupt("operation.kind"))?,
                outcome: Outcome::from_code(outcome.into()).ok_or_else(|| corrupt("operation.outcome"))?,
                terminal,
                request_hash: hash.map(|hash| hash_of(&hash)).transpose()?,
            };
            Ok((stored_id(id)?, known))
        })
        .collect()
}

fn hash_of(bytes: &[u8]) -> Result<[u8; 32], DbError> {
    bytes.try_into().map_err(|_| corrupt("operation.request_hash"))
}

fn stored_id(id: Uuid) -> Result<OperationId, DbError> {
    OperationId::new(id).map_err(|_| corrupt("id"))
}

fn optional_id(id: Option<Uuid>) -> Result<Option<OperationId>, DbError> {
    id.map(stored_id).transpose()
}

fn amount(minor: i64, unit: Unit) -> Result<Amount, DbError> {
    Amount::new(minor, unit).map_err(|_| corrupt("amount"))
}

fn account(number: i64) -> Result<Account, DbError> {
    Account::from_number(number).ok_or_else(|| corrupt("account"))
}

type HeaderRow = (
    (SqlUuid, BigInt, SmallInt, SmallInt, SmallInt, Nullable<Binary>, Date),
    (Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<BigInt>),
    (Nullable<Integer>, Nullable<SqlUuid>, Nullable<BigInt>, Nullable<SmallInt>, Nullable<Date>),
);

type Header = (
    (Uuid, i64, i16, i16, i16, Option<Vec<u8>>, NaiveDate),
    (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<i64>),
    (Option<i32>, Option<Uuid>, Option<i64>, Option<i16>, Option<NaiveDate>),
);

/// Operations with all their rows, by id. Ids that are not there are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, ids: &[OperationId]) -> Result<HashMap<OperationId, Booked>, DbError> {
    let (Some(least), Some(greatest)) = (ids.iter().min(), ids.iter().max()) else { return Ok(HashMap::new()) };
    let query: Statement<HeaderRow> = statement(
        "SELECT id, wallet, kind, outcome, authority, request_hash, book_date, terminal, location, staff, card, \
         counter, price_list, reference, unit_value_cents, card_generation, month FROM ledger.operation \
         WHERE id BETWEEN ? AND ? AND id = ANY(?)",
    )
    .bind(least.uuid())
    .bind(greatest.uuid())
    .bind(column(ids, |id| id.uuid()));
    let mut booked = HashMap::new();
    for header in query.load::<Header>(&mut conn).await? {
        let header = read_header(header)?;
        booked.insert(header.operation.id, header);
    }
    load_lines(conn, ids, &mut booked).await?;
    load_transfers(conn, ids, &mut booked).await?;
    load_hold_entries(conn, ids, &mut booked).await?;
    Ok(booked)
}

fn read_header(row: Header) -> Result<Booked, DbError> {
    let ((id, wallet, kind, outcome, authority, hash, book_date), places, rest) = row;
    let (price_list, reference, value, generation, month) = rest;
    let (terminal, location, staff, card, counter) = places;
    let owner = Owner::from_field(wallet).ok_or_else(|| corrupt("operation.wallet"))?;
    let kind = OperationKind::from_code(kind.into()).ok_or_else(|| corrupt("operation.kind"))?;
    let outcome = Outcome::from_code(outcome.into()).ok_or_else(|| corrupt("operation.outcome"))?;
    let authority = Authority::from_code(authority.into()).ok_or_else(|| corrupt("operation.authority"))?;
    let mut operation = Operation::new(stored_id(id)?, owner, kind, outcome, authority);
    operation.request_hash = hash.map(|hash| hash_of(&hash)).transpose()?;
    operation.terminal = terminal;
    operation.location = location;
    operation.staff = staff;
    operation.card = card;
    operation.counter = counter.map(u32::try_from).transpose().map_err(|_| corrupt("operation.counter"))?;
    operation.price_list = price_list.map(i32::cast_unsigned);
    operation.reference = optional_id(reference)?;
    operation.unit_value_cents = value;
    operation.month = month;
    operation.card_generation =
        generation.map(u8::try_from).transpose().map_err(|_| corrupt("operation.card_generation"))?;
    Ok(Booked { operation, book_date })
}

type LineSql = (
    (SqlUuid, SmallInt, SqlUuid, Integer, Nullable<SmallInt>, BigInt, Nullable<BigInt>),
    (SmallInt, Bool, Bool, Nullable<SmallInt>, Nullable<SqlUuid>, Nullable<SmallInt>),
);
type LineRow =
    ((Uuid, i16, Uuid, i32, Option<i16>, i64, Option<i64>), (i16, bool, bool, Option<i16>, Option<Uuid>, Option<i16>));

async fn load_lines(
    mut conn: &AsyncPgConnection,
    ids: &[OperationId],
    booked: &mut HashMap<OperationId, Booked>,
) -> Result<(), DbError> {
    let (Some(least), Some(greatest)) = (ids.iter().min(), ids.iter().max()) else { return Ok(()) };
    let query: Statement<LineSql> = statement(
        "SELECT id, line, service, quantity, kind, price_cents, line.units, vat_basis_points, planned, from_savings, \
         left_out, hold, (SELECT w.unit FROM ledger.operation AS o JOIN wallet AS w ON w.id = o.wallet \
         WHERE o.id = line.id) FROM ledger.line WHERE id BETWEEN ? AND ? AND id = ANY(?) ORDER BY id, line",
    )
    .bind(least.uuid())
    .bind(greatest.uuid())
    .bind(column(ids, |id| id.uuid()));
    for ((id, number, service, quantity, kind, price, units), rest) in query.load::<LineRow>(&mut conn).await? {
        let (vat, planned, from_savings, left_out, hold, unit) = rest;
        let unit = unit.and_then(|unit| Unit::from_code(unit.into()));
        let line = Line {
            number: number.cast_unsigned(),
            service,
            quantity: quantity.cast_unsigned(),
            kind: kind.map(|kind| LineKind::from_code(kind.into()).ok_or_else(|| corrupt("line.kind"))).transpose()?,
            price: amount(price, Unit::Eur)?,
            units: units.map(|units| amount(units, unit.ok_or_else(|| corrupt("line.units"))?)).transpose()?,
            vat_basis_points: vat.cast_unsigned(),
            planned,
            from_savings,
            left_out: left_out
                .map(|reason| LeftOut::from_code(reason.into()).ok_or_else(|| corrupt("line.left_out")))
                .transpose()?,
            hold: optional_id(hold)?,
        };
        if let Some(booked) = booked.get_mut(&stored_id(id)?) {
            booked.operation.lines.push(line);
        }
    }
    Ok(())
}

type TransferSql = (SqlUuid, Nullable<SmallInt>, SmallInt, SmallInt, BigInt, BigInt, BigInt);
type TransferRow = (Uuid, Option<i16>, i16, i16, i64, i64, i64);

async fn load_transfers(
    mut conn: &AsyncPgConnection,
    ids: &[OperationId],
    booked: &mut HashMap<OperationId, Booked>,
) -> Result<(), DbError> {
    let (Some(least), Some(greatest)) = (ids.iter().min(), ids.iter().max()) else { return Ok(()) };
    let query: Statement<TransferSql> = statement(
        "SELECT id, line, flow, why, debit, credit, amount FROM ledger.transfer \
         WHERE id BETWEEN ? AND ? AND id = ANY(?) ORDER BY id, leg",
    )
    .bind(least.uuid())
    .bind(greatest.uuid())
    .bind(column(ids, |id| id.uuid()));
    for row in query.load::<TransferRow>(&mut conn).await? {
        let (id, line, flow, why, debit, credit, minor) = row;
        let debit = account(debit)?;
        let transfer = Transfer {
            line: line.map(i16::cast_unsigned),
            flow: Flow::from_code(flow.into()).ok_or_else(|| corrupt("transfer.flow"))?,
            why: Why::from_code(why.into()).ok_or_else(|| corrupt("transfer.why"))?,
            debit,
            credit: account(credit)?,
            amount: amount(minor, debit.unit())?,
        };
        if let Some(booked) = booked.get_mut(&stored_id(id)?) {
            booked.operation.transfers.push(transfer);
        }
    }
    Ok(())
}

async fn load_hold_entries(
    mut conn: &AsyncPgConnection,
    ids: &[OperationId],
    booked: &mut HashMap<OperationId, Booked>,
) -> Result<(), DbError> {
    let (Some(least), Some(greatest)) = (ids.iter().min(), ids.iter().max()) else { return Ok(()) };
    let query: Statement<(SqlUuid, SqlUuid, BigInt, BigInt)> = statement(
        "SELECT id, hold, account, amount FROM ledger.hold_entry \
         WHERE id BETWEEN ? AND ? AND id = ANY(?) ORDER BY id, entry",
    )
    .bind(least.uuid())
    .bind(greatest.uuid())
    .bind(column(ids, |id| id.uuid()));
    for (id, hold, number, change) in query.load::<(Uuid, Uuid, i64, i64)>(&mut conn).await? {
        let entry = HoldEntry { hold: stored_id(hold)?, account: account(number)?, change };
        if let Some(booked) = booked.get_mut(&stored_id(id)?) {
            booked.operation.hold_entries.push(entry);
        }
    }
    Ok(())
}

/// Which of these counters of cards were used. Their wallets are locked.
///
/// # Errors
/// [`DbError`].
pub async fn used_counters(
    mut conn: &AsyncPgConnection,
    counters: &[(WalletId, Uuid, u32)],
) -> Result<HashSet<(Uuid, u32)>, DbError> {
    let query: Statement<(SqlUuid, BigInt)> = statement(
        "SELECT o.card, o.counter FROM (SELECT unnest(?) AS wallet, unnest(?) AS card, unnest(?) AS counter) AS u \
         JOIN ledger.operation AS o ON o.wallet = u.wallet AND o.card = u.card AND o.counter = u.counter",
    )
    .bind(column(counters, |(wallet, ..)| wallet.field()))
    .bind(column(counters, |(_, card, _)| *card))
    .bind(column(counters, |(.., counter)| i64::from(*counter)));
    let rows = query.load::<(Uuid, i64)>(&mut conn).await?;
    rows.into_iter()
        .map(|(card, counter)| Ok((card, u32::try_from(counter).map_err(|_| corrupt("operation.counter"))?)))
        .collect()
}

/// Included ones of a service that a wallet was sold on a book date; less what was given back of them.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct IncludedSold {
    pub wallet: WalletId,
    pub service: Uuid,
    pub book_date: NaiveDate,
    pub is_forward: bool,
    pub quantity: u32,
}

/// What wallets were sold of these services as included on these book dates, less what was given back of it. Ids are looked
/// at from `since` on: an older one is not counted.
///
/// # Errors
/// [`DbError`].
pub async fn included_sold(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    services: &[Uuid],
    book_dates: &[NaiveDate],
    since: DateTime<Utc>,
) -> Result<Vec<IncludedSold>, DbError> {
    let since_ms = u128::from(since.timestamp_millis().max(0).cast_unsigned());
    // Sales and captures (1, 9) that sold (1, 2), by card offline (2) or else; refunds and voids (2, 3) of them. Refunds
    // have the line of the sale, with the quantity that came back.
    let query: Statement<(BigInt, SqlUuid, Date, Bool, BigInt)> = statement(
        "WITH asked AS MATERIALIZED (SELECT ?::uuid AS since), sold AS MATERIALIZED (\
         SELECT o.id, o.wallet, o.book_date, o.authority = 2 AS is_forward FROM ledger.operation AS o \
         WHERE o.wallet = ANY(?) AND o.id >= (SELECT since FROM asked) AND o.book_date = ANY(?) AND o.kind IN (1, 9) \
         AND o.outcome IN (1, 2)), moved AS (SELECT s.id, s.id AS sale, 1 AS sign FROM sold AS s UNION ALL \
         SELECT r.id, r.reference, -1 FROM ledger.operation AS r WHERE r.wallet = ANY(?) \
         AND r.id >= (SELECT since FROM asked) AND r.kind IN (2, 3) AND r.reference IN (SELECT id FROM sold)) \
         SELECT s.wallet, l.service, s.book_date, s.is_forward, sum(m.sign * l.quantity)::bigint FROM moved AS m \
         JOIN sold AS s ON s.id = m.sale JOIN ledger.line AS l ON l.id = m.id \
         WHERE l.id >= (SELECT since FROM asked) AND l.kind = 2 AND l.left_out IS NULL AND l.service = ANY(?) \
         GROUP BY 1, 2, 3, 4",
    )
    .bind(Uuid::from_u128(since_ms << 80))
    .bind(column(wallets, |wallet| wallet.field()))
    .bind(book_dates.to_vec())
    .bind(column(wallets, |wallet| wallet.field()))
    .bind(services.to_vec());
    let rows = query.load::<(i64, Uuid, NaiveDate, bool, i64)>(&mut conn).await?;
    rows.into_iter()
        .map(|(wallet, service, book_date, is_forward, quantity)| {
            let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("operation.wallet"))?;
            let quantity = u32::try_from(quantity).map_err(|_| corrupt("line.quantity"))?;
            Ok(IncludedSold { wallet, service, book_date, is_forward, quantity })
        })
        .collect()
}

/// The operations of a wallet that refer to another one, oldest id first: what was given back, reversed, paid back.
///
/// # Errors
/// [`DbError`].
pub async fn referring_to(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    reference: OperationId,
) -> Result<Vec<Booked>, DbError> {
    // An id may be 35 days older than the operation it refers to is new; nothing is older than that.
    let oldest = reference.time_ms() - (OperationId::DAYS_BACK_MAX + 1) * 86_400_000;
    let least = Uuid::from_u128(u128::from(oldest.max(0).cast_unsigned()) << 80);
    let query: Statement<SqlUuid> =
        statement("SELECT id FROM ledger.operation WHERE wallet = ? AND id >= ? AND reference = ? ORDER BY id")
            .bind(wallet.field())
            .bind(least)
            .bind(reference.uuid());
    let ids = query.load::<Uuid>(&mut conn).await?.into_iter().map(stored_id).collect::<Result<Vec<_>, _>>()?;
    let mut booked: Vec<Booked> = load(conn, &ids).await?.into_values().collect();
    booked.sort_by_key(|booked| booked.operation.id);
    Ok(booked)
}
