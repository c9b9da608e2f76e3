//! What a till says to staff about itself: short, plain words, and what can be done now. Never a reproach to the client.

use std::path::Path;

use card_protocol::script::Change;

use crate::dutch_time::{since, time_of_day};
use crate::journal::JournalError;
use crate::phrases::{self, Language};
use crate::price_list::NotFound;
use crate::request::Client;
use crate::settling::Ended;
use crate::terminal::ReadError;
use crate::till::{CardTold, Link, Recovered, Refusal, State, Stuck};

/// Columns that a line of words takes at most.
const WIDTH: usize = 78;

/// The same words in lines that fit a small screen, each a space from its edge.
pub fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > WIDTH {
                wrapped.push('\n');
                column = 0;
            }
            wrapped.push(' ');
            wrapped.push_str(word);
            column += length + 1;
        }
        wrapped.push('\n');
    }
    wrapped
}

/// Why nothing could be asked or read, and that nothing was sold.
pub fn cannot_read(error: &ReadError, language: Language) -> &'static str {
    match error {
        ReadError::NoAnswer(_) => language.pick(
            "Geen verbinding met de centrale. Er is niets verkocht.",
            "No connection to the service. Nothing was sold.",
        ),
        ReadError::Problem(problem) if problem.slug == "terminal-revoked" => language.pick(
            "Deze kassa is ingetrokken. Er is niets verkocht; bel beheer.",
            "This till was withdrawn. Nothing was sold; call the office.",
        ),
        ReadError::Problem(_) | ReadError::Nonsense { .. } => language.pick(
            "De centrale antwoordt niet zoals het hoort. Er is niets verkocht; blijft dit zo, bel dan beheer.",
            "The service does not answer as it should. Nothing was sold; if this goes on, call the office.",
        ),
    }
}

/// What is known of something that got no answer.
pub fn not_answered(ended: &Ended, language: Language) -> Option<&'static str> {
    match ended {
        Ended::Answered(_) => None,
        Ended::Problem(_) => Some(language.pick(
            "De centrale neemt dit niet aan. Er is niets geboekt.",
            "The service does not take this. Nothing was booked.",
        )),
        Ended::NotBooked(_) => Some(language.pick(
            "Geen verbinding met de centrale. Er is niets geboekt.",
            "No connection to the service. Nothing was booked.",
        )),
        Ended::Unknown(_) => Some(language.pick(
            "Niet bekend of dit geboekt is. Sla het niet opnieuw aan, en vraag het na met het nummer hieronder.",
            "Not known whether this was booked. Do not ring it up again, and ask with the id below.",
        )),
    }
}

/// Why nothing was sold, and what staff can do.
pub fn refusal(refusal: &Refusal, language: Language) -> String {
    let (dutch, english) = match refusal {
        Refusal::NothingKnown => (
            "De kassa kent de prijzen en pasjes nog niet. Zodra er verbinding is, haalt hij ze op.",
            "The till does not know prices and cards yet. It reads them as soon as there is a connection.",
        ),
        Refusal::NoPrice(what) => {
            let words = language.pick(
                "Hiervan is geen prijs bekend. Haal het van de bon en bel beheer",
                "Of this no price is known. Take it off the bill and call the office",
            );
            return format!("{words} ({what}).");
        }
        Refusal::Basket => ("Er staat niets op de bon, of te veel.", "There is nothing on the bill, or too much."),
        Refusal::Journal(what) => {
            let words = language.pick(
                "De kassa kan niet opslaan. Zonder verbinding verkoopt hij niets; bel beheer",
                "The till cannot store. Without a connection it sells nothing; call the office",
            );
            return format!("{words} ({what}).");
        }
        Refusal::JournalConflict => (
            "De wachtende verkopen kloppen niet met de centrale. Zonder verbinding verkoopt de kassa niets; noteer zorg en \
             maaltijden op papier en bel beheer.",
            "The waiting sales contradict the service. Without a connection the till sells nothing; write care and meals \
             down on paper and call the office.",
        ),
        Refusal::NeedsCard => (
            "Hiervoor is het pasje nodig. Op naam kan zonder verbinding alleen zorg en wat bij het pakket hoort.",
            "This needs the card. By name, without a connection, only care and what is in the package.",
        ),
        Refusal::NeedsStaff => (
            "Op naam kan alleen als de kassa weet wie het noteert: meld u eerst aan.",
            "By name only where the till knows who registers it: sign on first.",
        ),
        Refusal::TooLongAway => (
            "De kassa is te lang zonder verbinding. Zorg en maaltijden kunt u op naam noteren.",
            "The till has been without a connection too long. Care and meals can be registered by name.",
        ),
        Refusal::ClockBack => (
            "De klok van de kassa loopt achter. Met verbinding komt dat goed; zorg en maaltijden kunt u op naam noteren.",
            "The till's clock is behind. A connection sets it right; care and meals can be registered by name.",
        ),
        Refusal::TerminalLimit => (
            "De kassa heeft zonder verbinding genoeg verkocht. Zorg en maaltijden kunt u op naam noteren.",
            "The till has sold enough without a connection. Care and meals can be registered by name.",
        ),
        Refusal::CardUnknown => (
            "Dit pasje staat niet op de lijst van deze kassa. Met verbinding kan het wel; op naam ook.",
            "This card is not on this till's list. With a connection it may work; by name too.",
        ),
        Refusal::CardBlocked => (
            "Dit pasje is geblokkeerd. Zorg en maaltijden kunt u op naam noteren.",
            "This card is blocked. Care and meals can be registered by name.",
        ),
        Refusal::CardExpired => (
            "Dit pasje is verlopen. Zorg en maaltijden kunt u op naam noteren.",
            "This card has expired. Care and meals can be registered by name.",
        ),
        Refusal::TapLimit | Refusal::CardLimit | Refusal::CardDeclined => (
            "Zonder verbinding kan dit nu niet met dit pasje. Zorg en maaltijden kunt u op naam noteren.",
            "Without a connection this is not possible with this card now. Care and meals can be registered by name.",
        ),
        Refusal::PinBlocked => (
            "De pincode is te vaak verkeerd ingevoerd. De balie kan hem weer vrijgeven; zorg en maaltijden kunnen op naam.",
            "The PIN was wrong too often. The front desk can free it; care and meals can be registered by name.",
        ),
        Refusal::CardNotGenuine => (
            "De kassa kan dit pasje niet controleren. Er is niets verkocht; vraag het na bij de balie.",
            "The till cannot verify this card. Nothing was sold; ask the front desk.",
        ),
        Refusal::CardUnreadable(what) => {
            let words = language.pick("Het pasje is niet goed te lezen", "The card cannot be read well");
            return format!("{words} ({what}).");
        }
    };
    language.pick(dutch, english).to_owned()
}

/// What was typed and is not sold, and what to type instead.
pub fn not_found(found: &NotFound, language: Language) -> String {
    match (found, language) {
        (NotFound::Unknown(name), Language::Dutch) => {
            format!("`{name}` is hier niet te koop. Typ `lijst` voor wat er is.")
        }
        (NotFound::Unknown(name), Language::English) => {
            format!("`{name}` is not sold here. Type `list` for what is.")
        }
        (NotFound::Ambiguous { candidates, .. }, Language::Dutch) => {
            format!("Welke bedoelt u: {}? Typ meer van de naam.", candidates.join(" of "))
        }
        (NotFound::Ambiguous { candidates, .. }, Language::English) => {
            format!("Which one: {}? Type more of the name.", candidates.join(" or "))
        }
        (NotFound::NoPrice(_), _) => refusal(&Refusal::NoPrice(found.to_string()), language),
        (NotFound::TooDear, _) => refusal(&Refusal::Basket, language),
    }
}

/// That the journal cannot be opened, and what to do.
pub fn journal_lost(path: &Path, why: &JournalError, language: Language) -> String {
    let words = language.pick(
        "De kassa kan niet bij zijn opslag. Met verbinding verkoopt hij gewoon; zonder verbinding niets. Bel beheer: er \
         kunnen verkopen in staan, dus gooi dit bestand niet weg. Beheer trekt deze kassa in en meldt hem opnieuw aan",
        "The till cannot reach its store. With a connection it sells as always; without one nothing. Call the office: sales \
         may be in it, so do not throw this file away. The office withdraws this till and enrols it anew",
    );
    format!("{words} ({}: {why}).", path.display())
}

/// Why nothing was sold, and that all of it could go by name if it could.
pub fn refusal_of(what: &Refusal, may_go_by_name: bool, language: Language) -> String {
    let words = refusal(what, language);
    if !may_go_by_name || !what.is_of_card_or_limit() {
        return words;
    }
    let by_name = language.pick("Deze bon kan op naam.", "This bill can go by name.");
    format!("{words} {by_name}")
}

/// How the till is: one line while all is well, more where somebody must do something.
pub fn state(state: &State, now_ms: u64, language: Language) -> String {
    let at = |time_ms: Option<u64>| {
        time_ms.map_or_else(|| language.pick("nooit", "never").to_owned(), |time_ms| since(time_ms, now_ms))
    };
    let mut parts = vec![match state.link {
        Link::Here => language.pick("Verbonden", "Connected").to_owned(),
        Link::Unknown => language.pick("Nog geen verbinding gehad", "No connection yet").to_owned(),
        Link::Away { since_ms } => {
            format!(
                "{} {}",
                language.pick("Werkt zonder verbinding sinds", "Without a connection since"),
                since(since_ms, now_ms)
            )
        }
    }];
    if state.waiting > 0 {
        let words = match (language, state.waiting) {
            (Language::Dutch, 1) => "verkoop wacht",
            (Language::Dutch, _) => "verkopen wachten",
            (Language::English, 1) => "sale waits",
            (Language::English, _) => "sales wait",
        };
        // by name no price is known that would bind anyone
        let amount = match state.waiting_cents {
            0 => String::new(),
            cents => {
                let at_most = language.pick("met pasje hoogstens", "by card at most");
                format!(" ({at_most} {})", phrases::amount("EUR", cents, language))
            }
        };
        parts.push(format!("{} {words}{amount}", state.waiting));
    }
    let ages = [
        (language.pick("passenlijst van", "cards of"), state.cards_ms),
        (language.pick("prijzen van", "prices of"), state.prices_ms),
        (language.pick("blokkadelijst van", "blocked cards of"), state.hotlist_ms),
    ];
    parts.push(ages.map(|(what, time_ms)| format!("{what} {}", at(time_ms))).join("; "));
    let mut text = parts.join(if state.waiting > 0 { "\n" } else { "; " });
    for trouble in troubles(state, language) {
        text.push_str(&format!("\n! {trouble}"));
    }
    if state.undoing > 0 {
        let words = language.pick("wordt nagevraagd of ongedaan gemaakt", "being asked for or undone");
        text.push_str(&format!("\n  {} {words}", state.undoing));
    }
    text
}

/// What of a till is not as it should be, and what staff do about it.
pub fn troubles(state: &State, language: Language) -> Vec<String> {
    let mut troubles = Vec::new();
    match &state.stuck {
        Some(Stuck::Conflict(what)) => troubles.push(format!(
            "{} ({what})",
            language.pick(
                "De wachtende verkopen kloppen niet met de centrale. Bel beheer; verkopen met verbinding kan gewoon.",
                "The waiting sales contradict the service. Call the office; selling with a connection goes on.",
            )
        )),
        Some(Stuck::Refused(what)) => troubles.push(format!(
            "{} ({what})",
            language.pick(
                "De centrale neemt de wachtende verkopen niet aan. De kassa bewaart ze en probeert het weer.",
                "The service does not take the waiting sales. The till keeps them and tries again.",
            )
        )),
        None => {}
    }
    if let Some(what) = &state.problem {
        troubles.push(format!(
            "{} ({what})",
            language.pick(
                "De centrale antwoordt niet zoals het hoort; blijft dit zo, bel dan beheer. Verkopen kan gewoon.",
                "The service does not answer as it should; if this goes on, call the office. Selling goes on.",
            )
        ));
    }
    if let Some(what) = &state.own_problem {
        let words =
            language.pick("Er gaat iets mis in de kassa; bel beheer", "Something fails in the till; call the office");
        troubles.push(format!("{words} ({what})"));
    }
    if let Some(fault) = &state.journal_fault {
        troubles.push(refusal(&Refusal::Journal(fault.clone()), language));
    }
    troubles
}

/// That the till was closed, and what must be seen to.
pub fn closed(state: &State, language: Language) -> String {
    let closed = language.pick("De kassa is gesloten.", "The till is closed.");
    if state.waiting == 0 {
        return closed.to_owned();
    }
    let rest = language.pick(
        "verkopen wachten nog op verbinding. Ze staan veilig; start de kassa weer om ze te versturen.",
        "sales still wait for a connection. They are safe; start the till again to send them.",
    );
    format!("{closed} {} {rest}", state.waiting)
}

/// How a tap ended that the card heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// It paid.
    Yes,
    /// The service declined.
    No,
    /// The card declined by itself: what it changed may have been why.
    NotByCard,
}

/// What the card heard, where that asks for something. Who has paid is never told to try again.
pub fn card_told(told: CardTold, paid: Paid, language: Language) -> Option<String> {
    match told {
        CardTold::Nothing | CardTold::Told => None,
        CardTold::ToldWithScript(script) => Some(updated(script.change, paid, language).to_owned()),
        CardTold::Gone => Some(
            language
                .pick("Het pasje was al weg. Dat geeft niet.", "The card was gone already. That is no problem.")
                .to_owned(),
        ),
        CardTold::Refused => Some(
            language
                .pick(
                    "Het pasje neemt het antwoord niet aan; meld dit aan de balie.",
                    "The card does not take the answer; tell the front desk.",
                )
                .to_owned(),
        ),
    }
}

fn updated(change: Change, paid: Paid, language: Language) -> &'static str {
    match (change, paid) {
        (Change::Block, _) => language
            .pick("Het pasje weet nu zelf dat het geblokkeerd is.", "The card now knows by itself that it is blocked."),
        (Change::Unblock, Paid::No) | (_, Paid::NotByCard) => language.pick(
            "Het pasje is bijgewerkt. Er is niets betaald: probeer het nog een keer.",
            "The card was updated. Nothing was paid: try once more.",
        ),
        (_, Paid::Yes | Paid::No) => language.pick("Het pasje is bijgewerkt.", "The card was updated."),
    }
}

/// What became of a sale that nobody waited for any more.
///
/// `name_of` says whose the card or number is, where the till knows.
pub fn recovered(recovered: &Recovered, name_of: &dyn Fn(&Client) -> Option<String>, language: Language) -> String {
    let who = |client: &Client| match (name_of(client), client) {
        (Some(name), _) => name,
        (None, Client::Card(card)) => format!("{} {card}", language.pick("pasje", "card")),
        (None, Client::Wallet(wallet)) => format!("nr. {wallet}"),
    };
    match recovered {
        Recovered::Approved { sale, client } => format!(
            "{} ({}). {} {sale}",
            language.pick(
                "De verkoop van net voor de herstart is BETAALD",
                "The sale from just before the restart was PAID"
            ),
            who(client),
            language.pick("Niet meegegeven? Annuleer verkoop", "Not handed over? Void sale"),
        ),
        Recovered::Journalled { sale, client, amount_cents, sold_at_ms } => format!(
            "{} {} ({}{}). {} {sale}",
            language.pick(
                "De laatste verkoop zonder verbinding is opgeslagen,",
                "The last sale without a connection was stored at"
            ),
            time_of_day(*sold_at_ms),
            who(client),
            amount_cents.map_or_else(String::new, |cents| format!(", {}", phrases::amount("EUR", cents, language))),
            language.pick("Niet meegegeven? Annuleer verkoop", "Not handed over? Void sale"),
        ),
        Recovered::Undone { sale } => {
            format!("{} ({sale})", language.pick("Ongedaan gemaakt: er is niets betaald", "Undone: nothing was paid"))
        }
        Recovered::NotUndone { sale, reason } if reason.as_deref() == Some("not_approved") => format!(
            "{} ({sale})",
            language.pick(
                "Deze verkoop was niet geboekt: er is niets betaald. Was er iets meegegeven, vraag de balie",
                "This sale was not booked: nothing was paid. If something was handed over, ask the front desk",
            )
        ),
        Recovered::NotUndone { sale, reason } => format!(
            "{} ({sale}): {}",
            language
                .pick("Kon niet ongedaan gemaakt worden; vraag de balie", "Could not be undone; ask the front desk"),
            phrases::reason(reason.as_deref().unwrap_or("?"), language),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: u64 = 1_795_608_000_000;

    fn away() -> State {
        State {
            link: Link::Away { since_ms: NOON_MS + 180_000 },
            waiting: 3,
            waiting_cents: 750,
            contact_ms: Some(NOON_MS),
            prices_ms: Some(NOON_MS),
            cards_ms: Some(NOON_MS - 120_000),
            hotlist_ms: None,
            stuck: None,
            journal_fault: None,
            is_revoked: false,
            problem: None,
            own_problem: None,
            undoing: 0,
        }
    }

    #[test]
    fn words_are_kept_in_order_and_no_line_is_wider_than_a_small_screen() {
        let what = Stuck::Conflict("record 3".to_owned());
        let stuck = State { stuck: Some(what), ..away() };
        let text = state(&stuck, NOON_MS + 600_000, Language::Dutch) + "\n! nog iets";
        let lines = wrapped(&text);
        assert!(lines.lines().count() > 3 && lines.lines().all(|line| line.chars().count() < 80), "{lines}");
        assert!(lines.ends_with("\n ! nog iets\n"), "{lines}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines), words(&text));
    }

    #[test]
    fn what_waits_by_name_is_given_no_amount() {
        let by_name = State { waiting_cents: 0, ..away() };
        let text = state(&by_name, NOON_MS, Language::Dutch);
        assert!(text.contains("3 verkopen wachten\n") && !text.contains('€'), "{text}");
    }

    #[test]
    fn the_state_says_since_when_how_much_waits_and_how_old_the_lists_are() {
        let text = state(&away(), NOON_MS + 600_000, Language::Dutch);
        for part in ["zonder verbinding sinds 13:03", "3 verkopen wachten", "€ 7,50", "passenlijst van 12:58", "nooit"]
        {
            assert!(text.contains(part), "{text}");
        }
        let one = State { waiting: 1, ..away() };
        assert!(state(&one, NOON_MS, Language::Dutch).contains("1 verkoop wacht"));
        let yesterday = state(&away(), NOON_MS + 86_400_000, Language::English);
        assert!(yesterday.contains("since 2026-11-25 13:03"), "{yesterday}");
    }

    #[test]
    fn what_needs_somebody_is_said_on_a_line_of_its_own() {
        let stuck = State { stuck: Some(Stuck::Conflict("record 3".to_owned())), ..away() };
        assert!(state(&stuck, NOON_MS, Language::Dutch).contains("\n! De wachtende verkopen kloppen niet"));
        let fault = State { journal_fault: Some("full".to_owned()), ..away() };
        assert!(state(&fault, NOON_MS, Language::Dutch).contains("bel beheer (full)"));
    }

    #[test]
    fn no_refusal_says_why_in_a_way_that_shames() {
        let all = [
            Refusal::NothingKnown,
            Refusal::Basket,
            Refusal::JournalConflict,
            Refusal::NeedsCard,
            Refusal::NeedsStaff,
            Refusal::TooLongAway,
            Refusal::ClockBack,
            Refusal::TerminalLimit,
            Refusal::CardUnknown,
            Refusal::CardBlocked,
            Refusal::CardExpired,
            Refusal::TapLimit,
            Refusal::CardLimit,
            Refusal::CardDeclined,
            Refusal::PinBlocked,
            Refusal::CardNotGenuine,
        ];
        for one in all {
            for language in [Language::Dutch, Language::English] {
                let text = refusal(&one, language);
                assert!(
                    !text.to_lowercase().contains("saldo") && !text.contains("balance") && text.ends_with('.'),
                    "{text}"
                );
            }
        }
        // what a card's limits are is nobody's business at the counter
        assert_eq!(refusal(&Refusal::CardLimit, Language::Dutch), refusal(&Refusal::CardDeclined, Language::Dutch));
    }
}
