//! The API's description, made from the routes themselves, and the page that shows it.

use std::sync::LazyLock;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::api::{
    absences, agenda_addresses, bought_points, buffer_draws, clients, cost_prices, imports, leaving, months, payouts,
    plan_lines, plan_reviews, reports, staffing, standings, tasks, top_ups, unplanned_care,
};
use super::api::{card_scripts, cards, catalogue, enrolments, forwards, heartbeat, holds, hotlist, sales};
use super::{agenda, health};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pasje",
        description = "What a terminal, and an organisation's other systems, ask of the service. Each request but those of an enrolment is signed with HTTP Message Signatures (RFC 9421, hmac-sha256, tag \
                       `pasje-terminal`, keyid the terminal's id): components `@method @authority @path @query`, with a body also `content-digest \
                       content-type idempotency-key`; parameters `created expires nonce keyid tag`, `created` within 60 seconds of now. \
                       `Idempotency-Key` repeats the body's id in double quotes. Errors are `application/problem+json`; docs/ERRORS.md lists them. \
                       An organisation's other systems sign likewise, with the tag `pasje-integration` and a key of their own as keyid, which \
                       `pasje key add` made; each of their routes names the scope that the key must have. docs/api.md shows how. \
                       Amounts are whole numbers of minor units: EUR cents, MIN minutes, PNT hundredths of a point."
    ),
    paths(
        sales::sell,
        sales::ask,
        sales::refund,
        sales::void,
        holds::set_aside,
        holds::ask_hold,
        holds::capture,
        holds::release,
        forwards::deliver,
        catalogue::list_services,
        catalogue::list_prices,
        hotlist::changes,
        cards::list_cards,
        card_scripts::ask_script,
        heartbeat::beat,
        enrolments::enrol,
        enrolments::poll,
        clients::list_clients,
        clients::show_client,
        months::list_months,
        months::show_month,
        months::list_operations,
        tasks::list_tasks,
        tasks::finish_task,
        reports::list_reports,
        reports::show_report,
        buffer_draws::list_draws,
        buffer_draws::approve_draw,
        top_ups::book_top_up,
        top_ups::reverse_top_up,
        bought_points::buy_points,
        bought_points::return_points,
        payouts::list_payouts,
        payouts::list_client_payouts,
        payouts::ask_payout,
        payouts::approve_payout,
        payouts::pay_payout,
        payouts::withdraw_payout,
        unplanned_care::note_care,
        standings::show_standing,
        standings::show_evidence,
        agenda_addresses::make_address,
        agenda_addresses::withdraw_addresses,
        staffing::show_staffing,
        leaving::end_stay,
        cost_prices::reckon_cost_price,
        imports::put_indications,
        imports::put_additions,
        imports::put_representatives,
        imports::put_clients,
        imports::put_services,
        imports::put_prices,
        imports::put_absence_settings,
        imports::put_tariffs,
        plan_lines::list_lines,
        plan_lines::agree_line,
        plan_lines::consent_to_line,
        plan_lines::drop_line,
        plan_lines::mark_day,
        plan_lines::correct_day,
        absences::list_absences,
        absences::leave,
        absences::change_absence,
        plan_reviews::list_reviews,
        plan_reviews::record_review,
        plan_reviews::list_meetings,
        plan_reviews::record_meeting,
        agenda::show_agenda,
        health::live,
        health::ready
    ),
    // a text within a text, which no path names
    components(schemas(forwards::ForwardedSaleBody)),
    modifiers(&Signatures)
)]
struct Description;

/// How requests are signed. A route that names `integration` names the scope that it asks of the key too.
struct Signatures;

impl Modify for Signatures {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = ApiKey::Header(ApiKeyValue::with_description(
            "Signature",
            "HTTP Message Signature (RFC 9421), hmac-sha256, tag `pasje-integration`",
        ));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("integration", SecurityScheme::ApiKey(scheme));
    }
}

/// The description.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Written once: whoever asks must not be able to keep us busy.
static JSON: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(description().to_json().unwrap_or_default()));

/// The description as JSON.
#[get("/api/openapi.json")]
pub async fn json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(JSON.clone())
}
