//! From a client's indications to what a month brings (design, section 5): gross by funded days, what goes off, what is
//! kept for the unforeseen, and the rest in the wallet's unit. Deductions, collective part, values and rounding add up to
//! gross, to the cent.

use chrono::{Datelike, NaiveDate};

use super::funding::Unplanned;
use super::grant::{Grant, units_for};
use super::grant_rules::{Basis, Cut, GrantRules};
use super::indication::{Delivery, Indication, Period};
use super::money::{Amount, AmountError, Unit, wide_ratio};
use super::tariff::{Addition, Tariff};

/// A month of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// None where there is no such month.
    pub fn new(year: i32, month: u32) -> Option<Month> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        // its last day must be there too
        first.checked_add_months(chrono::Months::new(1)).map(|_| Month { first })
    }

    /// From `2026-04`.
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let is_plain =
            year.len() == 4 && month.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if is_plain { Month::new(year.parse().ok()?, month.parse().ok()?) } else { None }
    }

    /// Its first day.
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.first.iter_days().take_while(move |day| day.month() == self.first.month())
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.first.format("%Y-%m"))
    }
}

/// What is known of a client for a month.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Entitled<'a> {
    pub indications: &'a [Indication],
    pub additions: &'a [Addition],
    /// Absence that brings no money.
    pub unfunded: &'a [Period],
}

/// Why a month has no grant, in the order in which it is looked at: first every day's indication, then the funded days.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum MonthGrantError {
    /// Two indications cover a day.
    #[error("two indications cover {0}")]
    OverlappingIndications(NaiveDate),
    /// The scheme has no hours for the day's profile.
    #[error("the scheme has no hours a week for the profile of {0}")]
    NoHours(NaiveDate),
    /// No tariff matches.
    #[error("no tariff matches profile, delivery, treatment, day activities and date on {0}")]
    NoTariff(NaiveDate),
    /// More than one does.
    #[error("more than one tariff matches on {0}")]
    AmbiguousTariff(NaiveDate),
    /// More goes off than comes in.
    #[error("deductions, unplanned part and buffer are more than the gross amount")]
    DeductionsExceedTariff,
    /// Out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl MonthGrantError {
    /// The day to blame, if one is.
    pub const fn day(&self) -> Option<NaiveDate> {
        match self {
            MonthGrantError::OverlappingIndications(day)
            | MonthGrantError::NoHours(day)
            | MonthGrantError::NoTariff(day)
            | MonthGrantError::AmbiguousTariff(day) => Some(*day),
            MonthGrantError::DeductionsExceedTariff | MonthGrantError::Amount(_) => None,
        }
    }
}

/// A month's grant with all that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MonthGrant {
    pub unit: Unit,
    /// Cents a point or an hour, in a tariff scheme that counts them.
    pub unit_value_cents: Option<i64>,
    pub funded_days: u32,
    /// Cents in a tariff scheme, minutes in an hours scheme; so are deductions and the collective part.
    pub gross: Amount,
    pub deductions: Vec<(String, Amount)>,
    pub unplanned_collective: Amount,
    /// What the wallet and the buffer get, before cents become units.
    pub parts: Parts,
    /// In the wallet's unit.
    pub reserve: Amount,
    pub buffer: Amount,
    pub budget: Amount,
    /// Cents that make no whole unit.
    pub rounding: Amount,
}

/// Reserve, buffer and budget as they come from gross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Parts {
    pub reserve: Amount,
    pub buffer: Amount,
    pub budget: Amount,
}

/// What a funded day brings: cents, or in an hours scheme minutes a week.
struct Day {
    delivery: Delivery,
    brings: i64,
}

/// What a client gets in a month.
///
/// # Errors
/// [`MonthGrantError`], the first in its order.
pub fn month_grant(
    rules: &GrantRules,
    month: Month,
    tariffs: &[Tariff],
    client: Entitled<'_>,
) -> Result<MonthGrant, MonthGrantError> {
    let days = funded_days(rules, month, tariffs, client)?;
    let gross_of = |delivery: Option<Delivery>| {
        let counted = days.iter().filter(|day| delivery.is_none_or(|only| only == day.delivery));
        let sum: i128 = counted.map(|day| i128::from(day.brings)).sum();
        let gross = if matches!(rules.basis(), Basis::Hours(_)) { sum / 7 } else { sum };
        Amount::from_wide(gross, rules.basis().gross_unit())
    };
    let gross = gross_of(None)?;
    let days_of_month = i64::try_from(month.days().count()).unwrap_or(i64::MAX);
    let mut deductions = Vec::with_capacity(rules.deductions().len());
    let mut left = i128::from(gross.minor());
    for deduction in rules.deductions() {
        let counted = days.iter().filter(|day| deduction.delivery.is_none_or(|only| only == day.delivery)).count();
        let funded = i64::try_from(counted).unwrap_or(i64::MAX);
        let amount = match deduction.cut {
            Cut::Percent(percent) => percent.of(gross_of(deduction.delivery)?)?,
            Cut::Day(day) => Amount::from_wide(i128::from(day.minor()) * i128::from(funded), Unit::Eur)?,
            // half up: floor of twice as much and one, halved
            Cut::Month(whole) => {
                let twice = wide_ratio(whole.minor(), 2 * funded, days_of_month, false);
                Amount::from_wide((twice + 1) / 2, Unit::Eur)?
            }
        };
        left -= i128::from(amount.minor());
        deductions.push((deduction.name.clone(), amount));
    }
    let unplanned = rules.unplanned_percent().of(gross)?;
    let buffer = rules.buffer_percent().of(gross)?;
    left -= i128::from(unplanned.minor()) + i128::from(buffer.minor());
    if left < 0 {
        return Err(MonthGrantError::DeductionsExceedTariff);
    }
    let nothing = Amount::zero(gross.unit());
    let (reserve, unplanned_collective) = match rules.unplanned() {
        Unplanned::Personal => (unplanned, nothing),
        Unplanned::Collective => (nothing, unplanned),
    };
    let parts = Parts { reserve, buffer, budget: Amount::from_wide(left, gross.unit())? };
    let funded_days = u32::try_from(days.len()).unwrap_or(u32::MAX);
    in_units(
        rules.basis(),
        MonthGrant {
            unit: rules.basis().unit(),
            unit_value_cents: None,
            funded_days,
            gross,
            deductions,
            unplanned_collective,
            parts,
            reserve,
            buffer,
            budget: parts.budget,
            rounding: Amount::zero(Unit::Eur),
        },
    )
}

/// Cents become units, what makes no whole one going on to the next part.
pub(super) fn in_units(basis: &Basis, mut grant: MonthGrant) -> Result<MonthGrant, MonthGrantError> {
    let Basis::Units { unit, value_cents } = *basis else { return Ok(grant) };
    grant.unit_value_cents = Some(value_cents);
    let mut carry = 0_i64;
    for part in [&mut grant.reserve, &mut grant.buffer, &mut grant.budget] {
        let have = part.minor().saturating_add(carry);
        let (units, value) = units_for(have, unit, value_cents);
        carry = have - Amount::from_wide(value, Unit::Eur)?.minor();
        *part = Amount::from_wide(units, unit)?;
    }
    grant.rounding = Amount::cents(carry)?;
    Ok(grant)
}

impl MonthGrant {
    /// As it is booked.
    ///
    /// # Errors
    /// [`AmountError`].
    pub fn grant(&self) -> Result<Grant, AmountError> {
        let mut overhead = Amount::zero(self.gross.unit());
        for (_, amount) in &self.deductions {
            overhead = overhead.plus(*amount)?;
        }
        Ok(Grant {
            unit: self.unit,
            unit_value_cents: self.unit_value_cents,
            overhead,
            collective: self.unplanned_collective,
            reserve: self.parts.reserve,
            buffer: self.parts.buffer,
            budget: self.parts.budget,
        })
    }
}

fn funded_days(
    rules: &GrantRules,
    month: Month,
    tariffs: &[Tariff],
    client: Entitled<'_>,
) -> Result<Vec<Day>, MonthGrantError> {
    let mut covered = Vec::with_capacity(31);
    for day in month.days() {
        let mut covering = client.indications.iter().filter(|indication| indication.period.has(day));
        if let Some(indication) = covering.next() {
            if covering.next().is_some() {
                return Err(MonthGrantError::OverlappingIndications(day));
            }
            covered.push((day, indication));
        }
    }
    let mut funded = Vec::with_capacity(covered.len());
    for (day, indication) in covered {
        if client.unfunded.iter().any(|absence| absence.has(day)) {
            continue;
        }
        let brings = match rules.basis() {
            Basis::Hours(hours) => {
                let of_profile = hours.iter().find(|(profile, _)| *profile == indication.package.profile);
                of_profile.ok_or(MonthGrantError::NoHours(day))?.1.minor()
            }
            Basis::Euros | Basis::Units { .. } => {
                let mut matching =
                    tariffs.iter().filter(|tariff| tariff.package == indication.package && tariff.period.has(day));
                let tariff = matching.next().ok_or(MonthGrantError::NoTariff(day))?;
                if matching.next().is_some() {
                    return Err(MonthGrantError::AmbiguousTariff(day));
                }
                let additions = client.additions.iter().filter(|addition| addition.period.has(day));
                additions.fold(tariff.day.minor(), |sum, addition| sum.saturating_add(addition.day.minor()))
            }
        };
        funded.push(Day { delivery: indication.package.delivery, brings });
    }
    Ok(funded)
}
