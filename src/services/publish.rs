//! Price lists that follow from services, kinds and prices: a new version for a location, only if something changed.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::imports::ImportError;
use super::schemes;
use crate::db::imports::{offer as rows_of, people};
use crate::db::{DbError, corrupt, price_lists, schemes as rows_of_schemes};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::month_grant::Month;
use crate::domain::offer::{self, Withheld};
use crate::domain::price_list::Price;
use crate::domain::wallet::Buyer;

/// A location's new version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Published {
    pub location: String,
    pub version: u32,
    pub prices: usize,
}

/// What a point is worth in a month: the one published value of the organisation's schemes in points; the lowest, should
/// there be several. None: it has no points.
///
/// # Errors
/// [`DbError`].
pub async fn point_value(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: Month,
) -> Result<Option<i64>, DbError> {
    let used = schemes::in_force(conn, organisation, month).await?;
    let mut ids: Vec<i32> = used.into_values().collect();
    ids.sort_unstable();
    ids.dedup();
    let loaded = schemes::load(conn, &ids).await?;
    Ok(loaded.values().filter_map(|scheme| scheme.point_value_cents()).min())
}

/// What a point of one wallet is worth in a month: what its scheme publishes then, whichever version the wallet's own month was
/// opened with. None: it has no points, or its scheme has no file.
///
/// # Errors
/// [`DbError`].
pub async fn point_value_of(conn: &AsyncPgConnection, wallet: WalletId, month: Month) -> Result<Option<i64>, DbError> {
    let Some(own) = rows_of_schemes::of_wallet(conn, wallet).await? else { return Ok(None) };
    let used = schemes::in_force(conn, wallet.organisation(), month).await?;
    let used = used.get(&own).copied().unwrap_or(own);
    let loaded = schemes::load(conn, &[used]).await?;
    Ok(loaded.get(&used).and_then(|scheme| scheme.point_value_cents()))
}

/// Gives every location of an organisation the prices of today. Services without a code came by another way, and keep what
/// they have. Answers the new versions, and what is withheld and why.
///
/// # Errors
/// [`ImportError`].
pub async fn publish(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<(Vec<Published>, Vec<String>), ImportError> {
    let month = Month::new(today.year(), today.month()).ok_or_else(|| corrupt("a month"))?;
    let value = point_value(conn, organisation, month).await?;
    let services = rows_of::services(conn, organisation).await?;
    let prices = rows_of::prices(conn, organisation).await?;
    let (offered, withheld) = offer::prices(&services, &prices, value, today)?;
    let ours: std::collections::HashSet<Uuid> = services.iter().map(|(id, _)| *id).collect();
    let mut published = Vec::new();
    for (name, location) in people::locations(conn, organisation).await? {
        let current: HashMap<(Uuid, Buyer), Price> = match price_lists::latest(conn, location).await? {
            Some(version) => price_lists::load(conn, location, version).await?.map(|list| list.prices),
            None => None,
        }
        .unwrap_or_default();
        let mut next = offered.clone();
        next.extend(
            current.iter().filter(|((service, _), _)| !ours.contains(service)).map(|(key, price)| (*key, *price)),
        );
        if next == current {
            continue;
        }
        let rows: Vec<(Uuid, Buyer, Price)> =
            next.into_iter().map(|((service, buyer), price)| (service, buyer, price)).collect();
        let version = price_lists::publish(conn, location, now, &rows).await?;
        published.push(Published { location: name, version, prices: rows.len() });
    }
    Ok((published, withheld.into_iter().map(|(code, why)| told(&code, why)).collect()))
}

fn told(code: &str, why: Withheld) -> String {
    match why {
        Withheld::NoPrice => format!("service {code} has no price today: it is not sold"),
        Withheld::NotAgreed => format!(
            "service {code} is not sold as an extra: the client council must have agreed to it and it must be published \
             (council_agreed_on, published_on)"
        ),
        Withheld::BoundNotAgreed => format!(
            "service {code} is included without a bound a day: beyond it would be an extra, to which the client council must \
             have agreed and which must be published (council_agreed_on, published_on)"
        ),
    }
}
