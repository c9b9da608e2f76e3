//! Lists of rows that other systems keep: clients, what they are indicated for and who acts for them, tariffs, services, prices.
//! They are read and judged by the very rules of the imports (`pasje import`), as the rows are handed to them: taken whole or
//! not at all, and sent again they change nothing.

mod rows;

use actix_web::web::Data;
use actix_web::{HttpResponse, put};
use chrono::Utc;
use serde::{Deserialize, Serialize};

use self::rows::{
    AbsenceSettingRow, AdditionRow, AsLine, ClientRow, IndicationRow, PriceRow, RepresentativeRow, ServiceRow,
    TariffRow,
};
use crate::domain::account::OrganisationId;
use crate::domain::import::Errors;
use crate::http::Service;
use crate::http::integration::{CatalogueWrite, ClientsWrite, SentBy, TariffsWrite};
use crate::http::json::objects;
use crate::http::problem::{Problem, ProblemBody, REQUEST_MALFORMED, RowProblem};
use crate::services::imports::{ImportError, Report, import};
use crate::services::publish::Published;

/// Rows of one list, at most.
const ROWS_MAX: usize = 5000;

/// A list of rows.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "R: Deserialize<'de>"))]
pub struct Rows<R> {
    /// 1 to 5000.
    #[serde(deserialize_with = "objects")]
    rows: Vec<R>,
    /// Tells what would change, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What became of the rows, or would.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Imported)]
pub struct ImportedBody {
    added: usize,
    changed: usize,
    unchanged: usize,
    /// Clients who buy as another sort of buyer from now on.
    buyers_changed: usize,
    /// Versions of price lists that are new.
    published: Vec<PublishedBody>,
    /// What a person should look at, though nothing is wrong.
    notes: Vec<String>,
    dry_run: bool,
}

/// A location's new price list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PublishedPriceList)]
#[allow(missing_docs)]
pub struct PublishedBody {
    /// Its name.
    location: String,
    version: u32,
    prices: usize,
}

impl From<Published> for PublishedBody {
    fn from(Published { location, version, prices }: Published) -> PublishedBody {
        PublishedBody { location, version, prices }
    }
}

/// A file of the rows, and on which line each begins.
fn file<R: AsLine>(rows: &[R]) -> Result<(Vec<u8>, Vec<u64>), Problem> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let internal = |error: &dyn std::fmt::Display| Problem::ours(&crate::http::problem::INTERNAL, error);
    let (mut begins, mut line) = (Vec::with_capacity(rows.len()), 2_u64);
    writer.write_record(R::COLUMNS.iter().map(|(column, _)| column)).map_err(|error| internal(&error))?;
    for row in rows {
        let cells = row.cells();
        begins.push(line);
        line += 1 + cells.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
        writer.write_record(cells).map_err(|error| internal(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| internal(&error.error()))?;
    Ok((bytes, begins))
}

/// What is wrong by row and field, in the place of line and column.
fn refused<R: AsLine>(errors: &Errors, begins: &[u64]) -> Problem {
    let field = |column: &str| {
        let found = R::COLUMNS.iter().find(|(name, _)| *name == column);
        found.map_or("", |(_, field)| *field)
    };
    let row = |line: u64| begins.partition_point(|begin| *begin <= line);
    let told = errors.told().iter();
    let told =
        told.map(|error| RowProblem { row: row(error.line), field: field(&error.column), what: error.what.clone() });
    Problem::of_rows(told.collect())
}

async fn take<R: AsLine>(
    service: &Service,
    organisation: OrganisationId,
    sent: Rows<R>,
) -> Result<HttpResponse, Problem> {
    let Rows { rows, dry_run } = sent;
    if !(1..=ROWS_MAX).contains(&rows.len()) {
        return Err(Problem::with(&REQUEST_MALFORMED, format!("rows: 1 to {ROWS_MAX} of them")));
    }
    let (bytes, begins) = file(&rows)?;
    let taken = import(&service.database, organisation, R::KIND, &bytes, dry_run, Utc::now()).await;
    let report = taken.map_err(|error| match error {
        ImportError::File(errors) => refused::<R>(&errors, &begins),
        error => error.into(),
    })?;
    let (added, changed, unchanged) = report.counts();
    let Report { notes, buyers_changed, published, .. } = report;
    let published = published.into_iter().map(PublishedBody::from).collect();
    Ok(HttpResponse::Ok().json(ImportedBody { added, changed, unchanged, buyers_changed, published, notes, dry_run }))
}

/// Takes indications. One with the same client and first day as an earlier one takes its place.
#[utoipa::path(
    put, path = "/api/v1/indications", tag = "clients", security(("integration" = ["clients:write"])),
    request_body(content = Rows<IndicationRow>, example = json!({"rows": [{
        "client": 17, "profile": "5VV", "delivery": "vpt", "treatment": false, "day_activities": true, "from": "2026-04-01"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/indications")]
pub async fn put_indications(
    service: Data<Service>,
    sent: SentBy<ClientsWrite, Rows<IndicationRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes additions. One with the same client, code and first day as an earlier one takes its place.
#[utoipa::path(
    put, path = "/api/v1/additions", tag = "clients", security(("integration" = ["clients:write"])),
    request_body(content = Rows<AdditionRow>, example = json!({"rows": [{
        "client": 17, "code": "meerzorg", "day_cents": 1250, "from": "2026-04-01", "to": "2026-06-30"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/additions")]
pub async fn put_additions(
    service: Data<Service>,
    sent: SentBy<ClientsWrite, Rows<AdditionRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes representatives. One with the same client, name, role and first day as an earlier one takes its place.
#[utoipa::path(
    put, path = "/api/v1/representatives", tag = "clients", security(("integration" = ["clients:write"])),
    request_body(content = Rows<RepresentativeRow>, example = json!({"rows": [{
        "client": 17, "name": "mw. B. Voorbeeld", "role": "mentor", "for_money": false, "for_care": true, "from": "2026-04-01"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/representatives")]
pub async fn put_representatives(
    service: Data<Service>,
    sent: SentBy<ClientsWrite, Rows<RepresentativeRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes contracted tariffs. Two for one day are refused.
#[utoipa::path(
    put, path = "/api/v1/tariffs", tag = "clients", security(("integration" = ["tariffs:write"])),
    request_body(content = Rows<TariffRow>, example = json!({"rows": [{
        "code": "V051", "profile": "5VV", "delivery": "vpt", "treatment": false, "day_activities": true, "day_cents": 21345,
        "from": "2026-01-01", "to": "2026-12-31", "source": "fictief"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/tariffs")]
pub async fn put_tariffs(
    service: Data<Service>,
    sent: SentBy<TariffsWrite, Rows<TariffRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes clients. A new one gets a wallet in the version of the scheme that is used this month; one with the number of an earlier
/// one takes its place, and stays in its scheme.
#[utoipa::path(
    put, path = "/api/v1/clients", tag = "clients", security(("integration" = ["clients:write"])),
    request_body(content = Rows<ClientRow>, example = json!({"rows": [{
        "number": 4711, "name": "mw. A. Voorbeeld (fictief)", "scheme": "zzg", "location": "De Linde (fictief)", "arrived_on": "2026-04-01"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/clients")]
pub async fn put_clients(
    service: Data<Service>,
    sent: SentBy<ClientsWrite, Rows<ClientRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes services. One with the code of an earlier one takes its place. Locations whose price list changes by it get a new version.
#[utoipa::path(
    put, path = "/api/v1/services", tag = "catalogue", security(("integration" = ["catalogue:write"])),
    request_body(content = Rows<ServiceRow>, example = json!({"rows": [{
        "code": "koffie", "name": "Koffie (fictief)", "name_en": "Coffee (fictitious)", "category": "dranken", "vat_basis_points": 900,
        "included_per_day": 2, "council_agreed_on": "2025-11-12", "published_on": "2025-12-01", "verblijf": "included",
        "vpt": "included", "mpt": "extra", "no_wlz": "extra", "guest": "own", "staff": "own"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/services")]
pub async fn put_services(
    service: Data<Service>,
    sent: SentBy<CatalogueWrite, Rows<ServiceRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes prices. One with the same service, function and first day as an earlier one takes its place. Locations whose price list
/// changes by it get a new version.
#[utoipa::path(
    put, path = "/api/v1/prices", tag = "catalogue", security(("integration" = ["catalogue:write"])),
    request_body(content = Rows<PriceRow>, example = json!({"rows": [{
        "service": "koffie", "from": "2026-01-01", "price_cents": 250, "minutes": 15
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/prices")]
pub async fn put_prices(
    service: Data<Service>,
    sent: SentBy<CatalogueWrite, Rows<PriceRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}

/// Takes settings of how long absence is funded. One with the same delivery form and first day as an earlier one takes its place.
#[utoipa::path(
    put, path = "/api/v1/absence-settings", tag = "clients", security(("integration" = ["tariffs:write"])),
    request_body(content = Rows<AbsenceSettingRow>, example = json!({"rows": [{
        "delivery": "verblijf", "from": "2026-01-01", "medical_days": 91, "holiday_days_each": 14, "holiday_days_year": 42,
        "holiday_after_days": 14, "source": "fictief"
    }]})),
    responses(
        (status = 200, description = "All were taken", body = ImportedBody),
        (status = 422, description = "None were; the rows and fields are named", body = ProblemBody),
    )
)]
#[put("/absence-settings")]
pub async fn put_absence_settings(
    service: Data<Service>,
    sent: SentBy<TariffsWrite, Rows<AbsenceSettingRow>>,
) -> Result<HttpResponse, Problem> {
    take(&service, sent.by.organisation, sent.body).await
}
