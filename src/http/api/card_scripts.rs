//! What a card shall change, for a tap that no sale answers: the card declined it, or the service did before it looked at the
//! card's MAC. That is how a blocked card hears that it is blocked, and later that it works again.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use card_protocol::Decision;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sales::{LineBody, TapBody};
use crate::domain::basket::Basket;
use crate::domain::hex::to_hex;
use crate::domain::operation::OperationId;
use crate::domain::sale::Terminal;
use crate::http::Service;
use crate::http::auth::Sent;
use crate::http::json::{object, objects};
use crate::http::problem::{Problem, ProblemBody};
use crate::services::card_scripts::Asking;

/// A tap that got no `card_answer`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CardScriptRequest)]
pub struct AskingBody {
    /// A UUIDv7 made by the terminal; the card is told it as the sale's.
    id: Uuid,
    decision: DecisionBody,
    /// The version of the price list that the till showed.
    price_list: u32,
    #[serde(deserialize_with = "object")]
    card: TapBody,
    #[serde(deserialize_with = "objects")]
    lines: Vec<LineBody>,
}

/// What the card decided.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Decision)]
pub enum DecisionBody {
    /// It declined.
    Declined,
    /// It asked for the service, which declined before it looked at the MAC.
    Online,
}

/// What the card is told. Both are null where its MAC is not right.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CardScript)]
pub struct TellingBody {
    /// 82 hexadecimal digits for COMPLETE: declined.
    card_answer: Option<String>,
    /// 74 hexadecimal digits to follow them; null if nothing waits.
    script: Option<String>,
}

impl AskingBody {
    fn into_asking(self, id: OperationId, terminal: Terminal) -> Result<Asking, Problem> {
        let decision = match self.decision {
            DecisionBody::Declined => Decision::Declined,
            DecisionBody::Online => Decision::Online,
        };
        let lines = self.lines.into_iter().map(LineBody::into_line).collect::<Result<_, _>>()?;
        let (tap, basket) = (self.card.into_tap()?, Basket::new(lines)?);
        Ok(Asking { id, terminal, tap, decision, price_list: self.price_list, basket })
    }
}

/// Answers a card that declined, or was declined before its MAC was looked at, and sends what it shall change. Books nothing
/// and uses up no counter.
#[utoipa::path(
    post, path = "/api/v1/card-scripts", tag = "cards", request_body = AskingBody,
    responses(
        (status = 200, description = "What the card is told", body = TellingBody),
        (status = 422, description = "Cannot be understood", body = ProblemBody),
    )
)]
#[post("/card-scripts")]
pub async fn ask_script(service: Data<Service>, sent: Sent<AskingBody>) -> Result<HttpResponse, Problem> {
    let (id, terminal) = (sent.id(sent.body.id)?, sent.terminal);
    let told = service.scripts.ask(&sent.body.into_asking(id, terminal)?).await?;
    let (answer, script) = told.unzip();
    Ok(HttpResponse::Ok().json(TellingBody {
        card_answer: answer.map(|answer| to_hex(&answer.encode())),
        script: script.flatten().map(|script| to_hex(&script.encode())),
    }))
}
