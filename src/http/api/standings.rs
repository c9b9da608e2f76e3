//! How a client's month stands: its colour with the numbers, what the rest of the month will cost, and in red the choices and the
//! sheet for re-indication. For client, supporter and planner together; never for depositors, and never without word and shape.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};
use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::clients::client_of;
use super::months::written;
use super::plan_lines::of;
use crate::domain::colour::Choice;
use crate::domain::money::Amount;
use crate::domain::month_grant::Month;
use crate::http::Service;
use crate::http::integration::{AskedBy, PlansRead};
use crate::http::problem::{MONTH_UNKNOWN, Problem, ProblemBody};
use crate::http::query::month;
use crate::services::colours::{self, Stands};

/// How a month stands, in the wallet's unit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Standing)]
pub struct StandingBody {
    month: String,
    unit: &'static str,
    /// `green`, `orange` (only care may be added) or `red`.
    colour: &'static str,
    /// In Dutch and English, and its shape: the colour is shown with word and shape.
    word: &'static str,
    word_en: &'static str,
    shape: &'static str,
    committed: CommittedBody,
    budget: i64,
    /// None where unplanned care is paid collectively: there is no orange.
    reserve: Option<i64>,
    /// What is committed beyond budget and reserve.
    beyond: i64,
    /// In red: what can be done.
    choices: Vec<ChoiceBody>,
    forecast: ForecastBody,
}

/// What of the budget is spoken for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Committed)]
pub struct CommittedBody {
    /// Planned and still to come.
    open: i64,
    /// Planned and delivered.
    done: i64,
    /// Unplanned care of this month that neither buffer nor collective paid.
    unplanned_care: i64,
}

/// What can be done about red.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Choice)]
#[allow(missing_docs)]
pub struct ChoiceBody {
    choice: &'static str,
    words: &'static str,
    words_en: &'static str,
}

/// What the rest of the month will cost.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Forecast)]
pub struct ForecastBody {
    /// What is planned and paid from the budget, by day: days without anything are left out.
    days: Vec<ForecastDayBody>,
    rest: i64,
    /// The part of it that is held.
    rest_held: i64,
    /// Budget that nothing is held of.
    free_today: i64,
    /// Of that, what is left when all that is planned and not held is paid.
    free_after: i64,
    /// What is planned and cannot be paid.
    overrun: i64,
}

/// A day of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ForecastDay)]
#[allow(missing_docs)]
pub struct ForecastDayBody {
    day: NaiveDate,
    amount: i64,
}

impl StandingBody {
    fn of(month: NaiveDate, stands: &Stands) -> Self {
        let Stands { standing, forecast, .. } = stands;
        let (word, word_en, shape) = standing.colour.words();
        let choice = |choice: &Choice| {
            let (words, words_en) = choice.words();
            ChoiceBody { choice: choice.name(), words, words_en }
        };
        let of_day = |(day, amount): &(NaiveDate, Amount)| ForecastDayBody { day: *day, amount: amount.minor() };
        Self {
            month: written(month),
            unit: standing.budget.unit().name(),
            colour: standing.colour.name(),
            word,
            word_en,
            shape,
            committed: CommittedBody {
                open: standing.committed.open.minor(),
                done: standing.committed.done.minor(),
                unplanned_care: standing.committed.unplanned_care.minor(),
            },
            budget: standing.budget.minor(),
            reserve: standing.reserve.map(Amount::minor),
            beyond: standing.beyond.minor(),
            choices: standing.choices().iter().map(choice).collect(),
            forecast: ForecastBody {
                days: forecast.days.iter().map(of_day).collect(),
                rest: forecast.rest.minor(),
                rest_held: forecast.rest_held.minor(),
                free_today: forecast.free_today.minor(),
                free_after: forecast.free_after.minor(),
                overrun: forecast.overrun.minor(),
            },
        }
    }
}

/// A month's first day as the domain's month.
fn month_of(first: NaiveDate) -> Result<Month, Problem> {
    Month::new(first.year(), first.month()).ok_or_else(|| Problem::new(&MONTH_UNKNOWN))
}

/// The colour of the month that the client's wallet is in, and its forecast.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/months/{month}/standing", tag = "plans",
    security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("month" = String, Path, description = "As 2026-04"),
    ),
    responses(
        (status = 200, description = "How it stands", body = StandingBody),
        (status = 404, description = "No such client, or the wallet is not in that month", body = ProblemBody),
    )
)]
#[get("/clients/{number}/months/{month}/standing")]
pub async fn show_standing(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, first) = (client_of(&service, &asked.by, &path.0).await?, month(&path.1)?);
    let stands = colours::of_client(&service.database, of(&asked.by, &client), month_of(first)?).await?;
    let stands = stands.ok_or_else(|| Problem::new(&MONTH_UNKNOWN))?;
    Ok(HttpResponse::Ok().json(StandingBody::of(first, &stands)))
}

/// The sheet for re-indication: what was given and planned, day by day. The client is known on it by number.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/months/{month}/evidence", tag = "plans",
    security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("month" = String, Path, description = "As 2026-04"),
    ),
    responses(
        (status = 200, description = "To be printed", content_type = "text/plain", body = String),
        (status = 404, description = "No such client, or the wallet is not in that month", body = ProblemBody),
    )
)]
#[get("/clients/{number}/months/{month}/evidence")]
pub async fn show_evidence(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, first) = (client_of(&service, &asked.by, &path.0).await?, month(&path.1)?);
    let whose = format!("cliënt {}", client.number);
    let sheet = colours::evidence(&service.database, of(&asked.by, &client), month_of(first)?, &whose).await?;
    let sheet = sheet.ok_or_else(|| Problem::new(&MONTH_UNKNOWN))?;
    let answer = HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(sheet);
    Ok(answer)
}
