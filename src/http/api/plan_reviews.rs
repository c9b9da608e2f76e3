//! Reviews of a client's plan, and meetings of the client's network with what was agreed there.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use super::plan_lines::of;
use crate::db::plan_reviews::{MeetingRow, ReviewRow};
use crate::http::Service;
use crate::http::integration::{AskedBy, PlansRead, PlansWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::{day, limit, query, text};
use crate::services::plan_reviews;

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

/// Reviews of a client's plan, by day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlanReviews)]
pub struct ReviewsBody {
    reviews: Vec<ReviewBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<NaiveDate>,
    /// When the next one is due: six weeks after arrival, then half a year after the last. None: the client left, or no day of
    /// arrival is known.
    due_on: Option<NaiveDate>,
    /// Today or before.
    is_due: bool,
}

/// A review that was held.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlanReview)]
pub struct ReviewBody {
    held_on: NaiveDate,
    /// The staff member.
    held_by: Uuid,
}

/// Meetings of a client's network, by day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NetworkMeetings)]
pub struct MeetingsBody {
    meetings: Vec<MeetingBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<NaiveDate>,
}

/// A meeting: lines that were agreed in it name its id.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NetworkMeeting)]
#[allow(missing_docs)]
pub struct MeetingBody {
    id: Uuid,
    held_on: NaiveDate,
    present: String,
    agreed: String,
}

impl From<ReviewRow> for ReviewBody {
    fn from(row: ReviewRow) -> ReviewBody {
        ReviewBody { held_on: row.held_on, held_by: row.held_by }
    }
}

impl From<MeetingRow> for MeetingBody {
    fn from(row: MeetingRow) -> MeetingBody {
        MeetingBody { id: row.id, held_on: row.held_on, present: row.present, agreed: row.agreed }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<NaiveDate>,
    limit: Option<u16>,
}

/// Reviews of a client's plan, and when the next is due.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/plan-reviews", tag = "plans", security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("after" = Option<NaiveDate>, Query, description = "The day that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses(
        (status = 200, description = "A page of them", body = ReviewsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/plan-reviews")]
pub async fn list_reviews(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    number: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page: Page = query(&request)?;
    let (after, rows) = (day(page.after)?, limit(page.limit)?);
    let client = client_of(&service, &asked.by, &number).await?;
    let of = of(&asked.by, &client);
    let found = plan_reviews::reviews(&service.database, of, after, rows, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(ReviewsBody {
        reviews: found.held.into_iter().map(ReviewBody::from).collect(),
        next: found.next,
        due_on: found.due_on,
        is_due: found.is_due,
    }))
}

/// Meetings of a client's network, with what was agreed in them.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/network-meetings", tag = "plans",
    security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("after" = Option<NaiveDate>, Query, description = "The day that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses(
        (status = 200, description = "A page of them", body = MeetingsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/network-meetings")]
pub async fn list_meetings(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    number: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page: Page = query(&request)?;
    let (after, rows) = (day(page.after)?, limit(page.limit)?);
    let client = client_of(&service, &asked.by, &number).await?;
    let (meetings, next) = plan_reviews::meetings(&service.database, of(&asked.by, &client), after, rows).await?;
    Ok(HttpResponse::Ok().json(MeetingsBody { meetings: meetings.into_iter().map(MeetingBody::from).collect(), next }))
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
    plan_reviews::review(&service.database, of(&sent.by, &client), held_on, held_by, Utc::now()).await?;
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
    plan_reviews::meet(&service.database, of(&sent.by, &client), &meeting, Utc::now()).await?;
    Ok(HttpResponse::NoContent().finish())
}
