//! One agreement of a client's plan: a service, who performs it, when, and at what price. Never edited: it is dropped, and another
//! one is agreed.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use uuid::Uuid;

use super::account::WalletId;
use super::codes::stored_codes;
use super::funding::LineKind;
use super::money::{Amount, AmountError, Unit, wide_ratio};
use super::month_grant::Month;
use super::occurrence::LineId;
use super::recurrence::{RecurrenceError, Recurrences};

stored_codes! {
    /// Who performs a service.
    Performer {
        /// Of the organisation, by function.
        Staff = 1 "staff",
        /// Somebody else's business, paid by the organisation.
        External = 2 "external",
        Volunteer = 3 "volunteer",
        Family = 4 "family",
        Client = 5 "client",
    }
}

stored_codes! {
    /// Why a planned day is not delivered, or not to be paid.
    Mark {
        Absent = 1 "absent",
        Refused = 2 "refused",
        NotDelivered = 3 "not_delivered",
        /// After it was paid.
        Corrected = 4 "corrected",
    }
}

impl Performer {
    /// Whether what they do has a price. Source: E (ZZG).
    pub const fn costs(self) -> bool {
        matches!(self, Performer::Staff | Performer::External)
    }
}

/// What a month has to know of a line: as it was agreed, and whether it is consented to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PlannedLine {
    pub id: LineId,
    pub wallet: WalletId,
    pub service: Uuid,
    pub performer: Performer,
    pub kind: LineKind,
    /// Of one occurrence, in cents.
    pub price: Amount,
    /// The same in the wallet's unit; none where the scheme gives the service no price in it.
    pub units: Option<Amount>,
    pub vat_basis_points: u16,
    pub from_savings: bool,
    /// iCalendar RRULE.
    pub recurrence: String,
    /// Of the first occurrence, local.
    pub starts_at: NaiveDateTime,
    pub provisional_until: Option<NaiveDate>,
    /// The first day on which it is not planned any more.
    pub dropped_from: Option<NaiveDate>,
    /// When its price was consented to.
    pub consented_on: Option<NaiveDate>,
}

impl PlannedLine {
    /// Whether an occurrence costs nothing.
    pub const fn is_free(&self) -> bool {
        self.price.is_zero()
    }

    /// Whether a day may be planned without more: what costs something needs consent first, from the day on which it is signed; a
    /// provisional line has its first weeks without. Source: E (ZZG).
    pub fn is_consented(&self, day: NaiveDate) -> bool {
        let is_within = |until: Option<NaiveDate>| until.is_some_and(|until| day <= until);
        self.is_free() || is_within(self.provisional_until) || self.consented_on.is_some_and(|signed| signed <= day)
    }

    /// The planned days of a month by the recurrence, until it is dropped, as far as they are consented to: day n is bit n - 1. Days on
    /// which the client is absent are the caller's to take off.
    ///
    /// # Errors
    /// [`RecurrenceError`], which no line has that was agreed by this program.
    pub fn days_in_month(&self, month: Month, known: &mut Recurrences) -> Result<u32, RecurrenceError> {
        self.days_where(month, known, |day| self.is_consented(day))
    }

    /// The days of a month that are not planned for want of consent: they are a task.
    ///
    /// # Errors
    /// [`RecurrenceError`].
    pub fn unconsented_days(&self, month: Month, known: &mut Recurrences) -> Result<u32, RecurrenceError> {
        self.days_where(month, known, |day| !self.is_consented(day))
    }

    fn days_where(
        &self,
        month: Month,
        known: &mut Recurrences,
        is_meant: impl Fn(NaiveDate) -> bool,
    ) -> Result<u32, RecurrenceError> {
        let bits = known.days_in_month(&self.recurrence, self.starts_at, month)?;
        let is_dropped = |day: NaiveDate| self.dropped_from.is_some_and(|dropped| dropped <= day);
        let gone = month.days().filter(|day| is_dropped(*day) || !is_meant(*day));
        Ok(gone.fold(bits, |bits, day| bits & !(1 << day.day0())))
    }
}

/// What one of a service costs when a function performs it: the same for everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CataloguePrice {
    pub cents: i64,
    pub minutes: Option<i64>,
    /// Hundredths, where they are not reckoned from the value of a point.
    pub points: Option<i64>,
}

impl CataloguePrice {
    /// In a wallet's unit. Without points of its own a point price is ceil(price x 100 / value of a point).
    fn units(&self, unit: Unit, point_value_cents: Option<i64>) -> Option<i128> {
        match (unit, self.minutes, self.points, point_value_cents) {
            (Unit::Eur, ..) => Some(self.cents as i128),
            (Unit::Min, Some(minutes), ..) => Some(minutes as i128),
            (Unit::Pnt, _, Some(points), _) => Some(points as i128),
            (Unit::Pnt, _, None, Some(value)) => Some(wide_ratio(self.cents, 100, value, true)),
            _ => None,
        }
    }
}

/// Who performs a line, for how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Performed {
    pub by: Performer,
    pub staff_count: u16,
    pub group_size: u16,
}

/// Of one occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LinePrice {
    pub cents: Amount,
    pub units: Option<Amount>,
}

/// Why a line has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum LinePriceError {
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Of euros or of units nothing is left and of the other something: it could be paid by nobody.
    #[error("the group is so large that the price is nothing in one unit and something in another")]
    Vanishes,
}

/// Catalogue price x number of staff / group size, rounded half up, in cents and in the wallet's unit. What volunteers, family and the
/// client do costs nothing. Source: E (Archipel, ZZG).
///
/// # Errors
/// [`LinePriceError`].
pub fn line_price(
    catalogue: &CataloguePrice,
    unit: Unit,
    point_value_cents: Option<i64>,
    performed: Performed,
) -> Result<LinePrice, LinePriceError> {
    if !performed.by.costs() {
        return Ok(LinePrice { cents: Amount::zero(Unit::Eur), units: Some(Amount::zero(unit)) });
    }
    let (staff, group) = (i128::from(performed.staff_count), i128::from(performed.group_size.max(1)));
    let shared = |minor: i128, unit| Amount::from_wide((2 * minor * staff + group).div_euclid(2 * group), unit);
    let cents = shared(i128::from(catalogue.cents), Unit::Eur)?;
    let units = catalogue.units(unit, point_value_cents).map(|units| shared(units, unit)).transpose()?;
    if units.is_some_and(|units| units.is_zero() != cents.is_zero()) {
        return Err(LinePriceError::Vanishes);
    }
    Ok(LinePrice { cents, units })
}

stored_codes! {
    /// On what a representative may speak for a client.
    Subject {
        /// What a client may choose freely and pays for: activities, extras, own purchases.
        Money = 1 "money",
        /// Care, and what the package includes.
        Care = 2 "care",
    }
}

impl Subject {
    /// The subject of consent to a line.
    pub const fn of(kind: LineKind) -> Subject {
        match kind {
            LineKind::Care | LineKind::Included => Subject::Care,
            LineKind::Activity | LineKind::Extra | LineKind::Own => Subject::Money,
        }
    }
}

/// Whether a staff member may perform a line: a supporter gives no care to the clients whom the supporter supports. Source: E (Amsta).
pub fn may_perform(kind: LineKind, performed_by: Option<Uuid>, supporter: Option<Uuid>) -> bool {
    kind != LineKind::Care || performed_by.is_none() || performed_by != supporter
}

/// Whether a service may be agreed as an extra on a day: only when the client council agreed and it was published. Source: W.
pub fn is_offered(
    kind: LineKind,
    council_agreed_on: Option<NaiveDate>,
    published_on: Option<NaiveDate>,
    day: NaiveDate,
) -> bool {
    let is_by = |on: Option<NaiveDate>| on.is_some_and(|on| on <= day);
    kind != LineKind::Extra || is_by(council_agreed_on) && is_by(published_on)
}

#[cfg(test)]
mod tests;
