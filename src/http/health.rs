//! Whether the service lives, and whether it can take sales.

use std::time::{Duration, Instant};

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use tokio::sync::Mutex;

use super::Service;
use super::problem::{Problem, UNAVAILABLE};
use crate::services::readiness;

/// It answers. Says nothing about the database: a service that waits for it must not be restarted for that.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives")))]
#[get("/healthz")]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// It can take sales: the database answers, and the ledger has partitions for the months ahead.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "It can take sales"),
        (status = 503, description = "It cannot, and the log says why", body = super::problem::ProblemBody),
    )
)]
#[get("/readyz")]
pub async fn ready(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let checked = service.readiness.check(&service).await;
    checked.map_err(|cause| Problem::ours(&UNAVAILABLE, &cause))?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}

/// Who asks whether we are ready must not be able to keep the database busy: one answer is good for a second.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

const GOOD_FOR: Duration = Duration::from_secs(1);

impl Readiness {
    async fn check(&self, service: &Service) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return answer.clone();
        }
        let answer = readiness::check(&service.database, &service.authoriser).await.map_err(|error| error.to_string());
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
