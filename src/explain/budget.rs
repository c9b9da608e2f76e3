//! `pasje explain budget`: a month's grant, each answer as in `budget.json`.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use super::{ExplainError, Minor, UnitInput, UnplannedInput, cases};
use crate::domain::grant_rules::{GrantRules, RulesError, WrittenDeduction, WrittenRules};
use crate::domain::indication::{Delivery, Indication, Package, Period};
use crate::domain::money::Unit;
use crate::domain::month_grant::{Entitled, Month, MonthGrant, MonthGrantError, month_grant};
use crate::domain::tariff::{Addition, Tariff};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetInput {
    #[serde(deserialize_with = "month")]
    month: Month,
    scheme: SchemeInput,
    tariffs: Vec<TariffInput>,
    additions: Vec<AdditionInput>,
    indications: Vec<IndicationInput>,
    unfunded: Vec<AbsenceInput>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BasisInput {
    Tariff,
    Hours,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeInput {
    basis: BasisInput,
    unit: UnitInput,
    unplanned: UnplannedInput,
    unplanned_percent: PercentInput,
    buffer_percent: PercentInput,
    deductions: Vec<DeductionInput>,
    hours: Vec<HoursInput>,
    #[serde(default)]
    point_value_cents: Option<i64>,
    #[serde(default)]
    hour_rate_cents: Option<i64>,
}

/// A decimal string.
struct PercentInput(Decimal);

impl<'de> Deserialize<'de> for PercentInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PercentInput, D::Error> {
        let text = String::deserialize(deserializer)?;
        let percent = Decimal::from_str_exact(&text);
        percent.map(PercentInput).map_err(|_| serde::de::Error::custom(format!("`{text}` is not a decimal number")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeductionInput {
    name: String,
    #[serde(default)]
    percent: Option<PercentInput>,
    #[serde(default)]
    cents_per_day: Option<Minor>,
    #[serde(default)]
    cents_per_month: Option<Minor>,
    #[serde(default)]
    delivery: Option<DeliveryInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursInput {
    profile: String,
    minutes_per_week: Minor,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeliveryInput {
    Verblijf,
    Vpt,
    Mpt,
}

impl From<DeliveryInput> for Delivery {
    fn from(delivery: DeliveryInput) -> Delivery {
        match delivery {
            DeliveryInput::Verblijf => Delivery::Verblijf,
            DeliveryInput::Vpt => Delivery::Vpt,
            DeliveryInput::Mpt => Delivery::Mpt,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // codes and sources do not matter here
struct TariffInput {
    #[serde(default)]
    source: String,
    #[serde(default)]
    code: String,
    profile: String,
    delivery: DeliveryInput,
    treatment: bool,
    day_activities: bool,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    cents_per_day: Minor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct AdditionInput {
    #[serde(default)]
    code: String,
    from: NaiveDate,
    to: Option<NaiveDate>,
    cents_per_day: Minor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndicationInput {
    profile: String,
    delivery: DeliveryInput,
    treatment: bool,
    day_activities: bool,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbsenceInput {
    from: NaiveDate,
    to: Option<NaiveDate>,
}

fn month<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Month, D::Error> {
    let text = String::deserialize(deserializer)?;
    Month::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a month, as 2026-04 is")))
}

fn period(from: NaiveDate, to: Option<NaiveDate>) -> Result<Period, String> {
    Period::new(from, to).ok_or_else(|| format!("a period from {from} does not end before it"))
}

impl SchemeInput {
    fn written(self) -> WrittenRules {
        let unit = Unit::from(self.unit);
        let deductions = self.deductions.into_iter().map(|it| WrittenDeduction {
            name: it.name,
            percent: it.percent.map(|percent| percent.0),
            cents_per_day: it.cents_per_day.map(|cents| cents.of(Unit::Eur)),
            cents_per_month: it.cents_per_month.map(|cents| cents.of(Unit::Eur)),
            delivery: it.delivery.map(Delivery::from),
        });
        WrittenRules {
            is_hours: self.basis == BasisInput::Hours,
            unit,
            value_cents: match unit {
                Unit::Pnt => self.point_value_cents,
                Unit::Min => self.hour_rate_cents,
                Unit::Eur => None,
            },
            hours: self.hours.into_iter().map(|it| (it.profile, it.minutes_per_week.of(Unit::Min))).collect(),
            unplanned: self.unplanned.into(),
            unplanned_percent: self.unplanned_percent.0,
            buffer_percent: self.buffer_percent.0,
            deductions: deductions.collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum BudgetAnswer {
    Error {
        error: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        day: Option<NaiveDate>,
    },
    Granted {
        month: String,
        unit: &'static str,
        funded_days: u32,
        gross: i64,
        deductions: Vec<DeductionAnswer>,
        unplanned_collective: i64,
        reserve: i64,
        buffer: i64,
        budget: i64,
        rounding: i64,
    },
}

#[derive(Serialize)]
struct DeductionAnswer {
    name: String,
    amount: i64,
}

/// What a month brings: each answer as in `budget.json`.
///
/// # Errors
/// [`ExplainError`] for the first case that cannot be understood.
pub fn budgets(input: &str) -> Result<String, ExplainError> {
    let mut answers = Vec::new();
    for (case, input) in cases::<BudgetInput>(input)?.into_iter().enumerate() {
        let wrong = |(field, cause): (&str, String)| ExplainError::Case { case, field: field.to_owned(), cause };
        answers.push(budget(input).map_err(wrong)?);
    }
    Ok(serde_json::to_string(&answers).unwrap_or_default())
}

fn budget(input: BudgetInput) -> Result<BudgetAnswer, (&'static str, String)> {
    let rules = match GrantRules::new(input.scheme.written()) {
        Ok(rules) => rules,
        Err(error @ RulesError::HoursUnit) => return Err(("scheme.unit", error.to_string())),
        Err(error) => return Ok(BudgetAnswer::Error { error: slug_of_rules(&error), day: None }),
    };
    let package = |profile, delivery: DeliveryInput, treatment, day_activities| Package {
        profile,
        delivery: delivery.into(),
        treatment,
        day_activities,
    };
    let tariffs = input.tariffs.into_iter().map(|it| {
        Ok(Tariff {
            package: package(it.profile, it.delivery, it.treatment, it.day_activities),
            period: period(it.valid_from, it.valid_to)?,
            day: it.cents_per_day.of(Unit::Eur),
        })
    });
    let tariffs: Vec<Tariff> = tariffs.collect::<Result<_, String>>().map_err(|cause| ("tariffs", cause))?;
    let indications = input.indications.into_iter().map(|it| {
        let period = period(it.from, it.to)?;
        Ok(Indication { package: package(it.profile, it.delivery, it.treatment, it.day_activities), period })
    });
    let indications: Vec<Indication> =
        indications.collect::<Result<_, String>>().map_err(|cause| ("indications", cause))?;
    let additions = input
        .additions
        .into_iter()
        .map(|it| Ok(Addition { period: period(it.from, it.to)?, day: it.cents_per_day.of(Unit::Eur) }));
    let additions: Vec<Addition> = additions.collect::<Result<_, String>>().map_err(|cause| ("additions", cause))?;
    let unfunded = input.unfunded.into_iter().map(|it| period(it.from, it.to));
    let unfunded: Vec<Period> = unfunded.collect::<Result<_, String>>().map_err(|cause| ("unfunded", cause))?;
    let client = Entitled { indications: &indications, additions: &additions, unfunded: &unfunded };
    match month_grant(&rules, input.month, &tariffs, client) {
        Ok(grant) => Ok(granted(input.month, grant)),
        Err(MonthGrantError::Amount(error)) => Err(("tariffs", error.to_string())),
        Err(error) => Ok(BudgetAnswer::Error { error: slug(&error), day: error.day() }),
    }
}

fn granted(month: Month, grant: MonthGrant) -> BudgetAnswer {
    let deductions = grant.deductions.into_iter();
    BudgetAnswer::Granted {
        month: month.to_string(),
        unit: grant.unit.name(),
        funded_days: grant.funded_days,
        gross: grant.gross.minor(),
        deductions: deductions.map(|(name, amount)| DeductionAnswer { name, amount: amount.minor() }).collect(),
        unplanned_collective: grant.unplanned_collective.minor(),
        reserve: grant.reserve.minor(),
        buffer: grant.buffer.minor(),
        budget: grant.budget.minor(),
        rounding: grant.rounding.minor(),
    }
}

const fn slug_of_rules(error: &RulesError) -> &'static str {
    match error {
        RulesError::DeductionMalformed(_) => "deduction_malformed",
        RulesError::PercentOutOfRange(_) => "percent_out_of_range",
        RulesError::CentsInHoursScheme(_) => "cents_in_hours_scheme",
        RulesError::HoursUnit => "hours_unit",
        RulesError::UnitValueMissing => "unit_value_missing",
    }
}

const fn slug(error: &MonthGrantError) -> &'static str {
    match error {
        MonthGrantError::OverlappingIndications(_) => "overlapping_indications",
        MonthGrantError::NoHours(_) => "no_hours",
        MonthGrantError::NoTariff(_) => "no_tariff",
        MonthGrantError::AmbiguousTariff(_) => "ambiguous_tariff",
        MonthGrantError::DeductionsExceedTariff => "deductions_exceed_tariff",
        MonthGrantError::Amount(_) => "amount_out_of_range",
    }
}
