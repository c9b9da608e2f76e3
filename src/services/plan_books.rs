//! The transaction in which a plan or an absence changes: under the wallet's lock, so that no sale and no job comes between. What
//! of an open month's hold is not needed any more is given back in it, as one `Release` on the office's word.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::book::{BookError, begin, commit, id_of_ours, rollback};
use crate::db::connect::ConnectError;
use crate::db::ledger::{self, Batch};
use crate::db::month_phases::{self, Phase};
use crate::db::{DbError, absences, corrupt, holds, plan_months, wallets};
use crate::domain::absence::absent_days;
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::delivery::{Delivery, MonthLine};
use crate::domain::month_grant::Month;
use crate::domain::operation::{Authority, Booked};
use crate::domain::plan_line::{LinePriceError, PlannedLine};
use crate::domain::recurrence::{RecurrenceError, Recurrences};
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;

/// Why a plan or an absence is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// What is named is not there, or not this organisation's.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// A field that cannot be.
    #[error("{0}")]
    Malformed(&'static str),
    /// The same id or day says something else.
    #[error("{0}")]
    Conflict(&'static str),
    /// A rule forbids it.
    #[error("{0}")]
    Refused(&'static str),
    /// No iCalendar rule that can be planned by.
    #[error(transparent)]
    Recurrence(#[from] RecurrenceError),
    /// No price.
    #[error(transparent)]
    Price(#[from] LinePriceError),
    /// The database, or a rule of ours that broke.
    #[error(transparent)]
    Book(#[from] BookError),
}

impl From<DbError> for PlanError {
    fn from(error: DbError) -> PlanError {
        PlanError::Book(error.into())
    }
}

impl From<ConnectError> for PlanError {
    fn from(error: ConnectError) -> PlanError {
        PlanError::Book(error.into())
    }
}

impl From<Problem> for PlanError {
    fn from(error: Problem) -> PlanError {
        PlanError::Book(error.into())
    }
}

/// An open transaction that has a wallet's lock.
pub(super) struct PlanBooks<'c> {
    pub conn: &'c mut AsyncPgConnection,
    batch: Batch,
    pub wallet: Wallet,
    /// The organisation's day by the caller's clock: what rules go by.
    pub today: NaiveDate,
    book_date: NaiveDate,
}

/// Of days that are not needed any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Occurrences that were given up; what was held of them is free.
    pub released: u32,
    /// Occurrences that had been delivered and paid already: somebody has to look at them.
    pub done: u32,
    /// Occurrences that are planned again, some of them of days that are over.
    pub planned_again: u32,
}

impl<'c> PlanBooks<'c> {
    /// BEGIN, and the wallet's lock. `organisation` is whose the caller is.
    pub async fn open(
        conn: &'c mut AsyncPgConnection,
        organisation: OrganisationId,
        wallet: WalletId,
        now: DateTime<Utc>,
    ) -> Result<PlanBooks<'c>, PlanError> {
        if wallet.organisation() != organisation {
            return Err(PlanError::Unknown("client"));
        }
        begin(conn).await?;
        match Self::lock(conn, wallet, now).await {
            Ok((batch, wallet, [today, book_date])) => Ok(PlanBooks { conn, batch, wallet, today, book_date }),
            Err(error) => {
                let _ = rollback(conn).await;
                Err(error)
            }
        }
    }

    async fn lock(
        conn: &mut AsyncPgConnection,
        id: WalletId,
        now: DateTime<Utc>,
    ) -> Result<(Batch, Wallet, [NaiveDate; 2]), PlanError> {
        let batch = ledger::begin_batch(conn).await?;
        let locked = wallets::lock(conn, &[id]).await?;
        let wallet = wallets::read(conn, locked).await?.into_iter().next().ok_or(PlanError::Unknown("client"))?;
        let organisation = id.organisation();
        let mut days = [NaiveDate::MIN; 2];
        for (day, at) in days.iter_mut().zip([now, batch.booked_at]) {
            let dates = wallets::book_dates(conn, &[organisation], at).await?;
            *day = dates.get(&organisation).copied().ok_or_else(|| corrupt("organisation"))?;
        }
        Ok((batch, wallet, days))
    }

    /// COMMIT where it went well, ROLLBACK where not.
    pub async fn end<T>(self, done: Result<T, PlanError>) -> Result<T, PlanError> {
        match done {
            Ok(done) => match commit(self.conn).await {
                Ok(()) => Ok(done),
                Err(_) => Err(BookError::OutcomeUnknown.into()),
            },
            Err(error) => {
                let _ = rollback(self.conn).await;
                Err(error)
            }
        }
    }

    /// The month that the wallet is in.
    pub fn open_month(&self) -> Option<Month> {
        self.wallet.month.and_then(|first| Month::new(first.year(), first.month()))
    }

    /// Whether a day lies in a month of this wallet that is closed.
    pub fn is_closed(&self, day: NaiveDate) -> bool {
        self.wallet.is_closed || self.wallet.month.is_some_and(|month| day < month)
    }

    /// Plans the days of a line in the month that the wallet is in, as soon as it is agreed: whoever comes first, a till or the
    /// daily job, finds them there. They are not held: a month has one hold. Before the month was opened for the wallet there is
    /// nothing to plan: its opening does.
    pub async fn plan(&mut self, line: &PlannedLine) -> Result<(), PlanError> {
        let Some(month) = self.open_month() else { return Ok(()) };
        let (id, first) = (self.wallet.id, month.first());
        if !month_phases::done(self.conn, &[id], first).await?.contains_key(&(id, Phase::Holds as i16)) {
            return Ok(());
        }
        let away = absences::of_wallets(self.conn, &[id]).await?.remove(&id).unwrap_or_default();
        let days = line.days_in_month(month, &mut Recurrences::default())? & !absent_days(&away.absences, month);
        let lines = plan_months::of_month(self.conn, &[id], first).await?.remove(&id).unwrap_or_default();
        let before = lines.into_iter().find(|it| it.line == line.id);
        let is_there = before.is_some();
        let mut now = before.unwrap_or_else(|| MonthLine::new(line, &self.wallet, 0));
        let more = days & !now.planned;
        if more == 0 {
            return Ok(());
        }
        let marked = plan_months::marked(self.conn, &[id], first).await?.remove(&line.id).unwrap_or(0);
        now.planned |= more;
        now.released |= more & marked;
        let rows = [(id, now)];
        if is_there {
            plan_months::update(self.conn, first, &rows).await?;
        } else {
            plan_months::insert(self.conn, first, &rows).await?;
        }
        Ok(())
    }

    /// Gives up days of the month that the wallet is in. Before it was opened for the wallet there is nothing to give up.
    pub async fn release(&mut self, days: impl Fn(&MonthLine) -> u32) -> Result<Released, PlanError> {
        let Some(month) = self.wallet.month else { return Ok(Released::default()) };
        let id = self.wallet.id;
        let lines = plan_months::of_month(self.conn, &[id], month).await?.remove(&id).unwrap_or_default();
        let phases = month_phases::done(self.conn, &[id], month).await?;
        let hold = phases.get(&(id, Phase::Holds as i16)).copied().flatten();
        let before = self.wallet.purses;
        let mut delivery = Delivery::new(id_of_ours(self.batch.booked_at)?, &mut self.wallet, month, hold);
        let (mut changed, mut answer) = (Vec::new(), Released::default());
        for mut line in lines {
            let meant = days(&line) & line.planned;
            answer.done += (meant & line.done).count_ones();
            answer.released += (meant & line.open()).count_ones();
            if meant & line.open() != 0 {
                delivery.release(&mut line, meant)?;
                changed.push((id, line));
            }
        }
        if let Some(mut operation) = delivery.finish()?.operation {
            operation.authority = Authority::Office;
            let entries = operation.hold_entries.clone();
            ledger::insert(self.conn, self.batch, &[Booked { operation, book_date: self.book_date }]).await?;
            holds::change(self.conn, &entries).await?;
        }
        if self.wallet.purses != before {
            wallets::update(self.conn, &[&self.wallet]).await?;
        }
        plan_months::update(self.conn, month, &changed).await?;
        Ok(answer)
    }

    /// Plans days of the open month again that were given up, or that were absent when it was opened: they are not held, as what was
    /// held of them was given back. Before the month was opened for the wallet there is nothing to plan.
    pub async fn plan_again(&mut self, lines: &[Again]) -> Result<u32, PlanError> {
        let Some(month) = self.wallet.month else { return Ok(0) };
        let id = self.wallet.id;
        if !month_phases::done(self.conn, &[id], month).await?.contains_key(&(id, Phase::Holds as i16)) {
            return Ok(0);
        }
        let there = plan_months::of_month(self.conn, &[id], month).await?.remove(&id).unwrap_or_default();
        let (mut new, mut changed, mut again) = (Vec::new(), Vec::new(), 0);
        for Again { line, days, given_up } in lines {
            let before = there.iter().find(|it| it.line == line.id);
            let mut now = before.cloned().unwrap_or_else(|| MonthLine::new(line, &self.wallet, 0));
            // never planned, so that whoever comes by would plan it
            now.released |= given_up & !now.planned;
            now.held &= !(days & now.released);
            now.released &= !days;
            now.planned |= days | given_up;
            again += (now.open() & !before.map_or(0, MonthLine::open)).count_ones();
            match before {
                Some(before) if *before == now => {}
                Some(_) => changed.push((id, now)),
                None => new.push((id, now)),
            }
        }
        plan_months::insert(self.conn, month, &new).await?;
        plan_months::update(self.conn, month, &changed).await?;
        Ok(again)
    }
}

/// A line with days on which the client turns out to be there.
#[derive(Clone, Debug)]
pub(super) struct Again {
    pub line: PlannedLine,
    /// To be planned again.
    pub days: u32,
    /// To stay given up.
    pub given_up: u32,
}

/// The days of a month from one on: day n is bit n - 1.
pub(super) fn days_from(month: NaiveDate, from: NaiveDate) -> u32 {
    let next = month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let days = month.iter_days().take_while(|day| *day < next).filter(|day| *day >= from);
    days.fold(0, |bits, day| bits | 1 << day.day0())
}
