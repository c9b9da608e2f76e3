//! A client leaves for good, or dies: the cards are blocked, days after the last one are not funded, the rest lapses. Own money
//! stays, frozen, until two people approve its payout.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;

use super::clients::{ClientBody, client_of};
use crate::domain::request::is_sensible;
use crate::http::Service;
use crate::http::integration::{MoneyWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody, REQUEST_MALFORMED};
use crate::services::months::leaving;

/// The end of a stay.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// The last day of the stay: funded, and today or earlier.
    last_day: NaiveDate,
}

/// Ends a client's stay. Sent again it is finished, if it was cut off, and changes nothing else.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/leaving", tag = "money", security(("integration" = ["money:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = Leaving, example = json!({"last_day": "2026-11-20"})),
    responses(
        (status = 200, description = "The client as the stay ended: own money is still there", body = ClientBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 422, description = "The last day has not come", body = ProblemBody),
    )
)]
#[post("/clients/{number}/leaving")]
pub async fn end_stay(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, Leaving>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let last_day = sent.body.last_day;
    if !is_sensible(last_day) || client.arrived_on.is_some_and(|arrived| last_day < arrived) {
        return Err(Problem::with(&REQUEST_MALFORMED, "last_day: a day of the stay"));
    }
    leaving::leave(&service.database, client.wallet, last_day, Utc::now()).await?;
    let left = client_of(&service, &sent.by, &number).await?;
    Ok(HttpResponse::Ok().json(ClientBody::of(left)))
}
