//! Errors as RFC 9457 `application/problem+json`: the only place that turns them into status codes and slugs.
//!
//! A slug never changes its meaning. `docs/ERRORS.md` lists them all and is held to this table by a test. A 5xx tells the
//! request id and nothing else; what happened stands in the log under that id.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use uuid::Uuid;

use super::signature::SignatureError;
use crate::domain::operation::IdError;
use crate::domain::request::{Malformed, Problem as RequestProblem};
use crate::services::authorise::AuthoriseError;
use crate::services::book::BookError;
use crate::services::cards::CardError;
use crate::services::enrolments::EnrolmentError;
use crate::services::forwards::ForwardError;
use crate::services::imports::ImportError;
use crate::services::months::MonthError;
use crate::services::plan_books::PlanError;
use crate::services::task_lists::TaskError;
use crate::services::terminals::TerminalError;
use crate::services::unplanned_care::CareError;

/// A sort of problem.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sort {
    pub status: u16,
    pub slug: &'static str,
    pub title: &'static str,
    /// What whoever asked can do about it.
    pub remedy: &'static str,
}

macro_rules! sorts {
    ($($name:ident = $status:literal $slug:literal $title:literal $remedy:literal;)+) => {
        $(#[allow(missing_docs)] pub const $name: Sort =
            Sort { status: $status, slug: $slug, title: $title, remedy: $remedy };)+

        /// All sorts, by status.
        pub const SORTS: &[&Sort] = &[$(&$name,)+];
    };
}

sorts! {
    JSON_MALFORMED = 400 "json-malformed" "The body is not JSON"
        "Send one JSON value, UTF-8, as the API's description shows it.";
    PATH_MALFORMED = 400 "path-malformed" "The address cannot be understood"
        "Put a UUID where the path has an id, and numbers where the query has numbers.";
    SIGNATURE_MISSING = 401 "signature-missing" "The request is not signed"
        "Sign it (RFC 9421): Signature-Input and Signature, a terminal's with the tag pasje-terminal, another system's with pasje-integration.";
    SIGNATURE_MALFORMED = 401 "signature-malformed" "The signature cannot be read"
        "Write Signature-Input and Signature as RFC 9421 says.";
    SIGNATURE_INCOMPLETE = 401 "signature-incomplete" "The signature covers too little"
        "Cover all components and send all parameters that the API's description names.";
    SIGNATURE_EXPIRED = 401 "signature-expired" "The signature is not of now"
        "Set the clock by the Date of this answer, and sign the request anew.";
    SIGNATURE_WRONG = 401 "signature-wrong" "The signature is not right"
        "Sign with the key of this keyid, exactly what is sent. If it worked before, enrol the terminal again.";
    DIGEST_MISSING = 401 "digest-missing" "The body has no digest"
        "Send Content-Digest with sha-256 (RFC 9530), and cover it.";
    DIGEST_MALFORMED = 401 "digest-malformed" "The digest cannot be read"
        "Write Content-Digest as RFC 9530 says.";
    DIGEST_WRONG = 401 "digest-wrong" "The digest is not of this body"
        "Compute sha-256 over the body exactly as it is sent.";
    TERMINAL_REVOKED = 401 "terminal-revoked" "This terminal may no longer ask"
        "Stop, wipe what the terminal holds, and ask the office.";
    KEY_REVOKED = 401 "key-revoked" "This key may no longer ask"
        "It was revoked, or its time is over: ask the office for a new one.";
    SCOPE_MISSING = 403 "scope-missing" "This key is not for that"
        "Ask the office for a key with the scope that the detail names.";
    NOT_FOUND = 404 "not-found" "There is nothing at this address"
        "Compare the path with the API's description.";
    SALE_UNKNOWN = 404 "sale-unknown" "There is no such sale at this location"
        "If it was sent and got no answer, send the very same request again.";
    HOLD_UNKNOWN = 404 "hold-unknown" "There is no such hold at this location"
        "If it was sent and got no answer, send the very same request again.";
    CLIENT_UNKNOWN = 404 "client-unknown" "There is no such client in this organisation"
        "Compare the client's number with those that GET /api/v1/clients lists.";
    MONTH_UNKNOWN = 404 "month-unknown" "That month was not opened for this client"
        "Compare the month with those that the client's months list.";
    PAYOUT_UNKNOWN = 404 "payout-unknown" "There is no such payout in this organisation"
        "Compare the id with those that GET /api/v1/payouts lists.";
    PLAN_LINE_UNKNOWN = 404 "plan-line-unknown" "The client has no such plan line"
        "Compare the id with those that the client's plan lines list.";
    LOCATION_UNKNOWN = 404 "location-unknown" "There is no such location with prices in this organisation"
        "Name a location that `pasje location list` shows, or say where the client lives.";
    REPORT_UNKNOWN = 404 "report-unknown" "There is no such report"
        "GET /api/v1/reports lists the reports there are.";
    TASK_UNKNOWN = 404 "task-unknown" "There is no such task in this organisation"
        "Compare the id with those that GET /api/v1/tasks lists.";
    ENROLMENT_UNKNOWN = 404 "enrolment-unknown" "No terminal waits under this code"
        "Make a new key pair and hand it in: a code is good for ten minutes.";
    REFERENCE_UNKNOWN = 404 "reference-unknown" "The request names something that does not exist"
        "Compare the ids in the request with what was answered before.";
    METHOD_NOT_ALLOWED = 405 "method-not-allowed" "This address takes another method"
        "Compare the method with the API's description.";
    BODY_TIMEOUT = 408 "body-timeout" "The body came too slowly"
        "Send the same request again, faster.";
    ID_REUSED = 409 "id-reused" "Another request was sent under this id"
        "Make a new id (UUIDv7) for a new request; send the same request again under the same id.";
    ENROLMENT_USED = 409 "enrolment-used" "This key pair was used before"
        "Make a new key pair and hand it in.";
    PLAN_CONFLICT = 409 "plan-conflict" "The same id or day says something else"
        "Read what stands there; it is not changed by saying otherwise.";
    TASK_DONE = 409 "task-done" "The task was done before, otherwise"
        "Read what was done; what is done is not changed.";
    JOURNAL_CONFLICT = 409 "journal-conflict" "Another record is stored under this sequence"
        "Stop selling offline and tell the office: this journal is not the one that was sent before. A human looks at it.";
    JOURNAL_GAP = 409 "journal-gap" "The record does not follow what is stored"
        "Nothing was stored. Send the journal from the record after stored_to.";
    BODY_TOO_LARGE = 413 "body-too-large" "The body is too large"
        "Send at most 64 KiB, and of forwarded sales 256 KiB.";
    CONTENT_TYPE_WRONG = 415 "content-type-wrong" "The body's type is not taken here"
        "Send Content-Type: application/json.";
    AUTHORITY_UNKNOWN = 421 "authority-unknown" "The request was made for another host"
        "Send it to a host and port that this service is known by (PASJE_AUTHORITIES).";
    REQUEST_MALFORMED = 422 "request-malformed" "The request cannot be understood"
        "Correct the field that the detail names.";
    ROWS_REFUSED = 422 "rows-refused" "A row is wrong, and none was taken"
        "Correct the rows that `rows` names, and send all of them again.";
    PLAN_REFUSED = 422 "plan-refused" "A rule forbids it"
        "The detail names the rule.";
    NO_POINTS = 422 "no-points" "This client cannot buy points"
        "Points are bought where the client's scheme counts in points and its file says what a point is worth. Own money stays in euros.";
    ID_MISMATCH = 422 "id-mismatch" "Idempotency-Key and id differ"
        "Send the body's id as Idempotency-Key, in double quotes.";
    ID_TOO_OLD = 422 "id-too-old" "The id was made too long ago"
        "New ids are at most 35 days old. Make a new id if this is a new request.";
    ID_TOO_NEW = 422 "id-too-new" "The id's time lies ahead"
        "Set the clock by the Date of this answer, and make a new id.";
    JOURNAL_HASH_WRONG = 422 "journal-hash-wrong" "The hash is not of the record"
        "Nothing was stored. Hash the previous hash, the sequence and the record's bytes exactly as they are sent.";
    TOO_MANY_REQUESTS = 429 "too-many-requests" "Too many requests"
        "Wait as long as Retry-After says, then send the same again.";
    ENROLMENTS_FULL = 429 "enrolments-full" "Too many terminals wait to be enrolled"
        "Hand in the public key again in a minute.";
    INTERNAL = 500 "internal" "Something went wrong on our side"
        "Ask for the sale by its id before anything else. Tell whoever keeps the service the request id.";
    BUSY = 503 "busy" "Too many sales wait"
        "Nothing was booked. Send the same again in a moment.";
    UNAVAILABLE = 503 "unavailable" "The service cannot book now"
        "Nothing was booked. Send the same again in a moment.";
    OUTCOME_UNKNOWN = 504 "outcome-unknown" "It is not known yet whether this was booked"
        "Ask for the sale by its id, or send the very same request again: nothing is booked twice.";
}

/// A problem as it is answered.
#[derive(Debug)]
pub struct Problem {
    sort: &'static Sort,
    detail: Option<String>,
    retry_after_s: Option<u64>,
    request_id: Option<Uuid>,
    stored_to: Option<i64>,
    rows: Vec<RowProblem>,
}

/// What is wrong with a row of a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RowProblem {
    /// From 1.
    pub row: usize,
    /// Empty where the whole row is meant.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub what: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
#[allow(missing_docs)]
pub struct ProblemBody<'a> {
    /// `/problems/` and the slug.
    #[serde(rename = "type")]
    pub sort: String,
    pub title: &'a str,
    pub status: u16,
    /// What was wrong with this request, and what to do.
    pub detail: &'a str,
    /// Of a 5xx: what it is found by in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// Of a gap in a journal: the last record that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_to: Option<i64>,
    /// Of a list of rows: what is wrong with which, the first hundred.
    #[serde(skip_serializing_if = "<[RowProblem]>::is_empty")]
    pub rows: &'a [RowProblem],
}

impl Problem {
    /// With what there is to say of its sort.
    pub const fn new(sort: &'static Sort) -> Self {
        Self { sort, detail: None, retry_after_s: None, request_id: None, stored_to: None, rows: Vec::new() }
    }

    /// With what was wrong in this request.
    pub fn with(sort: &'static Sort, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(sort) }
    }

    /// Of rows that are wrong.
    pub fn of_rows(rows: Vec<RowProblem>) -> Self {
        let first = rows.first().map(|RowProblem { row, field, what }| match *field {
            "" => format!("row {row}: {what}"),
            field => format!("row {row}, {field}: {what}"),
        });
        Self { detail: first, rows, ..Self::new(&ROWS_REFUSED) }
    }

    /// To be tried again after this many seconds.
    pub fn later(sort: &'static Sort, after_s: u64) -> Self {
        Self { retry_after_s: Some(after_s), ..Self::new(sort) }
    }

    /// Of our side: logged with its cause, answered without.
    pub fn ours(sort: &'static Sort, cause: &dyn fmt::Display) -> Self {
        let request_id = Uuid::new_v4();
        tracing::error!(%request_id, slug = sort.slug, %cause, "a request could not be served");
        Self { request_id: Some(request_id), retry_after_s: (sort.status == 503).then_some(1), ..Self::new(sort) }
    }

    /// What was wrong, in words.
    pub fn said(&self) -> String {
        self.detail.clone().unwrap_or_else(|| self.sort.title.to_owned())
    }

    /// Its sort.
    pub const fn sort(&self) -> &'static Sort {
        self.sort
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sort.status, self.sort.slug)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.sort.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let detail = match &self.detail {
            Some(detail) => format!("{detail}. {}", self.sort.remedy),
            None => self.sort.remedy.to_owned(),
        };
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header(("content-type", "application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        // What was not read of a refused body is not worth keeping the connection for.
        if matches!(self.sort.status, 408 | 413) {
            response.force_close();
        }
        response.json(ProblemBody {
            sort: format!("/problems/{}", self.sort.slug),
            title: self.sort.title,
            status: self.sort.status,
            detail: &detail,
            request_id: self.request_id,
            stored_to: self.stored_to,
            rows: &self.rows,
        })
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let sort = match error {
            SignatureError::Missing(_) => &SIGNATURE_MISSING,
            SignatureError::Malformed(_) => &SIGNATURE_MALFORMED,
            SignatureError::Incomplete(_) => &SIGNATURE_INCOMPLETE,
            SignatureError::Expired(_) => &SIGNATURE_EXPIRED,
            SignatureError::Wrong => &SIGNATURE_WRONG,
            SignatureError::DigestMissing => &DIGEST_MISSING,
            SignatureError::DigestMalformed(_) => &DIGEST_MALFORMED,
            SignatureError::DigestWrong => &DIGEST_WRONG,
        };
        Self::with(sort, error.to_string())
    }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        let sort = match error {
            Malformed::NoPoints | Malformed::NoPointValue => &NO_POINTS,
            _ => &REQUEST_MALFORMED,
        };
        Self::with(sort, error.to_string())
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        match error {
            IdError::NotVersion7 => Self::with(&REQUEST_MALFORMED, error.to_string()),
            IdError::TooOld => Self::new(&ID_TOO_OLD),
            IdError::TooNew => Self::new(&ID_TOO_NEW),
        }
    }
}

impl From<RequestProblem> for Problem {
    fn from(problem: RequestProblem) -> Self {
        match problem {
            RequestProblem::IdReused => Self::new(&ID_REUSED),
            RequestProblem::Id(error) => error.into(),
            RequestProblem::Unknown("sale") => Self::new(&SALE_UNKNOWN),
            RequestProblem::Unknown("hold") => Self::new(&HOLD_UNKNOWN),
            RequestProblem::Unknown("payout") => Self::new(&PAYOUT_UNKNOWN),
            RequestProblem::Unknown(what) => Self::with(&REFERENCE_UNKNOWN, format!("there is no such {what}")),
            RequestProblem::Malformed(error) => error.into(),
            RequestProblem::Broken(cause) => Self::ours(&INTERNAL, &cause),
        }
    }
}

impl From<AuthoriseError> for Problem {
    fn from(error: AuthoriseError) -> Self {
        match error {
            AuthoriseError::Problem(problem) => problem.into(),
            AuthoriseError::Busy => Self::ours(&BUSY, &error),
            AuthoriseError::Unavailable => Self::ours(&UNAVAILABLE, &error),
            AuthoriseError::OutcomeUnknown => Self::ours(&OUTCOME_UNKNOWN, &error),
        }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Problem(problem) => problem.into(),
            BookError::Unavailable(cause) => Self::ours(&UNAVAILABLE, &cause),
            BookError::OutcomeUnknown => Self::ours(&OUTCOME_UNKNOWN, &error),
        }
    }
}

impl From<CareError> for Problem {
    fn from(error: CareError) -> Self {
        match error {
            CareError::LocationUnknown => Self::new(&LOCATION_UNKNOWN),
            CareError::Book(error) => error.into(),
            CareError::Sale(error) => error.into(),
        }
    }
}

impl From<ForwardError> for Problem {
    fn from(error: ForwardError) -> Self {
        match error {
            ForwardError::HashWrong(_) => Self::with(&JOURNAL_HASH_WRONG, error.to_string()),
            ForwardError::Conflict(_) => Self::with(&JOURNAL_CONFLICT, error.to_string()),
            ForwardError::Gap { stored_to, .. } => {
                Self { stored_to: Some(stored_to), ..Self::with(&JOURNAL_GAP, error.to_string()) }
            }
            ForwardError::Revoked => Self::with(&TERMINAL_REVOKED, error.to_string()),
            ForwardError::Book(error) => error.into(),
        }
    }
}

impl From<CardError> for Problem {
    fn from(error: CardError) -> Self {
        Self::ours(&UNAVAILABLE, &error)
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::WeakKey => Self::with(&REQUEST_MALFORMED, error.to_string()),
            EnrolmentError::Used => Self::new(&ENROLMENT_USED),
            EnrolmentError::Full => Self::later(&ENROLMENTS_FULL, 10),
            EnrolmentError::Unknown(_) | EnrolmentError::Accepted(_) => Self::new(&ENROLMENT_UNKNOWN),
            EnrolmentError::Terminal(error) => error.into(),
            EnrolmentError::Database(_) | EnrolmentError::Connect(_) => Self::ours(&UNAVAILABLE, &error),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::File(errors) => Self::with(&REQUEST_MALFORMED, errors.to_string()),
            ImportError::Amount(error) => Self::with(&REQUEST_MALFORMED, error.to_string()),
            ImportError::OrganisationUnknown(_) | ImportError::Database(_) | ImportError::Connect(_) => {
                Self::ours(&UNAVAILABLE, &error)
            }
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Unknown("plan line") => Self::new(&PLAN_LINE_UNKNOWN),
            PlanError::Unknown(what) => Self::with(&REFERENCE_UNKNOWN, format!("there is no such {what}")),
            PlanError::Malformed(why) => Self::with(&REQUEST_MALFORMED, why),
            PlanError::Recurrence(error) => Self::with(&REQUEST_MALFORMED, error.to_string()),
            PlanError::Conflict(why) => Self::with(&PLAN_CONFLICT, why),
            PlanError::Refused(why) => Self::with(&PLAN_REFUSED, why),
            PlanError::Price(error) => Self::with(&PLAN_REFUSED, error.to_string()),
            PlanError::Book(error) => error.into(),
        }
    }
}

impl From<MonthError> for Problem {
    fn from(error: MonthError) -> Self {
        match error {
            MonthError::DayNotCome(_) => Self::with(&REQUEST_MALFORMED, error.to_string()),
            MonthError::ClientUnknown(_) => Self::new(&CLIENT_UNKNOWN),
            MonthError::Problem(problem) => problem.into(),
            error => Self::ours(&UNAVAILABLE, &error),
        }
    }
}

impl From<TaskError> for Problem {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Unknown => Self::new(&TASK_UNKNOWN),
            TaskError::Done => Self::new(&TASK_DONE),
            TaskError::Book(error) => error.into(),
        }
    }
}

impl From<TerminalError> for Problem {
    fn from(error: TerminalError) -> Self {
        Self::ours(&UNAVAILABLE, &error)
    }
}

/// `docs/ERRORS.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Errors\n\nEach error is `application/problem+json` (RFC 9457): `type` is `/problems/` and the slug, `detail` says what was\n\
         wrong with this request and what to do. A slug never changes its meaning. A decline is no error: it is the outcome of\n\
         a sale, answered with status 200 and listed in `GLOSSARY.md`. Where nothing else is said, nothing was booked.\n\n\
         This page is made from `src/http/problem.rs`; `tests/api` compares the two.\n\n\
         | status | slug | meaning | what to do |\n| --- | --- | --- | --- |\n",
    );
    for sort in SORTS {
        text.push_str(&format!("| {} | `{}` | {} | {} |\n", sort.status, sort.slug, sort.title, sort.remedy));
    }
    text
}
