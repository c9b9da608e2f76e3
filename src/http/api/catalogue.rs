//! What the terminal's location sells, and its prices. Both with an ETag: a till asks again whether anything changed.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::hex::to_hex;
use crate::domain::money::Amount;
use crate::domain::price_list::PriceList;
use crate::http::Service;
use crate::http::auth::Asked;
use crate::http::problem::{Problem, REFERENCE_UNKNOWN};
use crate::services::catalogue;

/// A location and its tiles.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Catalogue)]
#[allow(missing_docs)]
pub struct CatalogueBody {
    organisation: String,
    location: LocationBody,
    /// What the organisation's budgets are counted in: `EUR`, `MIN`, `PNT`. A time scheme shows no euro.
    units: Vec<&'static str>,
    services: Vec<ServiceBody>,
}

/// A location.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Location)]
pub struct LocationBody {
    id: Uuid,
    name: String,
}

/// A tile.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Service)]
pub struct ServiceBody {
    id: Uuid,
    /// Dutch.
    name: String,
    name_en: String,
    category: String,
}

/// A version of the location's prices. It never changes; a new one follows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PriceList)]
pub struct PriceListBody {
    version: u32,
    valid_from: DateTime<Utc>,
    prices: Vec<PriceBody>,
}

/// What one of a service costs a buyer, and who may fund it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Price)]
pub struct PriceBody {
    service: Uuid,
    /// `verblijf`, `vpt`, `mpt` or `no_wlz`.
    buyer: &'static str,
    /// `care`, `included`, `activity`, `extra` or `own`.
    kind: &'static str,
    price_cents: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<i64>,
    /// Hundredths.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<i64>,
    vat_basis_points: u16,
}

impl PriceListBody {
    fn of(valid_from: DateTime<Utc>, list: &PriceList) -> Self {
        let mut prices: Vec<PriceBody> = list
            .prices
            .iter()
            .map(|((service, buyer), price)| PriceBody {
                service: *service,
                buyer: buyer.name(),
                kind: price.kind.name(),
                price_cents: price.cents.minor(),
                minutes: price.minutes.map(Amount::minor),
                points: price.points.map(Amount::minor),
                vat_basis_points: price.vat_basis_points,
            })
            .collect();
        // The same prices are the same bytes, and so the same ETag.
        prices.sort_by_key(|price| (price.service, price.buyer));
        Self { version: list.version, valid_from, prices }
    }
}

/// With an ETag of what it holds; 304 without a body where the terminal has it already.
fn unless_known(request: &HttpRequest, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let bytes = serde_json::to_vec(body).map_err(|error| Problem::ours(&crate::http::problem::INTERNAL, &error))?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let tag = format!("\"{}\"", to_hex(digest.first_chunk::<16>().unwrap_or(&[0; 16])));
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = HttpResponse::build(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response.insert_header((ETAG, tag)).insert_header(("cache-control", "private, no-cache"));
    Ok(if is_known { response.finish() } else { response.content_type("application/json").body(bytes) })
}

/// What the terminal's location sells now.
#[utoipa::path(
    get, path = "/api/v1/catalogue", tag = "catalogue",
    responses((status = 200, description = "With an ETag", body = CatalogueBody), (status = 304, description = "Nothing changed"))
)]
#[get("/catalogue")]
pub async fn list_services(
    service: Data<Service>,
    asked: Asked,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let location = asked.terminal.location;
    let found = catalogue::catalogue(&service.database, location).await?;
    let found = found.ok_or_else(|| Problem::with(&REFERENCE_UNKNOWN, "this terminal's location does not exist"))?;
    let services = found.services.into_iter().map(|row| ServiceBody {
        id: row.id,
        name: row.name,
        name_en: row.name_en,
        category: row.category,
    });
    let location = LocationBody { id: location, name: found.location };
    let units = found.units.iter().map(|unit| unit.name()).collect();
    let services = services.collect();
    unless_known(&request, &CatalogueBody { organisation: found.organisation, location, units, services })
}

/// The prices at which the terminal's location sells now.
#[utoipa::path(
    get, path = "/api/v1/price-list", tag = "catalogue",
    responses(
        (status = 200, description = "With an ETag", body = PriceListBody),
        (status = 304, description = "Nothing changed"),
        (status = 404, description = "The location has no prices yet", body = crate::http::problem::ProblemBody),
    )
)]
#[get("/price-list")]
pub async fn list_prices(service: Data<Service>, asked: Asked, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = catalogue::prices(&service.database, asked.terminal.location).await?;
    let (valid_from, list) =
        found.ok_or_else(|| Problem::with(&REFERENCE_UNKNOWN, "this terminal's location has no price list yet"))?;
    unless_known(&request, &PriceListBody::of(valid_from, &list))
}
