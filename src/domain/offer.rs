//! What is sold at which price: from services with their kinds to the prices of a list.
//!
//! Extras are sold only when they were priced beforehand, agreed with the client council and published (Wlz). What a package
//! includes is never kept from anybody for want of that: only its bound a day, beyond which it would be an extra, waits.

use std::collections::HashMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::funding::LineKind;
use super::import::ServiceRow;
use super::money::{Amount, AmountError, Unit, wide_ratio};
use super::price_list::Price;
use super::wallet::Buyer;

/// What one of a service costs when this function performs it, from a day on, the same for everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServicePrice {
    pub service: Uuid,
    /// Empty where the service has none.
    pub function: String,
    pub from: NaiveDate,
    pub price: Amount,
    pub minutes: Option<Amount>,
    pub points: Option<Amount>,
    /// Why its points are its own; none: they follow from the price.
    pub points_reason: Option<String>,
}

/// What a price is in points: ceil(price x 100 / cents a point).
///
/// # Errors
/// [`AmountError::TooLarge`].
pub fn points(price: Amount, value_cents: i64) -> Result<Amount, AmountError> {
    Amount::from_wide(wide_ratio(price.minor(), Unit::Pnt.per_value(), value_cents, true), Unit::Pnt)
}

/// Why something that has a kind for somebody is not in the list as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It has no price on the day.
    NoPrice,
    /// An extra that the client council did not agree to, or that was not published by the day.
    NotAgreed,
    /// Beyond its daily quantity it would be such an extra: so it is included without a bound.
    BoundNotAgreed,
}

/// The prices of a day, and what is withheld.
///
/// # Errors
/// [`AmountError`] for points out of range.
#[allow(clippy::type_complexity)]
pub fn prices(
    services: &[(Uuid, ServiceRow)],
    prices: &[ServicePrice],
    point_value: Option<i64>,
    today: NaiveDate,
) -> Result<(HashMap<(Uuid, Buyer), Price>, Vec<(String, Withheld)>), AmountError> {
    // The last that has begun, of the function that performs the service where nobody says otherwise.
    let mut in_force: HashMap<(Uuid, &str), &ServicePrice> = HashMap::new();
    for price in prices.iter().filter(|price| price.from <= today) {
        let known = in_force.entry((price.service, price.function.as_str())).or_insert(price);
        if known.from < price.from {
            *known = price;
        }
    }
    let mut list = HashMap::new();
    let mut withheld = Vec::new();
    for (id, service) in services.iter().filter(|(_, service)| service.kinds.iter().any(Option::is_some)) {
        let function = service.function.as_deref().unwrap_or_default();
        let Some(price) = in_force.get(&(*id, function)) else {
            withheld.push((service.code.clone(), Withheld::NoPrice));
            continue;
        };
        let points = match (&price.points_reason, point_value) {
            (None, Some(value)) => Some(points(price.price, value)?),
            _ => price.points,
        };
        let is_by_now = |day: Option<NaiveDate>| day.is_some_and(|day| day <= today);
        let is_agreed = is_by_now(service.council_agreed_on) && is_by_now(service.published_on);
        let bound = service.included_per_day.and_then(|bound| u16::try_from(bound).ok()).filter(|_| is_agreed);
        if service.included_per_day.is_some() && bound.is_none() {
            withheld.push((service.code.clone(), Withheld::BoundNotAgreed));
        }
        if service.kinds.contains(&Some(LineKind::Extra)) && !is_agreed {
            withheld.push((service.code.clone(), Withheld::NotAgreed));
        }
        for (buyer, kind) in Buyer::ALL.into_iter().zip(service.kinds) {
            let Some(kind) = kind.filter(|kind| is_agreed || *kind != LineKind::Extra) else { continue };
            let price = Price {
                kind,
                cents: price.price,
                minutes: price.minutes,
                points,
                vat_basis_points: service.vat_basis_points.cast_unsigned(),
                from_savings: service.from_savings && kind == LineKind::Care,
                included_per_day: bound.filter(|_| kind == LineKind::Included),
            };
            list.insert((*id, buyer), price);
        }
    }
    Ok((list, withheld))
}
