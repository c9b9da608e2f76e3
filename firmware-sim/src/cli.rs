//! Commands: what was typed becomes calls of the library, and the result words and a status.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use firmware_sim::answer::Problem;
use firmware_sim::client::Client;
use firmware_sim::files::TerminalOnFile;
use firmware_sim::give_up::{GiveUp, give_up};
use firmware_sim::phrases::Language;
use firmware_sim::settling::{Answered, Attempt, Ended, Settled};
use firmware_sim::terminal::Terminal;
use firmware_sim::till_screen::Screen;
use firmware_sim::till_words;
use uuid::Uuid;

mod afterwards;
mod card;
mod enrol;
mod fleet;
mod pin;
mod reader;
mod simulate;
mod sold;
mod tap;
mod till;
mod vend;

/// Something went wrong: what, in a sentence.
type Failure = Box<dyn std::error::Error>;

/// A virtual card and the terminal that reads it, against a running service.
///
/// Status: 0 done (a decline too), 1 failed (the reason stands on standard error), 2 not understood.
#[derive(Debug, Parser)]
#[command(name = "firmware-sim", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sells something: a card is tapped, or staff name the client.
    Tap(tap::TapArguments),
    /// A till for staff, that goes on without a connection.
    Till(till::TillArguments),
    /// Sells at an unattended machine: sets aside, delivers, and sells what came out.
    Vend(vend::VendArguments),
    /// Gives back lines of a sale, or parts of them.
    Refund(afterwards::RefundArguments),
    /// Undoes a whole sale: same terminal, same day.
    Void(afterwards::VoidArguments),
    /// Asks how a sale ended, by its id.
    Ask(afterwards::AskArguments),
    /// Shows what is sold here, with prices.
    Catalogue(sold::CatalogueArguments),
    /// Shows which cards are blocked.
    Hotlist(sold::HotlistArguments),
    /// Enrols a new terminal: shows a code until an administrator accepts it.
    Enrol(enrol::EnrolArguments),
    /// Says once that the terminal is there, and does what it hears.
    Heartbeat(enrol::HeartbeatArguments),
    /// Puts a virtual card into vpcd's reader.
    Card(card::CardArguments),
    /// Runs many terminals and cards at once, and measures.
    Fleet(fleet::FleetArguments),
    /// Runs a world from a seed: bad network, power losses, thieves; compares all with a model.
    Simulate(simulate::SimulateArguments),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageCode {
    Nl,
    En,
}

impl From<LanguageCode> for Language {
    fn from(code: LanguageCode) -> Self {
        match code {
            LanguageCode::Nl => Self::Dutch,
            LanguageCode::En => Self::English,
        }
    }
}

/// Which terminal, and how it speaks.
#[derive(Debug, Args)]
struct TerminalArguments {
    /// The terminal's file, as the service made it
    #[arg(long, value_name = "FILE")]
    terminal: PathBuf,
    /// The service's address, instead of the one in the file
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// How long one request may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
    /// How long to keep asking how something ended, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// The language of the screen
    #[arg(long, value_name = "nl|en", default_value = "nl")]
    language: LanguageCode,
}

/// Where answers go for a program to read.
#[derive(Debug, Args)]
struct AnswerArguments {
    /// Writes each answer into this file too, as it came, one a line
    #[arg(long, value_name = "FILE")]
    answer_to: Option<PathBuf>,
}

/// The file of answers, if one was named.
struct Answers(Option<File>);

impl Answers {
    fn keep(&mut self, answer: &[u8]) -> Result<(), Failure> {
        if let Some(file) = &mut self.0 {
            file.write_all(&[answer, b"\n"].concat())?;
        }
        Ok(())
    }

    /// A request that was refused has no answer; its name stands there instead.
    fn keep_problem(&mut self, problem: &Problem) -> Result<(), Failure> {
        self.keep(serde_json::json!({ "problem": problem.slug, "status": problem.status }).to_string().as_bytes())
    }
}

/// A terminal that is this program's until it ends.
struct Opened {
    file: TerminalOnFile,
    terminal: Terminal,
    screen: Screen,
    give_up: GiveUp,
    answers: Answers,
}

impl Opened {
    /// Sends what was written, until there is an answer.
    async fn settle(&mut self, attempt: &Attempt) -> Result<Answered, Failure> {
        let settled = self.terminal.settle(attempt, &mut self.give_up).await;
        match &settled.ended {
            Ended::Answered(answered) => self.answers.keep(&answered.bytes)?,
            Ended::Problem(problem) => self.answers.keep_problem(problem)?,
            Ended::NotBooked(_) | Ended::Unknown(_) => {}
        }
        if let Some(words) = till_words::not_answered(&settled.ended, self.screen.language) {
            eprintln!("\n {words}");
        }
        if settled.asked_again > 0 {
            eprintln!("firmware-sim: it was asked {} times more how this ended", settled.asked_again);
        }
        answered(settled, attempt.asked.operation, attempt.asked.id)
    }
}

impl TerminalArguments {
    /// Opens the file and keeps sequence numbers for `taps` taps. The file of answers is emptied: an answer of another
    /// time is never taken for one of this.
    fn open(&self, taps: u64, answers: Option<&AnswerArguments>) -> Result<Opened, Failure> {
        let answers = Answers(match answers.and_then(|answers| answers.answer_to.as_deref()) {
            Some(path) => {
                let said = |error| format!("{} cannot be written: {error}", path.display());
                Some(File::create(path).map_err(said)?)
            }
            None => None,
        });
        let mut file = TerminalOnFile::open(&self.terminal)?;
        let sequence = if taps == 0 { file.document.sequence } else { file.take_sequence(taps)? };
        let document = &file.document;
        let client = Client::of(&file, self.service.as_deref(), Duration::from_millis(self.timeout_ms))?;
        let terminal = Terminal::new(document.terminal, document.location, sequence, client);
        Ok(Opened { terminal, screen: self.screen(), give_up: self.give_up(), file, answers })
    }

    fn screen(&self) -> Screen {
        let has_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Screen { language: self.language.into(), has_colour }
    }

    /// Stops asking when patience ends, or at Ctrl-C: what is not known then is said to be unknown.
    fn give_up(&self) -> GiveUp {
        let (stop, give_up) = give_up();
        stop.stop_after(Duration::from_secs(self.patience));
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.stop_after(Duration::ZERO);
            } else {
                // without the signal, patience alone ends it
                std::future::pending::<()>().await;
            }
            // a second Ctrl-C ends the program
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(1);
            }
        });
        give_up
    }
}

/// A name with a quantity: `Koffie` or `Koffie=2`.
fn parse_quantity(text: &str) -> Result<(String, u32), String> {
    let (name, quantity) = match text.rsplit_once('=') {
        None => (text, 1),
        Some((name, digits)) => {
            let quantity = digits.parse().map_err(|_| format!("`{digits}` is no quantity"))?;
            (name, quantity)
        }
    };
    match (name.trim().is_empty(), quantity) {
        (true, _) => Err("a name is missing".to_owned()),
        (_, 0) => Err("the quantity is 1 or more".to_owned()),
        _ => Ok((name.trim().to_owned(), quantity)),
    }
}

/// The answer's bytes, or a failure that says plainly what is known.
fn answered(settled: Settled, what: &str, id: Uuid) -> Result<Answered, Failure> {
    match settled.ended {
        Ended::Answered(answered) => Ok(answered),
        Ended::Problem(problem) => Err(format!("the service refuses this {what}; nothing was booked: {problem}").into()),
        Ended::NotBooked(why) => Err(format!("nothing was booked; {why}").into()),
        Ended::Unknown(why) => Err(format!(
            "UNKNOWN: whether this {what} was booked is not known ({why}). Do not sell it again by hand; its id is {id}, \
             and `firmware-sim ask` tells how it ended once the service answers"
        )
        .into()),
    }
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // who waits for a card in a reader waits in the main thread: another one hears of Ctrl-C
    let mut builder = match &arguments.command {
        Command::Tap(tap) if tap.waits_for_a_card() => tokio::runtime::Builder::new_multi_thread(),
        Command::Till(till) if till.waits_for_a_card() => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("firmware-sim: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Tap(arguments) => tap::run(arguments).await,
            Command::Till(arguments) => till::run(arguments).await,
            Command::Vend(arguments) => vend::run(arguments).await,
            Command::Refund(arguments) => afterwards::refund(arguments).await,
            Command::Void(arguments) => afterwards::void(arguments).await,
            Command::Ask(arguments) => afterwards::ask(arguments).await,
            Command::Catalogue(arguments) => sold::catalogue(arguments).await,
            Command::Hotlist(arguments) => sold::hotlist(arguments).await,
            Command::Enrol(arguments) => enrol::run(arguments).await,
            Command::Heartbeat(arguments) => enrol::heartbeat(arguments).await,
            Command::Card(arguments) => card::run(&arguments),
            Command::Fleet(arguments) => fleet::run(arguments).await,
            Command::Simulate(arguments) => simulate::run_world(arguments).await,
        }
    });
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("firmware-sim: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_item_is_a_name_with_or_without_a_quantity() {
        assert_eq!(parse_quantity("Koffie"), Ok(("Koffie".to_owned(), 1)));
        assert_eq!(parse_quantity("Glas wijn=2"), Ok(("Glas wijn".to_owned(), 2)));
        for wrong in ["", "=2", "Koffie=0", "Koffie=x", "Koffie=-1"] {
            assert!(parse_quantity(wrong).is_err(), "{wrong}");
        }
    }
}
