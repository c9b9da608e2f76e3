//! What an unattended terminal sends: a hold, what was delivered of it, and that nothing more will be.

use std::borrow::Cow;

use card_protocol::TransactionKind;
use hyper::body::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::{Order, TapError, Terminal};
use crate::answer::Asked;
use crate::card::CardReader;
use crate::request::{Capture, CaptureLine, CardTap, Hold, HoldPayer, Release};
use crate::settling::Attempt;
use crate::torn_tap::Pin;

const HOLDS: &str = "/api/v1/holds";

impl Terminal {
    /// Has a card sign an order to be set aside.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn tap_to_hold(&mut self, card: &mut dyn CardReader, order: &Order) -> Result<CardTap, TapError> {
        self.tap_for(TransactionKind::Hold, card, Pin::NotAsked, order)
    }

    /// Writes a hold under this id.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn hold(&self, id: Uuid, order: &Order, tap: &CardTap, minutes: u16) -> Result<Attempt, TapError> {
        let assortment = self.assortment.as_ref().ok_or(TapError::NoPrices)?;
        let price_list = order.claimed_price_list.unwrap_or(assortment.price_list.version);
        let hold = Hold { id, price_list, payer: HoldPayer { card: tap }, lines: &order.lines, minutes };
        Ok(hold_as_written(id, order.lines.len(), tap.amount_cents, write(&hold)?))
    }
}

/// A hold that was written before, to be sent again as it was.
pub fn hold_as_written(id: Uuid, lines: usize, card_cents: u64, body: Bytes) -> Attempt {
    let asked = Asked { id, operation: "hold", lines: Some(lines), card_cents: Some(card_cents) };
    Attempt { path: Cow::Borrowed(HOLDS), body, asked }
}

/// Writes what was delivered of a hold.
///
/// # Errors
/// [`TapError`].
pub fn capture(id: Uuid, hold: Uuid, lines: &[CaptureLine]) -> Result<Attempt, TapError> {
    let asked = Asked { id, operation: "capture", lines: None, card_cents: None };
    Ok(Attempt { path: Cow::Owned(format!("{HOLDS}/{hold}/capture")), body: write(&Capture { id, lines })?, asked })
}

/// Writes that nothing more of a hold will be delivered.
///
/// # Errors
/// [`TapError`].
pub fn release(id: Uuid, hold: Uuid) -> Result<Attempt, TapError> {
    let asked = Asked { id, operation: "release", lines: None, card_cents: None };
    Ok(Attempt { path: Cow::Owned(format!("{HOLDS}/{hold}/release")), body: write(&Release { id })?, asked })
}

fn write(request: &impl Serialize) -> Result<Bytes, TapError> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| TapError::Write(error.to_string()))
}
