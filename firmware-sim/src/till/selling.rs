//! One sale: with the service while it answers, then without it by a new tap, durably, before anything is called approved.

mod recording;

use card_protocol::frame::{Authorise, Authorised};
use card_protocol::pin::PinBlock;
use card_protocol::script::Script;
use card_protocol::transaction::EURO;
use card_protocol::{CardAnswer, Decision, TransactionKind};
use hyper::body::Bytes;
use uuid::Uuid;

use super::card_tap::{Tapped, Tapping, Torn, complete, tap};
use super::offline::{Rules, is_basket};
use super::signed::{card_tap, digest, transaction};
use super::{Buyer, CardTold, Ended, Link, Next, Purpose, Refusal, TapFor, Till, TillError, Wanted};
use crate::answer::Asked;
use crate::card::CardReader;
use crate::card_script::{self, Decided, ScriptWanted};
use crate::client::{NoAnswer, Reply};
use crate::request::{self, CardTap, Payer, Sale as SaleRequest};
use crate::settling::{Answered, problem, read, sale_path, script_of};

mod without_pin;

const SALES: &str = "/api/v1/sales";
/// The first pause before it is asked again how a sale ended.
const ASK_MIN_MS: u64 = 100;
const ASK_MAX_MS: u64 = 2_000;

/// A sale under way.
#[derive(Debug)]
pub(super) struct Sale {
    wanted: Wanted,
    amount_cents: u64,
    price_list: u32,
    stage: Stage,
    attempt: Option<Attempt>,
    torn: Option<Torn>,
    /// The card is tapped without a PIN where the service can be asked.
    without_pin: bool,
    pause_ms: u64,
}

/// An online attempt.
#[derive(Debug)]
struct Attempt {
    id: Uuid,
    body: Bytes,
    asked: Asked,
    tap: Option<CardTap>,
    started_ms: u64,
    /// Whether a copy may have arrived that gave no answer.
    may_be_booked: bool,
    has_new_clock: bool,
}

#[derive(Debug)]
enum Stage {
    Tap {
        is_online: bool,
    },
    Pin {
        is_online: bool,
        tries_left: Option<u8>,
    },
    Post,
    Ask,
    Pause {
        until_ms: u64,
        then_post: bool,
    },
    /// The card got no answer: one is asked for, with a script if there is one.
    Script {
        body: Bytes,
        id: Uuid,
        ended: Box<Ended>,
    },
    Complete {
        answer: CardAnswer,
        script: Option<Script>,
        ended: Box<Ended>,
    },
    Ended(Box<Ended>),
}

impl Sale {
    fn refused(refusal: Refusal) -> Stage {
        Stage::Ended(Box::new(Ended::Refused { refusal, card: CardTold::Nothing, undoes: None }))
    }

    const fn may_be_booked(&self) -> Option<&Attempt> {
        match &self.attempt {
            Some(attempt) if attempt.may_be_booked => Some(attempt),
            _ => None,
        }
    }
}

impl Till {
    /// Rings something up.
    ///
    /// # Errors
    /// [`TillError`].
    pub fn sell(&mut self, wanted: Wanted, now_ms: u64) -> Result<(), TillError> {
        if self.sale.is_some() {
            return Err(TillError::Busy);
        }
        if self.is_revoked {
            return Err(TillError::Revoked);
        }
        self.last_card = None;
        let priced = match self.cache.assortment() {
            None => Err(Refusal::NothingKnown),
            // the service takes nothing by name of which nobody says who registered it
            Some(_) if matches!(wanted.buyer, Buyer::Wallet(_)) && wanted.staff.is_none() => Err(Refusal::NeedsStaff),
            Some(_) if !is_basket(&wanted.lines) => Err(Refusal::Basket),
            Some(assortment) => assortment
                .greatest_cents(&wanted.lines)
                .map(|cents| (cents, assortment.price_list.version))
                .map_err(|error| Refusal::NoPrice(error.to_string())),
        };
        let (amount_cents, price_list) = priced.clone().unwrap_or_default();
        let stage = match priced {
            Err(refusal) => Sale::refused(refusal),
            Ok(_) => Stage::Tap { is_online: true },
        };
        let mut sale = Sale {
            wanted,
            amount_cents,
            price_list,
            stage,
            attempt: None,
            torn: None,
            without_pin: false,
            pause_ms: ASK_MIN_MS,
        };
        if matches!(sale.stage, Stage::Tap { .. }) {
            let is_online = !matches!(self.link, Link::Away { .. });
            match (is_online, sale.wanted.buyer) {
                (true, Buyer::Card) => {}
                (true, Buyer::Wallet(wallet)) => self.attempt(&mut sale, Payer::Wallet(wallet), None, now_ms),
                (false, _) => self.go_offline(&mut sale, now_ms),
            }
        }
        self.sale = Some(sale);
        Ok(())
    }

    /// What the sale needs now; none if there is no sale.
    pub(super) fn step_sale(&mut self, now_ms: u64) -> Option<Next> {
        let mut sale = self.sale.take()?;
        if let Stage::Pause { until_ms, then_post } = sale.stage {
            let started_ms = sale.attempt.as_ref().map_or(now_ms, |attempt| attempt.started_ms);
            let patience_is_over = now_ms.saturating_sub(started_ms) >= self.setup.patience_ms;
            if patience_is_over || matches!(self.link, Link::Away { .. }) {
                self.is_away(now_ms);
                self.go_offline(&mut sale, now_ms);
            } else if now_ms >= until_ms {
                sale.stage = if then_post { Stage::Post } else { Stage::Ask };
            }
        }
        let next = match &sale.stage {
            Stage::Tap { .. } if sale.torn.is_some() => Next::Tap(TapFor::Again),
            Stage::Tap { is_online: true } => Next::Tap(TapFor::Online),
            Stage::Tap { is_online: false } => Next::Tap(TapFor::Offline),
            Stage::Pin { tries_left, .. } => Next::Pin { tries_left: *tries_left },
            Stage::Pause { until_ms, .. } => Next::Asking { until_ms: *until_ms },
            Stage::Complete { .. } => Next::Tap(TapFor::Complete),
            Stage::Post | Stage::Ask | Stage::Script { .. } => self.send_for(&sale),
            Stage::Ended(_) => {
                let Stage::Ended(ended) = sale.stage else { return None };
                return Some(Next::Ended(*ended));
            }
        };
        self.sale = Some(sale);
        Some(next)
    }

    fn send_for(&mut self, sale: &Sale) -> Next {
        if let Some(flight) = &self.flight
            && flight.purpose.is_of_sale()
        {
            return Next::Waiting { ticket: flight.ticket };
        }
        match (&sale.stage, &sale.attempt) {
            (Stage::Script { body, id, .. }, _) => {
                self.request(Purpose::Script, card_script::PATH.to_owned(), Some((body.clone(), *id)))
            }
            (Stage::Ask, Some(attempt)) => self.request(Purpose::SaleAsk, sale_path(attempt.id), None),
            (_, Some(attempt)) => {
                self.request(Purpose::SalePost, SALES.to_owned(), Some((attempt.body.clone(), attempt.id)))
            }
            (_, None) => Next::Rest { until_ms: 0 },
        }
    }

    /// A card is held to the till.
    pub fn tap(&mut self, card: &mut dyn CardReader, pin: Option<&PinBlock>, now_ms: u64) {
        let Some(mut sale) = self.sale.take() else { return };
        let stage = std::mem::replace(&mut sale.stage, Stage::Post);
        sale.stage = match stage {
            Stage::Tap { is_online } | Stage::Pin { is_online, .. } => {
                sale.stage = Stage::Tap { is_online };
                self.tap_to_pay(&mut sale, card, pin, is_online, now_ms);
                self.sale = Some(sale);
                return;
            }
            Stage::Complete { answer, script, mut ended } => {
                let told = complete(card, answer, script);
                if let Ended::Answered { card, .. } | Ended::Refused { card, .. } = &mut *ended {
                    *card = told;
                }
                Stage::Ended(ended)
            }
            other => other,
        };
        self.sale = Some(sale);
    }

    fn tap_to_pay(
        &mut self,
        sale: &mut Sale,
        card: &mut dyn CardReader,
        pin: Option<&PinBlock>,
        is_online: bool,
        now_ms: u64,
    ) {
        let stamp = self.stamp(now_ms);
        let mut terminal_nonce = [0; 8];
        if let Err(error) = self.random.fill(&mut terminal_nonce) {
            sale.stage = Sale::refused(Refusal::Journal(error.to_string()));
            return;
        }
        let Some(basket_digest) = digest(sale.price_list, &sale.wanted.lines) else {
            sale.stage = Sale::refused(Refusal::Basket);
            return;
        };
        let tapping = Tapping { torn: sale.torn.take(), pin, without_pin: sale.without_pin && is_online };
        let (terminal, location, amount_cents) = (self.setup.terminal, self.setup.location, sale.amount_cents);
        let (cache, tally, faults) = (&self.cache, &self.tally, self.faults);
        let rules = Rules { cache, tally, faults, now_ms: stamp };
        let (journal, own_sequence) = (&mut self.journal, &mut self.own_sequence);
        let tapped = tap(
            card,
            &tapping,
            |selected| {
                let id = Uuid::from_bytes(selected.card);
                if is_online { Ok(()) } else { rules.card(id, &sale.wanted.lines).map(drop) }
            },
            || {
                let terminal_sequence = if faults.sequence_restarts {
                    *own_sequence += 1;
                    *own_sequence
                } else {
                    journal.next_sequence().map_err(|error| Refusal::Journal(error.to_string()))?
                };
                Ok(Authorise {
                    terminal: *terminal.as_bytes(),
                    location: *location.as_bytes(),
                    terminal_sequence,
                    terminal_nonce,
                    kind: TransactionKind::Sale,
                    currency: EURO,
                    amount_cents,
                    time_ms: stamp,
                    basket_digest,
                    is_online,
                })
            },
        );
        match tapped {
            Tapped::Again(torn) => sale.torn = torn,
            Tapped::NeedsPin { tries_left } => sale.stage = Stage::Pin { is_online, tries_left },
            // the card goes on without one: the service decides what may be bought so, and may have a script that unblocks it
            Tapped::Refused(Refusal::PinBlocked) if is_online && !sale.without_pin => {
                sale.without_pin = true;
                self.tap_to_pay(sale, card, None, is_online, now_ms);
            }
            Tapped::Refused(refusal) => self.refuse(sale, refusal),
            Tapped::Signed { card, asked, signed } => self.signed(sale, card, &asked, &signed, now_ms),
        }
    }

    fn signed(&mut self, sale: &mut Sale, card: [u8; 16], asked: &Authorise, signed: &Authorised, now_ms: u64) {
        let tap = card_tap(card, asked, signed);
        self.last_card = Some(tap.id);
        match (asked.is_online, signed.decision) {
            (true, Decision::Online) => self.attempt(sale, Payer::Card(tap.clone()), Some(tap), now_ms),
            (true, Decision::Declined) => self.want_script(sale, tap, now_ms),
            (false, Decision::Declined) => self.refuse(sale, Refusal::CardDeclined),
            (false, Decision::ApprovedOffline) => {
                let rules =
                    Rules { cache: &self.cache, tally: &self.tally, faults: self.faults, now_ms: self.stamp(now_ms) };
                let transaction = transaction(card, asked, signed);
                let checked = rules.card(Uuid::from_bytes(card), &sale.wanted.lines).and_then(|entry| {
                    let is_genuine = rules.is_genuine(entry, &transaction, &signed.terminal_mac);
                    if is_genuine { Ok(()) } else { Err(Refusal::CardNotGenuine) }
                });
                match checked {
                    Ok(()) => self.record(sale, &Payer::Card(tap), now_ms),
                    Err(refusal) => self.refuse(sale, refusal),
                }
            }
            _ => self.refuse(sale, Refusal::CardUnreadable("AUTHORISE".to_owned())),
        }
    }

    /// The till or the card says no. What may have arrived before is undone.
    fn refuse(&mut self, sale: &mut Sale, refusal: Refusal) {
        let undoes = self.undo_attempt(sale);
        sale.stage = Stage::Ended(Box::new(Ended::Refused { refusal, card: CardTold::Nothing, undoes }));
    }

    fn undo_attempt(&mut self, sale: &Sale) -> Option<Uuid> {
        let attempt = sale.may_be_booked()?;
        if self.faults.cancel_undoes_nothing {
            return None;
        }
        self.note_undo(attempt.id, client(sale, attempt), sale.wanted.staff);
        Some(attempt.id)
    }

    /// Asks the service, by an id of its own. What is asked stands in the notes first, so that a restart asks on.
    fn attempt(&mut self, sale: &mut Sale, payer: Payer, tap: Option<CardTap>, now_ms: u64) {
        let id = match self.new_id(now_ms) {
            Ok(id) => id,
            Err(error) => return self.refuse(sale, Refusal::Journal(error.to_string())),
        };
        let request = SaleRequest {
            id,
            mode: sale.wanted.mode,
            price_list: sale.price_list,
            staff: sale.wanted.staff,
            payer: &payer,
            lines: &sale.wanted.lines,
        };
        let body = match serde_json::to_vec(&request) {
            Ok(body) => Bytes::from(body),
            Err(error) => return self.refuse(sale, Refusal::Journal(error.to_string())),
        };
        let card_cents = tap.as_ref().map(|tap| tap.amount_cents);
        let asked = Asked { id, operation: "sale", lines: Some(sale.wanted.lines.len()), card_cents };
        let attempt = Attempt { id, body, asked, tap, started_ms: now_ms, may_be_booked: false, has_new_clock: false };
        self.note_asking(id, client(sale, &attempt), sale.wanted.staff);
        sale.attempt = Some(attempt);
        sale.stage = Stage::Post;
    }

    /// The card declined what the service was to decide, so it is blocked: asks what it is to be told, and for a script.
    fn want_script(&mut self, sale: &mut Sale, tap: CardTap, now_ms: u64) {
        let undoes = self.undo_attempt(sale);
        let ended = Box::new(Ended::Refused { refusal: Refusal::CardBlocked, card: CardTold::Nothing, undoes });
        self.ask_for_script(sale, tap, Decided::Declined, ended, now_ms);
    }

    fn ask_for_script(&mut self, sale: &mut Sale, tap: CardTap, decision: Decided, ended: Box<Ended>, now_ms: u64) {
        let body = self.new_id(now_ms).ok().and_then(|id| {
            let wanted =
                ScriptWanted { id, decision, price_list: sale.price_list, card: &tap, lines: &sale.wanted.lines };
            Some((id, serde_json::to_vec(&wanted).ok()?))
        });
        sale.stage = match body {
            Some((id, body)) => Stage::Script { body: body.into(), id, ended },
            None => Stage::Ended(ended),
        };
    }

    /// The card that was asked for is not there.
    pub fn no_card(&mut self, _now_ms: u64) {
        if let Some(sale) = &mut self.sale {
            let stage = std::mem::replace(&mut sale.stage, Stage::Post);
            sale.stage = match stage {
                Stage::Complete { mut ended, .. } => {
                    if let Ended::Answered { card, .. } | Ended::Refused { card, .. } = &mut *ended {
                        *card = CardTold::Gone;
                    }
                    Stage::Ended(ended)
                }
                other => other,
            };
        }
    }

    /// Staff stop the sale. What may have arrived is undone as soon as the service answers. A sale that has ended has
    /// ended.
    pub fn cancel(&mut self, now_ms: u64) {
        // what was decided stays so: staff wait no more for the card, or for what it is to be told
        self.no_card(now_ms);
        let Some(mut sale) = self.sale.take() else { return };
        match &mut sale.stage {
            Stage::Ended(_) | Stage::Complete { .. } => {}
            Stage::Script { .. } => {
                self.flight = None;
                let stage = std::mem::replace(&mut sale.stage, Stage::Post);
                if let Stage::Script { ended, .. } = stage {
                    sale.stage = Stage::Ended(ended);
                }
            }
            Stage::Tap { .. } | Stage::Pin { .. } | Stage::Post | Stage::Ask | Stage::Pause { .. } => {
                // a request that is out may arrive
                if self.flight.as_ref().is_some_and(|flight| flight.purpose.is_of_sale())
                    && let Some(attempt) = &mut sale.attempt
                {
                    attempt.may_be_booked = true;
                }
                let undoes = self.undo_attempt(&sale);
                if undoes.is_none()
                    && let Some(attempt) = &sale.attempt
                {
                    self.forget_note(attempt.id);
                }
                self.flight = None;
                sale.stage = Stage::Ended(Box::new(Ended::Cancelled { undoes }));
            }
        }
        self.sale = Some(sale);
    }

    /// What came of a request of the sale.
    pub(super) fn replied_to_sale(&mut self, purpose: Purpose, reply: Result<Reply, NoAnswer>, now_ms: u64) {
        let Some(mut sale) = self.sale.take() else { return };
        let stage = std::mem::replace(&mut sale.stage, Stage::Post);
        match (purpose, stage) {
            (Purpose::Script, Stage::Script { ended, .. }) => {
                sale.stage = match reply.ok().and_then(|reply| card_script::read(&reply)) {
                    Some((answer, script)) => Stage::Complete { answer, script, ended },
                    None => Stage::Ended(ended),
                };
            }
            (Purpose::SalePost | Purpose::SaleAsk, _) => {
                let was_post = purpose == Purpose::SalePost;
                match reply {
                    Ok(reply) => self.judge(&mut sale, was_post, &reply, now_ms),
                    Err(no_answer) => self.judge_silence(&mut sale, was_post, &no_answer, now_ms),
                }
            }
            (_, stage) => sale.stage = stage,
        }
        self.sale = Some(sale);
    }

    fn judge_silence(&mut self, sale: &mut Sale, was_post: bool, no_answer: &NoAnswer, now_ms: u64) {
        let Some(attempt) = &mut sale.attempt else { return };
        attempt.may_be_booked |= was_post && no_answer.may_have_arrived();
        if self.faults.timeout_is_decline && no_answer.may_have_arrived() {
            let id = attempt.id;
            self.forget_note(id);
            sale.stage = Sale::refused(Refusal::CardDeclined);
            return;
        }
        if self.faults.timeout_is_approval && no_answer.may_have_arrived() {
            let (id, amount_cents) = (attempt.id, sale.amount_cents);
            sale.stage = Stage::Ended(Box::new(Ended::Offline { id, sequence: 0, amount_cents, instead_of: None }));
            return;
        }
        if no_answer.may_have_arrived() {
            self.pause(sale, false, 0, now_ms);
        } else {
            self.is_away(now_ms);
            self.go_offline(sale, now_ms);
        }
    }

    fn pause(&mut self, sale: &mut Sale, then_post: bool, at_least_ms: u64, now_ms: u64) {
        let pause_ms = self.jitter(sale.pause_ms).max(at_least_ms.min(ASK_MAX_MS));
        sale.pause_ms = (sale.pause_ms * 2).min(ASK_MAX_MS);
        sale.stage = Stage::Pause { until_ms: now_ms.saturating_add(pause_ms), then_post };
    }

    fn judge(&mut self, sale: &mut Sale, was_post: bool, reply: &Reply, now_ms: u64) {
        let Some(attempt) = &mut sale.attempt else { return };
        if reply.status == 200 {
            return match read(&reply.body, &attempt.asked) {
                Ok(answered) => self.answered(sale, answered, script_of(reply), now_ms),
                Err(_) => {
                    attempt.may_be_booked = true;
                    self.pause(sale, false, 0, now_ms);
                }
            };
        }
        let problem = problem(reply);
        let retry_after_ms = reply.retry_after().map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let is_about_sale = matches!(reply.status, 409 | 422) || problem.slug == "terminal-revoked";
        match reply.status {
            404 if !was_post && problem.slug == "sale-unknown" => sale.stage = Stage::Post,
            429 | 503 => self.pause(sale, was_post, retry_after_ms, now_ms),
            401 if !attempt.has_new_clock && self.set_clock(reply, now_ms) => {
                attempt.has_new_clock = true;
                sale.stage = if was_post { Stage::Post } else { Stage::Ask };
            }
            _ if is_about_sale && attempt.may_be_booked => self.pause(sale, false, 0, now_ms),
            _ if is_about_sale => {
                let id = attempt.id;
                self.forget_note(id);
                sale.stage = Stage::Ended(Box::new(Ended::Problem { id, problem }));
            }
            // all else is no word on this sale, whoever said it: of the sale nothing is known, as after a 5xx
            _ => {
                attempt.may_be_booked |= was_post;
                self.problem = Some(problem.to_string());
                self.pause(sale, false, 0, now_ms);
            }
        }
    }

    fn answered(&mut self, sale: &mut Sale, answered: Answered, script: Option<Script>, now_ms: u64) {
        let Some(attempt) = &sale.attempt else { return };
        let (id, tap) = (attempt.id, attempt.tap.clone());
        self.forget_note(id);
        if answered.wants_new_prices {
            self.schedule.read_at_once();
        }
        if answered.reason.as_deref() == Some("card_mac_wrong") {
            // it may have been moved: the card signs where it stands
            self.schedule.hear_at_once();
        }
        let for_card = answered.for_card;
        let ended = Box::new(Ended::Answered { id, answered, card: CardTold::Nothing });
        match (for_card, tap) {
            (Some(answer), _) => sale.stage = Stage::Complete { answer, script, ended },
            (None, Some(tap)) => self.ask_for_script(sale, tap, Decided::Online, ended, now_ms),
            (None, None) => sale.stage = Stage::Ended(ended),
        }
    }
}

fn client(sale: &Sale, attempt: &Attempt) -> request::Client {
    match (&attempt.tap, sale.wanted.buyer) {
        (Some(tap), _) => request::Client::Card(tap.id),
        (None, Buyer::Wallet(wallet)) => request::Client::Wallet(wallet),
        (None, Buyer::Card) => request::Client::Card(Uuid::nil()),
    }
}
