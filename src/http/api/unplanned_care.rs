//! Incidental care, as staff note it in the client record: one tap on a service in a list. It is a sale by name, the
//! organisation's system in the place of a terminal: care and included lines alone, never refused, paid as unplanned care is.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use uuid::Uuid;

use super::clients::client_of;
use super::months::{answer_of, sees_euros};
use crate::domain::basket::{Basket, BasketLine};
use crate::domain::operation::Answer;
use crate::http::Service;
use crate::http::integration::{PlansWrite, SentBy};
use crate::http::json::objects;
use crate::http::problem::{Problem, ProblemBody};
use crate::services::unplanned_care::{self, CareRequest};

/// What was done for a client that was not planned.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnplannedCare {
    /// Whose prices hold; where the client lives if it is left out.
    location: Option<Uuid>,
    /// Who did it.
    staff: Uuid,
    #[serde(deserialize_with = "objects")]
    lines: Vec<UnplannedLine>,
}

/// One service and how many of it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UnplannedLine {
    service: Uuid,
    quantity: u32,
}

/// Notes incidental care. `Idempotency-Key` becomes the sale's id. What is no care and not included is left out: it needs the card.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/unplanned-care", tag = "plans", security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = UnplannedCare, example = json!({
        "staff": "01900000-0000-7000-8000-0000000000aa",
        "lines": [{"service": "01900000-0000-7000-8000-00000000000c", "quantity": 1}]
    })),
    responses(
        (status = 200, description = "What was booked, with its legs, or why nothing was", body = Answer),
        (status = 404, description = "No such client, or no location with prices", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
    )
)]
#[post("/clients/{number}/unplanned-care")]
pub async fn note_care(
    service: Data<Service>,
    sent: SentBy<PlansWrite, UnplannedCare>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, client) = (sent.id()?, client_of(&service, &sent.by, &number).await?);
    let euros = sees_euros(&sent.by, &client);
    let line = |line: UnplannedLine| BasketLine { service: line.service, quantity: line.quantity, hold: None };
    let request = CareRequest {
        id,
        wallet: client.wallet,
        key: sent.by.key,
        staff: sent.body.staff,
        location: sent.body.location,
        home: client.location,
        basket: Basket::new(sent.body.lines.into_iter().map(line).collect())?,
    };
    let booked = unplanned_care::note(&service.database, &service.authoriser, request).await?;
    Ok(HttpResponse::Ok().json(answer_of(&booked, euros)))
}
