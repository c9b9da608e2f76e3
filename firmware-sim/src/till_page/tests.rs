//! What a page is told, and the files that it is made of.

use std::sync::Arc;

use hyper::body::Bytes;
use uuid::Uuid;

use super::snapshot::{End, Past, Sale, Snapshot, Stage};
use super::view::view;
use super::{assets, words};
use crate::phrases::Language;
use crate::price_list::tests::{assortment, service};
use crate::request::{Client, SaleLine};
use crate::till::{CardTold, Link, State};

fn state() -> State {
    State {
        link: Link::Here,
        waiting: 0,
        waiting_cents: 0,
        contact_ms: None,
        prices_ms: None,
        cards_ms: None,
        hotlist_ms: None,
        stuck: None,
        journal_fault: None,
        is_revoked: false,
        problem: None,
        own_problem: None,
        undoing: 0,
    }
}

/// Coffee and wine, and how the service answered.
fn ended(rest: &str) -> Snapshot {
    let bytes = Bytes::from(format!(r#"{{"id":"{}","operation":"sale",{rest}}}"#, Uuid::nil()));
    let end = End::Answered { bytes, card: CardTold::Told, nonsense: None };
    let lines: Vec<SaleLine> =
        [1, 3].map(|tag| SaleLine { service: service(tag), quantity: u32::from(tag), hold: None }).to_vec();
    let who = Some("mw. A. Voorbeeld".to_owned());
    let past = Past {
        id: Uuid::nil(),
        at_ms: 1_795_608_000_000,
        who: who.clone(),
        client: Some(Client::Wallet(7)),
        lines: lines.clone(),
        end: end.clone(),
        is_voiding: false,
        is_voided: false,
    };
    Snapshot {
        version: 1,
        terminal: "Restaurant".to_owned(),
        state: state(),
        now_ms: 1_795_608_000_000,
        assortment: Some(Arc::new(assortment())),
        staff: None,
        clients: Arc::default(),
        tray: Vec::new(),
        sale: Some(Sale { stage: Stage::Ended, who, wallet: None, lines, end: Some(end) }),
        history: vec![past],
        notices: Vec::new(),
    }
}

#[test]
fn the_clients_side_is_the_same_for_every_reason_and_never_says_one() {
    let client = |reason: &str| {
        let snapshot = ended(&format!(r#""outcome":"declined","reason":"{reason}""#));
        let sale = view(&snapshot, Language::Dutch).sale.unwrap();
        assert_eq!(sale.words.len(), 1, "staff read why: {reason}");
        serde_json::to_string(&sale.client).unwrap()
    };
    let not = client("insufficient_funds");
    assert!(not.contains("Dit kan nu niet met uw pasje"), "{not}");
    for reason in ["card_blocked", "over_limit", "wallet_closed", "counter_used"] {
        assert_eq!(client(reason), not);
    }
}

#[test]
fn a_line_that_is_left_out_is_named_to_the_client_and_its_reason_to_staff() {
    let snapshot = ended(
        r#""outcome":"approved_in_part","legs":[{"line":0,"from":"budget","to":"extra_sales","unit":"EUR","amount":250,
           "why":"scheme_allows"}],"left_out":[{"line":1,"reason":"insufficient_funds"}]"#,
    );
    for (language, wine, headline) in [
        (Language::Dutch, "3 × Glas wijn", "Een deel is betaald"),
        (Language::English, "3 × Glass of wine", "A part is paid"),
    ] {
        let sale = view(&snapshot, language).sale.unwrap();
        assert_eq!((sale.client.headline, sale.client.left_out.as_slice()), (headline, [wine.to_owned()].as_slice()));
        assert_eq!((sale.lines[0].state, sale.lines[1].state), ("sold", "left_out"));
        assert!(sale.lines[1].reason.is_some() && sale.lines[1].paid.is_none());
    }
}

#[test]
fn what_a_budget_of_time_pays_shows_no_euro_to_anybody() {
    let snapshot = ended(
        r#""outcome":"approved","approved_cents":900,"legs":[
            {"line":0,"from":"budget","to":"care_delivered","unit":"MIN","amount":20,"why":"planned"},
            {"line":1,"from":"budget","to":"extra_sales","unit":"MIN","amount":10,"why":"scheme_allows"}]"#,
    );
    let shown = view(&snapshot, Language::Dutch);
    assert_eq!(shown.sale.as_ref().unwrap().total.as_deref(), Some("30 min"));
    let text = serde_json::to_string(&shown).unwrap();
    assert!(text.contains("20 min") && !text.contains('€'), "{text}");
}

#[test]
fn what_was_sold_may_be_voided_once_and_what_was_not_never() {
    let legs = r#"[{"line":0,"from":"budget","to":"extra_sales","unit":"EUR","amount":5,"why":"scheme_allows"}]"#;
    let mut sold = ended(&format!(r#""outcome":"approved","legs":{legs}"#));
    let past = |snapshot: &Snapshot| {
        let past = view(snapshot, Language::Dutch).history.remove(0);
        (past.outcome, past.can_void)
    };
    assert_eq!(past(&sold), ("approved", true));
    sold.history[0].is_voiding = true;
    assert_eq!(past(&sold), ("approved", false));
    sold.history[0].is_voided = true;
    assert_eq!(past(&sold), ("voided", false));
    assert_eq!(past(&ended(r#""outcome":"declined","reason":"over_limit""#)), ("declined", false));
}

#[test]
fn both_languages_have_every_word_and_every_argument() {
    let [dutch, english] = [Language::Dutch, Language::English].map(words::messages);
    assert!(dutch.len() > 50, "{}", dutch.len());
    for text in [assets::WORDS_NL, assets::WORDS_EN] {
        assert!(fluent_syntax::parser::parse(text).is_ok(), "a file of words cannot be read whole");
    }
    let arguments = |text: &str| {
        let mut found: Vec<String> =
            text.split("{$").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
        found.sort();
        found
    };
    for (name, text) in &dutch {
        let other = english.get(name).unwrap_or_else(|| panic!("{name} is not in English"));
        assert_eq!(arguments(text), arguments(other), "{name}");
        assert!(!text.is_empty() && !other.is_empty(), "{name}");
    }
    assert_eq!(dutch.len(), english.len(), "a word that Dutch lacks");
}

#[test]
fn the_page_says_its_language_and_nothing_outside_its_folders_is_served() {
    let page = |language| String::from_utf8(assets::find("/", language).unwrap().1.to_vec()).unwrap();
    assert!(page(Language::Dutch).contains("<html lang=\"nl\""));
    assert!(page(Language::English).contains("<html lang=\"en\""));
    assert!(assets::find("/static/tokens.css", Language::Dutch).is_some_and(|(kind, _)| kind.starts_with("text/css")));
    for path in ["/till/../Cargo.toml", "/till/", "/static", "", "/README.md", "//till/till.html"] {
        assert!(assets::find(path, Language::Dutch).is_none(), "{path}");
    }
}
