//! On which days clients' lines are planned and will be given: without those that were given up, marked, or on which the client is away.

use std::collections::HashMap;

use diesel_async::AsyncPgConnection;

use super::plan_books::PlanError;
use crate::db::{absences, plan_months, plans};
use crate::domain::absence::absent_days;
use crate::domain::account::WalletId;
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::plan_line::PlannedLine;
use crate::domain::recurrence::Recurrences;

/// Lines with their days of a month (day n is bit n - 1), by wallet and line; lines without any are missing.
///
/// # Errors
/// [`PlanError`].
pub(super) async fn of_month(
    conn: &AsyncPgConnection,
    ids: &[WalletId],
    month: Month,
    known: &mut Recurrences,
) -> Result<Vec<(PlannedLine, u32)>, PlanError> {
    let away = absences::of_wallets(conn, ids).await?;
    let marked = plan_months::marked(conn, ids, month.first()).await?;
    let stand = plan_months::of_month(conn, ids, month.first()).await?;
    let released: HashMap<LineId, u32> = stand.into_values().flatten().map(|line| (line.line, line.released)).collect();
    let mut found = Vec::new();
    for line in plans::of_month(conn, ids, month).await? {
        let absent = away.get(&line.wallet).map_or(0, |away| absent_days(&away.absences, month));
        let [marked, released] = [&marked, &released].map(|bits| bits.get(&line.id).copied().unwrap_or(0));
        let days = line.days_in_month(month, known)? & !absent & !marked & !released;
        if days != 0 {
            found.push((line, days));
        }
    }
    Ok(found)
}
