//! `firmware-sim vend`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use firmware_sim::files::{CardOnFile, VendFile};
use firmware_sim::machine_screen::MachineScreen;
use firmware_sim::request::Mode;
use firmware_sim::terminal::Order;
use firmware_sim::vending::{Dies, Held, Machine, VendError};

use super::tap::order_lines;
use super::{AnswerArguments, Answers, Failure, TerminalArguments, parse_quantity};

/// An unattended machine: sets aside, delivers, and sells what came out. What an earlier start left unfinished comes first.
///
/// firmware-sim vend --terminal machine.json --card card.json --item Wasbeurt
#[derive(Debug, Args)]
pub(super) struct VendArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// The card's file; without one, the machine only finishes what it left
    #[arg(long, value_name = "FILE", requires = "item")]
    card: Option<PathBuf>,
    /// What is chosen: a name in Dutch or English, its beginning, or an id; with =QUANTITY if more than one
    #[arg(long, value_name = "ITEM[=QUANTITY]", value_parser = parse_quantity, requires = "card")]
    item: Option<(String, u32)>,
    /// How long it stays set aside if the machine dies, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=240))]
    minutes: u16,
    /// Where the machine remembers what it is at [default: the terminal's file with .vend behind it]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The power fails: after the hold, or after the first piece came out
    #[arg(long, value_name = "hold|deliver", requires = "card")]
    die_after: Option<DieAfter>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DieAfter {
    Hold,
    Deliver,
}

impl From<DieAfter> for Dies {
    fn from(after: DieAfter) -> Self {
        match after {
            DieAfter::Hold => Self::AfterHold,
            DieAfter::Deliver => Self::AfterDelivery,
        }
    }
}

pub(super) async fn run(arguments: VendArguments) -> Result<ExitCode, Failure> {
    let screen = MachineScreen { language: arguments.terminal.language.into() };
    let taps = u64::from(arguments.card.is_some());
    let mut opened = arguments.terminal.open(taps, Some(&arguments.answers))?;
    let file = VendFile::at(&arguments.state.clone().unwrap_or_else(|| beside(&arguments.terminal.terminal)));
    if let Some(mut machine) = Machine::unfinished(&mut opened.terminal, &file)? {
        print!("{}", screen.say("was_off", "wait"));
        let ended = machine.finish(&mut opened.give_up).await;
        keep(&mut opened.answers, &machine)?;
        let ending = ended.inspect_err(|_| print!("{}", screen.say("out_of_order", "ask_help")))?;
        print!("{}", screen.ended(&ending));
        too_late(ending.came_too_late);
    }
    let (Some(card), Some(item)) = (&arguments.card, &arguments.item) else { return Ok(ExitCode::SUCCESS) };
    let mut card = CardOnFile::open(card)?;
    let assortment = opened.terminal.refresh().await?;
    let lines = order_lines(assortment, std::slice::from_ref(item))?;
    let name = assortment.find(&item.0)?.name.clone();
    print!("{}", screen.choose(&name, assortment.greatest_cents(&lines)?));
    let order = Order { mode: Mode::Whole, staff: None, lines, claimed_price_list: None, signs_less: false };
    let mut machine = match Machine::begin(&mut opened.terminal, &file, &mut card.card, &order, arguments.minutes) {
        Ok(machine) => machine,
        Err(error) => {
            print!("{}", screen.say("not_now", "with_this_card"));
            return Err(error.into());
        }
    };
    print!("{}", screen.say("tapped", "wait"));
    let held = machine.set_aside(Some(&mut card.card), &mut opened.give_up).await;
    keep(&mut opened.answers, &machine)?;
    match held.inspect_err(|_| print!("{}", screen.say("out_of_order", "ask_help")))? {
        Held::Yes => {}
        Held::No(why) => {
            print!("{}", screen.say("not_now", "with_this_card"));
            eprintln!("firmware-sim: {}", firmware_sim::phrases::reason(&why, screen.language));
            return Ok(ExitCode::SUCCESS);
        }
    }
    machine.answers.clear();
    let show = |number| print!("{}", screen.delivering(number, item.1));
    if !machine.deliver(arguments.die_after.map(Dies::from), show)? {
        eprintln!("firmware-sim: the power fails; hold {} is written in the machine's file", machine.hold_id());
        return Ok(ExitCode::SUCCESS);
    }
    let ended = machine.finish(&mut opened.give_up).await;
    keep(&mut opened.answers, &machine)?;
    let ending = ended.inspect_err(|_: &VendError| print!("{}", screen.say("out_of_order", "ask_help")))?;
    print!("{}", screen.ended(&ending));
    too_late(ending.came_too_late);
    Ok(ExitCode::SUCCESS)
}

fn beside(terminal: &std::path::Path) -> PathBuf {
    let mut name = terminal.as_os_str().to_owned();
    name.push(".vend");
    PathBuf::from(name)
}

fn keep(answers: &mut Answers, machine: &Machine<'_>) -> Result<(), Failure> {
    machine.answers.iter().try_for_each(|answered| answers.keep(&answered.bytes))
}

/// What staff must know: something came out that nobody pays for.
fn too_late(came_too_late: bool) {
    if came_too_late {
        eprintln!(
            "firmware-sim: the hold was over before the delivery was known; the client pays nothing; where the \
                   service refused it for good, the file that ends in .office says which hold it was"
        );
    }
}
