//! A planned day that was paid and turns out not to have been delivered: it is marked, and the money goes back to who paid. Within
//! 14 days. (A day that was not paid yet is marked by `plans`, which releases it.)

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::MonthError;
use crate::db::connect::{Connection, Database};
use crate::db::{DbError, corrupt, ledger, plan_months, plans, wallets};
use crate::domain::account::WalletId;
use crate::domain::delivery::job_hash;
use crate::domain::occurrence::OccurrenceId;
use crate::domain::operation::{Authority, Booked, Operation, OperationKind, Outcome, Owner};
use crate::domain::refund;
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::{begin, change_buffers_by, commit, id_of_ours, rollback};

/// Days after which what was paid is not corrected any more.
pub const CORRECTED_WITHIN_DAYS: i64 = 14;

/// The mark's stored code.
const MARK_CORRECTED: i16 = 4;

/// A planned day that was paid and not delivered.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct GiveBackRequest {
    pub wallet: WalletId,
    pub occurrence: OccurrenceId,
    pub reason: Option<String>,
    /// Staff.
    pub by: Uuid,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// The money is back; none for a day that cost nothing, or that was refunded before.
    Done(Option<Box<Booked>>),
    /// It was marked before.
    Already,
    /// Nothing of this line is planned on this day, or it was not paid.
    NotPaid,
    /// It was paid more than 14 days ago.
    TooLate,
}

/// Marks a day as not delivered after all, and gives back what it cost.
///
/// # Errors
/// [`MonthError`].
pub async fn give_back(
    database: &Database,
    request: &GiveBackRequest,
    now: DateTime<Utc>,
) -> Result<GivenBack, MonthError> {
    let (database, request) = (database.clone(), request.clone());
    // In a task of its own: a caller that hangs up cancels nothing.
    let giving = database.runtime().clone().spawn(async move {
        let mut connection: Connection = database.connection().await?;
        let conn: &mut AsyncPgConnection = &mut connection;
        begin(conn).await?;
        match give_back_in(conn, &request, now).await {
            Ok(given) => {
                commit(conn).await?;
                Ok(given)
            }
            Err(error) => {
                let _ = rollback(conn).await;
                Err(error)
            }
        }
    });
    giving.await.unwrap_or_else(|error| Err(DbError::Unreachable(error.to_string()).into()))
}

async fn give_back_in(
    conn: &AsyncPgConnection,
    request: &GiveBackRequest,
    now: DateTime<Utc>,
) -> Result<GivenBack, MonthError> {
    let batch = ledger::begin_batch(conn).await?;
    let locked = wallets::lock(conn, &[request.wallet]).await?;
    let found = wallets::read(conn, locked).await?.pop();
    let wallet = found.ok_or(MonthError::Problem(Problem::Unknown("wallet")))?;
    let day = request.occurrence.day();
    let month = day.with_day(1).ok_or_else(|| corrupt("a day"))?;
    let lines = plan_months::of_month(conn, &[wallet.id], month).await?.remove(&wallet.id).unwrap_or_default();
    let line = lines.into_iter().find(|line| line.line == request.occurrence.line());
    if line.is_none_or(|line| line.done & (1 << day.day0()) == 0) {
        return Ok(GivenBack::NotPaid);
    }
    if (super::today(conn, wallet.id.organisation(), now).await? - day).num_days() > CORRECTED_WITHIN_DAYS {
        return Ok(GivenBack::TooLate);
    }
    let (line, by, reason) = (request.occurrence.line(), request.by, request.reason.clone());
    if plans::insert_mark(conn, line, day, MARK_CORRECTED, reason, by).await?.is_some() {
        return Ok(GivenBack::Already);
    }
    let book_date = super::today(conn, wallet.id.organisation(), batch.booked_at).await?;
    refund_day(conn, batch, wallet, request, book_date).await
}

/// The line that paid the day is given back, into the month that the wallet is in; the day stays done.
async fn refund_day(
    conn: &AsyncPgConnection,
    batch: ledger::Batch,
    mut wallet: Wallet,
    request: &GiveBackRequest,
    book_date: NaiveDate,
) -> Result<GivenBack, MonthError> {
    let Some(paid) = plan_months::paid_by(conn, wallet.id, request.occurrence).await? else {
        // What cost nothing was done without a booking.
        return Ok(GivenBack::Done(None));
    };
    let sale = ledger::load(conn, &[paid]).await?.remove(&paid).ok_or_else(|| corrupt("ledger.line.id"))?;
    let earlier = ledger::referring_to(conn, wallet.id, paid).await?;
    let hold = request.occurrence.as_hold();
    let of_day = |line: &&crate::domain::operation::Line| line.hold == hold && line.left_out.is_none();
    let Some(line) = sale.operation.lines.iter().find(of_day) else { return Err(corrupt("ledger.line.hold").into()) };
    let left = line.quantity.saturating_sub(refund::given_back(&earlier, line.number));
    if left == 0 {
        return Ok(GivenBack::Done(None));
    }
    let id = id_of_ours(batch.booked_at)?;
    let owner = Owner::Wallet(wallet.id);
    let mut operation = Operation::new(id, owner, OperationKind::Refund, Outcome::Booked, Authority::Office);
    operation.month = wallet.month;
    operation.reference = Some(paid);
    operation.staff = Some(request.by);
    operation.request_hash = Some(job_hash(&operation, request.occurrence.day()));
    operation.outcome = refund::decide(&mut operation, &wallet, &sale.operation, &earlier, &[(line.number, left)])?;
    for transfer in &operation.transfers {
        wallet.apply(transfer).map_err(Problem::from)?;
    }
    wallets::update(conn, &[&wallet]).await?;
    let booked = Booked { operation, book_date };
    ledger::insert(conn, batch, std::slice::from_ref(&booked)).await?;
    change_buffers_by(conn, booked.operation.transfers.iter()).await?;
    Ok(GivenBack::Done(Some(Box::new(booked))))
}
