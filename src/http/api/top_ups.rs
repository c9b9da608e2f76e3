//! Own money that comes in, and what of it is taken back after a chargeback or a mistake.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use serde::Deserialize;

use super::clients::client_of;
use crate::domain::operation::Answer;
use crate::domain::top_up::{Till, TopUpRequest, TopUpReversalRequest};
use crate::http::Service;
use crate::http::integration::{MoneyWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::{above_zero, operation_id};
use crate::services::book::book;
use crate::services::own_money;

/// Own money that came in.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// Above 0.
    amount_cents: i64,
    from: TillBody,
}

/// Where money comes from or goes to.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Till)]
#[allow(missing_docs)]
pub enum TillBody {
    Bank,
    Cash,
}

impl From<TillBody> for Till {
    fn from(till: TillBody) -> Till {
        match till {
            TillBody::Bank => Till::Bank,
            TillBody::Cash => Till::Cash,
        }
    }
}

/// A top-up, or a part of it, that is taken back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpReversal {
    /// Above 0, and no more than is left of the top-up.
    amount_cents: i64,
}

/// Books own money that came in. `Idempotency-Key` becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/top-ups", tag = "money", security(("integration" = ["money:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = TopUp, example = json!({"amount_cents": 5000, "from": "bank"})),
    responses(
        (status = 200, description = "Booked, or why not (`wallet_closed`)", body = Answer),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "The amount is not above 0, or too large", body = ProblemBody),
    )
)]
#[post("/clients/{number}/top-ups")]
pub async fn book_top_up(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, TopUp>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let cents = above_zero("amount_cents", sent.body.amount_cents)?;
    let request = TopUpRequest { id: sent.id()?, wallet: client.wallet, cents, from: sent.body.from.into() };
    let booked = book(&service.database, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}

/// Takes a top-up back, or a part of it: it goes back where it came from. What was spent already becomes a claim of the
/// organisation (`receivable`). `Idempotency-Key` becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/top-ups/{id}/reversals", tag = "money",
    security(("integration" = ["money:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The top-up's id"),
    ),
    request_body(content = TopUpReversal, example = json!({"amount_cents": 5000})),
    responses(
        (status = 200, description = "Booked, or why not (`not_approved`: the top-up was declined; `more_than_topped_up`)", body = Answer),
        (status = 404, description = "No such client in this organisation, or no such top-up of this client", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "The amount is not above 0, or too large", body = ProblemBody),
    )
)]
#[post("/clients/{number}/top-ups/{id}/reversals")]
pub async fn reverse_top_up(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, TopUpReversal>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &path.0).await?;
    let (top_up, cents) = (operation_id("top-up", &path.1)?, above_zero("amount_cents", sent.body.amount_cents)?);
    let request = TopUpReversalRequest { id: sent.id()?, top_up, cents };
    let booked = own_money::reverse_top_up(&service.database, client.wallet, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}
