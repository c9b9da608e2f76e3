//! A client's agenda for a calendar program. No signature: the address is the secret. Unknown and withdrawn are the same answer.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, http::header};
use chrono::Utc;

use super::Service;
use super::problem::{INTERNAL, NOT_FOUND, Problem, UNAVAILABLE};
use crate::services::agendas;
use crate::services::book::BookError;
use crate::services::plan_books::PlanError;

/// The agenda at a secret address, as iCalendar: planned occurrences of four months, without names of clients and without prices.
#[utoipa::path(
    get, path = "/agenda/{secret}.ics", tag = "agenda", security(()),
    params(("secret" = String, Path, description = "Told once, when the address was made")),
    responses(
        (status = 200, description = "The agenda", content_type = "text/calendar", body = String),
        (status = 404, description = "No such address, or it was withdrawn", body = super::problem::ProblemBody),
        (status = 429, description = "Too many requests from this address", body = super::problem::ProblemBody),
    )
)]
#[get("/agenda/{secret}.ics")]
pub async fn show_agenda(service: Data<Service>, secret: Path<String>) -> Result<HttpResponse, Problem> {
    let feed = agendas::feed(&service.database, &secret, Utc::now()).await.map_err(|error| match error {
        PlanError::Book(BookError::Unavailable(error)) => Problem::ours(&UNAVAILABLE, &error),
        other => Problem::ours(&INTERNAL, &other),
    })?;
    let feed = feed.ok_or_else(|| Problem::new(&NOT_FOUND))?;
    Ok(HttpResponse::Ok()
        .content_type("text/calendar; charset=utf-8")
        // calendar programs ask each few hours; a proxy between keeps nothing of it
        .insert_header((header::CACHE_CONTROL, "private, max-age=900"))
        .insert_header(("x-robots-tag", "noindex, nofollow"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(feed))
}
