//! Work that is due by the clock: months are kept by whichever service comes to it first.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use crate::db::connect::Database;
use crate::services::months::{self, MonthError, Watch, keeping};

/// How often it is seen whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon a stop is heard.
const HEAR_EVERY: Duration = Duration::from_millis(200);

/// Keeps the months of all organisations until it is told to stop: each in its own time zone, once, however many services run.
pub async fn keep_months(database: Database, watch: Arc<Watch>) {
    loop {
        if let Err(error) = keep_all(&database, &watch).await {
            tracing::error!(%error, "months could not be kept; trying again in a minute");
        }
        let look_again = tokio::time::Instant::now() + LOOK_EVERY;
        while tokio::time::Instant::now() < look_again {
            if watch.is_stopped() {
                return;
            }
            tokio::time::sleep(HEAR_EVERY).await;
        }
    }
}

async fn keep_all(database: &Database, watch: &Arc<Watch>) -> Result<(), MonthError> {
    for organisation in months::organisations(database).await? {
        if watch.is_stopped() {
            return Ok(());
        }
        match keeping::keep(database, organisation, Utc::now(), watch.clone()).await {
            Ok(()) | Err(MonthError::Stopped) => {}
            // One organisation's trouble is not the others'.
            Err(error) => {
                tracing::error!(%error, organisation = organisation.number(), "an organisation's months wait")
            }
        }
    }
    Ok(())
}
