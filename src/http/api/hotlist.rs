//! Cards that no longer pay, as far as a terminal has not heard of them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use uuid::Uuid;

use crate::http::Service;
use crate::http::auth::Asked;
use crate::http::problem::{PATH_MALFORMED, Problem};
use crate::services::cards;

/// What changed after the version that was asked from.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Hotlist)]
pub struct HotlistBody {
    /// To ask from next time.
    version: i64,
    blocked: Vec<Uuid>,
    unblocked: Vec<Uuid>,
}

/// What changed about the organisation's cards after a version; from 0 on: all cards that do not pay.
#[utoipa::path(
    get, path = "/api/v1/hotlist", tag = "hotlist",
    params(("since" = Option<i64>, Query, description = "The version that the terminal has; 0 if none")),
    responses((status = 200, description = "What changed", body = HotlistBody))
)]
#[get("/hotlist")]
pub async fn changes(service: Data<Service>, asked: Asked, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let since = since(request.query_string())?;
    let found = cards::hotlist(&service.database, asked.terminal.organisation, since).await?;
    let cards::Hotlist { version, blocked, unblocked } = found;
    Ok(HttpResponse::Ok().json(HotlistBody { version, blocked, unblocked }))
}

fn since(query: &str) -> Result<i64, Problem> {
    let text = match query {
        "" => "0",
        query => query.strip_prefix("since=").unwrap_or_default(),
    };
    let version = text.parse::<i64>().ok().filter(|version| *version >= 0);
    version.ok_or_else(|| Problem::with(&PATH_MALFORMED, "the query is `since` with a number, 0 or more"))
}
