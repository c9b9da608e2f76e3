//! The edge: requests in, answers and problems out. A handler parses, calls one service, renders.

pub mod agenda;
pub mod api;
pub mod auth;
pub mod health;
pub mod integration;
pub mod json;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod query;
pub mod rate_limit;
pub mod signature;
pub mod table;
pub mod unsigned;

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use utoipa_swagger_ui::SwaggerUi;

use crate::db::connect::Database;
use crate::domain::operation::Booked;
use crate::services::authorise::Authoriser;
use crate::services::card_scripts::CardScripts;
use crate::services::forwards::Forwards;
use crate::services::integration_keys::IntegrationKeys;
use crate::services::key_store::KeyStore;
use crate::services::terminals::Terminals;

/// What handlers work with.
#[allow(missing_docs)]
pub struct Service {
    pub database: Database,
    pub authoriser: Arc<Authoriser>,
    pub forwards: Arc<Forwards>,
    pub keys: Arc<dyn KeyStore>,
    pub scripts: Arc<CardScripts>,
    pub terminals: Terminals,
    pub integrations: IntegrationKeys,
    /// Hosts and ports that the service is known by: a request that was made for another is not for us.
    pub authorities: Vec<String>,
    /// The CA that terminals know the service by, as PEM; none: plain HTTP alone.
    pub ca: Option<String>,
    pub rates: rate_limit::RateLimits,
    pub readiness: health::Readiness,
}

impl Service {
    /// Whether a request's host is one of ours.
    pub fn is_known_as(&self, host: &str) -> bool {
        self.authorities.iter().any(|authority| authority.eq_ignore_ascii_case(host))
    }

    fn count_sale(booked: &Booked) {
        metrics::count_sale(booked);
    }
}

/// Every route.
pub fn routes(config: &mut ServiceConfig) {
    let api = web::scope("/api/v1")
        .service(api::sales::sell)
        .service(api::sales::ask)
        .service(api::sales::refund)
        .service(api::sales::void)
        .service(api::holds::set_aside)
        .service(api::holds::ask_hold)
        .service(api::holds::capture)
        .service(api::holds::release)
        .service(api::forwards::deliver)
        .service(api::catalogue::list_services)
        .service(api::catalogue::list_prices)
        .service(api::hotlist::changes)
        .service(api::cards::list_cards)
        .service(api::card_scripts::ask_script)
        .service(api::enrolments::enrol)
        .service(api::enrolments::poll)
        .service(api::heartbeat::beat)
        .service(api::clients::list_clients)
        .service(api::clients::show_client)
        .service(api::months::list_months)
        .service(api::months::show_month)
        .service(api::months::list_operations)
        .service(api::tasks::list_tasks)
        .service(api::tasks::finish_task)
        .service(api::reports::list_reports)
        .service(api::reports::show_report)
        .service(api::buffer_draws::list_draws)
        .service(api::buffer_draws::approve_draw)
        .service(api::top_ups::book_top_up)
        .service(api::top_ups::reverse_top_up)
        .service(api::bought_points::buy_points)
        .service(api::bought_points::return_points)
        .service(api::payouts::list_payouts)
        .service(api::payouts::list_client_payouts)
        .service(api::payouts::ask_payout)
        .service(api::payouts::approve_payout)
        .service(api::payouts::pay_payout)
        .service(api::payouts::withdraw_payout)
        .service(api::unplanned_care::note_care)
        .service(api::standings::show_standing)
        .service(api::standings::show_evidence)
        .service(api::agenda_addresses::make_address)
        .service(api::agenda_addresses::withdraw_addresses)
        .service(api::staffing::show_staffing)
        .service(api::leaving::end_stay)
        .service(api::cost_prices::reckon_cost_price)
        .service(api::imports::put_indications)
        .service(api::imports::put_additions)
        .service(api::imports::put_representatives)
        .service(api::imports::put_clients)
        .service(api::imports::put_services)
        .service(api::imports::put_prices)
        .service(api::imports::put_absence_settings)
        .service(api::imports::put_tariffs)
        .service(api::plan_lines::list_lines)
        .service(api::plan_lines::agree_line)
        .service(api::plan_lines::consent_to_line)
        .service(api::plan_lines::drop_line)
        .service(api::plan_lines::mark_day)
        .service(api::plan_lines::correct_day)
        .service(api::absences::list_absences)
        .service(api::absences::leave)
        .service(api::absences::change_absence)
        .service(api::plan_reviews::list_reviews)
        .service(api::plan_reviews::record_review)
        .service(api::plan_reviews::list_meetings)
        .service(api::plan_reviews::record_meeting);
    config
        .service(health::live)
        .service(health::ready)
        .service(api)
        .service(agenda::show_agenda)
        .service(openapi::json)
        .service(web::redirect("/api/docs", "/api/docs/"))
        .service(SwaggerUi::new("/api/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/api/openapi.json")))
        .default_service(web::to(nothing_here));
}

/// Where no route is. A route's path with another method is told so.
async fn nothing_here(request: HttpRequest) -> HttpResponse {
    let sort = if request.match_pattern().is_some() { &problem::METHOD_NOT_ALLOWED } else { &problem::NOT_FOUND };
    problem::Problem::new(sort).error_response()
}
