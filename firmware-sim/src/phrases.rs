//! What the service's words are called on a till, in Dutch and in English: short, plain words (B1).
//!
//! Every code of the glossary stands in a table here, and a test says which one is missing.

/// A language of the screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Dutch, unless said otherwise.
    #[default]
    Dutch,
    /// English.
    English,
}

impl Language {
    /// The one of two phrases.
    pub const fn pick<'a>(self, dutch: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }
}

/// Code, Dutch, English.
type Phrase = (&'static str, &'static str, &'static str);

const ACCOUNTS: &[Phrase] = &[
    ("budget", "budget", "budget"),
    ("reserve", "reserve", "reserve"),
    ("savings", "spaarpot", "savings"),
    ("credit", "eigen geld", "own money"),
    ("buffer", "gezamenlijke buffer", "shared buffer"),
    ("wlz_funding", "Wlz-bekostiging", "Wlz funding"),
    ("overhead", "inhoudingen", "deductions"),
    ("collective", "collectief", "collective"),
    ("rounding", "afronding", "rounding"),
    ("grant_exchange", "omwisseling budget", "exchange of budget"),
    ("own_exchange", "omwisseling eigen geld", "exchange of own money"),
    ("care_delivered", "geleverde zorg", "care delivered"),
    ("included_sales", "inbegrepen diensten", "included services"),
    ("activity_sales", "activiteiten", "activities"),
    ("extra_sales", "extra's", "extras"),
    ("own_sales", "eigen aankopen", "own purchases"),
    ("care_overrun", "de organisatie (zorg)", "the organisation (care)"),
    ("included_overrun", "de organisatie (inbegrepen)", "the organisation (included)"),
    ("offline_loss", "de organisatie (offline)", "the organisation (offline)"),
    ("lapsed", "vervallen", "lapsed"),
    ("bank", "bank", "bank"),
    ("cash", "kas", "cash"),
    ("payable", "te betalen", "to be paid out"),
    ("receivable", "te ontvangen", "to be received"),
];

const KINDS: &[Phrase] = &[
    ("care", "zorg", "care"),
    ("included", "inbegrepen", "included"),
    ("activity", "activiteit", "activity"),
    ("extra", "extra", "extra"),
    ("own", "eigen", "own"),
];

const BUYERS: &[Phrase] = &[
    ("verblijf", "woont hier", "lives here"),
    ("vpt", "volledig pakket thuis", "full package at home"),
    ("mpt", "deel van het pakket thuis", "part of the package at home"),
    ("no_wlz", "zonder Wlz", "without Wlz"),
];

const REASONS: &[Phrase] = &[
    ("already_booked", "dit was al geboekt", "this was booked already"),
    ("cancelled", "de verkoop was al geannuleerd", "the sale was cancelled before"),
    ("superseded", "de nagezonden verkoop was er eerder", "the forwarded sale came first"),
    ("card_unknown", "dit pasje of deze naam is hier niet bekend", "this card or name is not known here"),
    ("card_blocked", "het pasje is geblokkeerd", "the card is blocked"),
    ("card_expired", "het pasje is verlopen", "the card has expired"),
    ("wallet_closed", "de portemonnee is gesloten", "the wallet is closed"),
    (
        "card_mac_wrong",
        "het pasje is niet echt, of er ging iets mis bij het lezen",
        "the card is not genuine, or was misread",
    ),
    ("counter_used", "deze tik is al gebruikt", "this tap was used before"),
    ("counter_too_old", "deze tik is ouder dan een latere tik", "this tap is older than a later one"),
    ("amount_exceeded", "dit kost meer dan waarvoor getikt is", "this costs more than the card was tapped for"),
    ("service_unknown", "dit wordt hier niet verkocht aan deze cliënt", "this is not sold here to this client"),
    ("price_list_out_of_date", "de prijzen op de kassa zijn te oud", "the till's prices are too old"),
    ("card_needed", "hiervoor is het pasje nodig", "this needs the card"),
    (
        "pin_needed",
        "hiervoor is de pincode nodig: sla het nog eens aan. Lukt de pincode niet meer, dan helpt de balie",
        "this needs the PIN: ring it up once more. If the PIN no longer works, the front desk helps",
    ),
    ("over_limit", "dit is meer dan de grens van het pasje", "this is more than the card's limit"),
    ("insufficient_funds", "er is niet genoeg saldo", "there is not enough balance"),
    ("not_approved", "hier was niets voor betaald", "nothing was paid for this"),
    ("more_than_sold", "dit is meer dan er verkocht is", "this is more than was sold"),
    ("other_terminal", "dit kan alleen op de kassa van de verkoop", "only the till that sold it can do this"),
    ("other_day", "dit kan alleen op de dag van de verkoop", "only on the day of the sale"),
    ("nothing_left", "alles was al teruggegeven", "all was given back before"),
    ("more_than_topped_up", "dit is meer dan er gestort is", "this is more than was topped up"),
    ("more_than_bought", "dit is meer dan er gekocht is", "this is more than was bought"),
    ("hold_not_open", "van de reservering is niets over", "nothing is left of the hold"),
    ("hold_expired", "de reservering is verlopen", "the hold has expired"),
    ("hold_not_expired", "de reservering is nog niet verlopen", "the hold has not expired yet"),
    ("more_than_held", "dit is meer dan er gereserveerd is", "this is more than was set aside"),
    ("already_granted", "deze maand is al toegekend", "this month was granted before"),
    ("payout_not_open", "de uitbetaling staat niet open", "the payout is not open"),
    ("same_person", "een ander moet dit goedkeuren", "another person must approve this"),
    ("payout_not_approved", "de uitbetaling is niet goedgekeurd", "the payout is not approved"),
];

const WHYS: &[Phrase] = &[
    ("planned", "zorg uit de afspraken", "care that was planned"),
    ("unplanned", "zorg buiten de afspraken", "care that was not planned"),
    ("approved_draw", "goedgekeurde opname", "approved draw"),
    ("collective", "betaald voor allen samen", "paid for all together"),
    ("savings_consented", "cliënt vond spaarpot goed", "client agreed to savings"),
    ("savings_allowed", "spaarpot mag zorg betalen", "savings may pay care"),
    ("in_package", "hoort bij het pakket", "part of the package"),
    ("activity", "mag voor activiteiten", "may pay activities"),
    ("scheme_allows", "mag volgens de methodiek", "the scheme allows it"),
    ("own_money", "eigen geld", "own money"),
    ("own_money_share", "eigen geld voor de rest", "own money for the rest"),
    ("never_refused", "wordt nooit geweigerd", "is never refused"),
    ("no_unit_price", "heeft alleen een prijs in euro", "has a price in euro only"),
    ("offline_shortfall", "tekort bij verkoop zonder net", "short in an offline sale"),
    ("granted", "toekenning van de maand", "the month's grant"),
    ("given_back", "teruggegeven", "given back"),
    ("wallet_closed", "portemonnee is gesloten", "the wallet is closed"),
    ("topped_up", "gestort", "topped up"),
    ("top_up_reversed", "storting teruggedraaid", "top-up taken back"),
    ("spent_already", "was al uitgegeven", "was spent already"),
    ("points_bought", "punten gekocht", "points bought"),
    ("points_paid_back", "punten terugbetaald", "points paid back"),
    ("saved", "gespaard", "saved"),
    ("lapsed", "vervallen", "lapsed"),
    ("payout_approved", "uitbetaling goedgekeurd", "payout approved"),
    ("payout_paid", "uitbetaald", "paid out"),
];

/// What an unattended machine says: at most 20 characters.
const MACHINE: &[Phrase] = &[
    ("tap", "Houd uw pasje voor", "Hold up your card"),
    ("tapped", "Pasje gelezen", "Card read"),
    ("wait", "Even geduld", "One moment please"),
    ("running", "Bezig", "Running"),
    ("done", "Klaar", "Done"),
    ("paid", "Betaald", "Paid"),
    ("nothing_paid", "Niets betaald", "Nothing paid"),
    ("not_delivered", "Niet geleverd", "Not delivered"),
    ("not_now", "Dit kan nu niet", "Not possible now"),
    ("with_this_card", "met uw pasje", "with your card"),
    ("was_off", "Stroom was weg", "Power was off"),
    ("out_of_order", "Buiten gebruik", "Out of order"),
    ("ask_help", "Vraag om hulp", "Please ask for help"),
];

fn phrase<'a>(table: &[Phrase], code: &'a str, language: Language) -> &'a str {
    // a code of a newer service is shown as it is
    table.iter().find(|(known, ..)| *known == code).map_or(code, |(_, dutch, english)| language.pick(dutch, english))
}

/// What an account is called: who paid, or what for.
pub fn account(code: &str, language: Language) -> &str {
    phrase(ACCOUNTS, code, language)
}

/// What a line's kind is called.
pub fn kind(code: &str, language: Language) -> &str {
    phrase(KINDS, code, language)
}

/// What a kind of buyer is called.
pub fn buyer(code: &str, language: Language) -> &str {
    phrase(BUYERS, code, language)
}

/// Why something was declined or left out, for staff.
pub fn reason(code: &str, language: Language) -> &str {
    phrase(REASONS, code, language)
}

/// Why a purse paid.
pub fn why(code: &str, language: Language) -> &str {
    phrase(WHYS, code, language)
}

/// What an unattended machine says.
pub fn machine(code: &str, language: Language) -> &str {
    phrase(MACHINE, code, language)
}

/// An amount in its own unit: `€ 2,50`, `20 min`, `1,50 punt`.
pub fn amount(unit: &str, minor: u64, language: Language) -> String {
    let hundredths = || {
        let whole = thousands(minor / 100, language.pick(".", ","));
        format!("{whole}{}{:02}", language.pick(",", "."), minor % 100)
    };
    match unit {
        "EUR" => format!("{}{}", language.pick("€ ", "€"), hundredths()),
        "MIN" => format!("{minor} min"),
        "PNT" => format!("{} {}", hundredths(), language.pick("punt", "points")),
        other => format!("{minor} {other}"),
    }
}

fn thousands(number: u64, separator: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lacks_none(table: &[Phrase], codes: &str) {
        for code in codes.split_whitespace() {
            let found: Vec<_> = table.iter().filter(|(known, ..)| *known == code).collect();
            assert_eq!(found.len(), 1, "{code}");
            assert!(!found[0].1.is_empty() && !found[0].2.is_empty(), "{code}");
        }
        assert_eq!(table.len(), codes.split_whitespace().count(), "a code that the glossary lacks");
    }

    #[test]
    fn every_account_has_a_name_in_both_languages() {
        lacks_none(
            ACCOUNTS,
            "budget reserve savings credit buffer wlz_funding overhead collective rounding grant_exchange own_exchange
             care_delivered included_sales activity_sales extra_sales own_sales care_overrun included_overrun
             offline_loss lapsed bank cash payable receivable",
        );
    }

    #[test]
    fn every_kind_and_buyer_has_a_name_in_both_languages() {
        lacks_none(KINDS, "care included activity extra own");
        lacks_none(BUYERS, "verblijf vpt mpt no_wlz");
    }

    #[test]
    fn every_reason_has_a_phrase_in_both_languages() {
        lacks_none(
            REASONS,
            "already_booked cancelled superseded card_unknown card_blocked card_expired wallet_closed card_mac_wrong
             counter_used counter_too_old amount_exceeded service_unknown price_list_out_of_date card_needed pin_needed over_limit
             insufficient_funds not_approved more_than_sold other_terminal other_day nothing_left more_than_topped_up
             more_than_bought hold_not_open hold_expired hold_not_expired more_than_held already_granted payout_not_open same_person
             payout_not_approved",
        );
    }

    #[test]
    fn every_why_has_a_phrase_in_both_languages() {
        lacks_none(
            WHYS,
            "planned unplanned approved_draw collective savings_consented savings_allowed in_package activity
             scheme_allows own_money own_money_share never_refused no_unit_price offline_shortfall granted given_back
             wallet_closed topped_up top_up_reversed spent_already points_bought points_paid_back saved lapsed
             payout_approved payout_paid",
        );
    }

    #[test]
    fn what_a_machine_says_fits_its_screen_in_both_languages() {
        lacks_none(
            MACHINE,
            "tap tapped wait running done paid nothing_paid not_delivered not_now with_this_card was_off out_of_order
             ask_help",
        );
        for (code, dutch, english) in MACHINE {
            assert!([dutch, english].iter().all(|said| said.chars().count() <= 20), "{code}");
        }
    }

    #[test]
    fn amounts_stand_in_their_own_unit() {
        for (unit, minor, dutch, english) in [
            ("EUR", 250, "€ 2,50", "€2.50"),
            ("EUR", 5, "€ 0,05", "€0.05"),
            ("EUR", 123_456_789, "€ 1.234.567,89", "€1,234,567.89"),
            ("MIN", 20, "20 min", "20 min"),
            ("PNT", 150, "1,50 punt", "1.50 points"),
        ] {
            assert_eq!(amount(unit, minor, Language::Dutch), dutch);
            assert_eq!(amount(unit, minor, Language::English), english);
        }
    }
}
