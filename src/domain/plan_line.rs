//! One agreement of a client's plan: a service, who performs it, when, and at what price. Never edited: it is dropped, and another
//! one is agreed.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use uuid::Uuid;

use super::account::WalletId;
use super::codes::stored_codes;
use super::funding::LineKind;
use super::money::Amount;
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
