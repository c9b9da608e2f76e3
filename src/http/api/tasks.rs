//! What waits for a human: which client, why, and how it was done.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::months::written;
use crate::db::task_lists::TaskRow;
use crate::domain::money::Unit;
use crate::http::Service;
use crate::http::integration::{AskedBy, SentBy, TasksRead, TasksWrite};
use crate::http::problem::{PATH_MALFORMED, Problem, ProblemBody};
use crate::http::query::{limit, query, text};
use crate::services::task_lists;

/// Tasks, by id.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Tasks)]
pub struct TasksBody {
    tasks: Vec<TaskBody>,
    /// To ask `after` for those that follow; none: these were the last.
    next: Option<i64>,
}

/// A task.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Task)]
pub struct TaskBody {
    id: i64,
    /// The client's number.
    client: i32,
    month: String,
    /// `data_error`, `red`, `expected_overrun`, `loss_in_14_days`, `loss_in_3_days`, `review_due` or `consent_missing`.
    kind: &'static str,
    /// Minor units of `unit`, where there is an amount.
    amount: Option<i64>,
    unit: &'static str,
    opened_at: DateTime<Utc>,
    done: Option<TaskDoneBody>,
}

/// How a task was done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TaskDone)]
#[allow(missing_docs)]
pub struct TaskDoneBody {
    at: DateTime<Utc>,
    by: String,
    how: String,
}

/// Who did it, and how.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishTask {
    /// 1 to 200 signs.
    by: String,
    /// 1 to 2000 signs.
    how: String,
}

impl TaskBody {
    fn of(row: TaskRow) -> Self {
        Self {
            id: row.id,
            client: row.client,
            month: written(row.month),
            kind: kind(row.kind),
            amount: row.amount,
            unit: Unit::from_code(row.unit.into()).map_or("", Unit::name),
            opened_at: row.opened_at,
            done: row.done.map(|done| TaskDoneBody { at: done.at, by: done.by, how: done.how }),
        }
    }
}

const fn kind(code: i16) -> &'static str {
    match code {
        1 => "data_error",
        2 => "red",
        3 => "expected_overrun",
        4 => "loss_in_14_days",
        5 => "loss_in_3_days",
        6 => "review_due",
        _ => "consent_missing",
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    state: Option<State>,
    after: Option<i64>,
    limit: Option<u16>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Open,
    All,
}

/// What waits for a human, and on request what was done.
#[utoipa::path(
    get, path = "/api/v1/tasks", tag = "tasks", security(("integration" = ["tasks:read"])),
    params(
        ("state" = Option<String>, Query, description = "`open`, or `all`; `open` if it is left out"),
        ("after" = Option<i64>, Query, description = "The id that the page before ended with"),
        ("limit" = Option<u16>, Query, description = "1 to 500; 100 if it is left out"),
    ),
    responses((status = 200, description = "A page of them", body = TasksBody))
)]
#[get("/tasks")]
pub async fn list_tasks(
    service: Data<Service>,
    asked: AskedBy<TasksRead>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Page { state, after, limit: rows } = query(&request)?;
    let only_open = state.unwrap_or_default() == State::Open;
    let (organisation, after) = (asked.by.organisation, after.unwrap_or(0));
    let found = task_lists::page(&service.database, organisation, only_open, after, limit(rows)?).await?;
    let (tasks, next) = found;
    Ok(HttpResponse::Ok().json(TasksBody { tasks: tasks.into_iter().map(TaskBody::of).collect(), next }))
}

/// Says that a task is done. Said again in the same words, it is answered as the first time.
#[utoipa::path(
    post, path = "/api/v1/tasks/{id}/done", tag = "tasks", security(("integration" = ["tasks:write"])),
    params(("id" = i64, Path, description = "The task's id")),
    request_body(content = FinishTask, example = json!({"by": "zorgadministratie", "how": "Tarief van 2027 ingelezen."})),
    responses(
        (status = 200, description = "The task as it stands", body = TaskBody),
        (status = 404, description = "There is no such task in this organisation", body = ProblemBody),
        (status = 409, description = "It was done before, otherwise", body = ProblemBody),
    )
)]
#[post("/tasks/{id}/done")]
pub async fn finish_task(
    service: Data<Service>,
    sent: SentBy<TasksWrite, FinishTask>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Problem::with(&PATH_MALFORMED, "a task's id is a whole number"))?;
    let (by, how) = (text("by", &sent.body.by, 200)?, text("how", &sent.body.how, 2000)?);
    let done = task_lists::finish(&service.database, sent.by.organisation, id, by, how, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(TaskBody::of(done)))
}
