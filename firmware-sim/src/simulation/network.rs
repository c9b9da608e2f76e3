//! What lies between tills and the service: loses requests and answers, brings them late, twice or out of order, or not at
//! all. What does reach the service goes over real HTTP, one request after the other, and the model looks at each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{DATE, ETAG, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::clock::WorldClock;
use super::dice::Dice;
use super::model::{Delivery, Model, Said};
use super::plastic::Signed;
use super::story::Story;
use super::world::World;
use crate::client::{AddressError, Client, Outgoing, Reply};
use crate::random::now_ms;
use crate::till::Request;

/// How long the service may be away for real: it is killed and comes back while runs go on.
const AWAY_MAX: Duration = Duration::from_secs(60);

const HEARTBEAT: &str = "/api/v1/heartbeat";
const FORWARDS: &str = "/api/v1/forwards";

/// How a till's connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Now and then something is lost.
    #[default]
    Fair,
    /// Hardly anything gets through unharmed.
    Foul,
    /// Nothing gets through.
    Cut,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It never arrives.
    RequestLost,
    /// It arrives; its answer does not.
    AnswerLost,
    /// It arrives much later; who sent it has given up.
    Late,
    /// It arrives twice at once.
    Twice,
    /// It arrives, and a copy of it much later.
    CopyLate,
    /// Something on the way answers in the service's place, and brings it no further.
    Intercepted,
}

/// A service that is broken, as far as tills and the model can tell: to see that it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing is wrong.
    #[default]
    None,
    /// Forwards are answered as stored, and dropped.
    ForwardsDropped,
    /// Sales are booked under an id of their own each time they come.
    IdsIgnored,
    /// An answer is not the same bytes the second time.
    AnswersChange,
    /// A cent less is taken than was said.
    AmountsChange,
    /// Voids are answered and not carried out.
    VoidsDropped,
}

/// What a till gets back.
#[derive(Debug)]
pub enum Sent {
    /// An answer.
    Reply(Reply),
    /// Nothing, and it may have arrived.
    Silence,
    /// It cannot have arrived.
    Unreachable,
}

/// Something on its way.
#[derive(Clone, Debug)]
struct Parcel {
    terminal: Uuid,
    path: String,
    query: Option<String>,
    post: Option<(Bytes, Uuid)>,
    if_none_match: Option<String>,
}

#[derive(Debug)]
struct Late {
    due: usize,
    parcel: Parcel,
}

/// The network of one run, with the model at its far end.
#[derive(Debug)]
pub struct Network {
    /// What ought to be.
    pub model: Model,
    /// What happened.
    pub story: Story,
    /// What time it is in the world.
    pub clock: WorldClock,
    /// Nothing is lost any more.
    pub is_calm: bool,
    /// What is wrong with the service.
    pub sabotage: Sabotage,
    clients: BTreeMap<Uuid, Client>,
    weather: BTreeMap<Uuid, Weather>,
    late: Vec<Late>,
    dice: Dice,
    /// The first thing that did not fit.
    failure: Option<String>,
    delivered: usize,
    /// What cards and terminals used up.
    counters: BTreeSet<(Uuid, u32)>,
    sequences: BTreeSet<(Uuid, u64)>,
}

impl Network {
    /// Of a world's terminals.
    ///
    /// # Errors
    /// The service's address is none.
    pub fn new(world: &World, clock: WorldClock, dice: Dice) -> Result<Self, AddressError> {
        let mut clients = BTreeMap::new();
        for file in &world.terminals {
            let key = file.key.as_ref().map_or([0; 32], |key| *key.0.expose());
            let client = Client::new(&world.service, file.terminal, &key, Duration::from_secs(10))?;
            clients.insert(file.terminal, client);
        }
        Ok(Self {
            model: Model::new(world),
            story: Story::default(),
            clock,
            is_calm: false,
            sabotage: Sabotage::None,
            clients,
            weather: BTreeMap::new(),
            late: Vec::new(),
            dice,
            failure: None,
            delivered: 0,
            counters: BTreeSet::new(),
            sequences: BTreeSet::new(),
        })
    }

    /// The first thing that did not fit.
    pub const fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    /// A card signed this at an honest till.
    pub fn signed(&mut self, signed: &Signed) {
        let Signed { transaction, mac } = *signed;
        let (card, counter) = (Uuid::from_bytes(transaction.card), transaction.counter);
        if !self.counters.insert((card, counter)) && !self.model.is_copied(card) {
            self.fail(format!("card {card} uses counter {counter} a second time: {transaction:?}"));
        }
        let (terminal, sequence) = (Uuid::from_bytes(transaction.terminal), transaction.terminal_sequence);
        if !self.sequences.insert((terminal, sequence)) {
            self.fail(format!("terminal {terminal} uses sequence {sequence} a second time: {transaction:?}"));
        }
        self.model.signed(transaction, mac);
    }

    /// Something does not fit.
    pub fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// How many requests reached the service.
    pub const fn delivered(&self) -> usize {
        self.delivered
    }

    /// From now on a till's connection is so.
    pub fn set_weather(&mut self, terminal: Uuid, weather: Weather) {
        self.weather.insert(terminal, weather);
    }

    /// How a till's connection is.
    pub fn weather(&self, terminal: Uuid) -> Weather {
        self.weather.get(&terminal).copied().unwrap_or_default()
    }

    fn fate(&mut self, terminal: Uuid) -> Option<Fate> {
        if self.is_calm {
            return Some(Fate::Arrives);
        }
        let fates: &[(usize, Fate)] = match self.weather(terminal) {
            Weather::Cut => return None,
            Weather::Fair => &[
                (920, Fate::Arrives),
                (15, Fate::RequestLost),
                (25, Fate::AnswerLost),
                (10, Fate::Late),
                (15, Fate::Twice),
                (15, Fate::CopyLate),
                (8, Fate::Intercepted),
            ],
            Weather::Foul => &[
                (350, Fate::Arrives),
                (150, Fate::RequestLost),
                (250, Fate::AnswerLost),
                (100, Fate::Late),
                (50, Fate::Twice),
                (100, Fate::CopyLate),
                (60, Fate::Intercepted),
            ],
        };
        self.dice.weighed(fates)
    }

    /// Sends a till's request on its way.
    pub async fn send(&mut self, terminal: Uuid, request: &Request) -> Sent {
        let parcel = Parcel {
            terminal,
            path: request.path.clone(),
            query: request.query.clone(),
            post: request.post.clone(),
            if_none_match: request.if_none_match.clone(),
        };
        let Some(fate) = self.fate(terminal) else {
            self.story.note(format!("{}: no connection", name(&parcel)));
            // a cable that is out is noticed at once, a network beyond it is not
            return if self.dice.chance(500) { Sent::Unreachable } else { Sent::Silence };
        };
        if fate != Fate::Arrives {
            self.story.note(format!("{}: {fate:?}", name(&parcel)));
        }
        if matches!(fate, Fate::Late | Fate::CopyLate) {
            let due = self.story.step() + self.dice.between(1, 60);
            self.late.push(Late { due, parcel: parcel.clone() });
        }
        match fate {
            Fate::RequestLost | Fate::Late => Sent::Silence,
            Fate::Intercepted => {
                let status = self.dice.pick(&[400, 403, 429, 502, 503]).copied().unwrap_or(502);
                Sent::Reply(Reply::new(status, "<html>", HeaderMap::new()))
            }
            Fate::Arrives | Fate::CopyLate => self.deliver(&parcel).await.map_or(Sent::Silence, Sent::Reply),
            Fate::AnswerLost => {
                self.deliver(&parcel).await;
                Sent::Silence
            }
            Fate::Twice => {
                self.deliver(&parcel).await;
                self.deliver(&parcel).await.map_or(Sent::Silence, Sent::Reply)
            }
        }
    }

    /// Sends past all weather, and always brings the answer.
    pub async fn send_safely(&mut self, terminal: Uuid, request: &Request) -> Option<Reply> {
        let parcel = Parcel {
            terminal,
            path: request.path.clone(),
            query: request.query.clone(),
            post: request.post.clone(),
            if_none_match: request.if_none_match.clone(),
        };
        self.deliver(&parcel).await
    }

    /// Brings what is due by now; all there is at the end.
    pub async fn bring_late(&mut self, everything: bool) {
        let step = self.story.step();
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|late| everything || late.due <= step);
        self.late = rest;
        while !due.is_empty() {
            // in any order
            let late = due.swap_remove(self.dice.below(due.len()));
            self.story.note(format!("{}: comes late", name(&late.parcel)));
            self.deliver(&late.parcel).await;
        }
    }

    /// One request to the service and back, for real; the model looks at both.
    async fn deliver(&mut self, parcel: &Parcel) -> Option<Reply> {
        let mut parcel = parcel.clone();
        if let Some(reply) = self.sabotaged(&mut parcel) {
            return Some(reply);
        }
        let reply = match self.exchange(&parcel).await {
            Ok(reply) => reply,
            Err(why) => {
                self.fail(format!("{} got no answer: {why}", name(&parcel)));
                return None;
            }
        };
        self.delivered += 1;
        let reply = self.spoilt(&parcel, reply);
        let body = parcel.post.as_ref().map_or(&[][..], |(body, _)| body);
        let delivery = Delivery {
            terminal: parcel.terminal,
            method: if parcel.post.is_some() { "POST" } else { "GET" },
            path: &parcel.path,
            body,
            now_ms: now_ms(),
        };
        let said = Said { status: reply.status, body: &reply.body, script: reply.card_script() };
        let judged = self.model.judge(&delivery, &said);
        // documents and signs of life tell nothing
        if !matches!(
            parcel.path.as_str(),
            HEARTBEAT | "/api/v1/cards" | "/api/v1/hotlist" | "/api/v1/catalogue" | "/api/v1/price-list"
        ) {
            self.story.note(format!("{} -> {}", name(&parcel), short(&reply)));
        }
        if let Err(what) = judged {
            self.fail(format!("{}\n    sent: {}\n    {what}", name(&parcel), String::from_utf8_lossy(body)));
        }
        Some(self.in_world_time(reply))
    }

    async fn exchange(&mut self, parcel: &Parcel) -> Result<Reply, String> {
        let client = self.clients.get_mut(&parcel.terminal).ok_or("no such terminal")?;
        let give_up = Instant::now() + AWAY_MAX;
        loop {
            let outgoing = Outgoing {
                path: &parcel.path,
                query: parcel.query.as_deref(),
                post: parcel.post.as_ref().map(|(body, id)| (body, *id)),
                if_none_match: parcel.if_none_match.as_deref(),
            };
            // the service may be killed under it: the same request again changes nothing
            let why = match client.send(outgoing).await {
                // stored, and not judged yet: asked again until it is, so that what follows comes after it
                Ok(reply) if parcel.path == FORWARDS && is_pending(&reply) => short(&reply),
                Ok(reply) if reply.status < 500 => return Ok(reply),
                Ok(reply) => short(&reply),
                Err(error) => error.to_string(),
            };
            if Instant::now() > give_up {
                return Err(why);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The service's clock, as tills see it, is the world's: a run takes days in seconds.
    fn in_world_time(&self, reply: Reply) -> Reply {
        let mut headers = HeaderMap::new();
        let kept = [("etag", reply.etag()), ("pasje-card-script", reply.card_script())];
        for (name, value) in kept {
            let value = value.and_then(|value| HeaderValue::from_str(value).ok());
            if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
                headers.insert(name, value);
            }
        }
        debug_assert_eq!(ETAG.as_str(), "etag");
        if let Ok(date) = HeaderValue::from_str(&self.clock.http_date()) {
            headers.insert(DATE, date);
        }
        let mut body = reply.body;
        if let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&body)
            && let Some(time) = value.get_mut("time_ms")
        {
            *time = self.clock.now_ms().into();
            body = value.to_string().into();
        }
        Reply::new(reply.status, body, headers)
    }

    /// What a broken service does before it looks at a request.
    fn sabotaged(&self, parcel: &mut Parcel) -> Option<Reply> {
        let (body, id) = parcel.post.as_mut()?;
        let answer = |value: serde_json::Value| Some(Reply::new(200, value.to_string(), HeaderMap::new()));
        let mut json: serde_json::Value = serde_json::from_slice(body).ok()?;
        match self.sabotage {
            Sabotage::ForwardsDropped if parcel.path == FORWARDS => {
                let last = json["records"].as_array()?.last()?["sequence"].as_u64()?;
                answer(serde_json::json!({ "stored_to": last, "results": [] }))
            }
            Sabotage::VoidsDropped if parcel.path.ends_with("/void") => {
                let date = "2026-01-01";
                answer(serde_json::json!({ "id": id, "operation": "void", "outcome": "booked", "book_date": date }))
            }
            Sabotage::IdsIgnored if parcel.path == "/api/v1/sales" => {
                let mut other = id.into_bytes();
                // each delivery another one: how often the service was asked tells them apart
                for (byte, count) in other.iter_mut().skip(10).zip(self.delivered.to_be_bytes().iter().skip(2)) {
                    *byte ^= count;
                }
                let other = Uuid::from_bytes(other);
                json["id"] = other.to_string().into();
                (*body, *id) = (json.to_string().into(), other);
                None
            }
            _ => None,
        }
    }

    /// And what it does to an answer.
    fn spoilt(&mut self, parcel: &Parcel, reply: Reply) -> Reply {
        if parcel.path != "/api/v1/sales" || reply.status != 200 {
            return reply;
        }
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let spoilt = match self.sabotage {
            Sabotage::AnswersChange if self.dice.chance(300) => text.replacen("{\"id\"", "{ \"id\"", 1),
            Sabotage::AmountsChange => text.replacen("\"amount\":2", "\"amount\":1", 1),
            _ => return reply,
        };
        Reply::new(reply.status, spoilt, HeaderMap::new())
    }
}

fn name(parcel: &Parcel) -> String {
    let method = if parcel.post.is_some() { "POST" } else { "GET" };
    let id = parcel.post.as_ref().map(|(_, id)| format!(" {id}")).unwrap_or_default();
    let terminal = parcel.terminal.to_string();
    format!("till {}: {method} {}{id}", terminal.get(..8).unwrap_or_default(), parcel.path)
}

fn is_pending(reply: &Reply) -> bool {
    let answer: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
    let results = answer.as_ref().and_then(|answer| answer["results"].as_array());
    results.is_some_and(|results| results.iter().any(|result| result["state"] == "pending"))
}

fn short(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let end = text.char_indices().nth(260).map_or(text.len(), |(end, _)| end);
    format!("{} {}", reply.status, text.get(..end).unwrap_or_default())
}
