//! What is counted: requests by route and status, sales by outcome, times. No client, card or terminal is named.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use metrics::{counter, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::domain::operation::Booked;

/// Seconds; a till's client notices a tenth.
const BUCKETS_S: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Counts from now on; once a process.
///
/// # Errors
/// [`BuildError`] if somebody counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new().set_buckets_for_metric(seconds, BUCKETS_S)?.install_recorder()?;
    metrics::describe_counter!("pasje_http_requests_total", "Requests by route and status");
    metrics::describe_histogram!(
        "pasje_http_request_seconds",
        "Time from the request's head to the answer's, by route"
    );
    metrics::describe_counter!("pasje_sales_total", "Sales answered, by outcome; one that is asked again counts again");
    metrics::describe_counter!("pasje_forwards_total", "Forwarded sales judged, by outcome");
    metrics::describe_gauge!("pasje_forwards_pending", "Forwarded sales that are stored and wait to be judged");
    metrics::describe_gauge!("pasje_reviews_open", "Reviews that a human has not ended yet");
    Ok(handle)
}

/// Forwarded sales that wait, and reviews that are open.
pub fn count_waiting(pending: i64, open: i64) {
    // a gauge is a float; below 2^53 it is exact
    #[allow(clippy::cast_precision_loss)]
    let float = |count: i64| count as f64;
    metrics::gauge!("pasje_forwards_pending").set(float(pending));
    metrics::gauge!("pasje_reviews_open").set(float(open));
}

/// Counts a request and its time, by the route's pattern: an address with an id in it is not one of its own.
///
/// # Errors
/// What the route answers.
pub async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let began = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let answered = next.call(request).await;
    let status = match &answered {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    counter!("pasje_http_requests_total", "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!("pasje_http_request_seconds", "route" => route).record(began.elapsed());
    answered
}

/// Counts a sale by its outcome.
pub fn count_sale(booked: &Booked) {
    counter!("pasje_sales_total", "outcome" => booked.operation.outcome.name()).increment(1);
}
