//! Planned minutes of staff, by function and part of the day.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http::Service;
use crate::http::integration::{AskedBy, PlansRead};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::query::query;
use crate::services::staffing::{self, StaffingRequest};

/// What the plans need.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Staffing)]
#[allow(missing_docs)]
pub struct StaffingBody {
    from: NaiveDate,
    to: NaiveDate,
    needed: Vec<NeededBody>,
}

/// Minutes of a function in a part of the day, over all days asked.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NeededStaff)]
pub struct NeededBody {
    function: String,
    /// `morning` (7 to 12), `afternoon` (12 to 18), `evening` (18 to 23) or `night`.
    part: &'static str,
    minutes: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: NaiveDate,
    to: Option<NaiveDate>,
    location: Option<Uuid>,
}

/// Planned minutes of staff, within 92 days. What a group shares, each client's line has a share of.
#[utoipa::path(
    get, path = "/api/v1/staffing", tag = "plans", security(("integration" = ["plans:read"])),
    params(
        ("from" = NaiveDate, Query, description = "The first day"),
        ("to" = Option<NaiveDate>, Query, description = "The last day; the first if it is left out"),
        ("location" = Option<Uuid>, Query, description = "Of clients who live there alone"),
    ),
    responses(
        (status = 200, description = "By function and part of the day", body = StaffingBody),
        (status = 422, description = "Days out of order, or too many", body = ProblemBody),
    )
)]
#[get("/staffing")]
pub async fn show_staffing(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Asked { from, to, location } = query(&request)?;
    let (organisation, to) = (asked.by.organisation, to.unwrap_or(from));
    service.rates.count_report(asked.by.key)?;
    let planned = staffing::planned(&service.database, &StaffingRequest { organisation, location, from, to }).await?;
    let needed = planned.minutes().map(|(function, part, minutes)| NeededBody {
        function: function.to_owned(),
        part: part.name(),
        minutes,
    });
    Ok(HttpResponse::Ok().json(StaffingBody { from, to, needed: needed.collect() }))
}
