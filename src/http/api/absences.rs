//! When clients are away: planned care of absent days comes back, and after a while absence is not funded.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use super::plan_lines::{ReleasedBody, of};
use crate::db::absences::AbsenceRow;
use crate::domain::absence::AbsenceKind;
use crate::http::Service;
use crate::http::integration::{AskedBy, PlansRead, PlansWrite, SentBy};
use crate::http::problem::{PATH_MALFORMED, Problem, ProblemBody, REQUEST_MALFORMED};
use crate::http::query::{limit, query};
use crate::services::absences::{self, AbsenceChange, LeaveRequest};

/// A client leaves.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    kind: AbsenceBody,
    left_on: NaiveDate,
    /// Where it is known beforehand.
    returned_on: Option<NaiveDate>,
}

/// Why a client is away.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AbsenceKind)]
pub enum AbsenceBody {
    /// In hospital, or elsewhere for treatment.
    Medical,
    /// On holiday, or with family.
    Holiday,
}

/// What becomes of an absence: exactly one of the three.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAbsence {
    /// The day of return.
    ReturnedOn(NaiveDate),
    /// Medical absence is funded until then, by a permission.
    PermittedUntil(NaiveDate),
    /// It was entered by mistake: true.
    Withdrawn(bool),
}

/// A client's absences, in the order of their ids.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Absences)]
pub struct AbsencesBody {
    absences: Vec<AbsenceRowBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<Uuid>,
}

/// A client is or was away: absent from the day after leaving to the day before return.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Absence)]
pub struct AbsenceRowBody {
    id: Uuid,
    /// `medical` or `holiday`.
    kind: &'static str,
    left_on: NaiveDate,
    /// None: not back yet.
    returned_on: Option<NaiveDate>,
    /// Until when medical absence is funded by a permission.
    permitted_until: Option<NaiveDate>,
    told_on: NaiveDate,
    /// It was entered by mistake: the client was not away.
    is_withdrawn: bool,
}

impl AbsenceRowBody {
    fn of(row: AbsenceRow) -> Self {
        let AbsenceRow { id, absence, told_on, is_withdrawn } = row;
        Self {
            id,
            kind: absence.kind.name(),
            left_on: absence.left_on,
            returned_on: absence.returned_on,
            permitted_until: absence.permitted_until,
            told_on,
            is_withdrawn,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<Uuid>,
    limit: Option<u16>,
}

/// When a client is and was away, withdrawn absences too.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/absences", tag = "plans", security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("after" = Option<Uuid>, Query, description = "The id that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses(
        (status = 200, description = "A page of them", body = AbsencesBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/absences")]
pub async fn list_absences(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    number: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Page { after, limit: rows } = query(&request)?;
    let client = client_of(&service, &asked.by, &number).await?;
    let found = absences::page(&service.database, of(&asked.by, &client), after, limit(rows)?).await?;
    let (absences, next) = found;
    let absences = absences.into_iter().map(AbsenceRowBody::of).collect();
    Ok(HttpResponse::Ok().json(AbsencesBody { absences, next }))
}

/// A client leaves. `Idempotency-Key` becomes the absence's id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/absences", tag = "plans", security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = Leave, example = json!({"kind": "medical", "left_on": "2026-11-20"})),
    responses(
        (status = 200, description = "What was planned on absent days comes back", body = ReleasedBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
        (status = 409, description = "Another absence was told under this id", body = ProblemBody),
        (status = 422, description = "The client is away then already", body = ProblemBody),
    )
)]
#[post("/clients/{number}/absences")]
pub async fn leave(
    service: Data<Service>,
    sent: SentBy<PlansWrite, Leave>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, client) = (sent.id()?.uuid(), client_of(&service, &sent.by, &number).await?);
    let kind = match sent.body.kind {
        AbsenceBody::Medical => AbsenceKind::Medical,
        AbsenceBody::Holiday => AbsenceKind::Holiday,
    };
    let Leave { left_on, returned_on, .. } = sent.body;
    let request = LeaveRequest { of: of(&sent.by, &client), id, kind, left_on, returned_on };
    let released = absences::leave(&service.database, &request, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(ReleasedBody::from(released)))
}

/// The client is back, may stay away for longer, or was never away. Days of the open month on which the client was there are planned
/// again: those to come, and of the last 14 days those since the absence was told.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/absences/{id}", tag = "plans", security(("integration" = ["plans:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The absence's id"),
    ),
    request_body(content = ChangeAbsence, example = json!({"returned_on": "2026-11-24"})),
    responses(
        (status = 200, description = "What became of planned days", body = ReleasedBody),
        (status = 404, description = "No such client or absence in this organisation", body = ProblemBody),
        (status = 409, description = "Another day of return, today or before, was told; or it was withdrawn", body = ProblemBody),
        (status = 422, description = "The client is away in these days already", body = ProblemBody),
    )
)]
#[post("/clients/{number}/absences/{id}")]
pub async fn change_absence(
    service: Data<Service>,
    sent: SentBy<PlansWrite, ChangeAbsence>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &path.0).await?;
    let id = Uuid::try_parse(&path.1).map_err(|_| Problem::with(&PATH_MALFORMED, "an absence's id is a UUID"))?;
    let change = match sent.body {
        ChangeAbsence::ReturnedOn(day) => AbsenceChange::Return(day),
        ChangeAbsence::PermittedUntil(day) => AbsenceChange::Permit(day),
        ChangeAbsence::Withdrawn(true) => AbsenceChange::Withdraw,
        ChangeAbsence::Withdrawn(false) => return Err(Problem::with(&REQUEST_MALFORMED, "withdrawn: it is true")),
    };
    let released = absences::change(&service.database, of(&sent.by, &client), id, change, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(ReleasedBody::from(released)))
}
