//! What a card is told where no sale told it anything: it declined by itself, or the service declined before it looked at
//! the card's MAC. So a blocked card hears that it is blocked, and later that it works again.

use std::borrow::Cow;

use card_protocol::CardAnswer;
use card_protocol::script::Script;
use serde::Serialize;
use uuid::Uuid;

use crate::client::Reply;
use crate::hex;
use crate::request::{CardTap, SaleLine};

/// Where it is asked for.
pub const PATH: &str = "/api/v1/card-scripts";

/// What the card decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// It declined.
    Declined,
    /// It asked for the service, which declined.
    Online,
}

/// A tap that got no answer: what the card is to be told and to change.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ScriptWanted<'a> {
    pub id: Uuid,
    pub decision: Decided,
    pub price_list: u32,
    pub card: &'a CardTap,
    pub lines: &'a [SaleLine],
}

/// What the reply has for the card; none where the service did not believe the tap.
pub fn read(reply: &Reply) -> Option<(CardAnswer, Option<Script>)> {
    #[derive(serde::Deserialize)]
    struct Given<'a> {
        card_answer: Option<Cow<'a, str>>,
        script: Option<Cow<'a, str>>,
    }
    if reply.status != 200 {
        return None;
    }
    let given: Given<'_> = serde_json::from_slice(&reply.body).ok()?;
    let answer = CardAnswer::decode(&hex::decode::<{ CardAnswer::LENGTH }>(&given.card_answer?)?).ok()?;
    let script = given.script.and_then(|digits| Script::decode(&hex::decode::<{ Script::LENGTH }>(&digits)?).ok());
    Some((answer, script))
}
