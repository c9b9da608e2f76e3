//! Plans whose review is due: six weeks after arrival, then twice a year. And lines that still wait for consent. Both are tasks.

use chrono::{DateTime, Datelike, Utc};

use super::plan_books::PlanError;
use crate::db::connect::Database;
use crate::db::{corrupt, plan_reviews, wallets};
use crate::domain::account::OrganisationId;

/// Tasks that were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Told {
    pub reviews: usize,
    pub consents: usize,
}

/// Opens the tasks that are due in an organisation. Again on the same day it opens nothing.
///
/// # Errors
/// [`PlanError`].
pub async fn tell(database: &Database, organisation: OrganisationId, now: DateTime<Utc>) -> Result<Told, PlanError> {
    let conn = database.connection().await?;
    let today = wallets::book_dates(&conn, &[organisation], now).await?.remove(&organisation);
    let today = today.ok_or(PlanError::Unknown("organisation"))?;
    let month = today.with_day(1).ok_or_else(|| corrupt("today"))?;
    let reviews = plan_reviews::open_due(&conn, organisation, month, today).await?;
    let consents = plan_reviews::open_unconsented(&conn, organisation, month, today).await?;
    Ok(Told { reviews, consents })
}
