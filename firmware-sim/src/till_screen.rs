//! What a till shows of a sale: lines and who paid them, and how it ended in large clear words.
//!
//! The client's sentence is the same whatever the reason; the reason stands below, for staff. Colour comes on top of words
//! and shapes, never instead of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use uuid::Uuid;

use crate::answer::{Answer, Leg, Outcome};
use crate::phrases::{self, Language};
use crate::price_list::Assortment;
use crate::request::SaleLine;

const WIDTH: usize = 72;
const PURSE_WIDTH: usize = 28;
const AMOUNT_WIDTH: usize = 12;

const LIVE_WIDTH: usize = 80;
const LIVE_TILL_WIDTH: usize = 20;
const LIVE_CLIENT_WIDTH: usize = 18;
const LIVE_PAID_WIDTH: usize = 10;

/// The client's sentence, whatever the reason.
const NOT_WITH_THIS_CARD: (&str, &str) = ("Dit kan nu niet met uw pasje", "This is not possible with your card now");

/// How screens are written.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Screen {
    pub language: Language,
    pub has_colour: bool,
}

/// A colour that underlines a word.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Partly,
    Not,
    Quiet,
}

/// A sale on the screen.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Shown<'a> {
    pub terminal: &'a str,
    pub client: &'a str,
    pub lines: &'a [SaleLine],
    pub assortment: Option<&'a Assortment>,
    pub answer: &'a Answer<'a>,
}

impl Screen {
    fn toned(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Partly => "1;33",
            Tone::Not => "1;36",
            Tone::Quiet => "2",
        };
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn says<'a>(self, dutch: &'a str, english: &'a str) -> &'a str {
        self.language.pick(dutch, english)
    }

    fn rule(self) -> String {
        self.toned(Tone::Quiet, &"─".repeat(WIDTH))
    }

    fn header(self, terminal: &str, client: &str) -> String {
        format!("{0}\n {1}\n{0}\n", self.rule(), apart(terminal, client, WIDTH - 2))
    }

    /// A sale with its answer.
    pub fn sale(self, shown: &Shown<'_>) -> String {
        let mut text = self.header(shown.terminal, shown.client);
        for (number, line) in shown.lines.iter().enumerate() {
            self.line(&mut text, shown, number, line);
        }
        text.push('\n');
        text.push_str(&self.outcome(shown.answer));
        text.push_str(&self.for_staff(shown));
        text
    }

    fn line(self, text: &mut String, shown: &Shown<'_>, number: usize, line: &SaleLine) {
        let legs: Vec<&Leg<'_>> = shown.answer.legs.iter().filter(|leg| leg.line == number).collect();
        let left_out = shown.answer.left_out.iter().any(|left| left.line == number);
        let price = match (left_out || shown.answer.outcome == Outcome::Declined, legs.is_empty()) {
            (true, _) => self.says("niet verkocht", "not sold").to_owned(),
            (false, true) => self.says("kost niets", "free").to_owned(),
            (false, false) => self.total(legs.iter().copied()),
        };
        let name = self.name_of(shown.assortment, line.service);
        // writing to a String cannot fail
        let _ = writeln!(text, " {}", apart(&format!("{} × {name}", line.quantity), &price, WIDTH - 2));
        for leg in legs {
            self.leg(text, leg, leg.from);
        }
    }

    fn leg(self, text: &mut String, leg: &Leg<'_>, account: &str) {
        let account = phrases::account(account, self.language);
        let amount = phrases::amount(leg.unit, leg.amount, self.language);
        let why = phrases::why(leg.why, self.language);
        let why = if why == account { "" } else { why };
        let detail = format!("     {}{}  {why}", left(account, PURSE_WIDTH), right(&amount, AMOUNT_WIDTH));
        let _ = writeln!(text, "{}", self.toned(Tone::Quiet, detail.trim_end()));
    }

    fn name_of(self, assortment: Option<&Assortment>, service: Uuid) -> String {
        match assortment.and_then(|assortment| assortment.service(service)) {
            Some(service) => match (self.language, &service.name_en) {
                (Language::English, Some(name)) => name.clone(),
                _ => service.name.clone(),
            },
            None => service.to_string(),
        }
    }

    /// Sums by unit: minutes and euros are never added.
    fn total<'a>(self, legs: impl Iterator<Item = &'a Leg<'a>>) -> String {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for leg in legs {
            let sum = sums.entry(leg.unit).or_default();
            *sum = sum.saturating_add(leg.amount);
        }
        // the wallet's unit before the euros of own money
        let sums = sums.into_iter().rev();
        sums.map(|(unit, sum)| phrases::amount(unit, sum, self.language)).collect::<Vec<_>>().join(" + ")
    }

    /// What the client sees when the card itself says no: nothing else than when the service does.
    pub fn not_with_this_card(self, terminal: &str, client: &str) -> String {
        let words = self.says(NOT_WITH_THIS_CARD.0, NOT_WITH_THIS_CARD.1);
        format!("{}   {}\n", self.header(terminal, client), self.toned(Tone::Not, &format!("○  {words}")))
    }

    /// That nothing was sold by name.
    pub fn not_now(self, terminal: &str, client: &str) -> String {
        let words = self.says("Dit kan nu niet", "This is not possible now");
        format!("{}   {}\n", self.header(terminal, client), self.toned(Tone::Not, &format!("○  {words}")))
    }

    /// How it ended, for the client.
    fn outcome(self, answer: &Answer<'_>) -> String {
        let (tone, shape, words) = match answer.outcome {
            Outcome::Approved => (Tone::Good, "✔", self.says("BETAALD", "PAID")),
            Outcome::ApprovedInPart => (Tone::Partly, "◐", self.says("VOOR EEN DEEL BETAALD", "PAID IN PART")),
            // who was named has shown no card
            Outcome::Declined if answer.operation == "sale" && answer.reason != Some("card_needed") => {
                (Tone::Not, "○", self.says(NOT_WITH_THIS_CARD.0, NOT_WITH_THIS_CARD.1))
            }
            Outcome::Declined => (Tone::Not, "○", self.says("Dit kan nu niet", "This is not possible now")),
            Outcome::Booked => (Tone::Good, "✔", self.says("TERUGGEGEVEN", "GIVEN BACK")),
            Outcome::CancelledBeforehand => (
                Tone::Good,
                "✔",
                self.says("GEANNULEERD: er was nog niets verkocht", "CANCELLED: nothing was sold yet"),
            ),
        };
        let total = self.total(answer.legs.iter());
        format!("   {}\n", self.toned(tone, apart(&format!("{shape}  {words}"), &total, WIDTH - 5).trim_end()))
    }

    /// The reasons, and what staff may need later.
    fn for_staff(self, shown: &Shown<'_>) -> String {
        let answer = shown.answer;
        let mut text = format!("\n {}\n", self.toned(Tone::Quiet, self.says("Voor de medewerker", "For staff")));
        if let Some(reason) = answer.reason {
            let _ = writeln!(text, "   {}: {}", self.says("reden", "reason"), phrases::reason(reason, self.language));
        }
        // where all was declined for one reason, it is not said again for each line
        for left in answer.left_out.iter().filter(|left| answer.reason != Some(left.reason)) {
            let line = shown.lines.get(left.line);
            let name = line.map_or_else(String::new, |line| self.name_of(shown.assortment, line.service));
            let words = self.says("niet verkocht", "not sold");
            let _ = writeln!(text, "   {words}: {name} ({})", phrases::reason(left.reason, self.language));
        }
        let _ = writeln!(text, "   {}: {}", self.says("verkoop", "sale"), answer.id);
        if let Some(date) = answer.book_date {
            let _ = writeln!(text, "   {}: {date}", self.says("boekdatum", "book date"));
        }
        text
    }

    /// A refund or a void: what went back where.
    pub fn given_back(self, terminal: &str, answer: &Answer<'_>) -> String {
        let title = match answer.operation {
            "refund" => self.says("retour", "refund"),
            _ => self.says("annulering", "void"),
        };
        let mut text = self.header(terminal, title);
        for leg in &answer.legs {
            self.leg(&mut text, leg, leg.to);
        }
        text.push_str(&self.outcome(answer));
        if let Some(reason) = answer.reason {
            let staff = self.says("Voor de medewerker", "For staff");
            let _ = writeln!(text, "\n {staff}: {}", phrases::reason(reason, self.language));
        }
        text
    }

    /// What is sold, with the price of each kind of buyer.
    pub fn catalogue(self, assortment: &Assortment) -> String {
        let place = &assortment.catalogue.location.name;
        let version = format!("{} {}", self.says("prijslijst", "price list"), assortment.price_list.version);
        let mut text = self.header(place, &version);
        for service in &assortment.catalogue.services {
            let name = self.name_of(Some(assortment), service.id);
            let category = service.category.as_deref().unwrap_or("");
            let _ = writeln!(text, " {}", apart(&name, category, WIDTH - 2).trim_end());
            for price in assortment.price_list.prices.iter().filter(|price| price.service == service.id) {
                let column = |unit: &str, amount: Option<u64>, width: usize| {
                    right(
                        &amount.map_or_else(String::new, |amount| phrases::amount(unit, amount, self.language)),
                        width,
                    )
                };
                let units = [
                    column("EUR", Some(price.price_cents), 9),
                    column("MIN", price.minutes, 8),
                    column("PNT", price.points, 13),
                ];
                let buyer = left(phrases::buyer(&price.buyer, self.language), PURSE_WIDTH);
                let kind = left(phrases::kind(&price.kind, self.language), AMOUNT_WIDTH);
                let detail = format!("     {buyer}{kind}{}", units.concat());
                let _ = writeln!(text, "{}", self.toned(Tone::Quiet, detail.trim_end()));
            }
        }
        text
    }

    /// One line of a sale as it happens.
    pub fn live(self, shown: &Shown<'_>) -> String {
        let names = |left_out: bool| {
            let is_left = |number: usize| shown.answer.left_out.iter().any(|left| left.line == number);
            let lines = shown.lines.iter().enumerate().filter(|(number, _)| is_left(*number) == left_out);
            let names = lines.map(|(_, line)| {
                let name = self.name_of(shown.assortment, line.service);
                if line.quantity == 1 { name } else { format!("{} × {name}", line.quantity) }
            });
            names.collect::<Vec<_>>().join(", ")
        };
        let not = self.says("niet", "not");
        let (tone, shape, what) = match shown.answer.outcome {
            Outcome::Approved => (Tone::Good, "✔", names(false)),
            Outcome::ApprovedInPart => (Tone::Partly, "◐", format!("{} ({not}: {})", names(false), names(true))),
            _ => {
                let reason = phrases::reason(shown.answer.reason.unwrap_or_default(), self.language);
                (Tone::Not, "○", format!("{not}: {reason}"))
            }
        };
        let paid = match shown.answer.outcome {
            Outcome::Declined => String::new(),
            _ => format!("{:<LIVE_PAID_WIDTH$}  ", self.total(shown.answer.legs.iter())),
        };
        let who = format!("{}{}", left(shown.terminal, LIVE_TILL_WIDTH), left(shown.client, LIVE_CLIENT_WIDTH));
        let ended = format!("{shape} {paid}");
        let what = shortened(&what, LIVE_WIDTH.saturating_sub(length(&who) + length(&ended)));
        format!("{who}{}{what}", self.toned(tone, &ended))
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn shortened(text: &str, width: usize) -> String {
    if length(text) <= width {
        text.to_owned()
    } else {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    }
}

fn left(text: &str, width: usize) -> String {
    format!("{:<width$}", shortened(text, width.saturating_sub(1)))
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// One at the left, one at the right.
fn apart(first: &str, second: &str, width: usize) -> String {
    let first = shortened(first, width.saturating_sub(length(second) + 1));
    let gap = width.saturating_sub(length(&first) + length(second));
    format!("{first}{}{second}", " ".repeat(gap))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::price_list::tests::{assortment, service};

    fn shown(rest: &str, screen: Screen) -> String {
        let text = format!(r#"{{"id":"{}","operation":"sale",{rest}}}"#, Uuid::nil());
        let answer = Answer::read(text.as_bytes()).unwrap();
        let lines = [1, 3].map(|tag| SaleLine { service: service(tag), quantity: 2, hold: None });
        screen.sale(&Shown {
            terminal: "Restaurant De Linde",
            client: "mw. A. Voorbeeld",
            lines: &lines,
            assortment: Some(&assortment()),
            answer: &answer,
        })
    }

    const IN_PART: &str = r#""outcome":"approved_in_part","book_date":"2026-11-24","legs":[
        {"line":0,"from":"budget","to":"extra_sales","unit":"EUR","amount":250,"why":"scheme_allows"},
        {"line":0,"from":"credit","to":"extra_sales","unit":"EUR","amount":150,"why":"own_money"}],
        "left_out":[{"line":1,"reason":"insufficient_funds"}]"#;

    #[test]
    fn each_line_shows_who_paid_how_much_and_why() {
        let text = shown(IN_PART, Screen::default());
        for part in [
            "Restaurant De Linde",
            "mw. A. Voorbeeld",
            "2 × Koffie",
            "€ 4,00",
            "budget",
            "€ 2,50  mag volgens de methodiek",
            "eigen geld",
            "niet verkocht: Glas wijn (er is niet genoeg saldo)",
            "VOOR EEN DEEL BETAALD",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn the_clients_sentence_is_the_same_for_every_reason() {
        let client_side = |reason: &str| {
            let text = shown(&format!(r#""outcome":"declined","reason":"{reason}""#), Screen::default());
            let (client, staff) = text.split_once("Voor de medewerker").unwrap();
            assert!(staff.contains(phrases::reason(reason, Language::Dutch)), "{staff}");
            client.to_owned()
        };
        let sentence = client_side("insufficient_funds");
        assert!(sentence.contains("Dit kan nu niet met uw pasje"));
        for reason in ["card_blocked", "counter_used", "over_limit", "wallet_closed"] {
            assert_eq!(client_side(reason), sentence);
        }
        let by_name = client_side("card_needed");
        assert!(by_name.contains("Dit kan nu niet") && !by_name.contains("pasje"), "{by_name}");
    }

    #[test]
    fn a_time_scheme_shows_minutes_and_no_euros_for_what_the_budget_pays() {
        let legs = r#""outcome":"approved","approved_cents":900,"legs":[
            {"line":0,"from":"budget","to":"care_delivered","unit":"MIN","amount":20,"why":"planned"},
            {"line":1,"from":"budget","to":"extra_sales","unit":"MIN","amount":10,"why":"scheme_allows"}]"#;
        let text = shown(legs, Screen::default());
        assert!(text.contains("20 min") && text.contains("30 min"), "{text}");
        assert!(!text.contains('€'), "{text}");
    }

    #[test]
    fn a_screen_fits_80_columns_and_has_no_colour_unless_asked() {
        for rest in [IN_PART, r#""outcome":"declined","reason":"card_mac_wrong""#] {
            for language in [Language::Dutch, Language::English] {
                let text = shown(rest, Screen { language, has_colour: false });
                assert!(text.lines().all(|line| length(line) <= 80), "{text}");
                assert!(!text.contains('\x1b'));
            }
        }
        assert!(shown(IN_PART, Screen { has_colour: true, ..Screen::default() }).contains("VOOR EEN DEEL BETAALD"));
    }

    #[test]
    fn a_live_line_fits_80_columns_and_says_what_was_not_sold() {
        for (rest, part) in [
            (IN_PART, "2 × Koffie (niet: 2 ×"),
            (r#""outcome":"declined","reason":"card_unknown""#, "○ niet: dit pasje of deze naam"),
        ] {
            let text = format!(r#"{{"id":"{}","operation":"sale",{rest}}}"#, Uuid::nil());
            let answer = Answer::read(text.as_bytes()).unwrap();
            let lines = [1, 3].map(|tag| SaleLine { service: service(tag), quantity: 2, hold: None });
            let assortment = assortment();
            let (terminal, client) = ("Restaurant De Linde, kassa 12", "dhr. Ooievaarsbek");
            let shown = Shown { terminal, client, lines: &lines, assortment: Some(&assortment), answer: &answer };
            let line = Screen::default().live(&shown);
            assert!(length(&line) <= LIVE_WIDTH && line.contains(client) && line.contains(part), "{line}");
        }
    }

    #[test]
    fn long_names_are_shortened_before_prices_are() {
        let line = apart(&"n".repeat(90), "€ 2,50", 70);
        assert_eq!(length(&line), 70);
        assert!(line.ends_with("… € 2,50"), "{line}");
    }
}
