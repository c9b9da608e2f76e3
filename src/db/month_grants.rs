//! What months were granted, revision by revision: revision 0 at the opening, later ones by correction. Never edited.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::correction::Granted;
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Parts;
use crate::domain::operation::OperationId;

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GrantRow {
    pub wallet: WalletId,
    pub month: NaiveDate,
    pub revision: i16,
    /// By whose rules it was computed.
    pub scheme: i32,
    /// None: there was nothing to book.
    pub operation: Option<OperationId>,
    /// Why it is provisional, and the day to blame.
    pub data_error: Option<i16>,
    pub error_day: Option<NaiveDate>,
    pub funded_days: u32,
    pub gross: i64,
    pub deductions: Vec<i64>,
    pub collective: i64,
    /// Reserve, buffer, budget as the scheme computes them.
    pub parts: [i64; 3],
    /// The same in the wallet's unit.
    pub units: [i64; 3],
    pub rounding: i64,
}

impl GrantRow {
    /// Of a month's grant.
    pub fn new(wallet: WalletId, month: NaiveDate, scheme: i32, funded_days: u32, granted: &Granted) -> GrantRow {
        let parts = granted.parts;
        GrantRow {
            wallet,
            month,
            revision: 0,
            scheme,
            operation: None,
            data_error: None,
            error_day: None,
            funded_days,
            gross: granted.gross.minor(),
            deductions: granted.deductions.iter().map(|amount| amount.minor()).collect(),
            collective: granted.collective.minor(),
            parts: [parts.reserve.minor(), parts.buffer.minor(), parts.budget.minor()],
            units: [granted.reserve.minor(), granted.buffer.minor(), granted.budget.minor()],
            rounding: granted.rounding.minor(),
        }
    }

    /// As the domain reckons with it, by the units of its scheme.
    ///
    /// # Errors
    /// [`DbError::Corrupt`].
    pub fn granted(&self, unit: Unit, gross_unit: Unit) -> Result<Granted, DbError> {
        let amount = |minor, unit| Amount::new(minor, unit).map_err(|_| corrupt("month_grant"));
        let [reserve, buffer, budget] = self.parts;
        let [reserve_units, buffer_units, budget_units] = self.units;
        Ok(Granted {
            unit,
            gross: amount(self.gross, gross_unit)?,
            deductions: self.deductions.iter().map(|minor| amount(*minor, gross_unit)).collect::<Result<_, _>>()?,
            collective: amount(self.collective, gross_unit)?,
            parts: Parts {
                reserve: amount(reserve, gross_unit)?,
                buffer: amount(buffer, gross_unit)?,
                budget: amount(budget, gross_unit)?,
            },
            reserve: amount(reserve_units, unit)?,
            buffer: amount(buffer_units, unit)?,
            budget: amount(budget_units, unit)?,
            rounding: amount(self.rounding, Unit::Eur)?,
        })
    }
}

/// Writes revisions.
///
/// # Errors
/// [`DbError`].
pub async fn insert(mut conn: &AsyncPgConnection, rows: &[GrantRow]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    // A list of lists cannot be unnested one level deep: each list goes as the text of an array.
    let lists = rows.iter().map(|row| {
        let list: Vec<String> = row.deductions.iter().map(i64::to_string).collect();
        format!("{{{}}}", list.join(","))
    });
    let mut query: Statement = statement(
        "INSERT INTO month_grant (wallet, month, revision, scheme, operation, data_error, error_day, funded_days, deductions, \
         gross, collective, rounding, reserve_part, buffer_part, budget_part, reserve, buffer, budget) \
         SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)::bigint[], \
         unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
    )
    .bind(rows.iter().map(|row| row.wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.month).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.revision).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.scheme).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.operation.map(OperationId::uuid)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.data_error).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.error_day).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| i16::try_from(row.funded_days).unwrap_or(31)).collect::<Vec<_>>())
    .bind(lists.collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.gross).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.collective).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.rounding).collect::<Vec<_>>());
    for place in 0..3 {
        query = query.bind(rows.iter().map(|row| row.parts[place]).collect::<Vec<_>>());
    }
    for place in 0..3 {
        query = query.bind(rows.iter().map(|row| row.units[place]).collect::<Vec<_>>());
    }
    query.execute(&mut conn).await?;
    Ok(())
}

type HeadSql = (BigInt, Date, SmallInt, Integer, Nullable<SqlUuid>, Nullable<SmallInt>, Nullable<Date>, SmallInt);
type HeadRow = (i64, NaiveDate, i16, i32, Option<Uuid>, Option<i16>, Option<NaiveDate>, i16);
type AmountsSql = (BigInt, Array<BigInt>, BigInt, Array<BigInt>, BigInt);
type AmountsRow = (i64, Vec<i64>, i64, Vec<i64>, i64);

fn read(rows: Vec<(HeadRow, AmountsRow)>) -> Result<Vec<GrantRow>, DbError> {
    let row = |(head, amounts): (HeadRow, AmountsRow)| {
        let (wallet, month, revision, scheme, operation, data_error, error_day, funded_days) = head;
        let (gross, deductions, collective, six, rounding) = amounts;
        let [a, b, c, d, e, f]: [i64; 6] = six.try_into().map_err(|_| corrupt("month_grant"))?;
        Ok(GrantRow {
            wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("month_grant.wallet"))?,
            month,
            revision,
            scheme,
            operation: operation.map(OperationId::new).transpose().map_err(|_| corrupt("month_grant.operation"))?,
            data_error,
            error_day,
            funded_days: u32::try_from(funded_days).map_err(|_| corrupt("month_grant.funded_days"))?,
            gross,
            deductions,
            collective,
            parts: [a, b, c],
            units: [d, e, f],
            rounding,
        })
    };
    rows.into_iter().map(row).collect()
}

/// The last revision of the last month before this one that had funded days.
///
/// # Errors
/// [`DbError`].
pub async fn last_before(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, GrantRow>, DbError> {
    if wallets.is_empty() {
        return Ok(HashMap::new());
    }
    let query: Statement<(HeadSql, AmountsSql)> = statement(
        "SELECT DISTINCT ON (wallet) wallet, month, revision, scheme, operation, data_error, error_day, funded_days, gross, \
         deductions, collective, ARRAY[reserve_part, buffer_part, budget_part, reserve, buffer, budget], rounding \
         FROM month_grant WHERE wallet = ANY(?) AND month < ? AND funded_days > 0 AND gross > 0 \
         ORDER BY wallet, month DESC, revision DESC",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month);
    let rows = read(query.load::<(HeadRow, AmountsRow)>(&mut conn).await?)?;
    Ok(rows.into_iter().map(|row| (row.wallet, row)).collect())
}

/// All revisions of one month, by wallet, the first first.
///
/// # Errors
/// [`DbError`].
pub async fn of_month(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, Vec<GrantRow>>, DbError> {
    let query: Statement<(HeadSql, AmountsSql)> = statement(
        "SELECT wallet, month, revision, scheme, operation, data_error, error_day, funded_days, gross, deductions, \
         collective, ARRAY[reserve_part, buffer_part, budget_part, reserve, buffer, budget], rounding \
         FROM month_grant WHERE wallet = ANY(?) AND month = ? ORDER BY wallet, revision",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month);
    let mut by_wallet: HashMap<WalletId, Vec<GrantRow>> = HashMap::new();
    for row in read(query.load::<(HeadRow, AmountsRow)>(&mut conn).await?)? {
        by_wallet.entry(row.wallet).or_default().push(row);
    }
    Ok(by_wallet)
}
