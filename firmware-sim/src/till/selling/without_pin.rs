//! A holder who does not type a PIN: who forgot it is not refused what may be bought without.

use super::{Sale, Stage};
use crate::till::Till;

impl Till {
    /// Whether the sale that asks for a PIN may go on without one: with the service, which decides what may be bought so.
    pub fn may_go_without_pin(&self) -> bool {
        matches!(&self.sale, Some(Sale { stage: Stage::Pin { is_online: true, .. }, .. }))
    }

    /// Goes on without a PIN, if that may be.
    pub fn go_without_pin(&mut self) {
        if let Some(sale) = &mut self.sale
            && let Stage::Pin { is_online: true, .. } = sale.stage
        {
            sale.without_pin = true;
            sale.stage = Stage::Tap { is_online: true };
        }
    }
}
