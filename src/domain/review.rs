//! The review queue: what of a forwarded sale, or of what a machine delivered, the service cannot end by itself, and how a human
//! ends it.

use super::codes::stored_codes;
use super::funding::LeftOut;
use super::money::Amount;
use super::operation::{Operation, Outcome};
use super::request::Problem;
use super::settle::lost;

stored_codes! {
    /// Why a record, or a capture, is for a human to look at.
    ReviewWhy {
        /// Booked; the purses could not pay it all.
        OfflineLoss = 1 "offline_loss",
        /// Booked in part: the price list did not know the rest, or it needed a card.
        LeftOut = 2 "left_out",
        /// Not booked; the ledger has the reason.
        Declined = 3 "declined",
        /// The record cannot be read as a sale.
        Malformed = 4 "malformed",
        /// Sold at a location that is not the organisation's.
        LocationUnknown = 5 "location_unknown",
        /// By name, at a terminal that may no longer sell.
        TerminalRevoked = 6 "terminal_revoked",
        /// Another request has the sale's id.
        IdReused = 7 "id_reused",
        /// By name, or undone already, for an online attempt that lies far ahead: it could still come.
        AttemptAhead = 8 "attempt_ahead",
        /// A defect of ours: the log says more.
        Refused = 9 "refused",
        /// Another record came under a sequence that is stored.
        JournalConflict = 10 "journal_conflict",
        /// Booked for an online attempt that was sold, but of another client or terminal: perhaps one tap, charged twice.
        AttemptElsewhere = 11 "attempt_elsewhere",
        /// The forward was undone, and what its attempt sold could not be: it is charged still.
        AttemptNotUndone = 12 "attempt_not_undone",
        /// Delivered for a card's hold, and declined: the hold was over, the wallet closed or its rules changed. Nobody paid.
        CaptureDeclined = 13 "capture_declined",
    }
}

stored_codes! {
    /// How a review ended.
    Settlement {
        /// The organisation bears the loss; nothing moves.
        WrittenOff = 1 "written_off",
        /// The client agreed to pay it, or a part of it.
        FromOwnMoney = 2 "from_own_money",
        /// What was never booked, or not for the purses' sake, was dealt with elsewhere.
        Handled = 3 "handled",
    }
}

/// What of a judged forward goes to review, with the loss where there is one. One that was voided beforehand, or sold by
/// its online attempt after all, is at its end.
///
/// # Errors
/// [`Problem`] for sums out of range.
pub fn of_judged(sale: &Operation) -> Result<Vec<(ReviewWhy, Option<Amount>)>, Problem> {
    if !sale.outcome.is_done() {
        let is_ended = matches!(sale.outcome, Outcome::Cancelled | Outcome::Superseded);
        return Ok(if is_ended { Vec::new() } else { vec![(ReviewWhy::Declined, None)] });
    }
    let mut reviews = Vec::new();
    let lost = lost(sale)?;
    if !lost.is_zero() {
        reviews.push((ReviewWhy::OfflineLoss, Some(lost)));
    }
    if sale.lines.iter().any(|line| line.left_out.is_some_and(|reason| reason != LeftOut::AlreadyBooked)) {
        reviews.push((ReviewWhy::LeftOut, None));
    }
    Ok(reviews)
}
