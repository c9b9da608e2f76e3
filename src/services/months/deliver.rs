//! The daily job: captures a day's planned occurrences, unless they were marked, dropped, or the client is absent; and tells who
//! is about to lose what is left.
//!
//! Idempotent by the bits of `plan_month`: an occurrence is done or released once, under the wallet's lock.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::chunk::Chunk;
use super::chunks::{self, Settings, Work};
use super::entitled::Rules;
use super::plan::{Gone, Plans};
use super::{MonthError, Tally, Watch, next_month, today};
use crate::db::connect::Database;
use crate::db::ledger::{self, Batch};
use crate::db::month_phases::{self, Done, Phase};
use crate::db::tasks::{self, TaskKind};
use crate::db::{DbError, corrupt, holds, months, plan_months, wallets};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::delivery::MonthLine;
use crate::domain::month_close;
use crate::domain::month_grant::Month;
use crate::domain::operation::{Booked, HoldEntry};
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::id_of_ours;

/// Goes through a day for the clients of an organisation whose month it lies in, or tells what that would do.
///
/// # Errors
/// [`MonthError`]; [`MonthError::DayNotCome`] for a day of the future.
pub async fn deliver(
    database: &Database,
    organisation: OrganisationId,
    day: NaiveDate,
    dry_run: bool,
    now: DateTime<Utc>,
    settings: Settings,
    watch: Arc<Watch>,
) -> Result<Tally, MonthError> {
    let conn = database.connection().await?;
    let today = today(&conn, organisation, now).await?;
    if today < day {
        return Err(MonthError::DayNotCome(day));
    }
    let month = Month::new(day.year(), day.month()).ok_or_else(|| corrupt("a day"))?;
    let rules = Rules::load(&conn, organisation, month).await?;
    drop(conn);
    let work = Delivering { organisation, days_left: (next_month(month)? - day).num_days() - 1, rules, day, today };
    let tally = chunks::run(database, Arc::new(work), settings, dry_run, watch).await?;
    if !dry_run {
        months::captured(&*database.connection().await?, organisation, day).await?;
    }
    Ok(tally)
}

struct Delivering {
    organisation: OrganisationId,
    rules: Rules,
    day: NaiveDate,
    /// Who buys follows the indication of today, whatever day is gone through.
    today: NaiveDate,
    /// After this one, in its month.
    days_left: i64,
}

/// What a chunk of deliveries writes; a close writes more.
#[derive(Default)]
pub(super) struct Rows {
    pub booked: Vec<Booked>,
    pub wallets: Vec<Wallet>,
    pub new: Vec<(WalletId, MonthLine)>,
    pub changed: Vec<(WalletId, MonthLine)>,
    pub tally: Tally,
}

impl Rows {
    /// Takes what going through a wallet's plan came to.
    pub fn take(&mut self, wallet: &Wallet, gone: Gone, book_date: NaiveDate) {
        let counts = [
            ("delivered", gone.delivered.paid),
            ("delivered at no cost", gone.delivered.free),
            ("left out", gone.delivered.left_out),
        ];
        for (what, count) in counts {
            self.tally.add(what, i64::from(count));
        }
        self.new.extend(gone.new.into_iter().map(|line| (wallet.id, line)));
        self.changed.extend(gone.changed.into_iter().map(|line| (wallet.id, line)));
        self.booked.extend(gone.delivered.operation.map(|operation| Booked { operation, book_date }));
    }

    /// What gives back of holds.
    pub fn hold_entries(&self) -> Vec<HoldEntry> {
        self.booked.iter().flat_map(|booked| booked.operation.hold_entries.iter().cloned()).collect()
    }
}

/// The month's hold of a wallet.
pub(super) fn hold_of(done: &Done, wallet: WalletId) -> Option<crate::domain::operation::OperationId> {
    done.get(&(wallet, Phase::Holds as i16)).copied().flatten()
}

impl Work for Delivering {
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
        let mut entered = Vec::new();
        let mut warned = Vec::new();
        let is_due = |wallet: &Wallet| !wallet.is_closed && wallet.month == Some(month.first());
        for mut wallet in wallets.into_iter().filter(is_due) {
            rows.tally.add("wallets", 1);
            let before = wallet.clone();
            let absent = chunk.clients.absent_days(wallet.id, month);
            let days = 1_u32 << self.day.day0();
            let hold = hold_of(&done, wallet.id);
            let gone = plans.go_through(&mut wallet, absent, days, id_of_ours(now)?, hold)?;
            rows.take(&wallet, gone, book_date);
            let scheme = chunk.scheme_of(wallet.id)?;
            warned.extend(self.warning(&wallet, scheme)?);
            wallet.buyer = chunk.clients.buyer_on(&wallet, self.today);
            if wallet.buyer != before.buyer {
                entered.push((wallet, scheme));
            } else if wallet.purses != before.purses {
                rows.wallets.push(wallet);
            }
        }
        rows.tally.add("losses told", i64::try_from(warned.len()).unwrap_or(i64::MAX));
        if let Some(batch) = batch {
            let purses: Vec<&Wallet> = rows.wallets.iter().collect();
            let entered: Vec<(&Wallet, i32)> = entered.iter().map(|(wallet, scheme)| (wallet, *scheme)).collect();
            let entries = rows.hold_entries();
            tokio::try_join!(
                biased;
                wallets::update(shared, &purses),
                wallets::enter_month(shared, &entered),
                ledger::insert(shared, batch, &rows.booked),
                holds::change(shared, &entries),
                plan_months::insert(shared, month.first(), &rows.new),
                plan_months::update(shared, month.first(), &rows.changed),
                tasks::open(shared, month.first(), &warned),
            )?;
        }
        Ok(rows.tally)
    }
}

impl Delivering {
    /// 14 and 3 days before what is left would lapse, if it is more than the scheme's amount. What is held for the rest of the
    /// month is not left.
    fn warning(&self, wallet: &Wallet, scheme: i32) -> Result<Option<(WalletId, TaskKind, Option<i64>)>, MonthError> {
        let kind = match self.days_left {
            14 => TaskKind::LossIn14Days,
            3 => TaskKind::LossIn3Days,
            _ => return Ok(None),
        };
        let Some(scheme) = self.rules.scheme(scheme) else { return Ok(None) };
        let closings = month_close::close(&scheme.close, wallet, self.day.month() == 12)?;
        let loss = month_close::loss(&closings, wallet).map_err(Problem::from)?;
        let is_told = loss.minor() > scheme.notice_above.minor();
        Ok(is_told.then_some((wallet.id, kind, Some(loss.minor()))))
    }
}
