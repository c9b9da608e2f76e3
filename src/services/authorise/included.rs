//! How much of what a package includes was sold today: asked for baskets alone that have something with a daily quantity.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::db::{DbError, ledger};
use crate::domain::account::WalletId;
use crate::domain::included::{Included, id_days_back};
use crate::domain::sale::SaleItem;
use crate::domain::wallet::Wallet;

/// What was sold today, under the locks of these wallets; no statement where no basket needs it.
///
/// # Errors
/// [`DbError`].
pub(in crate::services) async fn sold_today(
    conn: &AsyncPgConnection,
    items: &[SaleItem],
    wallets: &HashMap<WalletId, (Wallet, NaiveDate)>,
    now: DateTime<Utc>,
) -> Result<Included, DbError> {
    let mut included = Included::new();
    let mut dates = BTreeSet::new();
    let mut has_forward = false;
    for item in items {
        let Some((wallet, book_date)) = item.wallet.and_then(|wallet| wallets.get(&wallet)) else { continue };
        let Some(list) = &item.price_list else { continue };
        let has_bound =
            |service: Uuid| list.price(service, wallet.buyer).is_some_and(|price| price.included_per_day.is_some());
        for line in item.request.basket.lines().iter().filter(|line| has_bound(line.service)) {
            included.entry((wallet.id, line.service)).or_default();
            dates.insert(*book_date);
            has_forward |= item.request.is_forward();
        }
    }
    if included.is_empty() {
        return Ok(included);
    }
    let distinct = |ids: BTreeSet<WalletId>| ids.into_iter().collect::<Vec<_>>();
    let ids = distinct(included.keys().map(|(wallet, _)| *wallet).collect());
    let services: BTreeSet<Uuid> = included.keys().map(|(_, service)| *service).collect();
    let services: Vec<Uuid> = services.into_iter().collect();
    let dates: Vec<NaiveDate> = dates.into_iter().collect();
    let since = now - chrono::Duration::days(id_days_back(has_forward));
    for row in ledger::included_sold(conn, &ids, &services, &dates, since).await? {
        let is_today = wallets.get(&row.wallet).is_some_and(|(_, book_date)| *book_date == row.book_date);
        if let Some(sold) = included.get_mut(&(row.wallet, row.service)).filter(|_| is_today) {
            sold.add(row.is_forward, row.quantity);
        }
    }
    Ok(included)
}
