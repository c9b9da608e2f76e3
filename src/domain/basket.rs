//! What is sold in one sale: its lines as a terminal sends them.

use card_protocol::LineRecord;
use uuid::Uuid;

use super::operation::OperationId;
use super::request::Malformed;

/// One line as a terminal sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct BasketLine {
    pub service: Uuid,
    pub quantity: u32,
    /// The hold of the planned occurrence that the line delivers.
    pub hold: Option<OperationId>,
}

/// What is sold: 1 to [`Basket::LINES_MAX`] lines, quantities 1 to [`Basket::QUANTITY_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket(Vec<BasketLine>);

impl Basket {
    /// More lines than any till shows; keeps a hostile request small.
    pub const LINES_MAX: usize = 100;
    /// More of one service than anyone buys at once.
    pub const QUANTITY_MAX: u32 = 1000;

    /// # Errors
    /// [`Malformed`], for the first line that is wrong.
    pub fn new(lines: Vec<BasketLine>) -> Result<Basket, Malformed> {
        if lines.is_empty() {
            return Err(Malformed::NoLines);
        }
        if lines.len() > Self::LINES_MAX {
            return Err(Malformed::TooManyLines);
        }
        for (number, line) in lines.iter().enumerate() {
            if line.quantity < 1 || line.quantity > Self::QUANTITY_MAX {
                return Err(Malformed::Quantity { line: number });
            }
            let earlier = lines.get(..number).unwrap_or_default();
            if line.hold.is_some() && earlier.iter().any(|other| other.hold == line.hold) {
                return Err(Malformed::HoldTwice { line: number });
            }
        }
        Ok(Basket(lines))
    }

    /// The lines as they are hashed and signed.
    pub fn records(&self) -> Vec<LineRecord> {
        let record = |line: &BasketLine| LineRecord {
            service: line.service.into_bytes(),
            quantity: line.quantity,
            hold: line.hold.map(|hold| hold.uuid().into_bytes()).unwrap_or_default(),
        };
        self.0.iter().map(record).collect()
    }

    /// The lines, as sent.
    pub fn lines(&self) -> &[BasketLine] {
        &self.0
    }
}
