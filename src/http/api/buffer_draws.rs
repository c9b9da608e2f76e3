//! Draws on the shared buffer: all contribute, nobody owns, so each is approved, bounded in time and amount (ZZG).

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use crate::domain::draw::DrawRequest;
use crate::domain::operation::Answer;
use crate::http::Service;
use crate::http::integration::{AskedBy, ClientsRead, MoneyWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::services::book::book;
use crate::services::client_records;

/// An approval: what the client's unplanned care may draw on the buffer, from the first to the last day.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApproveBufferDraw)]
pub struct ApproveBufferDraw {
    /// Minor units of the wallet's unit, above 0.
    amount: i64,
    from: NaiveDate,
    /// The last day.
    until: NaiveDate,
}

/// Draws of a client, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BufferDraws)]
#[allow(missing_docs)]
pub struct BufferDrawsBody {
    unit: &'static str,
    draws: Vec<BufferDrawBody>,
}

/// A draw, and how much of it was used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BufferDraw)]
#[allow(missing_docs)]
pub struct BufferDrawBody {
    id: Uuid,
    amount: i64,
    used: i64,
    from: NaiveDate,
    until: NaiveDate,
}

/// Approves a draw. `Idempotency-Key` becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/buffer-draws", tag = "money", security(("integration" = ["money:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = ApproveBufferDraw, example = json!({"amount": 24000, "from": "2026-04-01", "until": "2026-04-14"})),
    responses(
        (status = 200, description = "Booked, or why not (the wallet is closed)", body = Answer),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
    )
)]
#[post("/clients/{number}/buffer-draws")]
pub async fn approve_draw(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, ApproveBufferDraw>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let ApproveBufferDraw { amount, from, until } = sent.body;
    let request = DrawRequest { id: sent.id()?, wallet: client.wallet, amount, from, until };
    let booked = book(&service.database, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}

/// The draws of a client.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/buffer-draws", tag = "money", security(("integration" = ["clients:read"])),
    params(("number" = u32, Path, description = "The client's number")),
    responses(
        (status = 200, description = "All of them", body = BufferDrawsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/buffer-draws")]
pub async fn list_draws(
    service: Data<Service>,
    asked: AskedBy<ClientsRead>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &asked.by, &number).await?;
    let draws = client_records::draws(&service.database, client.wallet).await?.into_iter();
    let draws = draws.map(|(id, amount, used, from, until)| BufferDrawBody { id, amount, used, from, until });
    Ok(HttpResponse::Ok().json(BufferDrawsBody { unit: client.unit.name(), draws: draws.collect() }))
}
