//! What a new activity would cost: minutes by function, material, and how many take part. Nothing is stored.

use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};

use crate::domain::calculator::{Activity, Work, cost_price};
use crate::domain::money::Amount;
use crate::http::integration::{PlansRead, SentBy};
use crate::http::json::objects;
use crate::http::problem::{Problem, ProblemBody, REQUEST_MALFORMED};

/// An activity that is thought of.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Activity)]
pub struct ActivityBody {
    #[serde(deserialize_with = "objects")]
    work: Vec<WorkBody>,
    /// For all participants together.
    material_cents: u32,
    participants: u32,
}

/// What somebody of a function does for it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Work)]
#[allow(missing_docs)]
pub struct WorkBody {
    function: String,
    minutes: u32,
    hour_cents: u32,
}

/// What it costs, rounded half up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CostPrice)]
#[allow(missing_docs)]
pub struct CostPriceBody {
    /// Of each function, in the order in which they were given.
    work_cents: Vec<i64>,
    total_cents: i64,
    per_participant_cents: i64,
}

/// Reckons what a new activity would cost.
#[utoipa::path(
    post, path = "/api/v1/cost-prices", tag = "plans", security(("integration" = ["plans:read"])),
    request_body(content = ActivityBody, example = json!({
        "work": [{"function": "activiteitenbegeleider", "minutes": 90, "hour_cents": 4200}], "material_cents": 1500,
        "participants": 8
    })),
    responses(
        (status = 200, description = "What it costs", body = CostPriceBody),
        (status = 422, description = "It cannot be reckoned", body = ProblemBody),
    )
)]
#[post("/cost-prices")]
pub async fn reckon_cost_price(sent: SentBy<PlansRead, ActivityBody>) -> Result<HttpResponse, Problem> {
    let ActivityBody { work, material_cents, participants } = sent.body;
    let work = work.into_iter().map(|work| Work {
        function: work.function,
        minutes: work.minutes,
        hour_cents: work.hour_cents.into(),
    });
    let activity = Activity { work: work.collect(), material_cents: material_cents.into(), participants };
    let cost = cost_price(&activity).map_err(|error| Problem::with(&REQUEST_MALFORMED, error.to_string()))?;
    Ok(HttpResponse::Ok().json(CostPriceBody {
        work_cents: cost.work.into_iter().map(Amount::minor).collect(),
        total_cents: cost.total.minor(),
        per_participant_cents: cost.per_participant.minor(),
    }))
}
