//! A client leaves or dies: what was delivered until the last day is paid, months are corrected to the days that were funded, the
//! rest lapses, the cards are blocked and the month ends with a closing statement. Own money stays, frozen, until two people
//! approve its payout (in life to the client's or bewindvoerder's account, after death to the estate).

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::close::close_wallet;
use super::correct::{self, book_difference, differences, lock_buffers};
use super::deliver::hold_of;
use super::entitled::{Clients, Rules};
use super::plan::{Gone, Plans};
use super::{MonthError, next_month, today};
use crate::db::connect::{Connection, Database};
use crate::db::month_phases::{self, Phase};
use crate::db::{DbError, cards, corrupt, entitlements, holds, ledger, month_grants, plan_months, statements, wallets};
use crate::domain::account::WalletId;
use crate::domain::delivery::job_hash;
use crate::domain::month_close;
use crate::domain::month_grant::Month;
use crate::domain::operation::{Authority, Booked, HoldEntry, Operation, OperationId, OperationKind, Outcome, Owner};
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::{begin, change_buffers_by, commit, id_of_ours, rollback};

/// Ends a client's stay: once, and what was cut off is finished by asking again.
///
/// # Errors
/// [`MonthError`]; [`MonthError::DayNotCome`] for a last day of the future.
pub async fn leave(
    database: &Database,
    wallet: WalletId,
    last_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), MonthError> {
    let task_database = database.clone();
    // In a task of its own: a caller that hangs up cancels nothing.
    let leaving = database.runtime().clone().spawn(async move {
        let database = task_database;
        let mut connection: Connection = database.connection().await?;
        let conn: &mut AsyncPgConnection = &mut connection;
        begin(conn).await?;
        match leave_in(conn, wallet, last_day, now).await {
            Ok(()) => commit(conn).await?,
            Err(error) => {
                let _ = rollback(conn).await;
                return Err(error);
            }
        }
        let of_wallet = cards::paying_of(conn, wallet).await?;
        drop(connection);
        // Nothing is sold from a closed wallet; the terminals' hotlist hears of each card.
        for card in of_wallet {
            crate::services::cards::block(&database, card).await.map_err(MonthError::Cards)?;
        }
        Ok(())
    });
    leaving.await.unwrap_or_else(|error| Err(DbError::Unreachable(error.to_string()).into()))
}

/// What a client who leaves is booked.
struct Leaving {
    wallet: Wallet,
    clients: Clients,
    book_date: NaiveDate,
    now: DateTime<Utc>,
    booked: Vec<Booked>,
    grants: Vec<month_grants::GrantRow>,
}

async fn leave_in(
    conn: &AsyncPgConnection,
    id: WalletId,
    last_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), MonthError> {
    let batch = ledger::begin_batch(conn).await?;
    let organisation = id.organisation();
    if today(conn, organisation, now).await? < last_day {
        return Err(MonthError::DayNotCome(last_day));
    }
    let locked = wallets::lock(conn, &[id]).await?;
    let scheme = locked.schemes().remove(&id);
    let found = wallets::read(conn, locked).await?.pop();
    let (Some(wallet), Some(scheme)) = (found, scheme) else { return Err(Problem::Unknown("wallet").into()) };
    if wallet.is_closed {
        return Ok(());
    }
    if !entitlements::set_left(conn, id, last_day).await? {
        return Err(MonthError::ClientUnknown(id.number()));
    }
    let month = wallet.month.map(month_of).transpose()?;
    let clients = Clients::load(conn, &[id], month.map_or_else(|| month_of(first_of(last_day)), Ok)?).await?;
    let book_date = today(conn, organisation, batch.booked_at).await?;
    let mut leaving =
        Leaving { wallet, clients, book_date, now: batch.booked_at, booked: Vec::new(), grants: Vec::new() };
    let mut plan = (Vec::new(), Vec::new());
    if let Some(month) = month {
        plan = leaving.deliver(conn, month).await?;
    }
    leaving.release_holds(conn).await?;
    if let Some(month) = month {
        leaving.correct(conn, last_day, month).await?;
    }
    let closings = month_close::leave(&leaving.wallet);
    let of_month = leaving.wallet.month.unwrap_or_else(|| first_of(last_day));
    let closed = close_wallet(&mut leaving.wallet, of_month, &closings, leaving.now)?;
    let closed_by = closed.as_ref().map(|operation| operation.id);
    leaving.booked.extend(closed.map(|operation| Booked { operation, book_date }));
    if let Some(month) = month {
        leaving.wallet.month = Some(next_month(month)?);
    }
    leaving.write(conn, batch, scheme, month, plan, closed_by).await
}

fn first_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn month_of(first: NaiveDate) -> Result<Month, DbError> {
    Month::new(first.year(), first.month()).ok_or_else(|| corrupt("a month"))
}

type Lines = Vec<(WalletId, crate::domain::delivery::MonthLine)>;

impl Leaving {
    /// What was planned until the last day is delivered, the rest released. New lines of the month, and changed ones.
    async fn deliver(&mut self, conn: &AsyncPgConnection, month: Month) -> Result<(Lines, Lines), MonthError> {
        let id = self.wallet.id;
        let mut plans = Plans::load(conn, &[id], month).await?;
        let done = month_phases::done(conn, &[id], month.first()).await?;
        let absent = self.clients.absent_days(id, month);
        let operation = id_of_ours(self.now)?;
        let gone = plans.go_through(&mut self.wallet, absent, u32::MAX, operation, hold_of(&done, id))?;
        let Gone { delivered, new, changed } = gone;
        let book_date = self.book_date;
        self.booked.extend(delivered.operation.map(|operation| Booked { operation, book_date }));
        let of_wallet = |lines: Vec<_>| lines.into_iter().map(|line| (id, line)).collect();
        Ok((of_wallet(new), of_wallet(changed)))
    }

    /// What terminals and cards set aside is free again: nobody will capture it from a closed wallet.
    async fn release_holds(&mut self, conn: &AsyncPgConnection) -> Result<(), MonthError> {
        let mut by_hold: HashMap<OperationId, Vec<HoldEntry>> = HashMap::new();
        for entry in holds::open_of(conn, self.wallet.id).await? {
            by_hold.entry(entry.hold).or_default().push(entry);
        }
        for (hold, entries) in by_hold {
            let (owner, kind) = (Owner::Wallet(self.wallet.id), OperationKind::Release);
            let mut operation = Operation::new(id_of_ours(self.now)?, owner, kind, Outcome::Booked, Authority::Office);
            operation.month = self.wallet.month;
            operation.reference = Some(hold);
            operation.request_hash = Some(job_hash(&operation, self.book_date));
            for entry in &entries {
                self.wallet.hold(entry.account, entry.change).map_err(Problem::from)?;
            }
            operation.hold_entries = entries;
            self.booked.push(Booked { operation, book_date: self.book_date });
        }
        Ok(())
    }

    /// Months from that of the last day on are granted for the days that were funded.
    async fn correct(&mut self, conn: &AsyncPgConnection, last_day: NaiveDate, until: Month) -> Result<(), MonthError> {
        let id = self.wallet.id;
        let mut first = first_of(last_day);
        while first <= until.first() {
            let month = month_of(first)?;
            let rules = Rules::load(conn, id.organisation(), month).await?;
            let clients = Clients::load(conn, &[id], month).await?;
            let revisions = month_grants::of_month(conn, &[id], first).await?;
            let mut rows = correct::Rows::default();
            let found = differences(&rules, &clients, vec![self.wallet.clone()], revisions, &mut rows)?;
            let mut buffers = lock_buffers(conn, true, id.organisation(), &found).await?;
            for difference in found {
                book_difference(difference, month, self.book_date, self.now, &mut buffers, &mut rows)?;
            }
            change_buffers_by(conn, rows.booked.iter().flat_map(|booked| &booked.operation.transfers)).await?;
            self.booked.append(&mut rows.booked);
            self.grants.append(&mut rows.grants);
            if let Some(wallet) = rows.wallets.pop() {
                self.wallet = wallet;
            }
            first = first.checked_add_months(Months::new(1)).ok_or_else(|| corrupt("a month"))?;
        }
        Ok(())
    }

    async fn write(
        mut self,
        conn: &AsyncPgConnection,
        batch: ledger::Batch,
        scheme: i32,
        month: Option<Month>,
        (new, changed): (Lines, Lines),
        closed_by: Option<OperationId>,
    ) -> Result<(), MonthError> {
        let wallet = self.wallet.id;
        self.wallet.is_closed = true;
        let entries: Vec<HoldEntry> =
            self.booked.iter().flat_map(|booked| booked.operation.hold_entries.iter().cloned()).collect();
        wallets::enter_month(conn, &[(&self.wallet, scheme)]).await?;
        ledger::insert(conn, batch, &self.booked).await?;
        holds::change(conn, &entries).await?;
        month_grants::insert(conn, &self.grants).await?;
        if let Some(month) = month {
            let first = month.first();
            plan_months::insert(conn, first, &new).await?;
            plan_months::update(conn, first, &changed).await?;
            month_phases::insert(conn, first, &[(wallet, Phase::Close, closed_by)]).await?;
            statements::insert(conn, first, &[(wallet, closed_by)]).await?;
        }
        wallets::shut(conn, wallet).await?;
        Ok(())
    }
}
