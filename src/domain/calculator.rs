//! What a new activity costs: minutes by function at the function's hourly rate, material, and the price for each participant.

use super::money::{Amount, AmountError, Unit};

/// An activity to be priced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Activity {
    /// Minutes of a function and what an hour of it costs, in cents.
    pub work: Vec<Work>,
    /// For all participants together, in cents.
    pub material_cents: i64,
    pub participants: u32,
}

/// What a function does for it, preparation and clearing up included.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Work {
    pub function: String,
    pub minutes: u32,
    pub hour_cents: i64,
}

/// What it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CostPrice {
    /// Of each function, in the order in which they were given, rounded half up.
    pub work: Vec<Amount>,
    pub total: Amount,
    /// For each participant, rounded half up.
    pub per_participant: Amount,
}

/// Why nothing can be reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalculatorError {
    /// Nobody takes part.
    #[error("an activity has 1 to 1000 participants")]
    Participants,
    /// More than a day of a function, or more functions than a house has.
    #[error("an activity has at most 20 functions, each of 1 to 1440 minutes")]
    Work,
    /// Out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// num / by, rounded half up.
fn half_up(num: i128, by: i128) -> i128 {
    (2 * num + by).div_euclid(2 * by)
}

/// The cost price. Each function is rounded by itself, so that the parts add up to the total.
///
/// # Errors
/// [`CalculatorError`].
pub fn cost_price(activity: &Activity) -> Result<CostPrice, CalculatorError> {
    if !(1..=1_000).contains(&activity.participants) {
        return Err(CalculatorError::Participants);
    }
    if activity.work.len() > 20 || activity.work.iter().any(|work| !(1..=1_440).contains(&work.minutes)) {
        return Err(CalculatorError::Work);
    }
    let mut total = Amount::cents(activity.material_cents)?;
    let mut work = Vec::with_capacity(activity.work.len());
    for one in &activity.work {
        let hour = Amount::cents(one.hour_cents)?;
        let cost = Amount::from_wide(half_up(i128::from(one.minutes) * i128::from(hour.minor()), 60), Unit::Eur)?;
        total = total.plus(cost)?;
        work.push(cost);
    }
    let each = half_up(i128::from(total.minor()), i128::from(activity.participants));
    Ok(CostPrice { work, total, per_participant: Amount::from_wide(each, Unit::Eur)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn work(minutes: u32, hour_cents: i64) -> Work {
        Work { function: "activiteitenbegeleider (fictief)".to_owned(), minutes, hour_cents }
    }

    #[test]
    fn a_new_activity_costs_its_minutes_at_the_functions_rate_and_its_material_half_up() {
        let cents = |minor| Amount::cents(minor).unwrap();
        // 90 minutes of 45.01: 67.515; 20 minutes of 61.00: 20.333
        let activity =
            Activity { work: vec![work(90, 4_501), work(20, 6_100)], material_cents: 1_250, participants: 8 };
        let price = cost_price(&activity).unwrap();
        assert_eq!(price.work, [cents(6_752), cents(2_033)]);
        assert_eq!(price.total, cents(10_035));
        assert_eq!(price.per_participant, cents(1_254), "12.54375");
        let half = Activity { work: Vec::new(), material_cents: 5, participants: 2 };
        assert_eq!(cost_price(&half).unwrap().per_participant, cents(3), "2.5 goes up");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let activity = Activity { work: vec![work(90, 4_501)], material_cents: 0, participants: 8 };
        let refused = |activity: Activity| cost_price(&activity).unwrap_err();
        assert_eq!(refused(Activity { participants: 0, ..activity.clone() }), CalculatorError::Participants);
        assert_eq!(refused(Activity { work: vec![work(1_441, 1)], ..activity.clone() }), CalculatorError::Work);
        assert_eq!(refused(Activity { material_cents: -1, ..activity.clone() }), AmountError::Negative.into());
        assert_eq!(refused(Activity { work: vec![work(60, i64::MAX)], ..activity }), AmountError::TooLarge.into());
    }
}
