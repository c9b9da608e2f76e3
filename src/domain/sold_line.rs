//! What a sale writes into the ledger: its lines, the transfers of their legs, and the tombstone of the attempt that it
//! replaces.

use super::account::{Account, Kind, WalletId};
use super::basket::BasketLine;
use super::flow::Flow;
use super::funding::{FundingLeg, FundingLine, LeftOut, LineKind, Source};
use super::money::{Amount, Unit};
use super::operation::{Line, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem};

/// Takes the id of a sale that has not come, so that a late copy books nothing.
pub fn tombstone(id: OperationId, cause: &Operation, outcome: Outcome) -> Operation {
    let mut tombstone = Operation::new(id, cause.owner, OperationKind::Sale, outcome, cause.authority);
    tombstone.terminal = cause.terminal;
    tombstone.location = cause.location;
    tombstone.reference = Some(cause.id);
    tombstone.month = cause.month;
    tombstone
}

/// The transfer that a funding leg books.
///
/// # Errors
/// [`Problem::Broken`] if the leg names an account that cannot be.
pub fn leg_transfer(wallet: WalletId, unit: Unit, leg: &FundingLeg, kind: LineKind) -> Result<Transfer, Problem> {
    let organisation = wallet.organisation();
    let overrun = if kind == LineKind::Included { Kind::IncludedOverrun } else { Kind::CareOverrun };
    let leg_unit = leg.amount.unit();
    let debit = match leg.source {
        Source::Purse(purse) => Account::purse(wallet, purse.unit(unit), purse.kind()),
        Source::Buffer => Account::own(organisation, leg_unit, Kind::Buffer),
        Source::Collective => Account::own(organisation, leg_unit, Kind::Collective),
        Source::Overrun | Source::OverrunCents => Account::own(organisation, leg_unit, overrun),
        Source::OfflineLoss => Account::own(organisation, leg_unit, Kind::OfflineLoss),
    };
    let flow = if leg.source == Source::OfflineLoss { Flow::OfflineLoss } else { Flow::Sale };
    let credit = Account::own(organisation, leg_unit, kind.sales());
    let line = u16::try_from(leg.line).map_err(|_| Malformed::TooManyLines)?;
    Ok(Transfer { line: Some(line), ..Transfer::new(flow, leg.why, debit, credit, leg.amount)? })
}

/// The line as it is stored.
///
/// # Errors
/// [`Problem`] for a line number that does not fit.
pub fn written_line(
    number: usize,
    asked: &BasketLine,
    line: &FundingLine,
    left_out: Option<LeftOut>,
    vat_basis_points: u16,
) -> Result<Line, Problem> {
    let priced = match line {
        FundingLine::Priced(line) => Some(line),
        FundingLine::LeftOut(_) => None,
    };
    Ok(Line {
        number: u16::try_from(number).map_err(|_| Malformed::TooManyLines)?,
        service: asked.service,
        quantity: asked.quantity,
        kind: priced.map(|line| line.kind),
        price: priced.map_or(Amount::zero(Unit::Eur), |line| line.price),
        units: priced.and_then(|line| line.units),
        vat_basis_points,
        planned: priced.is_some_and(|line| line.planned),
        from_savings: priced.is_some_and(|line| line.from_savings),
        left_out,
        hold: asked.hold,
    })
}
