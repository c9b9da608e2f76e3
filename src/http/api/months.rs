//! A client's months: what each was granted and why, what was planned in it, how it ended, and every operation of it.
//! Opening and closing are the organisation's jobs and have no routes.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use crate::db::client_records::{ClientRecord, GrantRecord, PlannedRow, StatementRow};
use crate::domain::account::{Account, Kind};
use crate::domain::flow::Flow;
use crate::domain::funding::PurseName;
use crate::domain::integration_key::Scope;
use crate::domain::money::Unit;
use crate::domain::operation::{Answer, AnswerHold, AnswerLeg, Booked, Line, Transfer};
use crate::domain::scheme::Scheme;
use crate::http::Service;
use crate::http::integration::{AskedBy, Integration, MonthsRead};
use crate::http::problem::{MONTH_UNKNOWN, Problem, ProblemBody};
use crate::http::query::{limit, month, query};
use crate::services::client_records::{self, MonthRecord};

/// A client's months, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Months)]
pub struct MonthsBody {
    /// The month that the wallet is in.
    current: Option<String>,
    months: Vec<MonthStateBody>,
}

/// How far a month is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MonthState)]
pub struct MonthStateBody {
    month: String,
    is_granted: bool,
    is_held: bool,
    is_closed: bool,
    /// Its last grant is provisional: a task tells why.
    is_provisional: bool,
}

/// All that a month was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Month)]
pub struct MonthBody {
    month: String,
    unit: &'static str,
    /// As the opening computed it, then as each correction did. The last one is what the month is granted.
    grants: Vec<GrantBody>,
    planned: Vec<PlannedBody>,
    /// Frozen when the month was closed.
    statement: Option<StatementBody>,
}

/// What a month is granted, and how that comes about: deductions, collective, the three parts and what is rounded off add
/// up to gross.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Grant)]
pub struct GrantBody {
    revision: i16,
    /// The scheme's version that it was computed by, by its number in the database.
    scheme: i32,
    operation: Option<Uuid>,
    /// Why it is provisional: `overlapping_indications`, `no_hours`, `no_tariff`, `ambiguous_tariff`,
    /// `deductions_exceed_tariff`, `out_of_range` or `no_rules`.
    data_error: Option<&'static str>,
    error_day: Option<NaiveDate>,
    funded_days: i16,
    /// Not there for who may not see euros.
    #[serde(skip_serializing_if = "Option::is_none")]
    computation: Option<ComputationBody>,
    /// In the wallet's unit.
    reserve: i64,
    buffer: i64,
    budget: i64,
}

/// From gross to its parts, in `unit`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Computation)]
#[allow(missing_docs)]
pub struct ComputationBody {
    unit: &'static str,
    gross: i64,
    /// In the scheme's order.
    deductions: Vec<DeductionBody>,
    collective: i64,
    reserve_part: i64,
    buffer_part: i64,
    budget_part: i64,
    /// Cents that made no whole unit.
    rounding: i64,
}

/// What goes off the gross amount.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Deduction)]
pub struct DeductionBody {
    /// As the scheme calls it; none where the scheme has no file.
    name: Option<String>,
    amount: i64,
}

/// A plan line's days in the month.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlannedLine)]
#[allow(missing_docs)]
pub struct PlannedBody {
    line: Uuid,
    service: String,
    planned: Vec<u8>,
    held: Vec<u8>,
    done: Vec<u8>,
    released: Vec<u8>,
}

/// How a month ended.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Statement)]
#[allow(missing_docs)]
pub struct StatementBody {
    closed_at: DateTime<Utc>,
    operation: Option<Uuid>,
    purses: Vec<StatementPurseBody>,
}

/// A purse in a statement.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = StatementPurse)]
#[allow(missing_docs)]
pub struct StatementPurseBody {
    purse: &'static str,
    unit: &'static str,
    opening: i64,
    closing: i64,
    moved: Vec<MovedBody>,
}

/// What came and went by one flow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Moved)]
#[allow(missing_docs)]
pub struct MovedBody {
    flow: &'static str,
    came: i64,
    went: i64,
}

/// What was booked in a month.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Operations)]
pub struct OperationsBody {
    operations: Vec<OperationBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<Uuid>,
}

/// An operation with every leg of it and why.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Operation)]
pub struct OperationBody {
    id: Uuid,
    operation: &'static str,
    /// What was done, or why it was declined.
    outcome: &'static str,
    is_done: bool,
    /// `card`, `card_offline`, `no_card`, `office` or `job`.
    authority: &'static str,
    book_date: NaiveDate,
    location: Option<Uuid>,
    terminal: Option<Uuid>,
    staff: Option<Uuid>,
    card: Option<Uuid>,
    price_list: Option<u32>,
    /// The operation that this one undoes, captures, approves or replaces.
    reference: Option<Uuid>,
    /// Cents a point or an hour, of a grant or an exchange.
    unit_value_cents: Option<i64>,
    lines: Vec<LineBody>,
    legs: Vec<AnswerLeg>,
    holds: Vec<AnswerHold>,
}

/// One service and quantity.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OperationLine)]
#[allow(missing_docs)]
pub struct LineBody {
    line: u16,
    service: Uuid,
    name: Option<String>,
    quantity: u32,
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_cents: Option<i64>,
    /// In the wallet's unit.
    units: Option<i64>,
    is_planned: bool,
    left_out: Option<&'static str>,
}

/// An answer as it is shown: without euros of the budget to who may not see them.
pub(super) fn answer_of(booked: &Booked, euros: bool) -> Answer {
    let mut answer = booked.answer();
    if !euros {
        answer.approved_cents = None;
    }
    let legs = answer.legs.into_iter().zip(&booked.operation.transfers);
    answer.legs = legs.filter(|(_, transfer)| is_shown(transfer, euros)).map(|(leg, _)| leg).collect();
    answer
}

/// Whether who asks sees euros of this client's budget.
pub(super) fn sees_euros(by: &Integration, client: &ClientRecord) -> bool {
    client.shows_euros || by.has(Scope::EurosRead)
}

fn days(bits: i32) -> Vec<u8> {
    (1..=31_u8).filter(|day| bits >> (day - 1) & 1 == 1).collect()
}

impl GrantBody {
    fn of(grant: GrantRecord, unit: Unit, scheme: Option<&Scheme>, euros: bool) -> Self {
        let guessed = if grant.in_cents { Unit::Eur } else { unit };
        let gross_unit = scheme.map_or(guessed, |scheme| scheme.grant.basis().gross_unit());
        let names =
            scheme.map_or(&[][..], |scheme| scheme.grant.deductions()).iter().map(|deduction| deduction.name.clone());
        let names = names.map(Some).chain(std::iter::repeat(None));
        let deductions = grant.deductions.into_iter().zip(names);
        let [reserve_part, buffer_part, budget_part] = grant.parts;
        let computation = ComputationBody {
            unit: gross_unit.name(),
            gross: grant.gross,
            deductions: deductions.map(|(amount, name)| DeductionBody { name, amount }).collect(),
            collective: grant.collective,
            reserve_part,
            buffer_part,
            budget_part,
            rounding: grant.rounding,
        };
        let [reserve, buffer, budget] = grant.purses;
        Self {
            revision: grant.revision,
            scheme: grant.scheme,
            operation: grant.operation,
            data_error: grant.data_error.map(data_error),
            error_day: grant.error_day,
            funded_days: grant.funded_days,
            computation: (euros || gross_unit != Unit::Eur).then_some(computation),
            reserve,
            buffer,
            budget,
        }
    }
}

/// Why a grant is provisional, as `month_grant` stores it.
pub(super) const fn data_error(code: i16) -> &'static str {
    match code {
        1 => "overlapping_indications",
        2 => "no_hours",
        3 => "no_tariff",
        4 => "ambiguous_tariff",
        5 => "deductions_exceed_tariff",
        6 => "out_of_range",
        _ => "no_rules",
    }
}

impl PlannedBody {
    fn of(row: PlannedRow) -> Self {
        let [planned, held, done, released] = [row.planned, row.held, row.done, row.released].map(days);
        Self { line: row.line, service: row.service_name, planned, held, done, released }
    }
}

impl StatementBody {
    fn of(row: &StatementRow, unit: Unit) -> Self {
        let unit_of = |purse| if purse == PurseName::CreditCents { Unit::Eur } else { unit };
        let moved_of = |number: i64| {
            let rows = row.moved.chunks_exact(4).filter(move |moved| moved.get(1) == Some(&number));
            rows.filter_map(|moved| match *moved {
                [flow, _, came, went] => Flow::from_code(flow).map(|flow| MovedBody { flow: flow.name(), came, went }),
                _ => None,
            })
        };
        let purses = PurseName::ALL.into_iter().zip(1_i64..).zip(row.opening.iter().zip(&row.closing));
        let purses = purses.filter(|((purse, _), _)| *purse != PurseName::Credit || unit == Unit::Pnt);
        let purses = purses.map(|((purse, number), (opening, closing))| StatementPurseBody {
            purse: purse.name(),
            unit: unit_of(purse).name(),
            opening: *opening,
            closing: *closing,
            moved: moved_of(number).collect(),
        });
        Self { closed_at: row.closed_at, operation: row.operation, purses: purses.collect() }
    }
}

/// Own money is the client's own and shown to everybody; other euros are hidden where the scheme counts in minutes.
fn is_shown(transfer: &Transfer, euros: bool) -> bool {
    let is_own = |account: Account| matches!(account.kind(), Kind::Credit);
    euros || transfer.amount.unit() != Unit::Eur || is_own(transfer.debit) || is_own(transfer.credit)
}

impl OperationBody {
    fn of(booked: &Booked, names: &std::collections::HashMap<Uuid, String>, euros: bool) -> Self {
        let operation = &booked.operation;
        let answer = answer_of(booked, euros);
        let line = |line: &Line| LineBody {
            line: line.number,
            service: line.service,
            name: names.get(&line.service).cloned(),
            quantity: line.quantity,
            kind: line.kind.map(|kind| kind.name()),
            price_cents: euros.then(|| line.price.minor()),
            units: line.units.map(|units| units.minor()),
            is_planned: line.planned,
            left_out: line.left_out.map(|reason| reason.name()),
        };
        Self {
            id: operation.id.uuid(),
            operation: operation.kind.name(),
            outcome: operation.outcome.name(),
            is_done: operation.outcome.is_done(),
            authority: operation.authority.name(),
            book_date: booked.book_date,
            location: operation.location,
            terminal: operation.terminal,
            staff: operation.staff,
            card: operation.card,
            price_list: operation.price_list,
            reference: operation.reference.map(|id| id.uuid()),
            unit_value_cents: operation.unit_value_cents.filter(|_| euros),
            lines: operation.lines.iter().map(line).collect(),
            legs: answer.legs,
            holds: answer.holds,
        }
    }
}

/// A client's months.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/months", tag = "months", security(("integration" = ["months:read"])),
    params(("number" = u32, Path, description = "The client's number")),
    responses(
        (status = 200, description = "How far each is", body = MonthsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/months")]
pub async fn list_months(
    service: Data<Service>,
    asked: AskedBy<MonthsRead>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&service, &asked.by, &number).await?;
    let months = client_records::months(&service.database, client.wallet).await?;
    let months = months.into_iter().map(|row| MonthStateBody {
        month: written(row.month),
        is_granted: row.is_granted,
        is_held: row.is_held,
        is_closed: row.is_closed,
        is_provisional: row.is_provisional,
    });
    Ok(HttpResponse::Ok().json(MonthsBody { current: client.month.map(written), months: months.collect() }))
}

pub(super) fn written(month: NaiveDate) -> String {
    format!("{:04}-{:02}", month.year(), month.month())
}

/// A month: what was granted and how it was computed, what was planned, and the frozen statement.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/months/{month}", tag = "months",
    security(("integration" = ["months:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("month" = String, Path, description = "As 2026-04"),
    ),
    responses(
        (status = 200, description = "All of it", body = MonthBody),
        (status = 404, description = "No such client, or that month was not opened", body = ProblemBody),
    )
)]
#[get("/clients/{number}/months/{month}")]
pub async fn show_month(
    service: Data<Service>,
    asked: AskedBy<MonthsRead>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, month) = (client_of(&service, &asked.by, &path.0).await?, month(&path.1)?);
    let found = client_records::month(&service.database, client.wallet, month).await?;
    let MonthRecord { grants, planned, statement, schemes } = found.ok_or_else(|| Problem::new(&MONTH_UNKNOWN))?;
    let (unit, euros) = (client.unit, sees_euros(&asked.by, &client));
    Ok(HttpResponse::Ok().json(MonthBody {
        month: written(month),
        unit: unit.name(),
        grants: grants
            .into_iter()
            .map(|grant| {
                let scheme = schemes.get(&grant.scheme).map(AsRef::as_ref);
                GrantBody::of(grant, unit, scheme, euros)
            })
            .collect(),
        planned: planned.into_iter().map(PlannedBody::of).collect(),
        statement: statement.map(|statement| StatementBody::of(&statement, unit)),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<Uuid>,
    limit: Option<u16>,
}

/// Every operation of a month, with its legs and why each was booked.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/months/{month}/operations", tag = "months",
    security(("integration" = ["months:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("month" = String, Path, description = "As 2026-04"),
        ("after" = Option<Uuid>, Query, description = "The id that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses(
        (status = 200, description = "A page of them, by id", body = OperationsBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/months/{month}/operations")]
pub async fn list_operations(
    service: Data<Service>,
    asked: AskedBy<MonthsRead>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Page { after, limit: rows } = query(&request)?;
    let (client, month) = (client_of(&service, &asked.by, &path.0).await?, month(&path.1)?);
    let found = client_records::operations(&service.database, client.wallet, month, after, limit(rows)?).await?;
    let euros = sees_euros(&asked.by, &client);
    let operations = found.booked.iter().map(|booked| OperationBody::of(booked, &found.names, euros)).collect();
    Ok(HttpResponse::Ok().json(OperationsBody { operations, next: found.next }))
}
