//! Corrects what months were granted, by the data and rules of today: the difference is booked into the month that the wallet is
//! in, with a reference to the grant. A data error that is gone ends its task.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::chunk::Chunk;
use super::chunks::{self, Settings, Work};
use super::entitled::{Clients, Rules, compute};
use super::{MonthError, Tally, Watch, today};
use crate::db::connect::Database;
use crate::db::ledger::{self, Batch};
use crate::db::month_grants::{self, GrantRow};
use crate::db::tasks::{self, TaskKind};
use crate::db::{DbError, buffers, months, wallets};
use crate::domain::account::{Kind, OrganisationId, WalletId};
use crate::domain::correction::{self, Granted, Reach};
use crate::domain::delivery::job_hash;
use crate::domain::flow::Flow;
use crate::domain::funding::{PurseName, Why};
use crate::domain::money::{Amount, Unit};
use crate::domain::month_close;
use crate::domain::month_grant::{Month, MonthGrant};
use crate::domain::operation::{Authority, Booked, Operation, OperationKind, Outcome, Owner};
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::{change_buffers_by, id_of_ours};

/// How far back: a year and the month of its end.
pub const MONTHS_BACK_MAX: u32 = 13;

/// Corrects a month for an organisation's clients, or tells what that would do.
///
/// # Errors
/// [`MonthError`]; [`MonthError::TooFarBack`].
pub async fn correct(
    database: &Database,
    organisation: OrganisationId,
    month: Month,
    dry_run: bool,
    now: DateTime<Utc>,
    settings: Settings,
    watch: Arc<Watch>,
) -> Result<Tally, MonthError> {
    let conn = database.connection().await?;
    let day = today(&conn, organisation, now).await?;
    if day < month.first() {
        return Err(MonthError::NotBegun(month));
    }
    let oldest = day.checked_sub_months(Months::new(MONTHS_BACK_MAX)).unwrap_or(NaiveDate::MIN);
    if month.first() < oldest {
        return Err(MonthError::TooFarBack(month));
    }
    let rules = Rules::load(&conn, organisation, month).await?;
    drop(conn);
    chunks::run(database, Arc::new(Correcting { organisation, rules }), settings, dry_run, watch).await
}

struct Correcting {
    organisation: OrganisationId,
    rules: Rules,
}

/// A month that was granted otherwise than the rules say now.
pub(super) struct Difference {
    pub wallet: Wallet,
    pub revisions: Vec<GrantRow>,
    pub before: Granted,
    pub grant: MonthGrant,
    pub scheme: i32,
}

/// What corrections write.
#[derive(Default)]
pub(super) struct Rows {
    pub booked: Vec<Booked>,
    pub wallets: Vec<Wallet>,
    pub grants: Vec<GrantRow>,
    pub ended: Vec<WalletId>,
    pub opened: Vec<(WalletId, TaskKind, Option<i64>)>,
    pub tally: Tally,
}

impl Work for Correcting {
    async fn next(&self, conn: &AsyncPgConnection, after: i64, limit: i64) -> Result<Vec<WalletId>, DbError> {
        months::granted(conn, self.organisation, self.rules.month.first(), after, limit).await
    }

    async fn book(
        &self,
        conn: &mut AsyncPgConnection,
        batch: Option<Batch>,
        ids: &[WalletId],
    ) -> Result<Tally, MonthError> {
        let shared: &AsyncPgConnection = conn;
        let month = self.rules.month;
        let mut chunk = Chunk::load(shared, batch, self.organisation, ids, month).await?;
        let wallets = std::mem::take(&mut chunk.wallets);
        let (now, book_date) = (chunk.now, chunk.book_date);
        let revisions = month_grants::of_month(shared, ids, month.first()).await?;
        let mut rows = Rows::default();
        let differences = differences(&self.rules, &chunk.clients, wallets, revisions, &mut rows)?;
        let mut reach = lock_buffers(shared, batch.is_some(), self.organisation, &differences).await?;
        for difference in differences {
            book_difference(difference, month, book_date, now, &mut reach, &mut rows)?;
        }
        if let Some(batch) = batch {
            write(shared, batch, month, &rows).await?;
        }
        Ok(rows.tally)
    }
}

/// The wallets among these whose month the rules give otherwise now.
pub(super) fn differences(
    rules: &Rules,
    clients: &Clients,
    wallets: Vec<Wallet>,
    mut revisions: HashMap<WalletId, Vec<GrantRow>>,
    rows: &mut Rows,
) -> Result<Vec<Difference>, MonthError> {
    let mut differences = Vec::new();
    for wallet in wallets {
        let Some(revisions) = revisions.remove(&wallet.id) else { continue };
        let Some(last) = revisions.last() else { continue };
        rows.tally.add("wallets", 1);
        let scheme = rules.version_of(last.scheme, &wallet);
        let computed = compute(rules, clients, wallet.id, scheme);
        let Some(grant) = computed.grant else {
            // Still wrong, or wrong by now: what was granted stays until it can be computed.
            if computed.error.is_some() {
                rows.opened.push((wallet.id, TaskKind::DataError, None));
                rows.tally.add("data errors", 1);
            }
            continue;
        };
        // Without an earlier grant nothing could be granted, in whatever unit.
        let before = if last.data_error.is_some() && last.gross == 0 {
            Granted::nothing(wallet.unit, grant.gross.unit())
        } else {
            last.granted(wallet.unit, rules.gross_unit(last.scheme))?
        };
        let is_same = Granted::from(&grant) == before && grant.funded_days == last.funded_days;
        if !is_same || last.data_error.is_some() {
            differences.push(Difference { wallet, revisions, before, grant, scheme });
        }
    }
    Ok(differences)
}

/// What is in the shared buffers that give something back; locked after all wallets.
pub(super) async fn lock_buffers(
    conn: &AsyncPgConnection,
    is_locking: bool,
    organisation: OrganisationId,
    differences: &[Difference],
) -> Result<HashMap<Unit, Amount>, DbError> {
    let mut reach = HashMap::new();
    for difference in differences {
        let unit = difference.wallet.unit;
        if difference.grant.buffer.minor() < difference.before.buffer.minor() && !reach.contains_key(&unit) {
            let balance = if is_locking {
                buffers::lock(conn, organisation, unit).await?
            } else {
                buffers::look(conn, organisation, unit).await?
            };
            reach.insert(unit, balance);
        }
    }
    Ok(reach)
}

/// Books one difference and writes the revision.
pub(super) fn book_difference(
    difference: Difference,
    month: Month,
    book_date: NaiveDate,
    now: DateTime<Utc>,
    buffers: &mut HashMap<Unit, Amount>,
    rows: &mut Rows,
) -> Result<(), MonthError> {
    let Difference { mut wallet, revisions, before, grant, scheme } = difference;
    let granted = Granted::from(&grant);
    let nothing = Amount::zero(wallet.unit);
    let reach = Reach {
        budget: wallet.purse(PurseName::Budget).free(),
        reserve: wallet.purse(PurseName::Reserve).free(),
        buffer: buffers.get(&wallet.unit).copied().unwrap_or(nothing),
    };
    let Ok(legs) = correction::correct(&before, &granted, reach) else {
        // Hours became euros within a month that was granted: for a human.
        rows.opened.push((wallet.id, TaskKind::DataError, None));
        rows.tally.add("cannot be corrected", 1);
        return Ok(());
    };
    let mut row = GrantRow::new(wallet.id, month.first(), scheme, grant.funded_days, &granted);
    row.revision = i16::try_from(revisions.len()).unwrap_or(i16::MAX);
    if !legs.is_empty() {
        let kind = OperationKind::Correction;
        let mut operation =
            Operation::new(id_of_ours(now)?, Owner::Wallet(wallet.id), kind, Outcome::Booked, Authority::Job);
        operation.month = wallet.month;
        operation.reference = revisions.iter().find_map(|row| row.operation);
        operation.unit_value_cents = grant.unit_value_cents;
        operation.request_hash = Some(job_hash(&operation, month.first()));
        operation.transfers = correction::transfers(&wallet, Flow::Correction, Why::Corrected, &legs)?;
        for transfer in &operation.transfers {
            wallet.apply(transfer).map_err(Problem::from)?;
        }
        let taken = legs.iter().filter(|leg| leg.debit == Kind::Buffer);
        let taken = taken.map(|leg| leg.amount).try_fold(nothing, Amount::plus)?;
        if let Some(left) = buffers.get_mut(&wallet.unit) {
            *left = left.minus_or_zero(taken);
        }
        rows.tally.add("corrections", 1);
        row.operation = Some(operation.id);
        rows.booked.push(Booked { operation, book_date });
        if wallet.is_closed {
            rows.booked.extend(lapse(&mut wallet, month, now)?.map(|operation| Booked { operation, book_date }));
        }
    }
    rows.ended.push(wallet.id);
    rows.grants.push(row);
    rows.wallets.push(wallet);
    Ok(())
}

/// What a correction gives to a client who has left lapses at once.
fn lapse(wallet: &mut Wallet, month: Month, now: DateTime<Utc>) -> Result<Option<Operation>, MonthError> {
    let closings = month_close::leave(wallet);
    let closed = super::close::close_wallet(wallet, month.first(), &closings, now)?;
    Ok(closed.map(|operation| {
        let mut operation = Operation { kind: OperationKind::Lapse, ..operation };
        operation.request_hash = Some(job_hash(&operation, month.first()));
        operation
    }))
}

pub(super) async fn write(conn: &AsyncPgConnection, batch: Batch, month: Month, rows: &Rows) -> Result<(), DbError> {
    let purses: Vec<&Wallet> = rows.wallets.iter().collect();
    tokio::try_join!(
        biased;
        wallets::update(conn, &purses),
        ledger::insert(conn, batch, &rows.booked),
        month_grants::insert(conn, &rows.grants),
        tasks::finish(conn, month.first(), &rows.ended, TaskKind::DataError, "pasje month correct", "corrected"),
        tasks::open(conn, month.first(), &rows.opened),
    )?;
    let transfers = rows.booked.iter().flat_map(|booked| &booked.operation.transfers);
    change_buffers_by(conn, transfers).await
}
