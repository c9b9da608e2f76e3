//! Clients, as the organisation's other systems see them.
//!
//! A scheme that counts in minutes shows no euro (Amsta) save own money, which is the client's own; a key with `euros:read`,
//! for staff and controllers, sees them (`docs/decisions/0040`).

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::client_records::ClientRecord;
use crate::domain::funding::PurseName;
use crate::domain::money::Unit;
use crate::http::Service;
use crate::http::integration::{AskedBy, ClientsRead, Integration};
use crate::http::problem::{CLIENT_UNKNOWN, Problem, ProblemBody};
use crate::http::query::{client_number, limit, query};
use crate::services::client_records;

/// Clients, by number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Clients)]
pub struct ClientsBody {
    clients: Vec<ClientBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<i32>,
}

/// A client.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ClientRecord)]
pub struct ClientBody {
    /// Random, never a BSN.
    number: i32,
    display_name: String,
    location: Option<Uuid>,
    arrived_on: Option<NaiveDate>,
    left_on: Option<NaiveDate>,
    /// The staff member who supports the client.
    supporter: Option<Uuid>,
    scheme: String,
    scheme_version: i32,
    /// What the budget is counted in: `EUR` (cents), `MIN` (minutes) or `PNT` (hundredths of a point).
    unit: &'static str,
    /// `verblijf`, `vpt`, `mpt` or `no_wlz`.
    buyer: &'static str,
    is_closed: bool,
    /// The month that the wallet is in; none: no month was opened yet.
    month: Option<String>,
    purses: Vec<PurseBody>,
}

/// A kept balance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Purse)]
pub struct PurseBody {
    /// `budget`, `reserve`, `savings`, `credit` (own money in bought points) or `credit_cents` (own money in euros).
    purse: &'static str,
    unit: &'static str,
    /// Minor units.
    balance: i64,
    held: i64,
    /// What is not set aside.
    free: i64,
}

impl ClientBody {
    pub(super) fn of(record: ClientRecord) -> Self {
        let purses = PurseName::ALL.into_iter().zip(record.purses);
        let purses = purses.filter(|(purse, _)| *purse != PurseName::Credit || record.unit == Unit::Pnt);
        let unit = |purse| if purse == PurseName::CreditCents { Unit::Eur } else { record.unit };
        let purses = purses.map(|(purse, (balance, held))| PurseBody {
            purse: purse.name(),
            unit: unit(purse).name(),
            balance,
            held,
            free: balance.saturating_sub(held),
        });
        Self {
            purses: purses.collect(),
            number: record.number,
            display_name: record.display_name,
            location: record.location,
            arrived_on: record.arrived_on,
            left_on: record.left_on,
            supporter: record.supporter,
            scheme: record.scheme_name,
            scheme_version: record.scheme_version,
            unit: record.unit.name(),
            buyer: record.buyer.name(),
            is_closed: record.is_closed,
            month: record.month.map(|month| month.format("%Y-%m").to_string()),
        }
    }
}

/// The client that a path names, of the organisation that asks.
///
/// # Errors
/// `path-malformed`, `client-unknown`.
pub async fn client_of(service: &Service, by: &Integration, number: &str) -> Result<ClientRecord, Problem> {
    let number = client_number(number)?;
    let found = client_records::find(&service.database, by.organisation, number).await?;
    found.ok_or_else(|| Problem::new(&CLIENT_UNKNOWN))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<u32>,
    limit: Option<u16>,
}

/// The organisation's clients, by number.
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "clients", security(("integration" = ["clients:read"])),
    params(
        ("after" = Option<u32>, Query, description = "The number that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses((status = 200, description = "A page of them", body = ClientsBody))
)]
#[get("/clients")]
pub async fn list_clients(
    service: Data<Service>,
    asked: AskedBy<ClientsRead>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page: Page = query(&request)?;
    // beyond the greatest number there is nobody
    let after = page.after.map_or(0, |after| i32::try_from(after).unwrap_or(i32::MAX));
    let found = client_records::page(&service.database, asked.by.organisation, after, limit(page.limit)?).await?;
    let (clients, next) = found;
    Ok(HttpResponse::Ok().json(ClientsBody { clients: clients.into_iter().map(ClientBody::of).collect(), next }))
}

/// One client with the purses.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}", tag = "clients", security(("integration" = ["clients:read"])),
    params(("number" = u32, Path, description = "The client's number")),
    responses(
        (status = 200, description = "The client", body = ClientBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}")]
pub async fn show_client(
    service: Data<Service>,
    asked: AskedBy<ClientsRead>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = client_of(&service, &asked.by, &number).await?;
    Ok(HttpResponse::Ok().json(ClientBody::of(found)))
}
