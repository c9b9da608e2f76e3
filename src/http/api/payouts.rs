//! Own money on its way out: asked for (and set aside), approved by two people, neither of whom asked, then paid. A client who
//! left is paid out so.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use super::top_ups::TillBody;
use crate::db::payouts::PayoutRow;
use crate::domain::operation::Answer;
use crate::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use crate::http::Service;
use crate::http::integration::{AskedBy, ClientsRead, MoneyWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::{above_zero, limit, operation_id, query};
use crate::services::book::book;
use crate::services::payouts;

/// A payout to ask for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPayout {
    /// Above 0, and no more than is free of own euros.
    amount_cents: i64,
    /// The staff member who asks; others approve.
    staff: Uuid,
}

/// Who approves or withdraws.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutBy {
    /// The staff member.
    staff: Uuid,
}

/// How it was paid.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PayoutPaid {
    from: TillBody,
}

/// Payouts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Payouts)]
pub struct PayoutsBody {
    payouts: Vec<PayoutBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<Uuid>,
}

/// A payout as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Payout)]
pub struct PayoutBody {
    id: Uuid,
    /// The client's number.
    client: Option<i32>,
    amount_cents: i64,
    /// `asked`, `approved` (by two: it is owed), `paid` or `withdrawn`.
    status: &'static str,
    asked_by: Uuid,
    asked_on: NaiveDate,
    /// In the order in which they approved; two are needed.
    approved_by: Vec<Uuid>,
}

impl PayoutBody {
    fn of(row: PayoutRow) -> Self {
        Self {
            id: row.id,
            client: row.client,
            amount_cents: row.amount_cents,
            status: row.status.name(),
            asked_by: row.requested_by,
            asked_on: row.requested_on,
            approved_by: row.approved_by,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    state: Option<State>,
    after: Option<Uuid>,
    limit: Option<u16>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Open,
    All,
}

/// The organisation's payouts that are neither paid nor withdrawn, by id; on request all.
#[utoipa::path(
    get, path = "/api/v1/payouts", tag = "money", security(("integration" = ["clients:read"])),
    params(
        ("state" = Option<String>, Query, description = "`open`, or `all`; `open` if it is left out"),
        ("after" = Option<Uuid>, Query, description = "The id that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses((status = 200, description = "A page of them", body = PayoutsBody))
)]
#[get("/payouts")]
pub async fn list_payouts(
    service: Data<Service>,
    asked: AskedBy<ClientsRead>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Page { state, after, limit: rows } = query(&request)?;
    let (only_open, after) = (state.unwrap_or_default() == State::Open, after.unwrap_or(Uuid::nil()));
    let page = payouts::page(&service.database, asked.by.organisation, only_open, after, limit(rows)?);
    let (found, next) = page.await?;
    Ok(HttpResponse::Ok().json(PayoutsBody { payouts: found.into_iter().map(PayoutBody::of).collect(), next }))
}

/// All payouts of a client, the newest first.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/payouts", tag = "money", security(("integration" = ["clients:read"])),
    params(("number" = u32, Path, description = "The client's number")),
    responses(
        (status = 200, description = "All of them", body = PayoutsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/payouts")]
pub async fn list_client_payouts(
    service: Data<Service>,
    asked: AskedBy<ClientsRead>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &asked.by, &number).await?;
    let found = payouts::of_wallet(&service.database, client.wallet).await?;
    Ok(HttpResponse::Ok().json(PayoutsBody { payouts: found.into_iter().map(PayoutBody::of).collect(), next: None }))
}

/// Asks for own euros to be paid out, and sets them aside until then; of a client who left too. `Idempotency-Key` becomes the
/// payout's id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/payouts", tag = "money", security(("integration" = ["money:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = AskPayout, example = json!({"amount_cents": 4200, "staff": "01900000-0000-7000-8000-0000000000aa"})),
    responses(
        (status = 200, description = "Booked, or why not (`insufficient_funds`)", body = Answer),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "The amount is not above 0, or too large", body = ProblemBody),
    )
)]
#[post("/clients/{number}/payouts")]
pub async fn ask_payout(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, AskPayout>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let cents = above_zero("amount_cents", sent.body.amount_cents)?;
    let request = PayoutRequest { id: sent.id()?, wallet: client.wallet, cents, staff: sent.body.staff };
    let booked = book(&service.database, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}

/// Approves a payout. The second approval gives back what was set aside and owes the amount: its answer has that leg.
/// `Idempotency-Key` becomes the approval's id.
#[utoipa::path(
    post, path = "/api/v1/payouts/{id}/approvals", tag = "money", security(("integration" = ["money:write"])),
    params(("id" = Uuid, Path, description = "The payout's id")),
    request_body(content = PayoutBy, example = json!({"staff": "01900000-0000-7000-8000-0000000000ab"})),
    responses(
        (status = 200, description = "Booked, or why not (`payout_not_open`: approved, paid or withdrawn before; `same_person`: who \
          asked, or approved before)", body = Answer),
        (status = 404, description = "There is no such payout in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
    )
)]
#[post("/payouts/{id}/approvals")]
pub async fn approve_payout(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, PayoutBy>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let step = PayoutStep::Approve { staff: sent.body.staff };
    go_on(&service, &sent, &id, step).await
}

/// Says that an approved payout was paid, by bank or in cash. `Idempotency-Key` becomes the payment's id.
#[utoipa::path(
    post, path = "/api/v1/payouts/{id}/payments", tag = "money", security(("integration" = ["money:write"])),
    params(("id" = Uuid, Path, description = "The payout's id")),
    request_body(content = PayoutPaid, example = json!({"from": "bank"})),
    responses(
        (status = 200, description = "Booked, or why not (`payout_not_approved`: not by two people yet, paid before, or withdrawn; \
          `payout_not_open`: it was asked for and declined)", body = Answer),
        (status = 404, description = "There is no such payout in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
    )
)]
#[post("/payouts/{id}/payments")]
pub async fn pay_payout(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, PayoutPaid>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let step = PayoutStep::Paid { from: sent.body.from.into() };
    go_on(&service, &sent, &id, step).await
}

/// Withdraws a payout that two people have not approved yet: what was set aside is free again. `Idempotency-Key` becomes the
/// withdrawal's id.
#[utoipa::path(
    post, path = "/api/v1/payouts/{id}/withdrawals", tag = "money", security(("integration" = ["money:write"])),
    params(("id" = Uuid, Path, description = "The payout's id")),
    request_body(content = PayoutBy, example = json!({"staff": "01900000-0000-7000-8000-0000000000aa"})),
    responses(
        (status = 200, description = "Booked, or why not (`payout_not_open`: approved, paid or withdrawn before)", body = Answer),
        (status = 404, description = "There is no such payout in this organisation", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
    )
)]
#[post("/payouts/{id}/withdrawals")]
pub async fn withdraw_payout(
    service: Data<Service>,
    sent: SentBy<MoneyWrite, PayoutBy>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let step = PayoutStep::Withdraw { staff: sent.body.staff };
    go_on(&service, &sent, &id, step).await
}

async fn go_on<T>(
    service: &Service,
    sent: &SentBy<MoneyWrite, T>,
    payout: &str,
    step: PayoutStep,
) -> Result<HttpResponse, Problem> {
    let request = PayoutStepRequest { id: sent.id()?, payout: operation_id("payout", payout)?, step };
    let booked = payouts::step(&service.database, sent.by.organisation, &request).await?;
    Ok(HttpResponse::Ok().json(booked.answer()))
}
