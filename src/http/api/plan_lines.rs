//! What is agreed with a client: lines, consent to them, and what is said of their days.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::{NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clients::client_of;
use super::months::{answer_of, sees_euros};
use crate::db::client_records::ClientRecord;
use crate::db::plans::{ConsentRow, Dropped, PlanLineRow};
use crate::domain::money::Amount;
use crate::domain::occurrence::{LineId, OccurrenceId};
use crate::domain::operation::Answer;
use crate::domain::plan_line::{Mark, Performer};
use crate::http::Service;
use crate::http::integration::{AskedBy, Integration, PlansRead, PlansWrite, SentBy};
use crate::http::problem::{PATH_MALFORMED, PLAN_LINE_UNKNOWN, PLAN_REFUSED, Problem, ProblemBody, REQUEST_MALFORMED};
use crate::http::query::{day, query, text};
use crate::services::absences::OfClient;
use crate::services::months::undelivered::{self, GiveBackRequest, GivenBack};
use crate::services::plan_books::Released;
use crate::services::plans::{self, AgreeRequest, ConsentRequest, MarkRequest};

/// A line to agree.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreePlanLine {
    service: Uuid,
    performer: PerformerBody,
    /// Of staff; the service's own if it is left out.
    function: Option<String>,
    /// The staff member, where one is agreed.
    performed_by: Option<Uuid>,
    /// 1 to 20; 1 if it is left out.
    staff_count: Option<u16>,
    /// 1 to 200; 1 if it is left out.
    group_size: Option<u16>,
    /// iCalendar RRULE, without `RRULE:`.
    recurrence: String,
    /// Local time of the first occurrence.
    starts_at: NaiveDateTime,
    /// 1 to 1440.
    duration_minutes: u16,
    /// Why it costs nothing though it has a price: it is listed.
    waiver_reason: Option<String>,
    /// Planned without consent in the client's first weeks.
    #[serde(default)]
    is_provisional: bool,
    /// The network meeting that it was agreed in.
    meeting: Option<Uuid>,
}

/// Who performs a line; the last three cost nothing.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
#[schema(as = Performer)]
pub enum PerformerBody {
    Staff,
    External,
    Volunteer,
    Family,
    Client,
}

impl From<PerformerBody> for Performer {
    fn from(performer: PerformerBody) -> Performer {
        match performer {
            PerformerBody::Staff => Performer::Staff,
            PerformerBody::External => Performer::External,
            PerformerBody::Volunteer => Performer::Volunteer,
            PerformerBody::Family => Performer::Family,
            PerformerBody::Client => Performer::Client,
        }
    }
}

/// Consent to a line's price.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentToPlanLine {
    /// Who signed in the client's place; left out: the client.
    representative: Option<Uuid>,
    /// Left out where the scheme shows no euro and the line has a price in the wallet's unit: consent is to the units then.
    price_shown_cents: Option<i64>,
    /// In the wallet's unit; left out where the line has no price in it.
    units_shown: Option<i64>,
    /// Must be true.
    alternatives_asked: bool,
    signed_on: NaiveDate,
    /// The staff member who recorded it.
    recorded_by: Uuid,
}

/// The end of a line.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropPlanLine {
    /// The first day on which it is not planned any more: today or later.
    from: NaiveDate,
    reason: String,
    /// The staff member who explained what follows from it.
    consequences_explained_by: Uuid,
    consequences_explained_on: NaiveDate,
}

/// What is to be said of a planned day before it is delivered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkDay {
    day: NaiveDate,
    mark: MarkBody,
    /// Needed where it was not delivered.
    reason: Option<String>,
    /// The staff member.
    by: Uuid,
}

/// Why a planned day is not delivered.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
#[schema(as = Mark)]
pub enum MarkBody {
    Absent,
    Refused,
    NotDelivered,
}

/// A client's lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlanLines)]
#[allow(missing_docs)]
pub struct PlanLinesBody {
    unit: &'static str,
    lines: Vec<PlanLineBody>,
}

/// A line as it was agreed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlanLine)]
#[allow(missing_docs)]
pub struct PlanLineBody {
    id: Uuid,
    service: Uuid,
    kind: &'static str,
    performer: &'static str,
    function: Option<String>,
    performed_by: Option<Uuid>,
    staff_count: u16,
    group_size: u16,
    recurrence: String,
    starts_at: NaiveDateTime,
    duration_minutes: u16,
    /// Of one occurrence; not there for who may not see euros.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_cents: Option<i64>,
    /// Of one occurrence in the wallet's unit; none: no price in it.
    units: Option<i64>,
    waiver_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waived_cents: Option<i64>,
    /// Planned without consent up to this day.
    provisional_until: Option<NaiveDate>,
    /// When consent was signed; a line that costs something is not planned without.
    consented_on: Option<NaiveDate>,
    agreed_on: NaiveDate,
    meeting: Option<Uuid>,
    dropped_from: Option<NaiveDate>,
    drop_reason: Option<String>,
}

/// What became of planned days.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Released)]
pub struct ReleasedBody {
    /// Days that were given up: what was held of them is free.
    released: u32,
    /// Days that had been delivered and paid already: somebody has to look at them.
    done: u32,
    /// Days on which the client turns out to be there: planned again, not held. Those that are over are delivered by the month's close
    /// unless they are marked.
    planned_again: u32,
}

impl From<Released> for ReleasedBody {
    fn from(released: Released) -> ReleasedBody {
        let Released { released, done, planned_again } = released;
        ReleasedBody { released, done, planned_again }
    }
}

impl PlanLineBody {
    fn of(row: PlanLineRow, euros: bool) -> Self {
        let line = row.line;
        // what has no price in the wallet's unit is paid from own money, which is shown in any scheme
        let euros = euros || (line.units.is_none() && !line.kind.is_never_refused());
        let (waiver_reason, waived) = row.waiver.unzip();
        Self {
            id: line.id.uuid(),
            service: line.service,
            kind: line.kind.name(),
            performer: line.performer.name(),
            function: row.function,
            performed_by: row.performed_by,
            staff_count: row.staff_count,
            group_size: row.group_size,
            recurrence: line.recurrence,
            starts_at: line.starts_at,
            duration_minutes: row.duration_minutes,
            price_cents: euros.then(|| line.price.minor()),
            units: line.units.map(Amount::minor),
            waiver_reason,
            waived_cents: waived.filter(|_| euros).map(Amount::minor),
            provisional_until: line.provisional_until,
            consented_on: line.consented_on,
            agreed_on: row.agreed_on,
            meeting: row.meeting,
            dropped_from: line.dropped_from,
            drop_reason: row.drop_reason,
        }
    }
}

/// Whose plan it is.
pub(super) fn of(by: &Integration, client: &ClientRecord) -> OfClient {
    OfClient { organisation: by.organisation, wallet: client.wallet }
}

fn line_id(text: &str) -> Result<LineId, Problem> {
    let id = Uuid::try_parse(text).map_err(|_| Problem::with(&PATH_MALFORMED, "a plan line's id is a UUID"))?;
    LineId::new(id).ok_or_else(|| Problem::new(&PLAN_LINE_UNKNOWN))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    day: Option<NaiveDate>,
}

/// A client's lines that are not dropped by a day.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}/plan-lines", tag = "plans", security(("integration" = ["plans:read"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("day" = Option<NaiveDate>, Query, description = "Today if it is left out"),
    ),
    responses(
        (status = 200, description = "All of them", body = PlanLinesBody),
        (status = 404, description = "There is no such client in this organisation", body = ProblemBody),
    )
)]
#[get("/clients/{number}/plan-lines")]
pub async fn list_lines(
    service: Data<Service>,
    asked: AskedBy<PlansRead>,
    number: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked_day: Day = query(&request)?;
    let day = day(asked_day.day)?.unwrap_or_else(|| Utc::now().date_naive());
    let client = client_of(&service, &asked.by, &number).await?;
    let lines = plans::list(&service.database, of(&asked.by, &client), day).await?.into_iter();
    let euros = sees_euros(&asked.by, &client);
    let lines = lines.map(|line| PlanLineBody::of(line, euros)).collect();
    Ok(HttpResponse::Ok().json(PlanLinesBody { unit: client.unit.name(), lines }))
}

/// Agrees a line at the catalogue's price of its first day. `Idempotency-Key`, with its last 16 bits 0, becomes its id.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-lines", tag = "plans", security(("integration" = ["plans:write"])),
    params(("number" = u32, Path, description = "The client's number")),
    request_body(content = AgreePlanLine, example = json!({
        "service": "01900000-0000-7000-8000-00000000000c", "performer": "staff", "function": "helpende",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO,TH", "starts_at": "2026-12-07T09:00:00", "duration_minutes": 30
    })),
    responses(
        (status = 200, description = "The line as it was agreed", body = PlanLineBody),
        (status = 404, description = "No such client or service in this organisation", body = ProblemBody),
        (status = 409, description = "Another line was agreed under this id", body = ProblemBody),
        (status = 422, description = "A rule forbids it, or it cannot be understood", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-lines")]
pub async fn agree_line(
    service: Data<Service>,
    sent: SentBy<PlansWrite, AgreePlanLine>,
    number: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = LineId::from_fresh(sent.id()?.uuid()).ok_or_else(|| Problem::new(&REQUEST_MALFORMED))?;
    let client = client_of(&service, &sent.by, &number).await?;
    let body = sent.body;
    let request = AgreeRequest {
        of: of(&sent.by, &client),
        id,
        service: body.service,
        performer: body.performer.into(),
        function: said("function", body.function, 50)?,
        performed_by: body.performed_by,
        staff_count: body.staff_count.unwrap_or(1),
        group_size: body.group_size.unwrap_or(1),
        recurrence: text("recurrence", &body.recurrence, 500)?.to_owned(),
        starts_at: body.starts_at,
        duration_minutes: body.duration_minutes,
        waiver_reason: said("waiver_reason", body.waiver_reason, 500)?,
        is_provisional: body.is_provisional,
        meeting: body.meeting,
    };
    let row = plans::agree(&service.database, &request, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(PlanLineBody::of(row, sees_euros(&sent.by, &client))))
}

fn said(field: &str, words: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    words.map(|words| text(field, &words, most).map(str::to_owned)).transpose()
}

/// Records consent: the price that was shown (a scheme without euros shows units alone), that alternatives were asked about, and
/// who signed.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-lines/{id}/consent", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The line's id"),
    ),
    request_body(content = ConsentToPlanLine, example = json!({
        "price_shown_cents": 2500, "units_shown": 2500, "alternatives_asked": true, "signed_on": "2026-11-20",
        "recorded_by": "01900000-0000-7000-8000-0000000000aa"
    })),
    responses(
        (status = 204, description = "From that day on the line is planned"),
        (status = 404, description = "No such client or line in this organisation", body = ProblemBody),
        (status = 409, description = "It was consented to otherwise", body = ProblemBody),
        (status = 422, description = "Another price, or who signed may not speak about it", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-lines/{id}/consent")]
pub async fn consent_to_line(
    service: Data<Service>,
    sent: SentBy<PlansWrite, ConsentToPlanLine>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, line) = (client_of(&service, &sent.by, &path.0).await?, line_id(&path.1)?);
    let ConsentToPlanLine {
        representative,
        price_shown_cents,
        units_shown,
        alternatives_asked,
        signed_on,
        recorded_by,
    } = sent.body;
    let consent = ConsentRow { representative, price_shown_cents, units_shown, signed_on, recorded_by };
    let request = ConsentRequest { of: of(&sent.by, &client), line, alternatives_asked, consent };
    plans::consent(&service.database, &request, Utc::now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Drops a line from a day on; the consequences were explained.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-lines/{id}/drop", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The line's id"),
    ),
    request_body(content = DropPlanLine, example = json!({
        "from": "2026-12-01", "reason": "Familie doet de ramen.",
        "consequences_explained_by": "01900000-0000-7000-8000-0000000000aa", "consequences_explained_on": "2026-11-20"
    })),
    responses(
        (status = 200, description = "What was held for it is free", body = ReleasedBody),
        (status = 404, description = "No such client or line in this organisation", body = ProblemBody),
        (status = 409, description = "It was dropped before", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-lines/{id}/drop")]
pub async fn drop_line(
    service: Data<Service>,
    sent: SentBy<PlansWrite, DropPlanLine>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, line) = (client_of(&service, &sent.by, &path.0).await?, line_id(&path.1)?);
    let dropped = Dropped {
        from: sent.body.from,
        reason: text("reason", &sent.body.reason, 500)?.to_owned(),
        explained_by: sent.body.consequences_explained_by,
        explained_on: sent.body.consequences_explained_on,
    };
    let released = plans::drop_line(&service.database, of(&sent.by, &client), line, &dropped, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(ReleasedBody::from(released)))
}

/// Marks a planned day: it will not be delivered, and what was held of it is free.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-lines/{id}/marks", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The line's id"),
    ),
    request_body(content = MarkDay, example = json!({
        "day": "2026-12-07", "mark": "not_delivered", "reason": "Te weinig personeel.",
        "by": "01900000-0000-7000-8000-0000000000aa"
    })),
    responses(
        (status = 200, description = "What became of the day", body = ReleasedBody),
        (status = 404, description = "No such client, line or planned day", body = ProblemBody),
        (status = 409, description = "The day was marked otherwise, or delivered, or its month is closed", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-lines/{id}/marks")]
pub async fn mark_day(
    service: Data<Service>,
    sent: SentBy<PlansWrite, MarkDay>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, line) = (client_of(&service, &sent.by, &path.0).await?, line_id(&path.1)?);
    let mark = match sent.body.mark {
        MarkBody::Absent => Mark::Absent,
        MarkBody::Refused => Mark::Refused,
        MarkBody::NotDelivered => Mark::NotDelivered,
    };
    let (day, by, reason) = (sent.body.day, sent.body.by, said("reason", sent.body.reason, 500)?);
    let request = MarkRequest { of: of(&sent.by, &client), line, day, mark, reason, by };
    let released = plans::mark(&service.database, &request, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(ReleasedBody::from(released)))
}

/// A day that was paid and turns out not to have been delivered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectDay {
    day: NaiveDate,
    reason: Option<String>,
    /// The staff member.
    by: Uuid,
}

/// What went back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Corrected)]
pub struct CorrectedBody {
    /// False: it was marked so before.
    is_new: bool,
    /// What was given back to who paid; none for a day that cost nothing, or that was refunded before.
    operation: Option<Answer>,
}

/// Gives back what was paid for a day that was not delivered after all, within 14 days.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/plan-lines/{id}/corrections", tag = "plans",
    security(("integration" = ["plans:write"])),
    params(
        ("number" = u32, Path, description = "The client's number"),
        ("id" = Uuid, Path, description = "The line's id"),
    ),
    request_body(content = CorrectDay, example = json!({
        "day": "2026-11-20", "reason": "Medewerker was ziek.", "by": "01900000-0000-7000-8000-0000000000aa"
    })),
    responses(
        (status = 200, description = "What went back", body = CorrectedBody),
        (status = 404, description = "No such client or line in this organisation", body = ProblemBody),
        (status = 422, description = "The day was not paid, or longer than 14 days ago", body = ProblemBody),
    )
)]
#[post("/clients/{number}/plan-lines/{id}/corrections")]
pub async fn correct_day(
    service: Data<Service>,
    sent: SentBy<PlansWrite, CorrectDay>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (client, line) = (client_of(&service, &sent.by, &path.0).await?, line_id(&path.1)?);
    let euros = sees_euros(&sent.by, &client);
    let CorrectDay { day, reason, by } = sent.body;
    let not_paid = || Problem::with(&PLAN_REFUSED, "nothing of this line was paid on this day");
    let occurrence = OccurrenceId::of(line, day).ok_or_else(not_paid)?;
    let request = GiveBackRequest { wallet: client.wallet, occurrence, reason: said("reason", reason, 500)?, by };
    let (is_new, booked) = match undelivered::give_back(&service.database, &request, Utc::now()).await? {
        GivenBack::Done(booked) => (true, booked),
        GivenBack::Already => (false, None),
        GivenBack::NotPaid => return Err(not_paid()),
        GivenBack::TooLate => return Err(Problem::with(&PLAN_REFUSED, "it was paid more than 14 days ago")),
    };
    Ok(HttpResponse::Ok().json(CorrectedBody { is_new, operation: booked.map(|booked| answer_of(&booked, euros)) }))
}
