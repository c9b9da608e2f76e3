//! What a card decides by itself.

use card_protocol::frame::Authorise;
use card_protocol::{Decision, TransactionKind};

use super::CardState;

/// The card's decision, and what its state says of offline taps after it.
///
/// Offline: not blocked, a sale, the PIN right if the card has one, and tap, total and count within the limits, the tap
/// included. Online none of that is asked: the service decides.
pub(super) fn decide(asked: &Authorise, state: &CardState, may_do_without_pin: bool) -> (Decision, CardState) {
    if state.is_blocked {
        return (Decision::Declined, *state);
    }
    if asked.is_online {
        return (Decision::Online, *state);
    }
    match after_offline(asked, state).filter(|_| may_do_without_pin) {
        Some(next) => (Decision::ApprovedOffline, next),
        None => (Decision::Declined, *state),
    }
}

/// The state with this tap added to what was approved offline; none if that is beyond a limit.
fn after_offline(asked: &Authorise, state: &CardState) -> Option<CardState> {
    let amount_cents = u32::try_from(asked.amount_cents).ok().filter(|cents| *cents <= state.limits.tap_cents)?;
    let total_cents = state.offline_total_cents.checked_add(amount_cents)?;
    let count = state.offline_count.checked_add(1)?;
    let is_within =
        asked.kind == TransactionKind::Sale && total_cents <= state.limits.total_cents && count <= state.limits.count;
    is_within.then_some(CardState { offline_total_cents: total_cents, offline_count: count, ..*state })
}
