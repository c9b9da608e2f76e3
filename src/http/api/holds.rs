//! Holds of cards at unattended terminals: what is chosen is set aside, and sold as it is delivered.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use serde::Deserialize;
use uuid::Uuid;

use super::sales::{TapBody, answered};
use crate::domain::basket::{Basket, BasketLine};
use crate::domain::card_hold::{CardCaptureRequest, CardHoldRequest, CardReleaseRequest};
use crate::domain::operation::{Answer, OperationId};
use crate::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use crate::http::Service;
use crate::http::auth::{Asked, Sent};
use crate::http::json::{object, objects};
use crate::http::problem::{HOLD_UNKNOWN, PATH_MALFORMED, Problem, ProblemBody};
use crate::services::card_holds;

/// What a card sets aside: all lines or none.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Hold)]
pub struct HoldBody {
    /// A UUIDv7 made by the terminal, new for each hold.
    id: Uuid,
    /// The version of the price list that the terminal showed.
    price_list: u32,
    #[serde(deserialize_with = "object")]
    payer: HoldPayerBody,
    #[serde(deserialize_with = "objects")]
    lines: Vec<HoldLineBody>,
    /// Until it expires by itself: 1 to 240.
    minutes: u16,
}

/// The card that was tapped: it signs kind `hold`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldPayer)]
#[allow(missing_docs)]
pub struct HoldPayerBody {
    #[serde(deserialize_with = "object")]
    card: TapBody,
}

/// One service and how many of it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldLine)]
#[allow(missing_docs)]
pub struct HoldLineBody {
    service: Uuid,
    quantity: u32,
}

/// What of a hold was delivered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Capture)]
pub struct CaptureBody {
    /// A UUIDv7 made by the terminal, new for each capture.
    id: Uuid,
    #[serde(deserialize_with = "objects")]
    lines: Vec<CaptureLineBody>,
}

/// A line of the hold, from 0, and how many of it were delivered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CaptureLine)]
#[allow(missing_docs)]
pub struct CaptureLineBody {
    line: u16,
    quantity: u32,
}

/// Nothing more of a hold will be delivered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Release)]
pub struct ReleaseBody {
    /// A UUIDv7 made by the terminal, new for each release.
    id: Uuid,
}

impl HoldBody {
    /// As the domain knows it.
    ///
    /// # Errors
    /// `request-malformed`.
    pub fn into_request(self, id: OperationId, terminal: Terminal) -> Result<CardHoldRequest, Problem> {
        let line = |line: HoldLineBody| BasketLine { service: line.service, quantity: line.quantity, hold: None };
        let basket = Basket::new(self.lines.into_iter().map(line).collect())?;
        let payer = Payer::Card(self.payer.card.into_tap()?);
        let (mode, price_list) = (SaleMode::Whole, self.price_list);
        let sale = SaleRequest { id, terminal, payer, mode, staff: None, price_list, basket };
        let request = CardHoldRequest { sale, minutes: self.minutes };
        request.check()?;
        Ok(request)
    }
}

fn hold_id(path: &str) -> Result<OperationId, Problem> {
    let id = Uuid::try_parse(path).map_err(|_| Problem::with(&PATH_MALFORMED, "the hold's id is no UUID"))?;
    OperationId::new(id).map_err(|error| Problem::with(&PATH_MALFORMED, error.to_string()))
}

/// Sets aside what a card chose, or answers what it was answered before.
#[utoipa::path(
    post, path = "/api/v1/holds", tag = "holds", request_body = HoldBody,
    responses(
        (status = 200, description = "The outcome, a decline too; the same bytes whenever it is asked for", body = Answer),
        (status = 401, description = "Not signed, or not rightly", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "Cannot be understood", body = ProblemBody),
        (status = 503, description = "Nothing was booked: send the same again", body = ProblemBody),
        (status = 504, description = "Not known yet: ask by id, or send the same again", body = ProblemBody),
    )
)]
#[post("/holds")]
pub async fn set_aside(service: Data<Service>, sent: Sent<HoldBody>) -> Result<HttpResponse, Problem> {
    let (id, terminal) = (sent.id(sent.body.id)?, sent.terminal);
    let request = sent.body.into_request(id, terminal)?;
    let payer = request.sale.payer;
    let heard = service.scripts.heard_in(payer, || request.transaction());
    let booked = card_holds::hold(&service.database, service.keys.as_ref(), request).await?;
    let script = service.scripts.after(&booked, Some(payer), heard).await;
    Ok(answered(&service, &booked, script))
}

/// What a hold was answered: only for terminals of the location where it was made.
#[utoipa::path(
    get, path = "/api/v1/holds/{id}", tag = "holds", params(("id" = Uuid, Path, description = "The hold's id")),
    responses(
        (status = 200, description = "The same bytes as the hold was answered with", body = Answer),
        (status = 404, description = "There is none at this location", body = ProblemBody),
    )
)]
#[get("/holds/{id}")]
pub async fn ask_hold(service: Data<Service>, asked: Asked, path: Path<String>) -> Result<HttpResponse, Problem> {
    let booked = card_holds::find(&service.database, hold_id(&path)?, &asked.terminal).await?;
    let booked = booked.ok_or_else(|| Problem::new(&HOLD_UNKNOWN))?;
    let script = service.scripts.after(&booked, None, None).await;
    Ok(answered(&service, &booked, script))
}

/// Sells what was delivered, at the prices of the hold; the rest stays set aside.
#[utoipa::path(
    post, path = "/api/v1/holds/{id}/capture", tag = "holds", request_body = CaptureBody,
    params(("id" = Uuid, Path, description = "The hold's id")),
    responses(
        (status = 200, description = "What was sold, or why nothing was (the hold expired)", body = Answer),
        (status = 404, description = "There is no such hold at this location", body = ProblemBody),
    )
)]
#[post("/holds/{id}/capture")]
pub async fn capture(
    service: Data<Service>,
    sent: Sent<CaptureBody>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, hold, terminal) = (sent.id(sent.body.id)?, hold_id(&path)?, sent.terminal);
    let lines = sent.body.lines.iter().map(|line| (line.line, line.quantity)).collect();
    let request = CardCaptureRequest { id, hold, terminal, lines };
    let booked = card_holds::capture(&service.database, &request).await?;
    Ok(answered(&service, &booked, None))
}

/// Gives back what is left of a hold.
#[utoipa::path(
    post, path = "/api/v1/holds/{id}/release", tag = "holds", request_body = ReleaseBody,
    params(("id" = Uuid, Path, description = "The hold's id")),
    responses(
        (status = 200, description = "What was given back, or why nothing was", body = Answer),
        (status = 404, description = "There is no such hold at this location", body = ProblemBody),
    )
)]
#[post("/holds/{id}/release")]
pub async fn release(
    service: Data<Service>,
    sent: Sent<ReleaseBody>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, hold) = (sent.id(sent.body.id)?, hold_id(&path)?);
    let request = CardReleaseRequest { id, hold, terminal: Some(sent.terminal) };
    let booked = card_holds::release(&service.database, &request).await?;
    Ok(answered(&service, &booked, None))
}
