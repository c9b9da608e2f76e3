//! Lists of rows that other systems keep: indications, additions, representatives, tariffs. They are read and judged by the very
//! rules of the imports (`pasje import`), as the rows are handed to them: taken whole or not at all, and sent again they
//! change nothing.

use actix_web::web::Data;
use actix_web::{HttpResponse, put};
use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::account::OrganisationId;
use crate::domain::import::Errors;
use crate::http::Service;
use crate::http::integration::{ClientsWrite, SentBy, TariffsWrite};
use crate::http::json::objects;
use crate::http::problem::{Problem, ProblemBody, REQUEST_MALFORMED, RowProblem};
use crate::services::imports::{FileKind, ImportError, Report, import};

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

/// What a client is indicated for, from a day on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicationRow {
    /// The client's number.
    client: u32,
    /// ZZP code.
    profile: String,
    /// `verblijf`, `vpt` or `mpt`.
    delivery: String,
    treatment: bool,
    day_activities: bool,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// A client's dated extra.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdditionRow {
    /// The client's number.
    client: u32,
    /// Product code.
    code: String,
    day_cents: u32,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// Who acts for a client, per subject; or only pays in.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentativeRow {
    /// The client's number.
    client: u32,
    name: String,
    /// `curator`, `bewindvoerder`, `mentor`, `gemachtigde`, `family` or `depositor`.
    role: String,
    for_money: bool,
    for_care: bool,
    email: Option<String>,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
}

/// Cents a day for a product code in a period, as contracted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffRow {
    /// Product code.
    code: String,
    /// ZZP code.
    profile: String,
    /// `verblijf`, `vpt` or `mpt`.
    delivery: String,
    treatment: bool,
    day_activities: bool,
    day_cents: u32,
    from: NaiveDate,
    /// The last day; left out: none is known.
    to: Option<NaiveDate>,
    /// Where it stands.
    source: String,
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
    /// What a person should look at, though nothing is wrong.
    notes: Vec<String>,
    dry_run: bool,
}

/// A row as a line of the file that it could stand in.
trait AsLine {
    const KIND: FileKind;
    /// Columns of the file; where the field has another name, that is the second.
    const COLUMNS: &'static [(&'static str, &'static str)];
    fn cells(&self) -> Vec<String>;
}

fn yes(yes: bool) -> String {
    if yes { "ja" } else { "nee" }.to_owned()
}

fn euros(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn day(day: Option<NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

macro_rules! same {
    ($($name:literal),+) => { &[$(($name, $name)),+] };
}

impl AsLine for IndicationRow {
    const KIND: FileKind = FileKind::Indications;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        same!("client", "profile", "delivery", "treatment", "day_activities", "from", "to");

    fn cells(&self) -> Vec<String> {
        let (treatment, activities) = (yes(self.treatment), yes(self.day_activities));
        let (profile, delivery) = (self.profile.clone(), self.delivery.clone());
        vec![self.client.to_string(), profile, delivery, treatment, activities, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for AdditionRow {
    const KIND: FileKind = FileKind::Additions;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        &[("client", "client"), ("code", "code"), ("price_per_day", "day_cents"), ("from", "from"), ("to", "to")];

    fn cells(&self) -> Vec<String> {
        let (code, price) = (self.code.clone(), euros(self.day_cents));
        vec![self.client.to_string(), code, price, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for RepresentativeRow {
    const KIND: FileKind = FileKind::Representatives;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        same!("client", "name", "role", "for_money", "for_care", "email", "from", "to");

    fn cells(&self) -> Vec<String> {
        let (client, name, role) = (self.client.to_string(), self.name.clone(), self.role.clone());
        let (money, care, email) = (yes(self.for_money), yes(self.for_care), self.email.clone().unwrap_or_default());
        vec![client, name, role, money, care, email, self.from.to_string(), day(self.to)]
    }
}

impl AsLine for TariffRow {
    const KIND: FileKind = FileKind::Tariffs;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("code", "code"),
        ("profile", "profile"),
        ("delivery", "delivery"),
        ("treatment", "treatment"),
        ("day_activities", "day_activities"),
        ("price_per_day", "day_cents"),
        ("from", "from"),
        ("to", "to"),
        ("source", "source"),
    ];

    fn cells(&self) -> Vec<String> {
        let (code, profile, delivery) = (self.code.clone(), self.profile.clone(), self.delivery.clone());
        let (treatment, activities, price) = (yes(self.treatment), yes(self.day_activities), euros(self.day_cents));
        let (from, to, source) = (self.from.to_string(), day(self.to), self.source.clone());
        vec![code, profile, delivery, treatment, activities, price, from, to, source]
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
    let Report { notes, buyers_changed, .. } = report;
    Ok(HttpResponse::Ok().json(ImportedBody { added, changed, unchanged, buyers_changed, notes, dry_run }))
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
