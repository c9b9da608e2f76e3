//! Price lists: what a service is and costs at a location, for this buyer. A version is immutable.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::funding::LineKind;
use super::money::{Amount, AmountError, Unit};
use super::wallet::Buyer;

/// One version of a location's prices.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PriceList {
    pub version: u32,
    pub valid_from: DateTime<Utc>,
    pub superseded_at: Option<DateTime<Utc>>,
    pub prices: HashMap<(Uuid, Buyer), Price>,
}

/// What one of a service costs this buyer, and who may fund it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Price {
    pub kind: LineKind,
    pub cents: Amount,
    pub minutes: Option<Amount>,
    pub points: Option<Amount>,
    pub vat_basis_points: u16,
    pub from_savings: bool,
    /// Included ones: how many a day the package has; beyond that it is an extra. None: no bound.
    pub included_per_day: Option<u16>,
}

impl PriceList {
    /// A version may be sold from for this long after the next was published: a till that has not refreshed yet.
    pub const HOURS_AFTER: i64 = 24;

    /// Whether it is in force already: one that is published ahead sells nothing yet.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.valid_from <= now
    }

    /// Whether activities, extras and own lines may still be sold at this version.
    pub fn is_current(&self, now: DateTime<Utc>) -> bool {
        self.superseded_at.is_none_or(|at| now.signed_duration_since(at) < Duration::hours(Self::HOURS_AFTER))
    }

    /// What a service costs this buyer; none if it is not sold to this buyer here.
    pub fn price(&self, service: Uuid, buyer: Buyer) -> Option<&Price> {
        self.prices.get(&(service, buyer))
    }
}

impl Price {
    /// What `quantity` cost in a wallet's unit; none if the service has no price in that unit.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`].
    pub fn units(&self, unit: Unit, quantity: u32) -> Result<Option<Amount>, AmountError> {
        let one = match unit {
            Unit::Eur => Some(self.cents),
            Unit::Min => self.minutes,
            Unit::Pnt => self.points,
        };
        one.map(|one| one.times(quantity)).transpose()
    }
}
