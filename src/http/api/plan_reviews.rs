//! Reviews of a client's plan, and meetings of the client's network with what was agreed there.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::clients::client_of;
use super::plan_lines::of;
use crate::db::plans::MeetingRow;
use crate::http::Service;
use crate::http::integration::{PlansWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::text;
use crate::services::plans;

/// A review that was held.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordReview {
    held_on: NaiveDate,
    /// The staff member.
    held_by: Uuid,
}

/// A meeting of the client's network.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordMeeting {
    held_on: NaiveDate,
    /// Who was there: 1 to 500 signs.
    present: String,
    /// What was agreed: 1 to 5000 signs.
    agreed: String,
}

/// Records that the plan was reviewed; the task about it is done.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-reviews", tag = "plans", security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = RecordReview, example = json!({
        "held_on": "2026-11-20", "held_by": "01900000-0000-7000-8000-0000000000aa"
    })),
    responses(
        (status = 204, description = "It is recorded"),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-reviews")]
pub async fn record_review(
    service: Data<Service>,
    sent: SentBy<PlansWrite, RecordReview>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let RecordReview { held_on, held_by } = sent.body;
    plans::review(&service.database, of(&sent.by, &client), held_on, held_by, Utc::now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Records a meeting. `Idempotency-Key` becomes its id, by which lines name it.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/network-meetings", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = RecordMeeting, example = json!({
        "held_on": "2026-11-20", "present": "dochter, zoon, begeleider", "agreed": "Dochter wandelt elke zondag."
    })),
    responses(
        (status = 204, description = "It is recorded"),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another meeting has this id or this day", body = ProblemBody),
    )
)]
#[post("/clients/{number}/network-meetings")]
pub async fn record_meeting(
    service: Data<Service>,
    sent: SentBy<PlansWrite, RecordMeeting>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, client) = (sent.id()?.uuid(), client_of(&service, &sent.by, &number).await?);
    let present = text("present", &sent.body.present, 500)?.to_owned();
    let agreed = text("agreed", &sent.body.agreed, 5000)?.to_owned();
    let meeting = MeetingRow { id, held_on: sent.body.held_on, present, agreed };
    plans::meet(&service.database, of(&sent.by, &client), &meeting, Utc::now()).await?;
    Ok(HttpResponse::NoContent().finish())
}
