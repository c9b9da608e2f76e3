//! What a terminal must know to sell while it cannot ask.

use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::hex::to_hex;
use crate::http::Service;
use crate::http::auth::Asked;
use crate::http::problem::{Problem, ProblemBody};
use crate::services::offline_cards::{self, OfflineCard};

/// The cards that may pay, and how much may be sold offline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Cards)]
pub struct CardsBody {
    /// Rises with what happens to the organisation's cards.
    version: i64,
    cards: Vec<CardBody>,
    offline: OfflineBody,
}

/// A card.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PayingCard)]
pub struct CardBody {
    card: Uuid,
    /// The wallet's number.
    wallet: u32,
    /// What staff call the client.
    name: String,
    /// The last day on which the card works.
    expires_on: NaiveDate,
    keys: Vec<VerifyKeyBody>,
}

/// A key of this terminal alone: checks what the card approved offline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VerifyKey)]
pub struct VerifyKeyBody {
    generation: u8,
    /// 64 hexadecimal digits.
    #[serde(serialize_with = "wiped")]
    #[schema(value_type = String)]
    verify: Zeroizing<String>,
}

/// What may be sold at this location offline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OfflineLimits)]
pub struct OfflineBody {
    /// One tap.
    tap_cents: u32,
    /// A card, since it last asked the service.
    card_total_cents: u32,
    card_taps: u8,
    /// What waits in one terminal.
    terminal_total_cents: u32,
    terminal_records: u32,
    /// Since the terminal last heard from the service.
    hours: u32,
}

fn wiped<S: Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl From<OfflineCard> for CardBody {
    fn from(OfflineCard { card, keys }: OfflineCard) -> Self {
        let keys = keys.into_iter().map(|(generation, verify)| VerifyKeyBody { generation, verify });
        Self {
            card: card.id,
            wallet: card.wallet.number(),
            name: card.name,
            expires_on: card.expires_on,
            keys: keys.collect(),
        }
    }
}

/// The cards that may pay, with the keys that this terminal checks their offline approvals with.
#[utoipa::path(
    get, path = "/api/v1/cards", tag = "cards",
    responses(
        (status = 200, description = "With an ETag", body = CardsBody),
        (status = 304, description = "Nothing changed"),
        (status = 503, description = "Ask again", body = ProblemBody),
    )
)]
#[get("/cards")]
pub async fn list_cards(service: Data<Service>, asked: Asked, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let edition = offline_cards::edition(&service.database, service.keys.as_ref(), &asked.terminal).await?;
    let tag = format!("\"{}\"", to_hex(&edition.tag));
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header(("cache-control", "private, no-cache"));
    if is_known {
        return Ok(response.finish());
    }
    service.rates.count_list(asked.terminal.id)?;
    let cards = offline_cards::list(&service.database, &service.keys, &asked.terminal, &edition).await?;
    let limits = edition.limits;
    let offline = OfflineBody {
        tap_cents: limits.tap_cents,
        card_total_cents: limits.card_total_cents,
        card_taps: limits.card_taps,
        terminal_total_cents: limits.terminal_total_cents,
        terminal_records: limits.terminal_records,
        hours: limits.hours,
    };
    Ok(response.json(CardsBody {
        version: edition.version,
        cards: cards.into_iter().map(Into::into).collect(),
        offline,
    }))
}
