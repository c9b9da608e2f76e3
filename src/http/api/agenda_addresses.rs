//! Secret addresses of clients' agendas: made, told once, withdrawn.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete, post};
use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::clients::client_of;
use super::plan_lines::of;
use crate::http::Service;
use crate::http::integration::{AskedBy, PlansWrite, SentBy};
use crate::http::problem::{Problem, ProblemBody};
use crate::services::agendas;

/// Nothing needs to be said.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeAgendaAddress {}

/// A new address.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AgendaAddress)]
pub struct AgendaAddressBody {
    /// On this service; whoever has it reads the agenda. It is told here and nowhere else.
    path: String,
}

/// What was withdrawn.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WithdrawnAgendaAddresses)]
pub struct WithdrawnBody {
    /// Addresses that show nothing any more.
    withdrawn: usize,
}

/// Makes an address. Sent again it makes another: it cannot be told twice.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/agenda-addresses", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = MakeAgendaAddress, example = json!({})),
    responses(
        (status = 200, description = "The address", body = AgendaAddressBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[post("/clients/{number}/agenda-addresses")]
pub async fn make_address(
    service: Data<Service>,
    sent: SentBy<PlansWrite, MakeAgendaAddress>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &sent.by, &number).await?;
    let secret = agendas::make(&service.database, of(&sent.by, &client), Utc::now()).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("cache-control", "no-store"));
    Ok(answer.json(AgendaAddressBody { path: format!("/agenda/{secret}.ics") }))
}

/// Withdraws all addresses of a client's agenda.
#[utoipa::path(
    delete, path = "/api/v1/clients/{number}/agenda-addresses", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    responses(
        (status = 200, description = "They show nothing any more", body = WithdrawnBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[delete("/clients/{number}/agenda-addresses")]
pub async fn withdraw_addresses(
    service: Data<Service>,
    asked: AskedBy<PlansWrite>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &asked.by, &number).await?;
    let withdrawn = agendas::withdraw(&service.database, of(&asked.by, &client), Utc::now()).await?;
    Ok(HttpResponse::Ok().json(WithdrawnBody { withdrawn }))
}
