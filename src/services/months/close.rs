//! Closes a month: what is left of it is delivered, what is left of the budget saved or lapses, and a statement frozen.
//!
//! A wallet leaves its month here and nowhere else, so a closed month never changes: what comes later is booked into the next.
//! Idempotent by `month_phase` and by the wallet's month.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::chunk::Chunk;
use super::chunks::{self, Settings, Work};
use super::deliver::{Rows, hold_of};
use super::entitled::Rules;
use super::plan::Plans;
use super::{MonthError, Tally, Watch, next_month, today};
use crate::db::connect::Database;
use crate::db::ledger::{self, Batch};
use crate::db::month_phases::{self, Phase};
use crate::db::{DbError, holds, months, plan_months, statements, wallets};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::delivery::job_hash;
use crate::domain::month_close::{self, Closing};
use crate::domain::month_grant::Month;
use crate::domain::operation::{Authority, Booked, Operation, OperationId, OperationKind, Outcome, Owner};
use crate::domain::request::Problem;
use crate::domain::saving::Fate;
use crate::domain::wallet::Wallet;
use crate::services::book::id_of_ours;

/// Closes a month for an organisation's clients, or tells what that would do: of a month under way, if all goes as planned.
///
/// # Errors
/// [`MonthError`]; [`MonthError::NotOver`] for a month that is not over, or for a dry run has not begun.
pub async fn close(
    database: &Database,
    organisation: OrganisationId,
    month: Month,
    dry_run: bool,
    now: DateTime<Utc>,
    settings: Settings,
    watch: Arc<Watch>,
) -> Result<Tally, MonthError> {
    let conn = database.connection().await?;
    let next = next_month(month)?;
    let may_from = if dry_run { month.first() } else { next };
    if today(&conn, organisation, now).await? < may_from {
        return Err(MonthError::NotOver(month));
    }
    let rules = Rules::load(&conn, organisation, month).await?;
    drop(conn);
    chunks::run(database, Arc::new(ClosingMonth { organisation, rules, next }), settings, dry_run, watch).await
}

struct ClosingMonth {
    organisation: OrganisationId,
    rules: Rules,
    /// The first day of the month after.
    next: NaiveDate,
}

impl Work for ClosingMonth {
    async fn next(&self, conn: &AsyncPgConnection, after: i64, limit: i64) -> Result<Vec<WalletId>, DbError> {
        months::in_month(conn, self.organisation, self.rules.month.first(), after, limit).await
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
        let (done, mut plans) = tokio::try_join!(
            biased;
            month_phases::done(shared, ids, month.first()),
            Plans::load(shared, ids, month),
        )?;
        let mut rows = Rows::default();
        let (mut ends, mut entered) = (Vec::new(), Vec::new());
        let is_due = |wallet: &Wallet| !wallet.is_closed && wallet.month == Some(month.first());
        for mut wallet in wallets.into_iter().filter(is_due) {
            rows.tally.add("wallets", 1);
            let absent = chunk.clients.absent_days(wallet.id, month);
            let hold = hold_of(&done, wallet.id);
            let gone = plans.go_through(&mut wallet, absent, u32::MAX, id_of_ours(now)?, hold)?;
            rows.take(&wallet, gone, book_date);
            let scheme = chunk.scheme_of(wallet.id)?;
            let closings = match self.rules.scheme(scheme) {
                Some(scheme) => month_close::close(&scheme.close, &wallet, month.first().month() == 12)?,
                // A wallet without rules loses nothing.
                None => Vec::new(),
            };
            let operation = close_wallet(&mut wallet, month.first(), &closings, now)?;
            count(&mut rows.tally, &wallet, &closings);
            ends.push((wallet.id, operation.as_ref().map(|operation| operation.id)));
            rows.booked.extend(operation.map(|operation| Booked { operation, book_date }));
            wallet.month = Some(self.next);
            entered.push(scheme);
            rows.wallets.push(wallet);
        }
        if let Some(batch) = batch {
            let entered: Vec<(&Wallet, i32)> = rows.wallets.iter().zip(entered).collect();
            write(shared, batch, month.first(), &rows, &entered, &ends).await?;
        }
        Ok(rows.tally)
    }
}

/// What closes a wallet's month: one operation, none where nothing is left.
pub(super) fn close_wallet(
    wallet: &mut Wallet,
    month: NaiveDate,
    closings: &[Closing],
    now: DateTime<Utc>,
) -> Result<Option<Operation>, MonthError> {
    if closings.is_empty() {
        return Ok(None);
    }
    let id = id_of_ours(now)?;
    let mut operation =
        Operation::new(id, Owner::Wallet(wallet.id), OperationKind::MonthClose, Outcome::Booked, Authority::Job);
    operation.month = wallet.month;
    operation.request_hash = Some(job_hash(&operation, month));
    operation.transfers = month_close::transfers(wallet, closings)?;
    for transfer in &operation.transfers {
        wallet.apply(transfer).map_err(Problem::from)?;
    }
    Ok(Some(operation))
}

fn count(tally: &mut Tally, wallet: &Wallet, closings: &[Closing]) {
    for (fate, _, amount) in closings {
        let what = match fate {
            Fate::Save => "saved",
            Fate::Lapse => "lapsed",
        };
        tally.add(&format!("{what} {}", wallet.unit.name()), amount.minor());
    }
}

async fn write(
    conn: &AsyncPgConnection,
    batch: Batch,
    month: NaiveDate,
    rows: &Rows,
    entered: &[(&Wallet, i32)],
    ends: &[(WalletId, Option<OperationId>)],
) -> Result<(), DbError> {
    let entries = rows.hold_entries();
    let phases: Vec<_> = ends.iter().map(|(wallet, operation)| (*wallet, Phase::Close, *operation)).collect();
    tokio::try_join!(
        biased;
        wallets::enter_month(conn, entered),
        ledger::insert(conn, batch, &rows.booked),
        holds::change(conn, &entries),
        plan_months::insert(conn, month, &rows.new),
        plan_months::update(conn, month, &rows.changed),
        month_phases::insert(conn, month, &phases),
    )?;
    // It reads what the others wrote.
    statements::insert(conn, month, ends).await
}
