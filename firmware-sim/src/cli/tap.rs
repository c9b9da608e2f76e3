//! `firmware-sim tap`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use firmware_sim::answer::Answer;
use firmware_sim::files::CardOnFile;
use firmware_sim::phrases::Language;
use firmware_sim::price_list::{Assortment, NotFound};
use firmware_sim::request::{Mode, Payer, SaleLine};
use firmware_sim::settling::{Answered, Attempt};
use firmware_sim::terminal::{Order, TapError, complete};
use firmware_sim::till_screen::Shown;
use uuid::Uuid;

use super::{Failure, Opened, TerminalArguments, answered, parse_quantity};

/// Sells something: a card is tapped, or staff name the client.
///
/// firmware-sim tap --terminal till.json --card card.json Koffie "Glas wijn=2"
#[derive(Debug, Args)]
pub(super) struct TapArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    /// The card's file, as the service made it
    #[arg(long, value_name = "FILE", required_unless_present = "by_name", conflicts_with = "by_name")]
    card: Option<PathBuf>,
    /// Without a card: the number of the client's wallet
    #[arg(long, value_name = "WALLET", requires = "staff")]
    by_name: Option<u64>,
    /// Who of the staff sells
    #[arg(long, value_name = "UUID")]
    staff: Option<Uuid>,
    /// All lines or none: nothing is left out
    #[arg(long)]
    whole: bool,
    /// Prints the sale's id alone on standard output, and the screen on standard error
    #[arg(long)]
    print_id: bool,
    /// Misbehaves: flips a bit of what the card signed
    #[arg(long, requires = "card")]
    wrong_mac: bool,
    /// Misbehaves: sends the same sale twice, and compares the answers
    #[arg(long)]
    repeat: bool,
    /// Misbehaves: claims another version of the prices
    #[arg(long, value_name = "N")]
    price_list: Option<u32>,
    /// Misbehaves: sends the card's tap once more, as another sale
    #[arg(long, requires = "card")]
    replay_tap: bool,
    /// What is bought: a name in Dutch or English, its beginning, or an id; with =QUANTITY if more than one
    #[arg(value_name = "ITEM[=QUANTITY]", required = true, value_parser = parse_quantity)]
    items: Vec<(String, u32)>,
}

/// Where the screen goes.
struct Out {
    to_stderr: bool,
}

impl Out {
    fn say(&self, text: &str) {
        if self.to_stderr { eprint!("{text}") } else { print!("{text}") }
    }
}

pub(super) async fn run(arguments: TapArguments) -> Result<ExitCode, Failure> {
    let out = Out { to_stderr: arguments.print_id };
    let language: Language = arguments.terminal.language.into();
    let says = |dutch, english| language.pick(dutch, english);
    let mut opened = arguments.terminal.open(u64::from(arguments.card.is_some()))?;
    let mut card = arguments.card.as_deref().map(CardOnFile::open).transpose()?;
    let assortment = opened.terminal.refresh().await?;
    let order = Order {
        mode: if arguments.whole { Mode::Whole } else { Mode::Online },
        staff: arguments.staff,
        lines: order_lines(assortment, &arguments.items)?,
        claimed_price_list: arguments.price_list,
    };
    let payer = match (&mut card, arguments.by_name) {
        (Some(card), _) => match opened.terminal.tap(&mut card.card, &order) {
            Ok(mut tap) => {
                tap.mac.0[0] ^= u8::from(arguments.wrong_mac);
                Payer::Card(tap)
            }
            Err(error) => {
                if error == TapError::Declined {
                    out.say(&opened.screen.not_with_this_card(&opened.file.document.name, &card.label));
                }
                return Err(why_not(&error, card));
            }
        },
        (None, Some(wallet)) => Payer::Wallet(wallet),
        (None, None) => return Err("neither --card nor --by-name".into()),
    };
    let label =
        card.as_ref().map_or_else(|| format!("nr. {}", arguments.by_name.unwrap_or(0)), |card| card.label.clone());
    let attempt = opened.terminal.sale(&order, &payer)?;
    let first = sell(&mut opened, &attempt, &order, &label, &out).await?;
    let mut is_sound = is_sensible(&first);
    if let (Some(card), Some(answer)) = (&mut card, first.for_card)
        && let Err(error) = complete(&mut card.card, answer)
    {
        eprintln!("firmware-sim: the card does not believe the answer: {error}");
        is_sound = false;
    }
    if arguments.repeat {
        let settled = opened.terminal.settle(&attempt, &mut opened.give_up).await;
        let again = answered(settled, "sale", attempt.asked.id)?;
        let is_same = again.bytes == first.bytes;
        is_sound &= is_same;
        let (title, same, other) = (
            says("Dezelfde verkoop, nog eens gestuurd", "The same sale, sent again"),
            says("hetzelfde antwoord, byte voor byte", "the same answer, byte for byte"),
            says("EEN ANDER ANTWOORD", "ANOTHER ANSWER"),
        );
        out.say(&format!("\n {title}: {} ({} bytes)\n", if is_same { same } else { other }, again.bytes.len()));
    }
    if arguments.replay_tap {
        let title = says("Dezelfde tik, gestuurd als een andere verkoop", "The same tap, sent as another sale");
        out.say(&format!("\n {title}:\n"));
        let replay = opened.terminal.sale(&order, &payer)?;
        let second = sell(&mut opened, &replay, &order, &label, &out).await?;
        is_sound &= is_sensible(&second);
    }
    if first.wants_new_prices {
        let version = opened.terminal.refresh().await?.price_list.version;
        let title = says("De kassa heeft nu prijslijst", "The till now has price list");
        out.say(&format!("\n {title} {version}.\n"));
    }
    if arguments.print_id {
        println!("{}", attempt.asked.id);
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends a sale, and shows how it ended.
async fn sell(
    opened: &mut Opened,
    attempt: &Attempt,
    order: &Order,
    label: &str,
    out: &Out,
) -> Result<Answered, Failure> {
    let settled = opened.terminal.settle(attempt, &mut opened.give_up).await;
    let asked_again = settled.asked_again;
    let ended = answered(settled, "sale", attempt.asked.id)?;
    if asked_again > 0 {
        eprintln!("firmware-sim: an answer came after asking {asked_again} times more");
    }
    let answer = Answer::read(&ended.bytes)?;
    out.say(&opened.screen.sale(&Shown {
        terminal: &opened.file.document.name,
        client: label,
        lines: &order.lines,
        assortment: opened.terminal.assortment(),
        answer: &answer,
    }));
    Ok(ended)
}

fn is_sensible(answered: &Answered) -> bool {
    if let Some(nonsense) = &answered.nonsense {
        eprintln!("firmware-sim: the answer makes no sense: {nonsense}");
    }
    answered.nonsense.is_none()
}

fn why_not(error: &TapError, card: &CardOnFile) -> Failure {
    match card.card.failure() {
        Some(failure) => format!("{error}; the card's file cannot be written: {failure}").into(),
        None => error.to_string().into(),
    }
}

/// The lines of the items that were typed.
pub(super) fn order_lines(assortment: &Assortment, items: &[(String, u32)]) -> Result<Vec<SaleLine>, NotFound> {
    let line = |(name, quantity): &(String, u32)| {
        Ok(SaleLine { service: assortment.find(name)?.id, quantity: *quantity, hold: None })
    };
    items.iter().map(line).collect()
}
