//! What forwards of a batch are decided over, beside what every sale is. Rare: nothing is asked where there is nothing to ask.

use std::collections::HashMap;

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::db::{DbError, ledger};
use crate::domain::account::WalletId;
use crate::domain::card::{Card, WINDOW};
use crate::domain::operation::{OperationId, OperationKind};
use crate::domain::refund::all_that_is_left;
use crate::domain::sale::{Known, Payer, SaleItem};
use crate::domain::tap::Tap;

/// What the attempts that forwards replace have sold and not given back. Their wallets are locked: an attempt of another
/// client's is no attempt of this forward's, and the domain does not ask for it.
pub(super) async fn attempts(
    conn: &AsyncPgConnection,
    items: &[SaleItem],
    known: &HashMap<OperationId, Known>,
) -> Result<HashMap<OperationId, Vec<(Uuid, u32)>>, DbError> {
    let mut attempts: HashMap<OperationId, Vec<(Uuid, u32)>> =
        items.iter().filter_map(|item| item.request.instead_of()).map(|attempt| (attempt, Vec::new())).collect();
    for (id, sold) in &mut attempts {
        let is_sold = |known: &&Known| known.kind == OperationKind::Sale && known.outcome.is_sold();
        let Some(wallet) = known.get(id).filter(is_sold).and_then(|known| known.owner.wallet()) else { continue };
        let Some(sale) = ledger::load(conn, &[*id]).await?.remove(id) else { continue };
        let earlier = ledger::referring_to(conn, wallet, *id).await?;
        for (number, left) in all_that_is_left(&sale.operation, &earlier) {
            if let Some(line) = sale.operation.lines.iter().find(|line| line.number == number) {
                sold.push((line.service, left));
            }
        }
    }
    Ok(attempts)
}

/// Counters of forwards that lie below what their cards remember, or will once the others of the batch are decided: whether
/// the ledger has them as used. Asked by wallet, whose operations are few, and under its lock.
pub(super) async fn old_counters(
    conn: &AsyncPgConnection,
    items: &[SaleItem],
    cards: &HashMap<Uuid, Card>,
) -> Result<HashMap<(Uuid, u32), bool>, DbError> {
    let taps = |item: &SaleItem| match item.request.payer {
        Payer::Card(Tap { card, counter, .. }) => Some((card, counter)),
        Payer::ByName { .. } => None,
    };
    // What nobody signed is refused before its counter is looked at, and must not make the ledger work.
    let is_signed_forward = |item: &&SaleItem| item.request.is_forward() && item.mac_is_right;
    let mut old: Vec<(WalletId, Uuid, u32)> = Vec::new();
    for item in items.iter().filter(is_signed_forward) {
        let (Some(wallet), Some((card, counter))) = (item.wallet, taps(item)) else { continue };
        let Some(last) = cards.get(&card).map(|card| card.counters.last()) else { continue };
        let others = items.iter().filter_map(taps).filter(|(other, _)| *other == card).map(|(_, counter)| counter);
        if others.fold(last, u32::max) - counter >= WINDOW {
            old.push((wallet, card, counter));
        }
    }
    if old.is_empty() {
        return Ok(HashMap::new());
    }
    let used = ledger::used_counters(conn, &old).await?;
    Ok(old.into_iter().map(|(_, card, counter)| ((card, counter), used.contains(&(card, counter)))).collect())
}
