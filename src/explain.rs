//! `pasje explain budget|sale|refund`: the rules, asked with plain JSON and no database.
//!
//! Reads a JSON array of inputs and answers a JSON array of answers, one each, in order. Bad input is an error that
//! names the case (from 0) and the field; then nothing is answered.

mod budget;

use serde::{Deserialize, Deserializer, Serialize};

pub use budget::budgets;

use crate::domain::funding::{
    Caps, CareFromSavings, Free, Funding, FundingLine, LineKind, PricedLine, PurseName, Rules, Shortfall, Source,
    Unplanned, fund,
};
use crate::domain::money::{Amount, Unit};
use crate::domain::refund::give_back;

/// What cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No JSON array.
    #[error("the input is not a JSON array of cases: {0}")]
    NotAnArray(serde_json::Error),
    /// A case that cannot be understood.
    #[error("case {case}, field {field}: {cause}")]
    #[allow(missing_docs)]
    Case { case: usize, field: String, cause: String },
}

/// Minor units in range.
#[derive(Clone, Copy)]
struct Minor(i64);

impl<'de> Deserialize<'de> for Minor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Minor, D::Error> {
        let minor = i64::deserialize(deserializer)?;
        Amount::new(minor, Unit::Eur).map_err(serde::de::Error::custom)?;
        Ok(Minor(minor))
    }
}

impl Minor {
    fn of(self, unit: Unit) -> Amount {
        // In range since it was read.
        Amount::new(self.0, unit).unwrap_or(Amount::zero(unit))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum UnitInput {
    Eur,
    Min,
    Pnt,
}

impl From<UnitInput> for Unit {
    fn from(unit: UnitInput) -> Unit {
        match unit {
            UnitInput::Eur => Unit::Eur,
            UnitInput::Min => Unit::Min,
            UnitInput::Pnt => Unit::Pnt,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnplannedInput {
    Personal,
    Collective,
}

impl From<UnplannedInput> for Unplanned {
    fn from(unplanned: UnplannedInput) -> Unplanned {
        match unplanned {
            UnplannedInput::Personal => Unplanned::Personal,
            UnplannedInput::Collective => Unplanned::Collective,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavingsInput {
    Never,
    Consented,
    Always,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindInput {
    Care,
    Included,
    Activity,
    Extra,
    Own,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaleInput {
    unit: UnitInput,
    scheme: SchemeInput,
    buffer_approved: Minor,
    whole: bool,
    purses: PursesInput,
    lines: Vec<LineInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeInput {
    unplanned: UnplannedInput,
    extras_from_budget: bool,
    extras_from_savings: bool,
    care_from_savings: SavingsInput,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PursesInput {
    budget: PurseInput,
    reserve: PurseInput,
    savings: PurseInput,
    buffer: PurseInput,
    #[serde(default)]
    credit: PurseInput,
    credit_cents: PurseInput,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurseInput {
    balance: Minor,
    held: Minor,
}

impl Default for PurseInput {
    fn default() -> Self {
        PurseInput { balance: Minor(0), held: Minor(0) }
    }
}

impl PurseInput {
    fn free(&self, unit: Unit) -> Amount {
        self.balance.of(unit).minus_or_zero(self.held.of(unit))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineInput {
    kind: KindInput,
    price_cents: Minor,
    #[serde(default)]
    units: Option<Minor>,
    planned: bool,
    consented: bool,
    hold: Minor,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SaleAnswer {
    Error { error: &'static str },
    Declined { outcome: &'static str, reason: &'static str },
    Paid { outcome: &'static str, left_out: Vec<usize>, legs: Vec<LegAnswer> },
}

#[derive(Serialize)]
struct LegAnswer {
    line: usize,
    purse: &'static str,
    amount: i64,
}

/// Who pays: each answer as in `sale.json`.
///
/// # Errors
/// [`ExplainError`] for the first case that cannot be understood.
pub fn sales(input: &str) -> Result<String, ExplainError> {
    let answers = cases::<SaleInput>(input)?
        .iter()
        .enumerate()
        .map(|(case, input)| sale(input).map_err(|cause| ExplainError::Case { case, field: "lines".to_owned(), cause }))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::to_string(&answers).unwrap_or_default())
}

/// What a refund gives back: each answer as in `refund.json`.
///
/// # Errors
/// [`ExplainError`] for the first case that cannot be understood.
pub fn refunds(input: &str) -> Result<String, ExplainError> {
    let answers: Vec<_> = cases::<RefundInput>(input)?.iter().map(refund).collect();
    Ok(serde_json::to_string(&answers).unwrap_or_default())
}

fn cases<T: for<'de> Deserialize<'de>>(input: &str) -> Result<Vec<T>, ExplainError> {
    let values: Vec<serde_json::Value> = serde_json::from_str(input).map_err(ExplainError::NotAnArray)?;
    values
        .into_iter()
        .enumerate()
        .map(|(case, value)| {
            serde_path_to_error::deserialize(value).map_err(|error| ExplainError::Case {
                case,
                field: error.path().to_string(),
                cause: error.into_inner().to_string(),
            })
        })
        .collect()
}

fn sale(input: &SaleInput) -> Result<SaleAnswer, String> {
    use crate::domain::funding::FundingError;
    let unit = Unit::from(input.unit);
    let rules = Rules {
        unplanned: input.scheme.unplanned.into(),
        extras_from_budget: input.scheme.extras_from_budget,
        extras_from_savings: input.scheme.extras_from_savings,
        care_from_savings: match input.scheme.care_from_savings {
            SavingsInput::Never => CareFromSavings::Never,
            SavingsInput::Consented => CareFromSavings::Consented,
            SavingsInput::Always => CareFromSavings::Always,
        },
    };
    let purses = &input.purses;
    let free = Free {
        budget: purses.budget.free(unit),
        reserve: purses.reserve.free(unit),
        savings: purses.savings.free(unit),
        credit: purses.credit.free(unit),
        credit_cents: purses.credit_cents.free(Unit::Eur),
        buffer: purses.buffer.free(unit).at_most(input.buffer_approved.of(unit)),
    };
    let lines: Vec<_> = input.lines.iter().map(|line| FundingLine::Priced(line.priced(unit))).collect();
    let shortfall = if input.whole { Shortfall::DeclineWhole } else { Shortfall::LeaveOut };
    match fund(unit, rules, free, &lines, shortfall, Caps::default()) {
        Err(FundingError::PriceAndUnitsDisagree) => Ok(SaleAnswer::Error { error: "price_and_units_disagree" }),
        Err(FundingError::Amount(error)) => Err(error.to_string()),
        Ok(Funding { left_out, .. }) if left_out.len() == lines.len() || (input.whole && !left_out.is_empty()) => {
            Ok(SaleAnswer::Declined { outcome: "declined", reason: "insufficient_funds" })
        }
        Ok(Funding { legs, left_out }) => Ok(SaleAnswer::Paid {
            outcome: if left_out.is_empty() { "approved" } else { "approved_in_part" },
            left_out: left_out.iter().map(|(line, _)| *line).collect(),
            legs: legs
                .iter()
                .map(|leg| LegAnswer { line: leg.line, purse: leg.source.name(), amount: leg.amount.minor() })
                .collect(),
        }),
    }
}

impl LineInput {
    fn priced(&self, unit: Unit) -> PricedLine {
        PricedLine {
            kind: match self.kind {
                KindInput::Care => LineKind::Care,
                KindInput::Included => LineKind::Included,
                KindInput::Activity => LineKind::Activity,
                KindInput::Extra => LineKind::Extra,
                KindInput::Own => LineKind::Own,
            },
            price: self.price_cents.of(Unit::Eur),
            units: self.units.map(|units| units.of(unit)),
            planned: self.planned,
            from_savings: self.consented,
            hold: vec![(PurseName::Budget, self.hold.of(unit))],
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundInput {
    quantity: u32,
    legs: Vec<RefundLegInput>,
    steps: Vec<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundLegInput {
    purse: SourceInput,
    amount: Minor,
}

/// Who paid, by the name in answers.
struct SourceInput(Source);

impl<'de> Deserialize<'de> for SourceInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SourceInput, D::Error> {
        let name = String::deserialize(deserializer)?;
        let source = Source::from_name(&name);
        source.map(SourceInput).ok_or_else(|| serde::de::Error::custom(format!("unknown purse `{name}`")))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum StepAnswer {
    Error { error: &'static str },
    GivenBack { legs: Vec<RefundLegAnswer> },
}

#[derive(Serialize)]
struct RefundLegAnswer {
    purse: &'static str,
    amount: i64,
}

fn refund(input: &RefundInput) -> Vec<StepAnswer> {
    // What a leg is counted in does not matter to its shares.
    let legs: Vec<Amount> = input.legs.iter().map(|leg| leg.amount.of(Unit::Eur)).collect();
    let mut before = 0;
    let mut answers = Vec::with_capacity(input.steps.len());
    for step in &input.steps {
        let given = u32::try_from(*step).ok().and_then(|now| {
            let amounts = give_back(input.quantity, before, now, &legs).ok()?;
            before += now;
            Some(amounts)
        });
        answers.push(match given {
            None => StepAnswer::Error { error: "more_than_sold" },
            Some(amounts) => StepAnswer::GivenBack {
                legs: input
                    .legs
                    .iter()
                    .zip(amounts)
                    .filter(|(_, amount)| !amount.is_zero())
                    .map(|(leg, amount)| RefundLegAnswer { purse: leg.purse.0.name(), amount: amount.minor() })
                    .collect(),
            },
        });
    }
    answers
}
