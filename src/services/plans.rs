//! Plans: lines are agreed, consented to, dropped; their days marked.
//!
//! Consent to care and included lines is for the client or who speaks about care; to activities, extras and own purchases for the
//! client or who speaks about money (`docs/decisions/0050`).

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Utc};
use uuid::Uuid;

use super::absences::OfClient;
use super::colours;
use super::plan_books::{PlanBooks, PlanError, Released, days_from};
use super::schemes;
use crate::db::connect::Database;
use crate::db::corrupt;
use crate::db::plans::{self, ConsentRow, Dropped, Offered, PlanLineRow};
use crate::db::tasks::{self, TaskKind};
use crate::domain::delivery::MonthLine;
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::plan_line::{
    LinePrice, Mark, Performed, Performer, PlannedLine, Subject, is_offered, line_price, may_perform,
};
use crate::domain::recurrence::{Recurrence, Recurrences};
use crate::domain::request::is_sensible;
use crate::domain::scheme::Scheme;

/// A line to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AgreeRequest {
    pub of: OfClient,
    /// Of the caller's making: a UUIDv7 that ends in 16 zero bits.
    pub id: LineId,
    pub service: Uuid,
    pub performer: Performer,
    /// Of staff; none: the service's own.
    pub function: Option<String>,
    pub performed_by: Option<Uuid>,
    pub staff_count: u16,
    pub group_size: u16,
    pub recurrence: String,
    pub starts_at: NaiveDateTime,
    pub duration_minutes: u16,
    /// Why it costs nothing though it has a price.
    pub waiver_reason: Option<String>,
    /// Planned without consent in the client's first weeks.
    pub is_provisional: bool,
    pub meeting: Option<Uuid>,
}

pub(super) fn is_text(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count())
}

impl AgreeRequest {
    /// # Errors
    /// [`PlanError::Malformed`], [`PlanError::Recurrence`].
    pub fn check(&self) -> Result<(), PlanError> {
        let malformed = |why| Err(PlanError::Malformed(why));
        if !(1..=20).contains(&self.staff_count) || !(1..=200).contains(&self.group_size) {
            return malformed("a line has 1 to 20 staff and a group of 1 to 200");
        }
        if !(1..=1440).contains(&self.duration_minutes) {
            return malformed("an occurrence lasts 1 to 1440 minutes");
        }
        if self.function.as_deref().is_some_and(|function| !is_text(function, 50)) {
            return malformed("a function has 1 to 50 characters");
        }
        if self.waiver_reason.as_deref().is_some_and(|reason| !is_text(reason, 500)) {
            return malformed("the reason of a waiver has 1 to 500 characters");
        }
        if self.performer != Performer::Staff && (self.performed_by.is_some() || self.function.is_some()) {
            return malformed("a staff member and a function are of staff alone");
        }
        Recurrence::new(&self.recurrence, self.starts_at)?;
        Ok(())
    }

    /// Whether a stored line is what this request agreed. Prices may have changed since.
    fn is_of(&self, row: &PlanLineRow) -> bool {
        let line = &row.line;
        (line.wallet, line.service, line.performer) == (self.of.wallet, self.service, self.performer)
            && (line.recurrence.as_str(), line.starts_at) == (self.recurrence.as_str(), self.starts_at)
            && (row.staff_count, row.group_size, row.duration_minutes)
                == (self.staff_count, self.group_size, self.duration_minutes)
            && (row.performed_by, row.meeting) == (self.performed_by, self.meeting)
            && row.waiver.as_ref().map(|(reason, _)| reason) == self.waiver_reason.as_ref()
            && (self.function.is_none() || row.function == self.function)
            && line.provisional_until.is_some() == self.is_provisional
    }
}

/// Agrees a line at the catalogue's price of its first day, or answers the line that was agreed under this id. One that costs
/// something is not planned until it is consented to, and opens a task.
///
/// # Errors
/// [`PlanError`]; refusals in this order: not sold to this buyer, no price, an extra that was not published, care by the supporter, a
/// waiver of nothing, not provisional any more, more than care in a month that is orange or red.
pub async fn agree(database: &Database, request: &AgreeRequest, now: DateTime<Utc>) -> Result<PlanLineRow, PlanError> {
    request.check()?;
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, request.of.organisation, request.of.wallet, now).await?;
    let done = agreed(&mut books, request).await;
    books.end(done).await
}

async fn agreed(books: &mut PlanBooks<'_>, request: &AgreeRequest) -> Result<PlanLineRow, PlanError> {
    let taken = PlanError::Conflict("another line was agreed under this id: make a new id for a new line");
    if let Some(row) = plans::find(books.conn, request.id).await? {
        return if request.is_of(&row) { Ok(row) } else { Err(taken) };
    }
    if books.wallet.is_closed {
        return Err(PlanError::Refused("the client has left for good"));
    }
    let client = plans::client(books.conn, books.wallet.id).await?;
    let (scheme, arrived_on, supporter) = client.ok_or(PlanError::Unknown("client"))?;
    let scheme = schemes::load(books.conn, &[scheme]).await?.remove(&scheme);
    let day = request.starts_at.date();
    let (wallet, function) = (&books.wallet, request.function.clone());
    let offered = plans::offered(books.conn, wallet.id, request.service, wallet.buyer, function, day).await?;
    let offered = offered.ok_or(PlanError::Unknown("service"))?;
    let mut row = priced(request, wallet.unit, &offered, scheme.as_deref())?;
    if !is_offered(row.line.kind, offered.council_agreed_on, offered.published_on, day) {
        return Err(PlanError::Refused("an extra is agreed only when the client council agreed and it was published"));
    }
    if !may_perform(row.line.kind, request.performed_by, supporter) {
        return Err(PlanError::Refused("a supporter gives no care to the clients whom the supporter supports"));
    }
    row.agreed_on = books.today;
    if request.waiver_reason.is_some() {
        if row.line.price.is_zero() {
            return Err(PlanError::Refused("it costs nothing: there is nothing to waive"));
        }
        row.waiver = request.waiver_reason.clone().map(|reason| (reason, row.line.price));
        row.line.price = Amount::zero(Unit::Eur);
        row.line.units = Some(Amount::zero(wallet.unit));
    }
    if request.is_provisional {
        row.line.provisional_until = Some(provisional_until(scheme.as_deref(), arrived_on, books.today)?);
    }
    colours::check_addition(books.conn, &books.wallet, &row.line).await?;
    if !plans::insert(books.conn, &row).await? {
        return Err(taken);
    }
    books.plan(&row.line).await?;
    if needs_consent(&row, books.today) {
        // also where an earlier one of this month was done
        tasks::open_again(books.conn, task_month(books)?, &[(books.wallet.id, TaskKind::ConsentMissing, None)]).await?;
    }
    Ok(row)
}

/// The line as it is agreed, before waivers.
fn priced(
    request: &AgreeRequest,
    unit: Unit,
    offered: &Offered,
    scheme: Option<&Scheme>,
) -> Result<PlanLineRow, PlanError> {
    let kind = offered.kind.ok_or(PlanError::Refused("the service is not for this buyer"))?;
    let point_value_cents = scheme.and_then(Scheme::point_value_cents);
    let (staff_count, group_size) = (request.staff_count, request.group_size);
    let performed = Performed { by: request.performer, staff_count, group_size };
    let price = match &offered.price {
        Some(price) => line_price(price, unit, point_value_cents, performed)?,
        None if request.performer.costs() => {
            return Err(PlanError::Refused("the service has no price by this function on the day it begins"));
        }
        None => LinePrice { cents: Amount::zero(Unit::Eur), units: Some(Amount::zero(unit)) },
    };
    let is_staff = request.performer == Performer::Staff;
    let function = if is_staff { request.function.clone().or_else(|| offered.function.clone()) } else { None };
    Ok(PlanLineRow {
        line: PlannedLine {
            id: request.id,
            wallet: request.of.wallet,
            service: request.service,
            performer: request.performer,
            kind,
            price: price.cents,
            units: price.units,
            vat_basis_points: offered.vat_basis_points,
            from_savings: offered.from_savings,
            recurrence: request.recurrence.clone(),
            starts_at: request.starts_at,
            provisional_until: None,
            dropped_from: None,
            consented_on: None,
        },
        function,
        performed_by: request.performed_by,
        staff_count,
        group_size,
        duration_minutes: request.duration_minutes,
        waiver: None,
        agreed_on: request.starts_at.date(),
        meeting: request.meeting,
        drop_reason: None,
    })
}

/// The last of the scheme's first days after arrival.
fn provisional_until(
    scheme: Option<&Scheme>,
    arrived_on: Option<NaiveDate>,
    today: NaiveDate,
) -> Result<NaiveDate, PlanError> {
    let days = scheme.map_or(0, |scheme| scheme.provisional_days);
    let until = arrived_on.zip(days.checked_sub(1)).map(|(arrived, more)| arrived + Days::new(more.into()));
    let over = PlanError::Refused("provisional lines are agreed in the first weeks after arrival alone");
    until.filter(|until| today <= *until).ok_or(over)
}

/// Whether a line waits for consent; a provisional one is asked about when its weeks are over.
pub(super) fn needs_consent(row: &PlanLineRow, today: NaiveDate) -> bool {
    let line = &row.line;
    !line.is_free() && line.consented_on.is_none() && line.provisional_until.is_none_or(|until| until < today)
}

/// The month that tasks of a wallet belong to now.
fn task_month(books: &PlanBooks<'_>) -> Result<NaiveDate, PlanError> {
    let today = Month::new(books.today.year(), books.today.month()).ok_or_else(|| corrupt("today"))?;
    Ok(books.open_month().unwrap_or(today).first())
}

/// Ends the task about consent when no line waits for it any more.
async fn consent_is_complete(books: &mut PlanBooks<'_>) -> Result<(), PlanError> {
    let wallet = books.wallet.id;
    let lines = plans::list(books.conn, wallet, books.today).await?;
    if !lines.iter().any(|row| needs_consent(row, books.today)) {
        let how = "niets wacht meer op toestemming / nothing waits for consent any more";
        tasks::finish_kind(books.conn, wallet, TaskKind::ConsentMissing, "pasje", how).await?;
    }
    Ok(())
}

/// Consent to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConsentRequest {
    pub of: OfClient,
    pub line: LineId,
    pub alternatives_asked: bool,
    pub consent: ConsentRow,
}

async fn line_of(books: &PlanBooks<'_>, line: LineId) -> Result<PlanLineRow, PlanError> {
    let row = plans::find(books.conn, line).await?.filter(|row| row.line.wallet == books.wallet.id);
    row.ok_or(PlanError::Unknown("plan line"))
}

/// Records that a line's price was shown, alternatives were asked about, and who signed. From that day on it is planned.
///
/// # Errors
/// [`PlanError`]; refusals in this order: alternatives not asked about, no cents though they are shown, another price shown, signed
/// in the future, signed by who may not speak about it.
pub async fn consent(database: &Database, request: &ConsentRequest, now: DateTime<Utc>) -> Result<(), PlanError> {
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, request.of.organisation, request.of.wallet, now).await?;
    let done = consented(&mut books, request).await;
    books.end(done).await
}

/// Whether the client's scheme shows euros to client and family; one without a file does unless it counts in minutes.
async fn shows_euros(books: &PlanBooks<'_>) -> Result<bool, PlanError> {
    let client = plans::client(books.conn, books.wallet.id).await?;
    let (scheme, ..) = client.ok_or(PlanError::Unknown("client"))?;
    let scheme = schemes::load(books.conn, &[scheme]).await?.remove(&scheme);
    Ok(scheme.map_or(books.wallet.unit != Unit::Min, |scheme| scheme.shows.euro_to_family))
}

async fn consented(books: &mut PlanBooks<'_>, request: &ConsentRequest) -> Result<(), PlanError> {
    let row = line_of(books, request.line).await?;
    let consent = &request.consent;
    if !request.alternatives_asked {
        return Err(PlanError::Refused("consent is given after it was asked what else would do"));
    }
    if consent.price_shown_cents.is_none() && (row.line.units.is_none() || shows_euros(books).await?) {
        return Err(PlanError::Refused("the price in cents is missing: it is shown with this line"));
    }
    let is_cents = consent.price_shown_cents.is_none_or(|cents| cents == row.line.price.minor());
    if !is_cents || consent.units_shown != row.line.units.map(Amount::minor) {
        return Err(PlanError::Refused("the price that was shown is not the line's"));
    }
    if consent.signed_on > books.today || !is_sensible(consent.signed_on) {
        return Err(PlanError::Malformed("consent is signed today or earlier"));
    }
    if let Some(representative) = consent.representative {
        let (wallet, subject) = (books.wallet.id, Subject::of(row.line.kind));
        if !plans::may_speak(books.conn, wallet, representative, subject, consent.signed_on).await? {
            return Err(PlanError::Refused("who signed may not speak for the client about this on that day"));
        }
    }
    if !plans::insert_consent(books.conn, request.line, consent).await? {
        let is_same = plans::consent(books.conn, request.line).await?.as_ref() == Some(consent);
        return if is_same { Ok(()) } else { Err(PlanError::Conflict("the line was consented to otherwise")) };
    }
    books.plan(&PlannedLine { consented_on: Some(consent.signed_on), ..row.line }).await?;
    consent_is_complete(books).await
}

/// Drops a line from a day on, today or later: what was held for it is free.
///
/// # Errors
/// [`PlanError`].
pub async fn drop_line(
    database: &Database,
    of: OfClient,
    line: LineId,
    dropped: &Dropped,
    now: DateTime<Utc>,
) -> Result<Released, PlanError> {
    if !is_text(&dropped.reason, 500) {
        return Err(PlanError::Malformed("the reason has 1 to 500 characters"));
    }
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = dropped_now(&mut books, line, dropped).await;
    books.end(done).await
}

async fn dropped_now(books: &mut PlanBooks<'_>, line: LineId, dropped: &Dropped) -> Result<Released, PlanError> {
    let row = line_of(books, line).await?;
    if row.line.dropped_from.is_some() {
        let is_same = row.line.dropped_from == Some(dropped.from) && row.drop_reason.as_ref() == Some(&dropped.reason);
        return if is_same { Ok(Released::default()) } else { Err(PlanError::Conflict("the line was dropped before")) };
    }
    if dropped.from < books.today || !is_sensible(dropped.from) {
        return Err(PlanError::Refused("a line is dropped from today on or later: earlier days are marked one by one"));
    }
    if dropped.explained_on > books.today || !is_sensible(dropped.explained_on) {
        return Err(PlanError::Malformed("consequences are explained today or earlier"));
    }
    if !plans::drop(books.conn, line, dropped).await? {
        return Err(PlanError::Conflict("the line was dropped before"));
    }
    consent_is_complete(books).await?;
    let month = books.wallet.month.unwrap_or(dropped.from);
    let gone = days_from(month, dropped.from);
    books.release(|it: &MonthLine| if it.line == line { gone } else { 0 }).await
}

/// What is to be said of a planned day before it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MarkRequest {
    pub of: OfClient,
    pub line: LineId,
    pub day: NaiveDate,
    pub mark: Mark,
    /// Needed where it was not delivered.
    pub reason: Option<String>,
    /// Of staff.
    pub by: Uuid,
}

/// Marks a planned day: it will not be delivered, and what was held of it is free. Told again, it is answered as the first time.
///
/// # Errors
/// [`PlanError`]; [`PlanError::Conflict`] for a day that was delivered, or in a closed month.
pub async fn mark(database: &Database, request: &MarkRequest, now: DateTime<Utc>) -> Result<Released, PlanError> {
    let needs_reason = request.mark == Mark::NotDelivered && request.reason.is_none();
    if needs_reason || request.reason.as_deref().is_some_and(|reason| !is_text(reason, 500)) {
        return Err(PlanError::Malformed("the reason has 1 to 500 characters, and what was not delivered needs one"));
    }
    if request.mark == Mark::Corrected {
        return Err(PlanError::Malformed("what was paid is corrected, not marked"));
    }
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, request.of.organisation, request.of.wallet, now).await?;
    let done = marked(&mut books, request).await;
    books.end(done).await
}

async fn marked(books: &mut PlanBooks<'_>, request: &MarkRequest) -> Result<Released, PlanError> {
    let row = line_of(books, request.line).await?;
    let day = request.day;
    let month = Month::new(day.year(), day.month()).ok_or(PlanError::Malformed("no such day"))?;
    let planned = row.line.days_in_month(month, &mut Recurrences::default())?;
    if planned & (1 << day.day0()) == 0 {
        return Err(PlanError::Unknown("planned day"));
    }
    let (mark, by) = (request.mark, request.by);
    let reason = request.reason.clone();
    let code = i16::from(mark.code());
    let before = plans::insert_mark(books.conn, request.line, day, code, reason.clone(), by).await?;
    if let Some(before) = before {
        let is_same = before == (code, reason);
        return if is_same {
            Ok(Released::default())
        } else {
            Err(PlanError::Conflict("the day was marked otherwise"))
        };
    }
    if books.is_closed(day) {
        return Err(PlanError::Conflict("the month is closed"));
    }
    if books.wallet.month != Some(month.first()) {
        return Ok(Released::default());
    }
    let line = request.line;
    let released = books.release(|it: &MonthLine| if it.line == line { 1 << day.day0() } else { 0 }).await?;
    if released.done > 0 {
        return Err(PlanError::Conflict("the day was delivered and paid: it is corrected, not marked"));
    }
    Ok(released)
}

/// A client's lines that are not dropped by a day.
///
/// # Errors
/// [`PlanError`].
pub async fn list(database: &Database, of: OfClient, day: NaiveDate) -> Result<Vec<PlanLineRow>, PlanError> {
    of.check()?;
    Ok(plans::list(&*database.connection().await?, of.wallet, day).await?)
}
