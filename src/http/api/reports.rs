//! Reports of an organisation, as JSON and as CSV. What each one counts stands in `domain/report`, and is told with it.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::db::reports::Months;
use crate::domain::report::Report;
use crate::http::Service;
use crate::http::integration::{AskedBy, ReportsRead};
use crate::http::problem::{PATH_MALFORMED, Problem, ProblemBody, REPORT_UNKNOWN};
use crate::http::query::{month, query};
use crate::http::table::{Format, Table, column_name};
use crate::services::reports::begin_report;

/// Months of a report, at most.
const MONTHS_MAX: usize = 12;

/// The reports there are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Reports)]
#[allow(missing_docs)]
pub struct ReportsBody {
    reports: Vec<ReportBody>,
}

/// A report and what it counts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Report)]
pub struct ReportBody {
    /// As in its address.
    report: &'static str,
    definition: &'static str,
    /// Names in a row of JSON.
    columns: Vec<String>,
}

/// The reports there are, with their definitions.
#[utoipa::path(
    get, path = "/api/v1/reports", tag = "reports", security(("integration" = ["reports:read"])),
    responses((status = 200, description = "All of them", body = ReportsBody))
)]
#[get("/reports")]
pub async fn list_reports(_: AskedBy<ReportsRead>) -> Result<HttpResponse, Problem> {
    let reports = Report::ALL.map(|report| ReportBody {
        report: report.name(),
        definition: report.definition(),
        columns: report.columns().iter().map(|column| column_name(column, Format::Json)).collect(),
    });
    Ok(HttpResponse::Ok().json(ReportsBody { reports: reports.into() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    to: Option<String>,
    format: Option<Format>,
}

/// A report over months. Rows are sent as they are read: an answer that breaks off lacks its end.
#[utoipa::path(
    get, path = "/api/v1/reports/{report}", tag = "reports", security(("integration" = ["reports:read"])),
    params(
        ("report" = String, Path, description = "`production`, `production-differences`, `use`, `waivers`, `overruns`, `savings`, `buffer` or `money`"),
        ("from" = String, Query, description = "The first month, as 2026-04"),
        ("to" = Option<String>, Query, description = "The last month, at most a year in all; the first if it is left out"),
        ("format" = Option<String>, Query, description = "`json` (cents and minor units) or `csv` (euros and points with a decimal comma, separator `;`)"),
    ),
    responses(
        (status = 200, description = "`report`, `from`, `to`, `definition` and `rows`, whose names GET /api/v1/reports lists; or CSV", body = Object),
        (status = 404, description = "There is no such report", body = ProblemBody),
    )
)]
#[get("/reports/{report}")]
pub async fn show_report(
    service: Data<Service>,
    asked: AskedBy<ReportsRead>,
    report: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let report = Report::from_name(&report).ok_or_else(|| Problem::new(&REPORT_UNKNOWN))?;
    let Asked { from, to, format } = query(&request)?;
    let (months, format) = (months(&from, to.as_deref())?, format.unwrap_or_default());
    service.rates.count_report(asked.by.key)?;
    let rows = begin_report(&service.database, asked.by.organisation, report, months).await?;
    let head = head(report, months);
    let file = format!("attachment; filename=\"{}.csv\"", report.name());
    let mut answer = HttpResponse::Ok();
    answer.content_type(format.content_type()).insert_header(("cache-control", "private, no-store"));
    if format == Format::Csv {
        answer.insert_header(("content-disposition", file));
    }
    Ok(answer.body(Table::new(rows, report.columns(), format, &head)))
}

fn head(report: Report, months: Months) -> Map<String, Value> {
    let of = |month: chrono::NaiveDate| Value::String(month.format("%Y-%m").to_string());
    let head = [
        ("report", report.name().into()),
        ("from", of(months.first)),
        ("to", of(months.last)),
        ("definition", report.definition().into()),
    ];
    head.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn months(from: &str, to: Option<&str>) -> Result<Months, Problem> {
    let first = month(from)?;
    let last = to.map_or(Ok(first), month)?;
    let count = std::iter::successors(Some(first), |month| month.checked_add_months(chrono::Months::new(1)))
        .take_while(|month| *month <= last)
        .take(MONTHS_MAX + 1)
        .count();
    match count {
        1..=MONTHS_MAX => Ok(Months { first, last }),
        0 => Err(Problem::with(&PATH_MALFORMED, "`to` lies before `from`")),
        _ => Err(Problem::with(&PATH_MALFORMED, "a report is over a year at most")),
    }
}

/// `docs/reports.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Reports\n\n`GET /api/v1/reports/NAME?from=2026-01&to=2026-03` with a key for `reports:read`; `&format=csv` for a \
         spreadsheet. An\noperation belongs to the month that its wallet was in; where no month was opened, to that of its book \
         date. In JSON\namounts are whole cents or minor units; in CSV euros and points are written with a decimal comma, columns \
         of euros end\nin `_eur`, and the separator is `;`.\n\nThis page is made from `src/domain/report.rs`; `tests/api` compares \
         the two.\n",
    );
    for report in Report::ALL {
        let columns = report.columns().iter().map(|column| format!("`{}`", column_name(column, Format::Json)));
        let columns = columns.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("\n## {}\n\n{}\n\nColumns: {columns}.\n", report.name(), report.definition()));
    }
    text
}
