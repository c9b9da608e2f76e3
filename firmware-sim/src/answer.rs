//! What the service answers, and whether it makes sense.

use card_protocol::{CardAnswer, CardOutcome};
use serde::Deserialize;
use uuid::Uuid;

use crate::hex;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Outcome {
    Approved,
    ApprovedInPart,
    Declined,
    Booked,
    CancelledBeforehand,
}

/// A line that was not sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct LeftOut<'a> {
    pub line: usize,
    pub reason: &'a str,
}

/// One transfer that pays a line, or gives back what paid it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Leg<'a> {
    pub line: usize,
    pub from: &'a str,
    pub to: &'a str,
    pub unit: &'a str,
    pub amount: u64,
    pub why: &'a str,
}

/// An answer. Fields that this program does not know are for newer ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Answer<'a> {
    pub id: Uuid,
    pub operation: &'a str,
    pub outcome: Outcome,
    #[serde(default)]
    pub reason: Option<&'a str>,
    #[serde(default)]
    pub book_date: Option<&'a str>,
    #[serde(default)]
    pub approved_cents: Option<u64>,
    #[serde(default, borrow)]
    pub left_out: Vec<LeftOut<'a>>,
    #[serde(default, borrow)]
    pub legs: Vec<Leg<'a>>,
    #[serde(default)]
    pub card_answer: Option<&'a str>,
}

/// What the answer must fit.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The id that was sent.
    pub id: Uuid,
    /// What was asked for.
    pub operation: &'static str,
    /// How many lines a sale had.
    pub lines: Option<usize>,
    /// What the card signed, if a card paid.
    pub card_cents: Option<u64>,
}

impl<'a> Answer<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// What the card is to be told, if anything.
    pub fn for_card(&self) -> Option<Result<CardAnswer, String>> {
        let digits = self.card_answer?;
        let bytes = hex::decode::<{ CardAnswer::LENGTH }>(digits);
        let answer = bytes.and_then(|bytes| CardAnswer::decode(&bytes).ok());
        Some(answer.ok_or_else(|| "`card_answer` is no answer to a card".to_owned()))
    }

    /// What of the answer does not fit what was asked, or itself.
    pub fn nonsense(&self, asked: &Asked) -> Option<String> {
        if self.id != asked.id {
            return Some(format!("the answer is about {}, not {}", self.id, asked.id));
        }
        if self.operation != asked.operation {
            return Some(format!("the answer is to a {}, not to a {}", self.operation, asked.operation));
        }
        let fits = match asked.operation {
            "sale" => matches!(self.outcome, Outcome::Approved | Outcome::ApprovedInPart | Outcome::Declined),
            "capture" => matches!(self.outcome, Outcome::Approved | Outcome::Declined),
            "refund" | "hold" | "release" => matches!(self.outcome, Outcome::Booked | Outcome::Declined),
            _ => matches!(self.outcome, Outcome::Booked | Outcome::CancelledBeforehand | Outcome::Declined),
        };
        if !fits {
            return Some(format!("a {} cannot end so: {:?}", asked.operation, self.outcome));
        }
        if self.reason.is_some() != (self.outcome == Outcome::Declined) {
            return Some("a reason belongs to a decline, and to nothing else".to_owned());
        }
        if let Some(lines) = asked.lines {
            let mut named = self.left_out.iter().map(|left| left.line).chain(self.legs.iter().map(|leg| leg.line));
            if let Some(line) = named.find(|line| *line >= lines) {
                return Some(format!("line {line} was never sent"));
            }
            if let Some(nonsense) = self.nonsense_of_parts() {
                return Some(nonsense);
            }
        }
        self.nonsense_for_card(asked)
    }

    fn nonsense_of_parts(&self) -> Option<String> {
        let in_part = self.outcome == Outcome::ApprovedInPart;
        if in_part && self.left_out.is_empty() {
            return Some("approved in part, and nothing was left out".to_owned());
        }
        if self.outcome == Outcome::Approved && !self.left_out.is_empty() {
            return Some("approved, and lines were left out".to_owned());
        }
        if self.outcome == Outcome::Declined && !self.legs.is_empty() {
            return Some("declined, and something was paid".to_owned());
        }
        let sold_too = self.left_out.iter().find(|left| self.legs.iter().any(|leg| leg.line == left.line));
        sold_too.map(|left| format!("line {} was left out, and paid", left.line))
    }

    fn nonsense_for_card(&self, asked: &Asked) -> Option<String> {
        let is_held = self.operation == "hold" && self.outcome == Outcome::Booked;
        let sold = is_held || matches!(self.outcome, Outcome::Approved | Outcome::ApprovedInPart);
        let (card_cents, answer) = match (asked.card_cents, self.for_card()) {
            (Some(_), None) => return sold.then(|| "approved, and no answer for the card".to_owned()),
            (None, None) => return None,
            (None, Some(_)) => return Some("an answer for a card, and no card was there".to_owned()),
            (Some(_), Some(Err(nonsense))) => return Some(nonsense),
            (Some(cents), Some(Ok(answer))) => (cents, answer),
        };
        let expected = match self.outcome {
            Outcome::Approved => CardOutcome::Approved,
            Outcome::Booked if is_held => CardOutcome::Approved,
            Outcome::ApprovedInPart => CardOutcome::ApprovedInPart,
            _ => CardOutcome::Declined,
        };
        if answer.outcome != expected || &answer.sale != self.id.as_bytes() {
            return Some("the card is told something else than the terminal".to_owned());
        }
        if sold && self.approved_cents.is_some_and(|cents| cents != answer.approved_cents) {
            return Some("the card is told another amount than the terminal".to_owned());
        }
        (answer.approved_cents > card_cents).then(|| "more was approved than the card signed".to_owned())
    }
}

/// A problem, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Problem {
    pub status: u16,
    /// What `type` ends with: `sale-unknown`.
    pub slug: String,
    pub title: String,
    pub detail: String,
    /// The service's clock, of a 401.
    pub date: Option<String>,
}

#[derive(Deserialize)]
struct ProblemDocument {
    #[serde(default, rename = "type")]
    about: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    /// Reads a problem; what is none is one all the same, with the status as its name.
    pub fn read(status: u16, bytes: &[u8]) -> Self {
        let (slug, title, detail) = match serde_json::from_slice::<ProblemDocument>(bytes) {
            Ok(document) => {
                let slug = document.about.strip_prefix("/problems/").unwrap_or(&document.about).to_owned();
                (slug, document.title, document.detail)
            }
            Err(_) => (String::new(), String::new(), String::new()),
        };
        let slug = if slug.is_empty() { format!("status-{status}") } else { slug };
        Self { status, slug, title, detail, date: None }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.slug, self.status)?;
        // a sentence ends where this one goes on
        for part in [&self.title, &self.detail].map(|part| part.trim_end_matches('.')) {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        match &self.date {
            Some(date) => write!(f, "; the service's clock says {date}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked { id: Uuid::nil(), operation: "sale", lines: Some(2), card_cents: None };

    fn nonsense_of(rest: &str, asked: &Asked) -> Option<String> {
        let text = format!(r#"{{"id":"{}","operation":"sale",{rest}}}"#, Uuid::nil());
        Answer::read(text.as_bytes()).unwrap().nonsense(asked)
    }

    fn for_card(outcome: CardOutcome, approved_cents: u64, sale: u8) -> String {
        hex::encode(&CardAnswer { outcome, approved_cents, sale: [sale; 16], mac: [0; 16] }.encode())
    }

    #[test]
    fn an_answer_that_contradicts_itself_or_the_question_is_nonsense() {
        let leg = r#"{"line":0,"from":"budget","to":"extra_sales","unit":"EUR","amount":5,"why":"scheme_allows"}"#;
        for (rest, is_nonsense) in [
            (r#""outcome":"approved","approved_cents":5,"legs":[LEG]"#, false),
            (r#""outcome":"approved_in_part","legs":[LEG],"left_out":[{"line":1,"reason":"over_limit"}]"#, false),
            (r#""outcome":"declined","reason":"over_limit""#, false),
            (r#""outcome":"declined""#, true),
            (r#""outcome":"approved","reason":"over_limit""#, true),
            (r#""outcome":"booked""#, true),
            (r#""outcome":"approved_in_part","legs":[LEG]"#, true),
            (r#""outcome":"approved_in_part","legs":[LEG],"left_out":[{"line":0,"reason":"over_limit"}]"#, true),
            (r#""outcome":"approved_in_part","legs":[LEG],"left_out":[{"line":2,"reason":"over_limit"}]"#, true),
            (r#""outcome":"declined","reason":"over_limit","legs":[LEG]"#, true),
        ] {
            let found = nonsense_of(&rest.replace("LEG", leg), &ASKED);
            assert_eq!(found.is_some(), is_nonsense, "{rest}: {found:?}");
        }
        let other = Asked { id: Uuid::max(), ..ASKED };
        assert!(nonsense_of(r#""outcome":"approved""#, &other).is_some());
    }

    #[test]
    fn the_card_must_be_told_what_the_terminal_is_told() {
        let by_card = Asked { card_cents: Some(500), ..ASKED };
        for (card, is_nonsense) in [
            (for_card(CardOutcome::Approved, 300, 0), false),
            (for_card(CardOutcome::Declined, 0, 0), true),
            (for_card(CardOutcome::Approved, 301, 0), true),
            (for_card(CardOutcome::Approved, 300, 1), true),
            ("00".to_owned(), true),
        ] {
            let rest = format!(r#""outcome":"approved","approved_cents":300,"card_answer":"{card}""#);
            assert_eq!(nonsense_of(&rest, &by_card).is_some(), is_nonsense, "{card}");
        }
        assert!(nonsense_of(r#""outcome":"approved","approved_cents":300"#, &by_card).is_some());
        assert!(nonsense_of(r#""outcome":"declined","reason":"card_unknown""#, &by_card).is_none());
        let beyond = for_card(CardOutcome::Approved, 501, 0);
        assert!(nonsense_of(&format!(r#""outcome":"approved","card_answer":"{beyond}""#), &by_card).is_some());
    }

    #[test]
    fn what_was_set_aside_is_booked_and_what_was_delivered_of_it_approved() {
        let nonsense = |operation: &'static str, rest: &str, card_cents| {
            let text = format!(r#"{{"id":"{}","operation":"{operation}",{rest}}}"#, Uuid::nil());
            let asked = Asked { operation, lines: None, card_cents, ..ASKED };
            Answer::read(text.as_bytes()).unwrap().nonsense(&asked)
        };
        let told = |outcome| format!(r#","approved_cents":300,"card_answer":"{}""#, for_card(outcome, 300, 0));
        for (operation, outcome, card, is_nonsense) in [
            ("hold", r#""booked""#, Some(CardOutcome::Approved), false),
            ("hold", r#""booked""#, Some(CardOutcome::Declined), true),
            ("hold", r#""booked""#, None, true),
            ("hold", r#""approved""#, Some(CardOutcome::Approved), true),
            ("capture", r#""approved""#, None, false),
            ("capture", r#""booked""#, None, true),
            ("capture", r#""declined","reason":"hold_expired""#, None, false),
            ("release", r#""booked""#, None, false),
            ("release", r#""approved""#, None, true),
        ] {
            let rest = format!(r#""outcome":{outcome}{}"#, card.map(told).unwrap_or_default());
            let signed = (operation == "hold").then_some(500);
            let found = nonsense(operation, &rest, signed);
            assert_eq!(found.is_some(), is_nonsense, "{operation} {rest}: {found:?}");
        }
        let dear = r#""outcome":"booked","card_answer":""#.to_owned() + &for_card(CardOutcome::Approved, 501, 0) + "\"";
        assert!(nonsense("hold", &dear, Some(500)).is_some());
    }

    #[test]
    fn a_problem_is_known_by_the_end_of_its_type() {
        let text = br#"{"type":"/problems/sale-unknown","title":"Unknown","status":404,"detail":"no such sale"}"#;
        let problem = Problem::read(404, text);
        assert_eq!((problem.slug.as_str(), problem.detail.as_str()), ("sale-unknown", "no such sale"));
        assert_eq!(Problem::read(502, b"<html>").slug, "status-502");
    }
}
