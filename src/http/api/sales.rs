//! Sales, and what is given back of them.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use card_protocol::HolderVerification;
use card_protocol::script::Script;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::basket::{Basket, BasketLine};
use crate::domain::hex::{from_hex, to_hex};
use crate::domain::money::Amount;
use crate::domain::operation::{Answer, Booked, OperationId};
use crate::domain::refund::{Client, RefundRequest, VoidRequest};
use crate::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use crate::domain::tap::Tap;
use crate::http::Service;
use crate::http::auth::{Asked, Sent};
use crate::http::json::{object, objects};
use crate::http::problem::{PATH_MALFORMED, Problem, ProblemBody, REQUEST_MALFORMED, SALE_UNKNOWN};
use crate::services::{card_proof, sales};

/// A sale to book.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Sale)]
pub struct SaleBody {
    /// A UUIDv7 made by the terminal, new for each sale.
    id: Uuid,
    mode: ModeBody,
    /// The version of the price list that the till showed.
    price_list: u32,
    /// Who is signed on at the terminal.
    staff: Option<Uuid>,
    payer: PayerBody,
    #[serde(deserialize_with = "objects")]
    lines: Vec<LineBody>,
}

/// `online`: lines that cannot be paid are left out. `whole`: all lines or none.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Mode)]
pub enum ModeBody {
    /// Lines that cannot be paid are left out.
    Online,
    /// All lines or none.
    Whole,
}

/// Who pays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Payer)]
pub enum PayerBody {
    /// The card that was tapped.
    #[serde(deserialize_with = "object")]
    Card(TapBody),
    /// Without a card, staff register care and included lines on the client: the wallet's number.
    Wallet(u32),
}

/// What the card signed of its own, and its MAC. See `docs/card-protocol.md`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Tap)]
pub struct TapBody {
    /// The card.
    id: Uuid,
    /// Of the card's keys.
    generation: u8,
    counter: u32,
    terminal_sequence: u64,
    /// 16 hexadecimal digits.
    #[serde(deserialize_with = "hexadecimal")]
    #[schema(value_type = String, example = "0011223344556677")]
    terminal_nonce: [u8; 8],
    holder_verification: HolderBody,
    /// The greatest that the sale may cost, in cents.
    amount_cents: i64,
    /// By the terminal's clock, milliseconds since 1970.
    time_ms: u64,
    offline_total_cents: u32,
    offline_count: u8,
    /// Of the last script that the card applied; 0 if none was.
    script_number: u32,
    /// 32 hexadecimal digits.
    #[serde(deserialize_with = "hexadecimal")]
    #[schema(value_type = String, example = "00112233445566778899aabbccddeeff")]
    mac: [u8; 16],
}

/// How the card's holder was verified.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HolderVerification)]
pub enum HolderBody {
    /// By tapping alone.
    None,
    /// By PIN, checked by the card.
    Pin,
}

/// One service and how many of it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Line)]
pub struct LineBody {
    service: Uuid,
    quantity: u32,
    /// The hold of the planned occurrence that the line delivers.
    hold: Option<Uuid>,
}

/// Parts of a sale to give back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refund)]
pub struct RefundBody {
    /// A UUIDv7 made by the terminal, new for each refund.
    id: Uuid,
    staff: Option<Uuid>,
    #[serde(deserialize_with = "objects")]
    lines: Vec<RefundLineBody>,
}

/// A line of the sale, from 0, and how many of it are given back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefundLine)]
#[allow(missing_docs)]
pub struct RefundLineBody {
    line: u16,
    quantity: u32,
}

/// A whole sale to undo: same terminal, same day.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Void)]
pub struct VoidBody {
    /// A UUIDv7 made by the terminal, new for each void.
    id: Uuid,
    staff: Option<Uuid>,
    client: ClientBody,
}

/// Who paid, as the terminal sent it with the sale.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Client)]
pub enum ClientBody {
    /// The card.
    Card(Uuid),
    /// The wallet's number.
    Wallet(u32),
}

pub(super) fn hexadecimal<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
    let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
    from_hex(&text).ok_or_else(|| serde::de::Error::custom(format!("expected {} hexadecimal digits", N * 2)))
}

fn wallet(organisation: OrganisationId, number: u32) -> Result<WalletId, Problem> {
    WalletId::new(organisation, number)
        .ok_or_else(|| Problem::with(&REQUEST_MALFORMED, "a wallet's number is 1 or more"))
}

impl SaleBody {
    /// As the domain knows it.
    ///
    /// # Errors
    /// `request-malformed`.
    pub fn into_request(self, id: OperationId, terminal: Terminal) -> Result<SaleRequest, Problem> {
        let mode = match self.mode {
            ModeBody::Online => SaleMode::Online,
            ModeBody::Whole => SaleMode::Whole,
        };
        let payer = self.payer.into_payer(&terminal)?;
        let basket = basket(self.lines)?;
        let request = SaleRequest { id, terminal, payer, mode, staff: self.staff, price_list: self.price_list, basket };
        request.check()?;
        Ok(request)
    }
}

impl PayerBody {
    pub(super) fn into_payer(self, terminal: &Terminal) -> Result<Payer, Problem> {
        Ok(match self {
            PayerBody::Card(tap) => Payer::Card(tap.into_tap()?),
            PayerBody::Wallet(number) => Payer::ByName { wallet: wallet(terminal.organisation, number)? },
        })
    }
}

pub(super) fn basket(lines: Vec<LineBody>) -> Result<Basket, Problem> {
    let lines = lines.into_iter().map(LineBody::into_line).collect::<Result<_, _>>()?;
    Ok(Basket::new(lines)?)
}

impl TapBody {
    /// As the domain knows it.
    ///
    /// # Errors
    /// `request-malformed`.
    pub(super) fn into_tap(self) -> Result<Tap, Problem> {
        let amount = Amount::cents(self.amount_cents)
            .map_err(|error| Problem::with(&REQUEST_MALFORMED, format!("payer.card.amount_cents: {error}")))?;
        Ok(Tap {
            card: self.id,
            generation: self.generation,
            counter: self.counter,
            terminal_sequence: self.terminal_sequence,
            terminal_nonce: self.terminal_nonce,
            holder_verification: match self.holder_verification {
                HolderBody::None => HolderVerification::None,
                HolderBody::Pin => HolderVerification::Pin,
            },
            amount,
            time_ms: self.time_ms,
            offline_total_cents: self.offline_total_cents,
            offline_count: self.offline_count,
            script_number: self.script_number,
            mac: self.mac,
        })
    }
}

impl LineBody {
    pub(super) fn into_line(self) -> Result<BasketLine, Problem> {
        let hold = self.hold.map(OperationId::new).transpose()?;
        Ok(BasketLine { service: self.service, quantity: self.quantity, hold })
    }
}

fn sale_id(path: &str) -> Result<OperationId, Problem> {
    let id = Uuid::try_parse(path).map_err(|_| Problem::with(&PATH_MALFORMED, "the sale's id is no UUID"))?;
    OperationId::new(id).map_err(|error| Problem::with(&PATH_MALFORMED, error.to_string()))
}

/// What the card shall change goes beside the answer, whose bytes stay the same for ever.
const SCRIPT_HEADER: &str = "Pasje-Card-Script";

/// The stored answer.
pub(super) fn answered(service: &Service, booked: &Booked, script: Option<Script>) -> HttpResponse {
    let bytes = card_proof::answer_bytes(service.keys.as_ref(), booked);
    let mut response = HttpResponse::Ok();
    if let Some(script) = script {
        response.insert_header((SCRIPT_HEADER, to_hex(&script.encode())));
    }
    response.content_type("application/json").body(bytes)
}

/// Books a sale, or answers what it was answered before.
#[utoipa::path(
    post, path = "/api/v1/sales", tag = "sales", request_body = SaleBody,
    responses(
        (status = 200, description = "The outcome, a decline too; the same bytes whenever it is asked for", body = Answer, headers(
            ("Pasje-Card-Script" = String, description = "74 hexadecimal digits for the card's COMPLETE, after `card_answer`: where the \
              card shall change something, until a tap shows that it did")
        )),
        (status = 401, description = "Not signed, or not rightly", body = ProblemBody),
        (status = 409, description = "Another request was sent under this id", body = ProblemBody),
        (status = 422, description = "Cannot be understood", body = ProblemBody),
        (status = 503, description = "Nothing was booked: send the same again", body = ProblemBody),
        (status = 504, description = "Not known yet: ask by id, or send the same again", body = ProblemBody),
    )
)]
#[post("/sales")]
pub async fn sell(service: Data<Service>, sent: Sent<SaleBody>) -> Result<HttpResponse, Problem> {
    let (id, terminal) = (sent.id(sent.body.id)?, sent.terminal);
    let request = sent.body.into_request(id, terminal)?;
    let payer = request.payer;
    let heard = service.scripts.heard_in(payer, || request.transaction());
    let booked = service.authoriser.sell(request).await?;
    Service::count_sale(&booked);
    let script = service.scripts.after(&booked, Some(payer), heard).await;
    Ok(answered(&service, &booked, script))
}

/// What became of a sale: only for terminals of the location where it was made.
#[utoipa::path(
    get, path = "/api/v1/sales/{id}", tag = "sales", params(("id" = Uuid, Path, description = "The sale's id")),
    responses(
        (status = 200, description = "The same bytes as the sale was answered with", body = Answer, headers(
            ("Pasje-Card-Script" = String, description = "As in the answer to the sale; what waits for the card now")
        )),
        (status = 404, description = "There is none at this location", body = ProblemBody),
    )
)]
#[get("/sales/{id}")]
pub async fn ask(service: Data<Service>, asked: Asked, path: Path<String>) -> Result<HttpResponse, Problem> {
    let booked = sales::find(&service.database, sale_id(&path)?, &asked.terminal).await?;
    let booked = booked.ok_or_else(|| Problem::new(&SALE_UNKNOWN))?;
    let script = service.scripts.after(&booked, None, None).await;
    Ok(answered(&service, &booked, script))
}

/// Gives parts of a sale back to who paid them.
#[utoipa::path(
    post, path = "/api/v1/sales/{id}/refunds", tag = "sales", request_body = RefundBody,
    params(("id" = Uuid, Path, description = "The sale's id")),
    responses(
        (status = 200, description = "What was given back, or why nothing was", body = Answer),
        (status = 404, description = "There is no such sale at this location", body = ProblemBody),
    )
)]
#[post("/sales/{id}/refunds")]
pub async fn refund(
    service: Data<Service>,
    sent: Sent<RefundBody>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, sale, terminal) = (sent.id(sent.body.id)?, sale_id(&path)?, sent.terminal);
    let lines = sent.body.lines.iter().map(|line| (line.line, line.quantity)).collect();
    let request = RefundRequest { id, sale, terminal, staff: sent.body.staff, lines };
    let booked = sales::refund(&service.database, &request).await?;
    Ok(answered(&service, &booked, None))
}

/// Undoes a whole sale; one that has not come yet will never be booked.
#[utoipa::path(
    post, path = "/api/v1/sales/{id}/void", tag = "sales", request_body = VoidBody,
    params(("id" = Uuid, Path, description = "The sale's id")),
    responses(
        (status = 200, description = "What was undone, or why nothing was", body = Answer),
        (status = 404, description = "The sale was made at another location", body = ProblemBody),
    )
)]
#[post("/sales/{id}/void")]
pub async fn void(service: Data<Service>, sent: Sent<VoidBody>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (id, sale, terminal) = (sent.id(sent.body.id)?, sale_id(&path)?, sent.terminal);
    let client = match sent.body.client {
        ClientBody::Card(card) => Client::Card(card),
        ClientBody::Wallet(number) => Client::Wallet(wallet(terminal.organisation, number)?),
    };
    let request = VoidRequest { id, sale, terminal, staff: sent.body.staff, client };
    let booked = sales::void(&service.database, &request).await?;
    Ok(answered(&service, &booked, None))
}
