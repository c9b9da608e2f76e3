//! What staff type at a till.

use firmware_sim::phrases::{self, Language};
use firmware_sim::random::now_ms;
use firmware_sim::request::{Client as Buyer, SaleLine};
use firmware_sim::till_words;
use uuid::Uuid;

use super::counter::{Counter, Ended, Sold};
use crate::cli::tap::order_lines;
use crate::cli::{Failure, parse_quantity};

const HELP: (&str, &str) = (
    "  Koffie            zet iets op de bon; 2x: Koffie=2
  bon               toont de bon        leeg       maakt de bon leeg
  pas BESTAND       kiest het pasje     betaal     betaalt met het pasje
  naam NUMMER       betaalt op naam van een cliënt
  medewerker NUMMER zegt wie op naam noteert
  lijst             wat hier te koop is
  annuleer VERKOOP  maakt een verkoop van vandaag op het gekozen pasje ongedaan; op naam: annuleer VERKOOP NUMMER
  status            hoe het met de kassa is
  verbind           probeert nu verbinding te maken
  stop              sluit de kassa",
    "  Coffee            puts something on the bill; twice: Coffee=2
  bill              shows the bill      clear      empties it
  card FILE         chooses the card    pay        pays with it
  name NUMBER       pays by a client's name
  staff NUMBER      says who registers by name
  list              what is sold here
  void SALE         undoes a sale of today by the chosen card; by name: void SALE NUMBER
  status            how the till is
  connect           tries to connect now
  quit              closes the till",
);

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    Help,
    Bill,
    Clear,
    Card(String),
    Pay,
    Name(u64),
    Staff(Uuid),
    List,
    Void(Uuid, Option<u64>),
    Status,
    Connect,
    Quit,
    Item(String, u32),
}

fn read(line: &str) -> Result<Typed, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}`"));
    Ok(match (word.to_lowercase().as_str(), rest) {
        ("", _) => Typed::Nothing,
        ("help" | "hulp" | "?", "") => Typed::Help,
        ("bon" | "bill", "") => Typed::Bill,
        ("leeg" | "clear", "") => Typed::Clear,
        ("pas" | "card", path) if !path.is_empty() => Typed::Card(path.to_owned()),
        ("betaal" | "pay", "") => Typed::Pay,
        ("naam" | "name", wallet) if !wallet.is_empty() => Typed::Name(number(wallet)?),
        ("medewerker" | "staff", staff) if !staff.is_empty() => {
            Typed::Staff(Uuid::parse_str(staff).map_err(|_| format!("`{staff}`?"))?)
        }
        ("lijst" | "list", "") => Typed::List,
        ("void" | "annuleer", rest) if !rest.is_empty() => {
            let (sale, wallet) = rest.split_once(' ').map_or((rest, None), |(sale, wallet)| (sale, Some(wallet)));
            let wallet = wallet.map(number).transpose()?;
            Typed::Void(Uuid::parse_str(sale).map_err(|_| format!("`{sale}`"))?, wallet)
        }
        ("status", "") => Typed::Status,
        ("verbind" | "connect", "") => Typed::Connect,
        ("stop" | "quit" | "exit", "") => Typed::Quit,
        _ => parse_quantity(line).map(|(name, quantity)| Typed::Item(name, quantity))?,
    })
}

/// Takes what staff type until they close the till, or it was withdrawn.
pub(super) async fn run(counter: &mut Counter) -> Result<Ended, Failure> {
    let language = counter.screen.language;
    print!("\n{}", said_of(counter));
    println!(" {}", language.pick("Typ `hulp` voor wat hier kan.", "Type `help` for what can be done here."));
    let mut bill: Vec<SaleLine> = Vec::new();
    let mut shown = counter.desk.till.state().link;
    loop {
        let line = loop {
            counter.desk.look_at_clock();
            let line = tokio::select! {
                biased;
                line = counter.lines.recv() => Some(line),
                // as `stop` does
                _ = tokio::signal::ctrl_c() => Some(None),
                goes_on = work(&mut counter.desk.till, &mut counter.desk.client) => {
                    if !goes_on {
                        return Ok(Ended::Revoked);
                    }
                    None
                }
            };
            if let Some(line) = line {
                break line;
            }
            counter.after_work();
            let link = counter.desk.till.state().link;
            if link != shown {
                shown = link;
                print!("\n{}", said_of(counter));
            }
        };
        counter.desk.till.set_aside();
        let Some(line) = line else { return Ok(Ended::Quit) };
        match read(&line) {
            Err(what) => println!(
                " {} {what}. {}",
                language.pick("Dat begrijpt de kassa niet:", "The till does not understand:"),
                language.pick("Typ `hulp` voor wat hier kan.", "Type `help` for what can be done here."),
            ),
            Ok(Typed::Quit) => return Ok(Ended::Quit),
            // what one sale is refused for ends no till
            Ok(typed) => {
                let says_state = matches!(typed, Typed::Status | Typed::Connect);
                if let Err(failure) = act(counter, &mut bill, typed).await {
                    println!(" {failure}");
                }
                // a change that was shown is not shown once more
                if says_state {
                    shown = counter.desk.till.state().link;
                }
            }
        }
        if counter.is_revoked() {
            return Ok(Ended::Revoked);
        }
    }
}

async fn act(counter: &mut Counter, bill: &mut Vec<SaleLine>, typed: Typed) -> Result<(), Failure> {
    let language = counter.screen.language;
    match typed {
        Typed::Nothing | Typed::Quit => {}
        Typed::Help => println!("{}", language.pick(HELP.0, HELP.1)),
        Typed::Bill => show_bill(counter, bill),
        Typed::Clear => bill.clear(),
        Typed::Card(path) => counter.choose_card(path.into()),
        Typed::Staff(staff) => counter.staff = Some(staff),
        // the bill stays as it is, for when the till knows
        Typed::Name(_) if counter.staff.is_none() => {
            println!(" {}", till_words::refusal(&firmware_sim::till::Refusal::NeedsStaff, language));
        }
        Typed::Pay | Typed::Name(_) if bill.is_empty() => {
            println!(" {}", language.pick("De bon is leeg.", "The bill is empty."));
        }
        Typed::Pay => pay(counter, bill, None).await?,
        Typed::Name(wallet) => pay(counter, bill, Some(wallet)).await?,
        Typed::List => {
            if let Some(assortment) = counter.desk.till.cache().assortment() {
                print!("{}", counter.screen.catalogue(assortment));
            }
        }
        Typed::Void(sale, wallet) => void(counter, sale, wallet)?,
        Typed::Status => print!("{}", said_of(counter)),
        Typed::Connect => {
            counter.desk.till.try_now();
            counter.catch_up().await;
            print!("{}", said_of(counter));
        }
        Typed::Item(name, quantity) => {
            let Some(assortment) = counter.desk.till.cache().assortment() else {
                let words = till_words::refusal(&firmware_sim::till::Refusal::NothingKnown, language);
                println!(" {words}");
                return Ok(());
            };
            let lines = order_lines(assortment, &[(name, quantity)]);
            bill.extend(lines.map_err(|found| till_words::not_found(&found, language))?);
            show_bill(counter, bill);
        }
    }
    Ok(())
}

/// How the till is.
fn said_of(counter: &Counter) -> String {
    till_words::wrapped(&till_words::state(&counter.desk.till.state(), counter.desk.now_ms(), counter.screen.language))
}

/// What was not sold stays on the bill: another card, or a name, may do.
async fn pay(counter: &mut Counter, bill: &mut Vec<SaleLine>, by_name: Option<u64>) -> Result<(), Failure> {
    match counter.sell_lines(bill, by_name).await? {
        Sold::Decided => bill.clear(),
        Sold::Nothing => println!(
            " {}",
            counter.screen.language.pick(
                "De bon staat er nog. Typ `leeg` als hij weg kan.",
                "The bill is still there. Type `clear` if it is not needed.",
            )
        ),
    }
    Ok(())
}

fn show_bill(counter: &Counter, bill: &[SaleLine]) {
    let language = counter.screen.language;
    for line in bill {
        let service = counter.desk.till.cache().assortment().and_then(|assortment| assortment.service(line.service));
        let name = service.map_or_else(
            || line.service.to_string(),
            |service| match (language, &service.name_en) {
                (Language::English, Some(name)) => name.clone(),
                _ => service.name.clone(),
            },
        );
        println!("   {} × {name}", line.quantity);
    }
    let most_cents = counter.desk.till.cache().assortment().and_then(|assortment| assortment.greatest_cents(bill).ok());
    match most_cents {
        _ if bill.is_empty() => println!(" {}", language.pick("De bon is leeg.", "The bill is empty.")),
        Some(cents) => {
            println!("   {} {}", language.pick("hoogstens", "at most"), phrases::amount("EUR", cents, language));
        }
        None => {}
    }
}

fn void(counter: &mut Counter, sale: Uuid, wallet: Option<u64>) -> Result<(), Failure> {
    let language = counter.screen.language;
    let buyer = match (wallet, &counter.card) {
        (Some(wallet), _) => Buyer::Wallet(wallet),
        (None, Some(path)) => Buyer::Card(firmware_sim::files::CardOnFile::open(path)?.id),
        (None, None) => {
            return Err(language
                .pick("Van welk pasje? Typ eerst: pas BESTAND", "Of which card? First type: card FILE")
                .into());
        }
    };
    counter.desk.till.undo(sale, buyer, counter.staff, now_ms())?;
    println!(
        " {}",
        language.pick(
            "De kassa maakt dit ongedaan zodra er verbinding is, en zegt hoe dat afliep.",
            "The till undoes this as soon as there is a connection, and says how that ended.",
        )
    );
    Ok(())
}

/// One piece of work between two commands, or a pause; false: the terminal was withdrawn. May be broken off anywhere.
async fn work(till: &mut firmware_sim::till::Till, client: &mut firmware_sim::client::Client) -> bool {
    use firmware_sim::till::{Next, Transport};
    till.set_aside();
    let span_ms = match till.step(now_ms()) {
        Next::Send(request) => {
            let reply = Transport::send(client, &request).await;
            till.replied(request.ticket, reply, now_ms());
            return true;
        }
        Next::Revoked => return false,
        Next::Rest { until_ms } => until_ms.saturating_sub(now_ms()).clamp(10, 1000),
        _ => 50,
    };
    tokio::time::sleep(std::time::Duration::from_millis(span_ms)).await;
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood_in_both_languages_and_all_else_is_an_item() {
        let sale = Uuid::nil();
        for (line, typed) in [
            ("betaal", Typed::Pay),
            ("PAY", Typed::Pay),
            ("  naam 17 ", Typed::Name(17)),
            ("pas kaart 1.json", Typed::Card("kaart 1.json".to_owned())),
            ("Glas wijn=2", Typed::Item("Glas wijn".to_owned(), 2)),
            ("koffie", Typed::Item("koffie".to_owned(), 1)),
            ("Hulp bij douchen", Typed::Item("Hulp bij douchen".to_owned(), 1)),
            ("stop", Typed::Quit),
            ("", Typed::Nothing),
        ] {
            assert_eq!(read(line).unwrap(), typed, "{line}");
        }
        assert_eq!(read(&format!("void {sale} 17")).unwrap(), Typed::Void(sale, Some(17)));
        assert_eq!(read(&format!("medewerker {sale}")).unwrap(), Typed::Staff(sale));
        for wrong in ["void x", "naam x", "medewerker x", "Koffie=0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
