//! A terminal says that it is there, and hears where it stands.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::terminals::Journal;
use crate::http::Service;
use crate::http::auth::Sent;
use crate::http::problem::{Problem, REQUEST_MALFORMED};
use crate::services::terminals;

/// What the terminal says of itself.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    id: Uuid,
    /// The last record of its journal; 0 if there is none.
    journal_last: u64,
    /// Records that it did not deliver yet.
    journal_waiting: u64,
    /// Of its software, 1 to 50 signs.
    version: String,
}

/// What the terminal hears.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Heard)]
pub struct HeardBody {
    /// The service's clock, in milliseconds since 1970.
    time_ms: i64,
    terminal: Uuid,
    name: String,
    location: Uuid,
    location_name: String,
    /// Up to which record of its journal the service has them.
    stored_to: u64,
}

/// Says that the terminal is there; written down at most every ten seconds.
#[utoipa::path(
    post, path = "/api/v1/heartbeat", tag = "terminal",
    request_body = Heartbeat,
    responses((status = 200, description = "Where the terminal stands", body = HeardBody))
)]
#[post("/heartbeat")]
pub async fn beat(service: Data<Service>, sent: Sent<Heartbeat>) -> Result<HttpResponse, Problem> {
    sent.id(sent.body.id)?;
    let Heartbeat { journal_last, journal_waiting, version, .. } = &sent.body;
    let number = |field: &str, value: u64| {
        i64::try_from(value).map_err(|_| Problem::with(&REQUEST_MALFORMED, format!("{field}: it is too great")))
    };
    let journal =
        Journal { last: number("journal_last", *journal_last)?, waiting: number("journal_waiting", *journal_waiting)? };
    if !(1..=50).contains(&version.chars().count()) || version.chars().any(char::is_control) {
        return Err(Problem::with(&REQUEST_MALFORMED, "version: 1 to 50 signs"));
    }
    let heard = terminals::hear(&service.database, sent.terminal.id, journal, version).await?;
    let terminals::Heard { name, location, location_name, stored_to } = heard;
    let time_ms = Utc::now().timestamp_millis();
    let terminal = sent.terminal.id;
    Ok(HttpResponse::Ok().json(HeardBody { time_ms, terminal, name, location, location_name, stored_to }))
}
