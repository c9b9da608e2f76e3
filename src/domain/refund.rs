//! What a refund gives back: of each leg, its share of what has been refunded so far, less what it gave back before.

use super::money::{Amount, AmountError};

/// Why nothing is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// More than is left of what was sold, or less than one.
    #[error("more than was sold, or less than one")]
    MoreThanSold,
    /// An amount out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// Gives back `now` more of `sold`, of which `before` were given back earlier. One amount a leg, zeros kept.
///
/// Each leg returns floor(leg x (before + now) / sold) - floor(leg x before / sold), so however a line is refunded in
/// parts, the parts add up to the leg and never to more.
///
/// # Errors
/// [`RefundError::MoreThanSold`] if `now` is 0 or `before + now` is above `sold`.
pub fn give_back(sold: u32, before: u32, now: u32, legs: &[Amount]) -> Result<Vec<Amount>, RefundError> {
    let after = before.checked_add(now).filter(|after| now >= 1 && *after <= sold).ok_or(RefundError::MoreThanSold)?;
    legs.iter()
        .map(|leg| {
            let share = |quantity: u32| leg.share_floor(i64::from(quantity), i64::from(sold));
            Ok(share(after)?.minus(share(before)?)?)
        })
        .collect()
}
