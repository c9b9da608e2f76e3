//! Marks a planned day as absent, refused or not delivered, which releases it; or, after it was paid, as not delivered after all,
//! which gives the money back. Corrections within 14 days.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::MonthError;
use crate::db::connect::{Connection, Database};
use crate::db::month_phases::{self, Phase};
use crate::db::{DbError, corrupt, holds, ledger, occurrence_marks, plan_months, wallets};
use crate::domain::account::WalletId;
use crate::domain::delivery::{Delivery, MonthLine, job_hash};
use crate::domain::occurrence::OccurrenceId;
use crate::domain::operation::{Authority, Booked, Operation, OperationKind, Outcome, Owner};
use crate::domain::refund;
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::{begin, change_buffers_by, commit, id_of_ours, rollback};

/// Days after which what was paid is not corrected any more.
pub const CORRECTED_WITHIN_DAYS: i64 = 14;

/// Why a planned day is not to be paid. The number is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(i16)]
pub enum Mark {
    Absent = 1,
    Refused = 2,
    NotDelivered = 3,
    /// It was paid, and was not delivered.
    Corrected = 4,
}

/// A planned day to mark.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct MarkRequest {
    pub wallet: WalletId,
    pub occurrence: OccurrenceId,
    pub mark: Mark,
    pub reason: Option<String>,
    /// Staff.
    pub by: Option<Uuid>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Marked {
    /// It is not paid, and what was held for it is free.
    Released,
    /// It was paid, and the money is back.
    GivenBack(Box<Booked>),
    /// It was marked before.
    Already,
    /// Nothing of this line is planned on this day.
    NotPlanned,
    /// It was paid: only a correction gives it back.
    Paid,
    /// It was not paid: there is nothing to correct.
    NotPaid,
    /// It was paid more than 14 days ago.
    TooLate,
}

/// Marks a planned day.
///
/// # Errors
/// [`MonthError`].
pub async fn mark(database: &Database, request: &MarkRequest, now: DateTime<Utc>) -> Result<Marked, MonthError> {
    let (database, request) = (database.clone(), request.clone());
    // In a task of its own: a caller that hangs up cancels nothing.
    let marking = database.runtime().clone().spawn(async move {
        let mut connection: Connection = database.connection().await?;
        let conn: &mut AsyncPgConnection = &mut connection;
        begin(conn).await?;
        match mark_in(conn, &request, now).await {
            Ok(marked) => {
                commit(conn).await?;
                Ok(marked)
            }
            Err(error) => {
                let _ = rollback(conn).await;
                Err(error)
            }
        }
    });
    marking.await.unwrap_or_else(|error| Err(DbError::Unreachable(error.to_string()).into()))
}

async fn mark_in(conn: &AsyncPgConnection, request: &MarkRequest, now: DateTime<Utc>) -> Result<Marked, MonthError> {
    let batch = ledger::begin_batch(conn).await?;
    let locked = wallets::lock(conn, &[request.wallet]).await?;
    let found = wallets::read(conn, locked).await?.pop();
    let wallet = found.ok_or(MonthError::Problem(Problem::Unknown("wallet")))?;
    let day = request.occurrence.day();
    let month = day.with_day(1).ok_or_else(|| corrupt("a day"))?;
    let lines = plan_months::of_month(conn, &[wallet.id], month).await?.remove(&wallet.id).unwrap_or_default();
    let line = lines.into_iter().find(|line| line.line == request.occurrence.line());
    let bit = 1_u32 << day.day0();
    let Some(line) = line.filter(|line| line.planned & bit != 0) else { return Ok(Marked::NotPlanned) };
    let book_date = super::today(conn, wallet.id.organisation(), batch.booked_at).await?;
    let is_done = line.done & bit != 0;
    match (request.mark, is_done) {
        (Mark::Corrected, false) => return Ok(Marked::NotPaid),
        (Mark::Corrected, true) => {
            let today = super::today(conn, wallet.id.organisation(), now).await?;
            if (today - day).num_days() > CORRECTED_WITHIN_DAYS {
                return Ok(Marked::TooLate);
            }
        }
        (_, true) => return Ok(Marked::Paid),
        (_, false) => {}
    }
    let (code, reason) = (request.mark as i16, request.reason.clone());
    if !occurrence_marks::insert(conn, request.occurrence, code, reason, request.by).await? {
        return Ok(Marked::Already);
    }
    if is_done {
        give_back(conn, batch, wallet, request, book_date).await
    } else {
        release(conn, batch, wallet, line, month, bit, book_date).await
    }
}

/// What was held for the day is free from now on.
async fn release(
    conn: &AsyncPgConnection,
    batch: ledger::Batch,
    mut wallet: Wallet,
    mut line: MonthLine,
    month: NaiveDate,
    bit: u32,
    book_date: NaiveDate,
) -> Result<Marked, MonthError> {
    let done = month_phases::done(conn, &[wallet.id], month).await?;
    let hold = done.get(&(wallet.id, Phase::Holds as i16)).copied().flatten();
    let mut delivery = Delivery::new(id_of_ours(batch.booked_at)?, &mut wallet, month, hold);
    delivery.release(&mut line, bit)?;
    let operation = delivery.finish()?.operation;
    plan_months::update(conn, month, &[(wallet.id, line)]).await?;
    if let Some(mut operation) = operation {
        operation.authority = Authority::Office;
        wallets::update(conn, &[&wallet]).await?;
        holds::change(conn, &operation.hold_entries).await?;
        ledger::insert(conn, batch, &[Booked { operation, book_date }]).await?;
    }
    Ok(Marked::Released)
}

/// The line that paid the day is given back, into the month that the wallet is in; the day stays done.
async fn give_back(
    conn: &AsyncPgConnection,
    batch: ledger::Batch,
    mut wallet: Wallet,
    request: &MarkRequest,
    book_date: NaiveDate,
) -> Result<Marked, MonthError> {
    let Some(paid) = occurrence_marks::paid_by(conn, wallet.id, request.occurrence).await? else {
        // What cost nothing was done without a booking.
        return Ok(Marked::Released);
    };
    let sale = ledger::load(conn, &[paid]).await?.remove(&paid).ok_or_else(|| corrupt("ledger.line.id"))?;
    let earlier = ledger::referring_to(conn, wallet.id, paid).await?;
    let hold = request.occurrence.as_hold();
    let of_day = |line: &&crate::domain::operation::Line| line.hold == hold && line.left_out.is_none();
    let Some(line) = sale.operation.lines.iter().find(of_day) else { return Err(corrupt("ledger.line.hold").into()) };
    let left = line.quantity.saturating_sub(refund::given_back(&earlier, line.number));
    if left == 0 {
        return Ok(Marked::Released);
    }
    let id = id_of_ours(batch.booked_at)?;
    let owner = Owner::Wallet(wallet.id);
    let mut operation = Operation::new(id, owner, OperationKind::Refund, Outcome::Booked, Authority::Office);
    operation.month = wallet.month;
    operation.reference = Some(paid);
    operation.staff = request.by;
    operation.request_hash = Some(job_hash(&operation, request.occurrence.day()));
    operation.outcome = refund::decide(&mut operation, &wallet, &sale.operation, &earlier, &[(line.number, left)])?;
    for transfer in &operation.transfers {
        wallet.apply(transfer).map_err(Problem::from)?;
    }
    wallets::update(conn, &[&wallet]).await?;
    let booked = Booked { operation, book_date };
    ledger::insert(conn, batch, std::slice::from_ref(&booked)).await?;
    change_buffers_by(conn, booked.operation.transfers.iter()).await?;
    Ok(Marked::GivenBack(Box::new(booked)))
}
