//! Sales that a terminal made offline, delivered from its journal.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sales::{LineBody, PayerBody, basket, hexadecimal};
use crate::domain::forward::{RECORDS_MAX, Record, SALE_BYTES_MAX};
use crate::domain::operation::{Answer, OperationId};
use crate::domain::sale::{SaleMode, SaleRequest, Terminal};
use crate::http::Service;
use crate::http::auth::Delivered;
use crate::http::json::{Object, objects};
use crate::http::problem::{Problem, ProblemBody, REQUEST_MALFORMED};
use crate::services::forwards::State;

/// Records of a terminal's journal, in its order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Forwards)]
pub struct ForwardsBody {
    /// A UUIDv7 made by the terminal, new for each request; nothing hangs on it.
    id: Uuid,
    /// 1 to 50.
    #[serde(deserialize_with = "objects")]
    records: Vec<RecordBody>,
}

/// A record, chained to the one before.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Record)]
pub struct RecordBody {
    /// In the terminal's journal, from 1.
    sequence: i64,
    /// The hash of the record before, 64 hexadecimal digits; of the first, zeros.
    #[serde(deserialize_with = "hexadecimal")]
    #[schema(value_type = String)]
    previous: [u8; 32],
    /// SHA-256 of `previous`, the sequence (8 bytes, big-endian) and the bytes of `sale`.
    #[serde(deserialize_with = "hexadecimal")]
    #[schema(value_type = String)]
    hash: [u8; 32],
    /// A `ForwardedSale` as JSON text, exactly as it was journalled.
    sale: String,
}

/// What the text of a record says.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForwardedSale)]
pub struct ForwardedSaleBody {
    /// A UUIDv7 made by the terminal, new for each sale.
    id: Uuid,
    #[allow(dead_code)] // there is but one
    mode: ForwardModeBody,
    /// The online attempt that got no answer.
    instead_of: Option<Uuid>,
    /// Where the terminal stood.
    location: Uuid,
    /// By the terminal's clock, milliseconds since 1970. Nothing hangs on it.
    #[allow(dead_code)]
    #[schema(value_type = i64)]
    sold_at_ms: serde_json::Number,
    /// The version of the price list that the till showed.
    price_list: u32,
    /// Who was signed on at the terminal.
    staff: Option<Uuid>,
    payer: PayerBody,
    #[serde(deserialize_with = "objects")]
    lines: Vec<LineBody>,
}

/// Sold offline.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ForwardMode)]
pub enum ForwardModeBody {
    /// Approved by the card and handed over.
    Forward,
}

/// What is stored, and what it was judged to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Delivery)]
#[allow(missing_docs)]
pub struct DeliveryBody {
    /// The last record that is stored: it and those before it are delivered.
    stored_to: i64,
    results: Vec<ResultBody>,
}

/// How far a record is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryResult)]
#[allow(missing_docs)]
pub struct ResultBody {
    sequence: i64,
    /// `judged`; `pending`: stored, and judged later; `review`: not booked, a human looks at it.
    state: &'static str,
    /// What it was judged to, where the ledger has something of it. Its id may be one of the service's making.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

impl RecordBody {
    fn into_record(self) -> Result<Record, Problem> {
        if self.sequence < 1 {
            return Err(Problem::with(&REQUEST_MALFORMED, "a journal's sequence is 1 or more"));
        }
        let RecordBody { sequence, previous, hash, sale } = self;
        if sale.len() > SALE_BYTES_MAX {
            return Err(Problem::with(&REQUEST_MALFORMED, format!("records.sale: {SALE_BYTES_MAX} bytes at most")));
        }
        Ok(Record { sequence, previous, hash, sale: sale.into_bytes() })
    }
}

/// Reads a stored record's sale.
///
/// # Errors
/// What cannot be read, in words.
pub fn read_sale(sale: &[u8], terminal: &Terminal) -> Result<SaleRequest, String> {
    let Object(body): Object<ForwardedSaleBody> = serde_json::from_slice(sale).map_err(|error| error.to_string())?;
    body.into_request(terminal).map_err(|problem| problem.said())
}

impl ForwardedSaleBody {
    fn into_request(self, terminal: &Terminal) -> Result<SaleRequest, Problem> {
        let terminal = Terminal { location: self.location, ..*terminal };
        let request = SaleRequest {
            id: OperationId::new(self.id)?,
            payer: self.payer.into_payer(&terminal)?,
            terminal,
            mode: SaleMode::Forward { instead_of: self.instead_of.map(OperationId::new).transpose()? },
            staff: self.staff,
            price_list: self.price_list,
            basket: basket(self.lines)?,
        };
        request.check()?;
        Ok(request)
    }
}

/// Stores what a terminal sold offline, and books it.
#[utoipa::path(
    post, path = "/api/v1/forwards", tag = "sales", request_body = ForwardsBody,
    responses(
        (status = 200, description = "All records are stored", body = DeliveryBody),
        (status = 401, description = "Not signed, or not rightly. A revoked terminal may deliver", body = ProblemBody),
        (status = 409, description = "The records do not follow what is stored; nothing was stored", body = ProblemBody),
        (status = 422, description = "Cannot be understood; nothing was stored", body = ProblemBody),
        (status = 503, description = "Nothing was stored: send the same again", body = ProblemBody),
    )
)]
#[post("/forwards")]
pub async fn deliver(service: Data<Service>, delivered: Delivered<ForwardsBody>) -> Result<HttpResponse, Problem> {
    let Delivered(sent) = delivered;
    service.rates.count_delivery(sent.terminal.id)?;
    sent.id(sent.body.id)?;
    let terminal = sent.terminal;
    if !(1..=RECORDS_MAX).contains(&sent.body.records.len()) {
        return Err(Problem::with(&REQUEST_MALFORMED, format!("records: 1 to {RECORDS_MAX}")));
    }
    let records = sent.body.records.into_iter().map(RecordBody::into_record).collect::<Result<Vec<_>, _>>()?;
    let sequences: Vec<i64> = records.iter().map(|record| record.sequence).collect();
    let stored_to = service.forwards.store(&terminal, records).await?;
    service.forwards.judge_soon(terminal.id).await;
    let mut states = service.forwards.states(&terminal, &sequences).await.unwrap_or_default();
    let results = sequences.into_iter().map(|sequence| result(sequence, states.remove(&sequence))).collect();
    Ok(HttpResponse::Ok().json(DeliveryBody { stored_to, results }))
}

/// What cannot be looked up now is stored all the same.
fn result(sequence: i64, state: Option<State>) -> ResultBody {
    let (state, booked) = match state {
        None | Some(State::Pending) => ("pending", None),
        Some(State::Review(booked)) => ("review", booked),
        Some(State::Judged(booked)) => ("judged", Some(booked)),
    };
    ResultBody { sequence, state, answer: booked.map(|booked| booked.answer()) }
}
