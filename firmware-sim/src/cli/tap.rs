//! `firmware-sim tap`.

use std::path::PathBuf;
use std::process::ExitCode;

use card_protocol::CardAnswer;
use card_protocol::script::Script;
use clap::Args;
use firmware_sim::answer::{Answer, Outcome};
use firmware_sim::card::CardReader;
use firmware_sim::card_script::Decided;
use firmware_sim::files::CardOnFile;
use firmware_sim::phrases::Language;
use firmware_sim::price_list::{Assortment, NotFound};
use firmware_sim::reader::{PcscReader, nothing_sold, tap_words};
use firmware_sim::request::{self, CardTap, Mode, Payer, SaleLine};
use firmware_sim::settling::{Answered, Attempt};
use firmware_sim::terminal::{Order, TapError, Terminal, complete};
use firmware_sim::till::{CardTold, Refusal};
use firmware_sim::till_screen;
use firmware_sim::till_words::{self, Paid};
use firmware_sim::torn_tap::{AUTHORISE_TRIES, Pin};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::pin::{self, Typed};
use super::reader::ReaderArguments;
use super::{AnswerArguments, Failure, Opened, TerminalArguments, parse_quantity};

/// Sells something: a card is tapped, or staff name the client.
///
/// firmware-sim tap --terminal till.json --card card.json Koffie "Glas wijn=2"
/// firmware-sim tap --terminal till.json --reader Koffie
#[derive(Debug, Args)]
pub(super) struct TapArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// The card's file, as the service made it
    #[arg(long, value_name = "FILE", required_unless_present_any = ["by_name", "reader"], conflicts_with = "by_name")]
    card: Option<PathBuf>,
    #[command(flatten)]
    reader: ReaderArguments,
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
    #[arg(long, conflicts_with = "by_name")]
    wrong_mac: bool,
    /// Misbehaves: sends the same sale twice, and compares the answers
    #[arg(long)]
    repeat: bool,
    /// Misbehaves: claims another version of the prices
    #[arg(long, value_name = "N")]
    price_list: Option<u32>,
    /// Misbehaves: sends the card's tap once more, as another sale
    #[arg(long, conflicts_with = "by_name")]
    replay_tap: bool,
    /// Misbehaves: has the card sign a cent less than the lines cost
    #[arg(long, conflicts_with = "by_name")]
    sign_less: bool,
    /// Misbehaves: the card is tapped twice, and the first tap is sent after the second
    #[arg(long, conflicts_with_all = ["by_name", "replay_tap", "repeat", "void_first"])]
    late_tap: bool,
    /// Voids the sale before it is sent, as where its answer stayed away and the client left
    #[arg(long)]
    void_first: bool,
    /// What is bought: a name in Dutch or English, its beginning, or an id; with =QUANTITY if more than one
    #[arg(value_name = "ITEM[=QUANTITY]", required = true, value_parser = parse_quantity)]
    items: Vec<(String, u32)>,
}

/// The card that is tapped.
pub(super) enum Shown {
    Virtual(Box<CardOnFile>),
    InReader(PcscReader),
}

impl Shown {
    pub(super) const fn card(&mut self) -> &mut dyn CardReader {
        match self {
            Self::Virtual(card) => &mut card.card,
            Self::InReader(reader) => reader,
        }
    }
}

fn open_reader(arguments: &TapArguments, out: Out) -> Result<Shown, Failure> {
    let language = arguments.terminal.language.into();
    let opened = arguments.reader.open(language, Box::new(move |words| out.say(&format!("\n {words}\n"))));
    opened.map(Shown::InReader).map_err(|fault| {
        out.say(&format!("\n {}\n", fault.words(language)));
        fault.to_string().into()
    })
}

/// Where the screen goes.
#[derive(Clone, Copy)]
struct Out {
    to_stderr: bool,
}

impl Out {
    fn say(&self, text: &str) {
        if self.to_stderr { eprint!("{text}") } else { print!("{text}") }
    }
}

/// A sale being made.
struct Selling {
    out: Out,
    language: Language,
    opened: Opened,
    card: Option<Shown>,
    order: Order,
    /// Who pays, on the screen.
    label: String,
    is_sound: bool,
}

impl TapArguments {
    /// Whether it waits for somebody, and must hear of Ctrl-C meanwhile.
    pub(super) const fn waits_for_a_card(&self) -> bool {
        self.reader.is_used()
    }
}

pub(super) async fn run(arguments: TapArguments) -> Result<ExitCode, Failure> {
    let has_card = arguments.card.is_some() || arguments.reader.is_used();
    let taps = u64::from(has_card) + u64::from(arguments.late_tap);
    // a card that is pulled out of a reader may have to sign again
    let tries = if arguments.reader.is_used() { AUTHORISE_TRIES } else { 1 };
    let mut opened = arguments.terminal.open(taps * tries, Some(&arguments.answers))?;
    let out = Out { to_stderr: arguments.print_id };
    let card = match &arguments.card {
        Some(path) => Some(Shown::Virtual(Box::new(CardOnFile::open(path)?))),
        None if has_card => Some(open_reader(&arguments, out)?),
        None => None,
    };
    let language: Language = arguments.terminal.language.into();
    let read = opened.terminal.refresh().await;
    let assortment =
        read.inspect_err(|error| out.say(&format!("\n {}\n", till_words::cannot_read(error, language))))?;
    let order = Order {
        mode: if arguments.whole { Mode::Whole } else { Mode::Online },
        staff: arguments.staff,
        lines: order_lines(assortment, &arguments.items)?,
        claimed_price_list: arguments.price_list,
        signs_less: arguments.sign_less,
    };
    let by_name = || format!("nr. {}", arguments.by_name.unwrap_or(0));
    let label = match &card {
        Some(Shown::Virtual(card)) => card.label.clone(),
        Some(Shown::InReader(_)) => language.pick("pasje in de lezer", "card in the reader").to_owned(),
        None => by_name(),
    };
    let mut selling = Selling { out, language, opened, card, order, label, is_sound: true };
    let late = if arguments.late_tap { Some(selling.payer(&arguments).await?) } else { None };
    let payer = selling.payer(&arguments).await?;
    let attempt = selling.opened.terminal.sale(&selling.order, &payer)?;
    if arguments.void_first {
        selling.void(&attempt, &payer).await?;
    }
    let first = selling.sell(&attempt).await?;
    selling.complete(&first, &payer).await;
    if arguments.repeat {
        selling.repeat(&attempt, &first).await?;
    }
    if arguments.replay_tap {
        let title = ("Dezelfde tik, gestuurd als een andere verkoop", "The same tap, sent as another sale");
        selling.sell_more(title, &payer).await?;
    }
    if let Some(late) = late {
        selling.sell_more(("Een eerdere tik, die nu pas komt", "An earlier tap, which comes only now"), &late).await?;
    }
    if first.wants_new_prices {
        let version = selling.opened.terminal.refresh().await?.price_list.version;
        selling.title(("De kassa heeft nu prijslijst", "The till now has price list"), &format!(" {version}."));
    }
    if arguments.print_id {
        println!("{}", attempt.asked.id);
    }
    Ok(if selling.is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Selling {
    fn title(&self, (dutch, english): (&str, &str), rest: &str) {
        self.out.say(&format!("\n {}{rest}\n", self.language.pick(dutch, english)));
    }

    /// The card's tap, or the client's name.
    async fn payer(&mut self, arguments: &TapArguments) -> Result<Payer, Failure> {
        let tapped = match (&mut self.card, arguments.by_name) {
            (Some(card), _) => tap(&mut self.opened.terminal, card, &self.order, self.language),
            (None, Some(wallet)) => return Ok(Payer::Wallet(wallet)),
            (None, None) => return Err("neither --card nor --by-name".into()),
        };
        match tapped {
            Ok(mut tap) => {
                tap.mac.0[0] ^= u8::from(arguments.wrong_mac);
                Ok(Payer::Card(tap))
            }
            Err(error) => {
                if let TapError::Declined(signed) = &error {
                    let screen = self.opened.screen;
                    self.out.say(&screen.not_with_this_card(&self.opened.file.document.name, &self.label));
                    self.out.say(&format!("\n {}\n", till_words::refusal(&Refusal::CardBlocked, self.language)));
                    self.ask_for_script(signed, Decided::Declined).await;
                } else if let Some(words) = tap_words(&error, self.language) {
                    self.out.say(&format!("\n {words}\n {}\n", nothing_sold(self.language)));
                }
                Err(self.why_not(&error))
            }
        }
    }

    fn why_not(&self, error: &TapError) -> Failure {
        let failure = match &self.card {
            Some(Shown::Virtual(card)) => card.card.failure(),
            Some(Shown::InReader(_)) | None => None,
        };
        match failure {
            Some(failure) => format!("{error}; the card's file cannot be written: {failure}").into(),
            None => error.to_string().into(),
        }
    }

    /// Sends a sale, and shows how it ended.
    async fn sell(&mut self, attempt: &Attempt) -> Result<Answered, Failure> {
        let ended = self.opened.settle(attempt).await?;
        let answer = Answer::read(&ended.bytes)?;
        self.out.say(&self.opened.screen.sale(&till_screen::Shown {
            terminal: &self.opened.file.document.name,
            client: &self.label,
            lines: &self.order.lines,
            assortment: self.opened.terminal.assortment(),
            answer: &answer,
        }));
        self.is_sound &= is_sensible(&ended);
        Ok(ended)
    }

    /// Another sale of the same order.
    async fn sell_more(&mut self, (dutch, english): (&str, &str), payer: &Payer) -> Result<(), Failure> {
        self.title((dutch, english), ":");
        let attempt = self.opened.terminal.sale(&self.order, payer)?;
        self.sell(&attempt).await.map(drop)
    }

    /// Tells the card how the sale ended.
    async fn complete(&mut self, answered: &Answered, payer: &Payer) {
        let is_sold = matches!(answered.outcome, Outcome::Approved | Outcome::ApprovedInPart);
        match (answered.for_card, payer) {
            (Some(answer), _) => self.tell(answer, answered.script, if is_sold { Paid::Yes } else { Paid::No }),
            (None, Payer::Card(tap)) => self.ask_for_script(tap, Decided::Online).await,
            (None, Payer::Wallet(_)) => {}
        }
    }

    /// No sale answered the card: the service is asked what it is to be told, and to change.
    async fn ask_for_script(&mut self, tap: &CardTap, decided: Decided) {
        let paid = if decided == Decided::Declined { Paid::NotByCard } else { Paid::No };
        if let Some((answer, script)) = self.opened.terminal.card_script(&self.order, tap, decided).await {
            self.tell(answer, script, paid);
        }
    }

    fn tell(&mut self, answer: CardAnswer, script: Option<Script>, paid: Paid) {
        let Some(card) = &mut self.card else { return };
        match complete(card.card(), answer, script) {
            Ok(()) => {
                let told = script.map_or(CardTold::Told, CardTold::ToldWithScript);
                if let Some(words) = till_words::card_told(told, paid, self.language) {
                    self.out.say(&format!("\n {words}\n"));
                }
            }
            // the service has decided, and the card hears of it another time
            Err(TapError::Torn) if paid == Paid::Yes => self.title(SALE_STANDS, ""),
            Err(TapError::Torn) => {}
            Err(error) => {
                eprintln!("firmware-sim: the card does not believe the answer: {error}");
                self.is_sound = false;
            }
        }
    }

    async fn void(&mut self, attempt: &Attempt, payer: &Payer) -> Result<(), Failure> {
        let client = match payer {
            Payer::Card(tap) => request::Client::Card(tap.id),
            Payer::Wallet(wallet) => request::Client::Wallet(*wallet),
        };
        let void = self.opened.terminal.void(attempt.asked.id, self.order.staff, client)?;
        let ended = self.opened.settle(&void).await?;
        let answer = Answer::read(&ended.bytes)?;
        self.out.say(&self.opened.screen.given_back(&self.opened.file.document.name, &answer));
        self.is_sound &= is_sensible(&ended);
        self.title(("De verkoop komt daarna toch nog", "The sale comes after all"), ":");
        Ok(())
    }

    async fn repeat(&mut self, attempt: &Attempt, first: &Answered) -> Result<(), Failure> {
        let again = self.opened.settle(attempt).await?;
        let is_same = again.bytes == first.bytes;
        self.is_sound &= is_same;
        let words = if is_same {
            ("hetzelfde antwoord, byte voor byte", "the same answer, byte for byte")
        } else {
            ("EEN ANDER ANTWOORD", "ANOTHER ANSWER")
        };
        let rest = format!(": {}", self.language.pick(words.0, words.1));
        self.title(("Dezelfde verkoop, nog eens gestuurd", "The same sale, sent again"), &rest);
        Ok(())
    }
}

/// Has the card sign; its holder types the PIN, if it has one.
fn tap(terminal: &mut Terminal, card: &mut Shown, order: &Order, language: Language) -> Result<CardTap, TapError> {
    let mut typed = Typed::Wrong;
    let mut tries_left = None;
    loop {
        let asked = match &typed {
            Typed::Pin(block) => Pin::Typed(block),
            Typed::Nothing => Pin::NotAsked,
            Typed::Wrong => Pin::Wanted,
        };
        match terminal.tap_with(card.card(), asked, order) {
            Err(TapError::NeedsPin { tries_left: left }) => tries_left = left.or(tries_left),
            tapped => return tapped,
        }
        pin::ask(tries_left, true, language);
        let mut line = Zeroizing::new(String::new());
        let read = std::io::stdin().read_line(&mut line);
        pin::show();
        // nobody is there to type one
        typed = if read.is_ok() { pin::read(&line, language) } else { Typed::Nothing };
    }
}

fn is_sensible(answered: &Answered) -> bool {
    if let Some(nonsense) = &answered.nonsense {
        eprintln!("firmware-sim: the answer makes no sense: {nonsense}");
    }
    answered.nonsense.is_none()
}

/// What staff read where the card left before it heard how its tap ended.
const SALE_STANDS: (&str, &str) = (
    "Het pasje was te vroeg weg. De verkoop hierboven klopt: er is niets meer nodig.",
    "The card left too early. The sale above is right: nothing more is needed.",
);

/// The lines of the items that were typed.
pub(super) fn order_lines(assortment: &Assortment, items: &[(String, u32)]) -> Result<Vec<SaleLine>, NotFound> {
    let line = |(name, quantity): &(String, u32)| {
        Ok(SaleLine { service: assortment.find(name)?.id, quantity: *quantity, hold: None })
    };
    items.iter().map(line).collect()
}
