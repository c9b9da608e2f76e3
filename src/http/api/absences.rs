//! When clients are away: planned care of absent days comes back, and after a while absence is not funded.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::clients::client_of;
use super::plan_lines::{ReleasedBody, of};
use crate::domain::absence::AbsenceKind;
use crate::http::Service;
use crate::http::integration::{PlansWrite, SentBy};
use crate::http::problem::{PATH_MALFORMED, Problem, ProblemBody, REQUEST_MALFORMED};
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

/// The client is back, may stay away for longer, or was never away.
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
        (status = 409, description = "Another day of return was told, or it was withdrawn", body = ProblemBody),
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
