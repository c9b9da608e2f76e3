//! What a page shows, in the language of whoever looks: staff's side and the client's.
//!
//! The client's side never says why: no reason, no purse, no balance. Amounts stand in the scheme's unit, so a time scheme shows no
//! euro of what the budget pays.

use std::collections::BTreeMap;

use card_protocol::script::Change;
use serde::Serialize;
use uuid::Uuid;

use super::snapshot::{End, Past, Sale, Snapshot, Stage};
use crate::answer::{Answer, Leg, Outcome};
use crate::dutch_time::{since, time_of_day};
use crate::phrases::{self, Language};
use crate::price_list::Assortment;
use crate::reader::ReaderFault;
use crate::request::{Client, SaleLine};
use crate::till::{CardTold, Link, State};
use crate::till_words::{self, Paid};

/// All that a page shows.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct View {
    pub version: u64,
    /// The price list's version: another one, other tiles.
    pub assortment: Option<u32>,
    pub till: TillView,
    pub staff: Option<StaffView>,
    pub tray: Vec<String>,
    pub sale: Option<SaleView>,
    /// The newest first.
    pub history: Vec<PastView>,
}

/// How the till is.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TillView {
    pub name: String,
    pub location: Option<String>,
    pub link: &'static str,
    pub since: Option<String>,
    pub waiting: u64,
    pub waiting_words: Option<String>,
    pub notices: Vec<String>,
    pub is_revoked: bool,
}

/// Who sells.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StaffView {
    pub name: String,
}

/// The sale under way, or the last one.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SaleView {
    pub id: Option<Uuid>,
    pub kind: &'static str,
    pub stage: &'static str,
    pub who: Option<String>,
    pub lines: Vec<LineView>,
    pub client: ClientView,
    pub total: Option<String>,
    pub words: Vec<String>,
    pub number: Option<String>,
    pub book_date: Option<String>,
    pub is_offline: bool,
    pub pin: Option<PinView>,
}

/// A line, and who paid it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LineView {
    pub service: Uuid,
    pub name: String,
    pub quantity: u32,
    pub state: &'static str,
    pub paid: Option<String>,
    pub legs: Vec<LegView>,
    pub reason: Option<String>,
}

/// One purse's part.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LegView {
    pub purse: String,
    pub amount: String,
    pub why: String,
}

/// What the client sees.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ClientView {
    pub shape: &'static str,
    pub headline: &'static str,
    pub left_out: Vec<String>,
    pub speech: Option<String>,
}

/// A PIN is asked.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PinView {
    pub tries_left: Option<u8>,
    pub may_go_without: bool,
}

/// A sale that was decided.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PastView {
    pub id: Uuid,
    pub at: String,
    pub who: Option<String>,
    pub total: Option<String>,
    pub outcome: &'static str,
    pub lines: Vec<LineView>,
    pub can_void: bool,
    pub can_refund: bool,
}

/// The same for everybody who looks, in this language.
pub fn view(snapshot: &Snapshot, language: Language) -> View {
    let words = Words { language, assortment: snapshot.assortment.as_deref() };
    View {
        version: snapshot.version,
        assortment: snapshot.assortment.as_ref().map(|it| it.price_list.version),
        till: words.till(snapshot),
        staff: snapshot.staff.map(|staff| StaffView { name: words.staff(staff) }),
        tray: snapshot.tray.clone(),
        sale: snapshot.sale.as_ref().map(|sale| words.sale(sale)),
        history: snapshot.history.iter().rev().map(|past| words.past(past)).collect(),
    }
}

struct Words<'a> {
    language: Language,
    assortment: Option<&'a Assortment>,
}

/// What an end says of the sale, line by line.
struct Told {
    id: Option<Uuid>,
    client: ClientView,
    lines: Vec<LineView>,
    total: Option<String>,
    words: Vec<String>,
    book_date: Option<String>,
}

impl Words<'_> {
    fn pick<'a>(&self, dutch: &'a str, english: &'a str) -> &'a str {
        self.language.pick(dutch, english)
    }

    fn till(&self, snapshot: &Snapshot) -> TillView {
        let state = &snapshot.state;
        let (link, since) = match state.link {
            Link::Unknown => ("unknown", None),
            Link::Here => ("here", None),
            Link::Away { since_ms } => ("away", Some(since(since_ms, snapshot.now_ms))),
        };
        let mut notices = till_words::troubles(state, self.language);
        for (recovered, known) in &snapshot.notices {
            notices.push(till_words::recovered(recovered, &|_| known.clone(), self.language));
        }
        TillView {
            name: snapshot.terminal.clone(),
            location: self.assortment.map(|it| it.catalogue.location.name.clone()),
            link,
            since,
            waiting: state.waiting,
            waiting_words: self.waiting(state),
            notices,
            is_revoked: state.is_revoked,
        }
    }

    fn waiting(&self, state: &State) -> Option<String> {
        let sales = match state.waiting {
            0 => return None,
            1 => self.pick("verkoop wacht", "sale waits"),
            _ => self.pick("verkopen wachten", "sales wait"),
        };
        let most = phrases::amount("EUR", state.waiting_cents, self.language);
        let at_most = self.pick("met pasje hoogstens", "by card at most");
        Some(format!("{} {sales}, {at_most} {most}", state.waiting))
    }

    /// Short, as staff are numbers until they have names here.
    fn staff(&self, staff: Uuid) -> String {
        let number = staff.simple().to_string();
        format!("{} {}", self.pick("Medewerker", "Staff"), number.get(28..).unwrap_or_default())
    }

    fn sale(&self, sale: &Sale) -> SaleView {
        let told = match &sale.end {
            Some(end) => self.told(end, &sale.lines, sale.wallet.is_some()),
            None => self.under_way(sale),
        };
        let (stage, pin) = match sale.stage {
            Stage::Tap => ("tap", None),
            Stage::TapOffline => ("tap_offline", None),
            Stage::TapAgain => ("tap_again", None),
            Stage::Pin { tries_left, may_go_without } => ("pin", Some(PinView { tries_left, may_go_without })),
            Stage::Asking => ("asking", None),
            Stage::Working => ("working", None),
            Stage::Ended => ("ended", None),
        };
        SaleView {
            id: told.id,
            kind: "sale",
            stage,
            who: sale.who.clone(),
            lines: told.lines,
            client: told.client,
            total: told.total,
            words: told.words,
            number: told.id.map(|id| id.to_string()),
            book_date: told.book_date,
            is_offline: matches!(sale.end, Some(End::Offline { .. })),
            pin,
        }
    }

    fn past(&self, past: &Past) -> PastView {
        let told = self.told(&past.end, &past.lines, matches!(past.client, Some(Client::Wallet(_))));
        let is_sold = past.end.is_sold();
        let outcome = match told.client.shape {
            _ if past.is_voided => "voided",
            _ if matches!(past.end, End::Offline { .. }) => "offline",
            "paid" => "approved",
            "part" => "approved_in_part",
            _ => "declined",
        };
        PastView {
            id: past.id,
            at: time_of_day(past.at_ms),
            who: past.who.clone(),
            total: told.total,
            outcome,
            lines: told.lines,
            can_void: is_sold && !past.is_voiding && !past.is_voided && past.client.is_some(),
            can_refund: false,
        }
    }

    fn under_way(&self, sale: &Sale) -> Told {
        let (shape, headline) = match sale.stage {
            Stage::Tap => ("tap", self.pick("Houd uw pasje voor", "Hold up your card")),
            Stage::TapOffline => ("tap", self.pick("Houd uw pasje nog een keer voor", "Hold up your card once more")),
            Stage::TapAgain => (
                "tap",
                self.pick(
                    "Houd uw pasje nog een keer voor, en houd het stil",
                    "Hold up your card once more, and keep it still",
                ),
            ),
            Stage::Pin { .. } => ("pin", self.pick("Toets uw pincode in", "Enter your PIN")),
            Stage::Asking | Stage::Working | Stage::Ended => ("wait", self.pick("Even geduld", "One moment please")),
        };
        let words = match sale.stage {
            Stage::TapOffline => {
                vec![self.pick("Geen verbinding: de kassa verkoopt zonder.", "No connection: the till sells without.")]
            }
            Stage::Asking => vec![self.pick(
                "Nog niet bekend of het gelukt is: de kassa vraagt het na. Niets opnieuw aanslaan.",
                "Not known yet whether it worked: the till is asking. Do not ring it up again.",
            )],
            _ => Vec::new(),
        };
        Told {
            id: None,
            client: ClientView { shape, headline, left_out: Vec::new(), speech: None },
            lines: self.lines(&sale.lines, "open"),
            total: None,
            words: words.into_iter().map(str::to_owned).collect(),
            book_date: None,
        }
    }

    fn told(&self, end: &End, lines: &[SaleLine], is_by_name: bool) -> Told {
        match end {
            End::Answered { bytes, card, nonsense } => {
                let Ok(answer) = Answer::read(bytes) else { return self.nothing(lines, is_by_name, Vec::new()) };
                let is_sold = matches!(answer.outcome, Outcome::Approved | Outcome::ApprovedInPart);
                let mut words = Vec::new();
                if let Some(reason) = answer.reason {
                    words.push(capital(phrases::reason(reason, self.language)));
                }
                let paid = if is_sold { Paid::Yes } else { Paid::No };
                // who has paid need not hear what asks for nothing: that the card was gone already, or was updated
                if !is_sold || is_for_staff(*card) {
                    words.extend(till_words::card_told(*card, paid, self.language));
                }
                words.extend(nonsense.clone());
                self.answered(&answer, lines, is_by_name, words)
            }
            End::Offline { id, amount_cents, .. } => {
                let most = phrases::amount("EUR", *amount_cents, self.language);
                let stored = self.pick(
                    "Opgeslagen. Wordt geboekt zodra er verbinding is; hoogstens",
                    "Stored. Is booked once there is a connection; at most",
                );
                Told {
                    id: Some(*id),
                    client: self.client("paid", self.pick("Betaald", "Paid"), Vec::new()),
                    lines: self.lines(lines, "sold"),
                    total: None,
                    words: vec![format!("{stored} {most}.")],
                    book_date: None,
                }
            }
            End::Refused { refusal, card, may_go_by_name, is_undone } => {
                let mut words = vec![till_words::refusal_of(refusal, *may_go_by_name, self.language)];
                words.extend(till_words::card_told(*card, Paid::NotByCard, self.language));
                words.extend(self.undone(*is_undone));
                self.nothing(lines, is_by_name, words)
            }
            End::Problem(problem) => {
                let words = self.pick(
                    "De centrale neemt dit niet aan; er is niets geboekt",
                    "The service does not take this; nothing was booked",
                );
                self.nothing(lines, is_by_name, vec![format!("{words} ({problem}).")])
            }
            End::Cancelled { is_undone, fault } => {
                let fault = fault.as_ref().filter(|fault| **fault != ReaderFault::Stopped);
                let mut words: Vec<String> =
                    fault.map(|fault| fault.words(self.language).to_owned()).into_iter().collect();
                words.extend(self.undone(*is_undone));
                let mut told = self.nothing(lines, is_by_name, words);
                told.client = self.client(
                    "not",
                    self.pick("Gestopt. Er is niets betaald", "Stopped. Nothing was paid"),
                    Vec::new(),
                );
                told
            }
        }
    }

    fn answered(&self, answer: &Answer<'_>, lines: &[SaleLine], is_by_name: bool, words: Vec<String>) -> Told {
        let mut shown = self.lines(lines, "sold");
        for (number, line) in shown.iter_mut().enumerate() {
            let legs: Vec<&Leg<'_>> = answer.legs.iter().filter(|leg| leg.line == number).collect();
            line.legs = legs.iter().map(|leg| self.leg(leg)).collect();
            if let Some(left) = answer.left_out.iter().find(|left| left.line == number) {
                line.state = "left_out";
                line.reason = Some(phrases::reason(left.reason, self.language).to_owned());
            } else if answer.outcome == Outcome::Declined {
                line.state = "left_out";
            } else {
                line.paid = Some(match legs.is_empty() {
                    true => self.pick("kost niets", "free").to_owned(),
                    false => self.total(legs.into_iter()),
                });
            }
        }
        let left_out: Vec<String> = shown.iter().filter(|line| line.state == "left_out").map(named).collect();
        let (client, total) = match answer.outcome {
            Outcome::Approved => (self.client("paid", self.pick("Betaald", "Paid"), Vec::new()), true),
            Outcome::ApprovedInPart => {
                (self.client("part", self.pick("Een deel is betaald", "A part is paid"), left_out), true)
            }
            // who was named has shown no card
            _ => (self.not(is_by_name || answer.reason == Some("card_needed")), false),
        };
        Told {
            id: Some(answer.id),
            client,
            lines: shown,
            total: total.then(|| self.total(answer.legs.iter())).filter(|total| !total.is_empty()),
            words,
            book_date: answer.book_date.map(str::to_owned),
        }
    }

    fn nothing(&self, lines: &[SaleLine], is_by_name: bool, words: Vec<String>) -> Told {
        Told {
            id: None,
            client: self.not(is_by_name),
            lines: self.lines(lines, "left_out"),
            total: None,
            words,
            book_date: None,
        }
    }

    /// The same for every reason.
    fn not(&self, is_by_name: bool) -> ClientView {
        let headline = match is_by_name {
            true => self.pick("Dit kan nu niet", "This is not possible now"),
            false => self.pick("Dit kan nu niet met uw pasje", "This is not possible with your card now"),
        };
        self.client("not", headline, Vec::new())
    }

    fn client(&self, shape: &'static str, headline: &'static str, left_out: Vec<String>) -> ClientView {
        let not = self.pick("Niet verkocht", "Not sold");
        let speech = match left_out.is_empty() {
            true => format!("{headline}."),
            false => format!("{headline}. {not}: {}.", left_out.join(", ")),
        };
        ClientView { shape, headline, left_out, speech: Some(speech) }
    }

    fn undone(&self, is_undone: bool) -> Option<String> {
        let words = self.pick(
            "Of het eerdere verzoek is aangekomen, is niet bekend; de kassa maakt het ongedaan.",
            "Whether the earlier request arrived is not known; the till undoes it.",
        );
        is_undone.then(|| words.to_owned())
    }

    fn lines(&self, lines: &[SaleLine], state: &'static str) -> Vec<LineView> {
        let shown = lines.iter().map(|line| LineView {
            service: line.service,
            name: self.name(line.service),
            quantity: line.quantity,
            state,
            paid: None,
            legs: Vec::new(),
            reason: None,
        });
        shown.collect()
    }

    fn name(&self, service: Uuid) -> String {
        match self.assortment.and_then(|assortment| assortment.service(service)) {
            Some(service) => match (self.language, &service.name_en) {
                (Language::English, Some(name)) => name.clone(),
                _ => service.name.clone(),
            },
            None => service.to_string(),
        }
    }

    fn leg(&self, leg: &Leg<'_>) -> LegView {
        LegView {
            purse: capital(phrases::account(leg.from, self.language)),
            amount: phrases::amount(leg.unit, leg.amount, self.language),
            why: phrases::why(leg.why, self.language).to_owned(),
        }
    }

    /// Sums by unit, the wallet's before the euros of own money: minutes and euros are never added.
    fn total<'a>(&self, legs: impl Iterator<Item = &'a Leg<'a>>) -> String {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for leg in legs {
            let sum = sums.entry(leg.unit).or_default();
            *sum = sum.saturating_add(leg.amount);
        }
        let sums = sums.into_iter().rev();
        sums.map(|(unit, sum)| phrases::amount(unit, sum, self.language)).collect::<Vec<_>>().join(" + ")
    }
}

fn is_for_staff(told: CardTold) -> bool {
    match told {
        CardTold::Refused => true,
        CardTold::ToldWithScript(script) => script.change == Change::Block,
        CardTold::Nothing | CardTold::Told | CardTold::Gone => false,
    }
}

fn named(line: &LineView) -> String {
    if line.quantity == 1 { line.name.clone() } else { format!("{} × {}", line.quantity, line.name) }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
