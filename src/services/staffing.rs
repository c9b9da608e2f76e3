//! How many minutes of which function are planned, by part of the day: for a range of days, at one location or all.

use chrono::{Datelike, Months, NaiveDate};
use uuid::Uuid;

use super::plan_books::PlanError;
use super::planned_days;
use crate::db::connect::Database;
use crate::db::{corrupt, plans};
use crate::domain::account::OrganisationId;
use crate::domain::month_grant::Month;
use crate::domain::plan_line::Performer;
use crate::domain::recurrence::Recurrences;
use crate::domain::request::is_sensible;
use crate::domain::staffing::{Shift, Staffing};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StaffingRequest {
    pub organisation: OrganisationId,
    /// None: all.
    pub location: Option<Uuid>,
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl StaffingRequest {
    const DAYS_MAX: i64 = 92;

    /// # Errors
    /// [`PlanError::Malformed`].
    pub fn check(&self) -> Result<(), PlanError> {
        let days = (self.to - self.from).num_days();
        if !is_sensible(self.from) || !is_sensible(self.to) || !(0..Self::DAYS_MAX).contains(&days) {
            return Err(PlanError::Malformed("the last day is the first or later, within 92 days"));
        }
        Ok(())
    }
}

/// Clients that are looked at together.
const AT_ONCE: i64 = 500;

/// Planned minutes of staff in these days.
///
/// # Errors
/// [`PlanError`].
pub async fn planned(database: &Database, request: &StaffingRequest) -> Result<Staffing, PlanError> {
    request.check()?;
    let conn = database.connection().await?;
    let (mut staffing, mut known, mut after) = (Staffing::default(), Recurrences::default(), i64::MIN);
    loop {
        let ids = plans::clients_at(&conn, request.organisation, request.location, after, AT_ONCE).await?;
        let Some(last) = ids.last() else { return Ok(staffing) };
        after = last.field();
        let details = plans::details(&conn, &ids).await?;
        let mut first = Month::new(request.from.year(), request.from.month());
        while let Some(month) = first.filter(|month| month.first() <= request.to) {
            for (line, days) in planned_days::of_month(&conn, &ids, month, &mut known).await? {
                let detail = details.get(&line.id).filter(|_| line.performer == Performer::Staff);
                let Some(detail) = detail else { continue };
                let within = |day: &NaiveDate| request.from <= *day && *day <= request.to;
                let times = month.days().filter(within).filter(|day| days & (1 << day.day0()) != 0).count();
                let shift = Shift {
                    function: detail.function.as_deref().unwrap_or_default(),
                    starts_at: line.starts_at.time(),
                    minutes: detail.duration_minutes,
                    staff_count: detail.staff_count,
                    group_size: detail.group_size,
                };
                staffing.add(&shift, u32::try_from(times).map_err(|_| corrupt("days"))?);
            }
            let next = month.first().checked_add_months(Months::new(1));
            first = next.and_then(|next| Month::new(next.year(), next.month()));
        }
    }
}
