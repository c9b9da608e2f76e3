//! Gives back holds whose time is over: the job behind every hold that has an end.

use chrono::Utc;
use uuid::Uuid;

use super::book::{BookError, book};
use crate::db::connect::Database;
use crate::db::holds;
use crate::domain::card_hold::CardReleaseRequest;
use crate::domain::hold::ReleaseRequest;
use crate::domain::operation::{OperationId, Outcome};
use crate::domain::request::Problem;

/// Holds looked up at a time; each is given back in a transaction of its own, under its wallet's lock.
const AT_ONCE: i64 = 100;

/// Expires every hold that is due, and answers how many. May run in several services at once, and be cut off anywhere:
/// who comes second finds the hold no longer open.
///
/// # Errors
/// [`BookError`].
pub async fn expire_holds(database: &Database) -> Result<usize, BookError> {
    let mut expired = 0;
    loop {
        let conn = database.connection().await?;
        let due = holds::expired(&conn, Utc::now(), AT_ONCE).await?;
        drop(conn);
        let mut given_back = 0;
        for (hold, is_of_card) in due {
            let id = OperationId::new(Uuid::now_v7()).map_err(Problem::from)?;
            let expired = if is_of_card {
                book(database, &CardReleaseRequest { id, hold, terminal: None }).await
            } else {
                book(database, &ReleaseRequest { id, hold, expired: true }).await
            };
            match expired {
                Ok(booked) => given_back += usize::from(booked.operation.outcome == Outcome::Booked),
                // One that cannot be given back now must not keep the others waiting.
                Err(error) => tracing::error!(%error, hold = %hold.uuid(), "a hold could not be expired"),
            }
        }
        // Nothing is due, or the database's clock does not find it due yet: the next run does.
        if given_back == 0 {
            return Ok(expired);
        }
        expired += given_back;
    }
}
