//! A client leaves and returns. Planned care of absent days comes back (design, section 5; source E: ZZG): what was held of them is
//! free at once, for days until today, or until the return if it is known. Days after that are released as they come. A return that
//! is told late plans the days again on which the client was there (`docs/decisions/0050`).

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::months::undelivered::CORRECTED_WITHIN_DAYS;
use super::plan_books::{Again, PlanBooks, PlanError, Released, days_from};
use crate::db::absences::{self, AbsenceRow};
use crate::db::connect::Database;
use crate::db::{plan_months, plans};
use crate::domain::absence::{Absence, AbsenceKind, absent_days, overlap};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::recurrence::Recurrences;
use crate::domain::request::is_sensible;

/// Whose absence it is, on whose behalf it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OfClient {
    pub organisation: OrganisationId,
    pub wallet: WalletId,
}

impl OfClient {
    /// A wallet of another organisation does not exist.
    pub(super) fn check(self) -> Result<(), PlanError> {
        if self.wallet.organisation() == self.organisation { Ok(()) } else { Err(PlanError::Unknown("client")) }
    }
}

/// A client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LeaveRequest {
    pub of: OfClient,
    /// Of the caller's making.
    pub id: Uuid,
    pub kind: AbsenceKind,
    pub left_on: NaiveDate,
    /// Where it is known beforehand.
    pub returned_on: Option<NaiveDate>,
}

impl LeaveRequest {
    /// # Errors
    /// [`PlanError::Malformed`].
    pub fn check(&self) -> Result<(), PlanError> {
        let days = [Some(self.left_on), self.returned_on].into_iter().flatten();
        if days.into_iter().any(|day| !is_sensible(day)) || self.returned_on.is_some_and(|day| day < self.left_on) {
            return Err(PlanError::Malformed("a client returns on the day of leaving or later, between 2000 and 2200"));
        }
        Ok(())
    }

    const fn absence(&self) -> Absence {
        let Self { kind, left_on, returned_on, .. } = *self;
        Absence { kind, left_on, returned_on, permitted_until: None }
    }
}

/// What is told of an absence that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsenceChange {
    /// The day of return.
    Return(NaiveDate),
    /// Medical absence is funded until then.
    Permit(NaiveDate),
    /// It was entered by mistake.
    Withdraw,
}

/// A client leaves. Told again, it is answered as the first time, with nothing more to release.
///
/// # Errors
/// [`PlanError`].
pub async fn leave(database: &Database, request: &LeaveRequest, now: DateTime<Utc>) -> Result<Released, PlanError> {
    request.check()?;
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, request.of.organisation, request.of.wallet, now).await?;
    let done = left(&mut books, request).await;
    books.end(done).await
}

async fn left(books: &mut PlanBooks<'_>, request: &LeaveRequest) -> Result<Released, PlanError> {
    let (wallet, absence) = (request.of.wallet, request.absence());
    let known = absences::of_wallets(books.conn, &[wallet]).await?.remove(&wallet).unwrap_or_default();
    if let Some(AbsenceRow { absence: stored, .. }) = absences::find(books.conn, wallet, request.id).await? {
        let is_same = stored.kind == absence.kind && stored.left_on == absence.left_on;
        return if is_same { Ok(Released::default()) } else { Err(ID_TAKEN) };
    }
    if books.wallet.is_closed {
        return Err(PlanError::Refused("the client has left for good"));
    }
    if known.absences.iter().any(|other| overlap(other, &absence)) {
        return Err(AWAY_ALREADY);
    }
    if !absences::insert(books.conn, wallet, request.id, &absence, books.today).await? {
        return Err(ID_TAKEN);
    }
    release_absent(books, absence).await
}

const AWAY_ALREADY: PlanError =
    PlanError::Refused("the client is away in these days already; withdraw that absence if it was a mistake");
const ID_TAKEN: PlanError = PlanError::Conflict("another absence was told under this id: make a new id for a new one");

/// Gives up the planned days of an absence, as far as it is known to last.
async fn release_absent(books: &mut PlanBooks<'_>, absence: Absence) -> Result<Released, PlanError> {
    let Some(month) = books.open_month() else { return Ok(Released::default()) };
    let known_to = absence.returned_on.or_else(|| books.today.succ_opt());
    let absent = absent_days(&[Absence { returned_on: known_to, ..absence }], month);
    books.release(|_| absent).await
}

/// Tells more of an absence: a return, a permission, a mistake. The same again changes nothing.
///
/// # Errors
/// [`PlanError`].
pub async fn change(
    database: &Database,
    of: OfClient,
    id: Uuid,
    change: AbsenceChange,
    now: DateTime<Utc>,
) -> Result<Released, PlanError> {
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = changed(&mut books, id, change).await;
    books.end(done).await
}

async fn changed(books: &mut PlanBooks<'_>, id: Uuid, change: AbsenceChange) -> Result<Released, PlanError> {
    let wallet = books.wallet.id;
    let told = absences::find(books.conn, wallet, id).await?.ok_or(PlanError::Unknown("absence"))?;
    let absence = told.absence;
    if told.is_withdrawn {
        let is_again = change == AbsenceChange::Withdraw;
        return if is_again { Ok(Released::default()) } else { Err(PlanError::Conflict("the absence was withdrawn")) };
    }
    match change {
        AbsenceChange::Return(day) => {
            if !is_sensible(day) || day < absence.left_on {
                return Err(PlanError::Malformed("a client returns on the day of leaving or later"));
            }
            match absence.returned_on {
                Some(told) if told == day => return Ok(Released::default()),
                // A return of the days to come is what was expected: another one may be told.
                Some(told) if told <= books.today => {
                    let why = "another day of return was told: withdraw the absence and tell it anew";
                    return Err(PlanError::Conflict(why));
                }
                _ => {}
            }
            let returned = Absence { returned_on: Some(day), ..absence };
            let known = absences::of_wallets(books.conn, &[wallet]).await?.remove(&wallet).unwrap_or_default();
            if known.absences.iter().any(|other| *other != absence && overlap(other, &returned)) {
                return Err(AWAY_ALREADY);
            }
            absences::update(books.conn, id, &returned).await?;
            let planned_again = plan_again(books, &told).await?;
            Ok(Released { planned_again, ..release_absent(books, returned).await? })
        }
        AbsenceChange::Permit(until) => {
            if absence.kind != AbsenceKind::Medical {
                return Err(PlanError::Refused("only medical absence can be permitted for longer"));
            }
            if !is_sensible(until) || until < absence.left_on {
                return Err(PlanError::Malformed("a permission ends on the day of leaving or later"));
            }
            absences::update(books.conn, id, &Absence { permitted_until: Some(until), ..absence }).await?;
            Ok(Released::default())
        }
        AbsenceChange::Withdraw => {
            absences::withdraw(books.conn, id).await?;
            Ok(Released { planned_again: plan_again(books, &told).await?, ..Released::default() })
        }
    }
}

/// Plans the days again that only this absence, as it was told before, had given up: those to come, and those of the last 14 days, on
/// which staff may have been there. Earlier ones stay given up, as nobody can correct them any more. What may be left out for want
/// of money is planned again only from the day on which the absence was told: before that the daily job may have left it out.
async fn plan_again(books: &mut PlanBooks<'_>, told: &AbsenceRow) -> Result<u32, PlanError> {
    let (Some(month), false, wallet) = (books.open_month(), books.wallet.is_closed, books.wallet.id) else {
        return Ok(0);
    };
    let away = absences::of_wallets(books.conn, &[wallet]).await?.remove(&wallet).unwrap_or_default();
    let there = absent_days(&[told.absence], month) & !absent_days(&away.absences, month);
    let since = books.today - TimeDelta::days(CORRECTED_WITHIN_DAYS);
    let marked = plan_months::marked(books.conn, &[wallet], month.first()).await?;
    let mut known = Recurrences::default();
    let mut again = Vec::new();
    for line in plans::of_month(books.conn, &[wallet], month).await? {
        let planned = there & line.days_in_month(month, &mut known)?;
        let since = if line.kind.is_never_refused() { since } else { since.max(told.told_on) };
        let in_time = days_from(month.first(), since);
        let days = planned & in_time & !marked.get(&line.id).copied().unwrap_or(0);
        if planned != 0 {
            again.push(Again { line, days, given_up: planned & !days });
        }
    }
    books.plan_again(&again).await
}

/// Absences of a client in the order of their ids, withdrawn ones too, and the id to go on from if there are more.
///
/// # Errors
/// [`PlanError`].
pub async fn page(
    database: &Database,
    of: OfClient,
    after: Option<Uuid>,
    limit: u16,
) -> Result<(Vec<AbsenceRow>, Option<Uuid>), PlanError> {
    of.check()?;
    let conn = database.connection().await?;
    let mut rows = absences::page(&conn, of.wallet, after, i64::from(limit) + 1).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok((rows, next))
}
