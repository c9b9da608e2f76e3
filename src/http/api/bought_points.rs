//! Points that own money buys, at the one value that the client's scheme publishes, and that are paid back at the price paid
//! (ZZG). Nobody names a value here: there is one, and the answer tells it.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};

use super::clients::client_of;
use crate::domain::exchange::{BuyPointsRequest, ExchangeBackRequest};
use crate::domain::operation::Answer;
use crate::http::Service;
use crate::http::integration::{MoneyWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::{above_zero, operation_id};
use crate::services::own_money;

/// Points to buy, or bought points to pay back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// Hundredths of a point, above 0.
    points: i64,
}

/// What became of it, and at what value and price. Of a decline: what the points would have cost.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BoughtPoints)]
pub struct BoughtPointsBody {
    #[serde(flatten)]
    answer: Answer,
    /// Hundredths of a point that were asked for.
    points: i64,
    /// Cents a whole point, as the client's scheme publishes it.
    point_value_cents: i64,
    /// Rounded up to a cent.
    price_cents: i64,
}

/// Buys points with own euros. `Idempotency-Key` becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/bought-points", tag = "money", security(("integration" = ["money:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = Points, example = json!({"points": 10000})),
    responses(
        (status = 200, description = "Booked, or why not (`wallet_closed`, `insufficient_funds`)", body = BoughtPointsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "Not above 0, too large, or the client's scheme has no points", body = ProblemBody),
    )
)]
#[post("/clients/{number}/bought-points")]
pub async fn buy_points(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, Points>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let points = above_zero("points", sent.body.points)?;
    let request = BuyPointsRequest { id: sent.id()?, wallet: client.wallet, points };
    let bought = own_money::buy_points(&service.database, &request).await?;
    Ok(HttpResponse::Ok().json(BoughtPointsBody {
        answer: bought.booked.answer(),
        points,
        point_value_cents: bought.value_cents,
        price_cents: bought.price.minor(),
    }))
}

/// Pays bought points back, or a part of them, at the price that was paid for them. `Idempotency-Key` becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/bought-points/{id}/returns", tag = "money",
    security(("integration" = ["money:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The id under which they were bought"),
    ),
    request_body(content = Points, example = json!({"points": 2500})),
    responses(
        (status = 200, description = "Booked, or why not (`not_approved`: they were not bought; `more_than_bought`; \
          `insufficient_funds`: they are spent)", body = Answer),
        (status = 404, description = "No such client in this organisation, or no such purchase of this client", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "Not above 0, or too large", body = ProblemBody),
    )
)]
#[post("/clients/{number}/bought-points/{id}/returns")]
pub async fn return_points(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, Points>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &path.0).await?;
    let (exchange, points) = (operation_id("purchase", &path.1)?, above_zero("points", sent.body.points)?);
    let request = ExchangeBackRequest { id: sent.id()?, exchange, points };
    let booked = own_money::return_points(&service.database, client.wallet, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}
