//! `firmware-sim till`: a till that staff use, with the service and without it.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use firmware_sim::client::Client;
use firmware_sim::desk::Desk;
use firmware_sim::enrolment::enrol;
use firmware_sim::enrolment_screen;
use firmware_sim::files::{RESERVE, TERMINAL_FILE, TerminalOnFile};
use firmware_sim::journal::{Journal, file_disk};
use firmware_sim::phrases::Language;
use firmware_sim::random::{Random, now_ms};
use firmware_sim::till::{FileCache, Setup, Till};
use firmware_sim::till_page::driver::{Cards, Left};
use firmware_sim::till_screen::Screen;
use firmware_sim::till_words;
use firmware_sim::wipe::{CACHE_FILE, Delivered, JOURNAL_FILE, wipe};
use uuid::Uuid;

use super::enrol::OnScreen;
use super::reader::{ReaderArguments, stopped_by_ctrl_c};
use super::{Failure, LanguageCode, parse_quantity};

mod console;
mod counter;
mod page;

use counter::{Counter, Ended, Sold};

/// A till for staff: sells with the service, and without it when it is away.
///
/// firmware-sim till --folder till --service https://pasje.example:8443
/// firmware-sim till --folder till --sell Koffie --sell "Glas wijn=2" --card card.json
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // what was typed
pub(super) struct TillArguments {
    /// The till's folder: its file, its journal, and what it read. A folder without a file is enrolled first
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// The service's address, instead of the one in the file
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// After how long without an answer the service counts as away, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
    /// How long to keep asking how a sale ended before it is sold without the service, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    patience_ms: u64,
    /// The language of the screen
    #[arg(long, value_name = "nl|en", default_value = "nl")]
    language: LanguageCode,
    /// Sells this and ends; may be said more than once
    #[arg(long, value_name = "ITEM[=QUANTITY]", value_parser = parse_quantity)]
    sell: Vec<(String, u32)>,
    /// The card's file; without --sell the one that `pay` takes
    #[arg(long, value_name = "FILE", conflicts_with = "by_name")]
    card: Option<PathBuf>,
    #[command(flatten)]
    reader: ReaderArguments,
    /// Without a card: the number of the client's wallet
    #[arg(long, value_name = "WALLET", requires = "staff")]
    by_name: Option<u64>,
    /// Who of the staff sells
    #[arg(long, value_name = "UUID")]
    staff: Option<Uuid>,
    /// Serves the till's page to the browser on this machine, at this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["sell", "card", "by_name", "forward", "status"])]
    page: Option<SocketAddr>,
    /// With --page: a virtual card that can be held to the till with a click, or all of a folder; may be said more than once
    #[arg(long, value_name = "FILE|FOLDER", requires = "page", conflicts_with = "reader")]
    tray: Vec<PathBuf>,
    /// Sends what waits, and ends; status 1 if something still waits
    #[arg(long)]
    forward: bool,
    /// Says how the till is, and ends
    #[arg(long)]
    status: bool,
}

impl TillArguments {
    /// Whether it waits for a card, and must hear of Ctrl-C or answer its page meanwhile.
    pub(super) const fn waits_for_a_card(&self) -> bool {
        self.reader.is_used() || self.page.is_some()
    }
}

pub(super) async fn run(arguments: TillArguments) -> Result<ExitCode, Failure> {
    let language: Language = arguments.language.into();
    let file = open_or_enrol(&arguments, language).await?;
    let mut counter = open(&arguments, file, language)?;
    counter.say_recovered();
    counter.catch_up().await;
    if counter.is_revoked() {
        return withdraw(counter.desk, language).await;
    }
    if arguments.status {
        // what is on the disk, and whether the service answers now
        print!(
            "{}",
            till_words::wrapped(&till_words::state(&counter.desk.till.state(), counter.desk.now_ms(), language))
        );
        return counter.close();
    }
    if arguments.forward {
        counter.desk.deliver().await;
        counter.after_work();
        let waiting = counter.desk.till.state().waiting;
        print!(
            "{}",
            till_words::wrapped(&till_words::state(&counter.desk.till.state(), counter.desk.now_ms(), language))
        );
        counter.close()?;
        return Ok(if waiting == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !arguments.sell.is_empty() {
        let sold = counter.sell(&arguments.sell, arguments.by_name).await?;
        counter.catch_up().await;
        if counter.is_revoked() {
            return withdraw(counter.desk, language).await;
        }
        counter.close()?;
        return Ok(match sold {
            Sold::Decided => ExitCode::SUCCESS,
            Sold::Nothing => ExitCode::FAILURE,
        });
    }
    if let Some(address) = arguments.page {
        let cards = match arguments.tray.as_slice() {
            [] => Cards::Reader(arguments.reader.options()),
            tray => Cards::Tray(page::tray(tray)?),
        };
        let (desk, left) = page::run(counter.desk, cards, arguments.staff, address, language).await?;
        return match left {
            Left::Quit => {
                let words = till_words::wrapped(&till_words::closed(&desk.till.state(), language));
                let _ = std::io::stdout().write_all(words.as_bytes());
                desk.close()?;
                Ok(ExitCode::SUCCESS)
            }
            Left::Revoked => withdraw(desk, language).await,
        };
    }
    match console::run(&mut counter).await? {
        Ended::Quit => {
            print!("{}", till_words::wrapped(&till_words::closed(&counter.desk.till.state(), language)));
            counter.close()
        }
        Ended::Revoked => withdraw(counter.desk, language).await,
    }
}

async fn open_or_enrol(arguments: &TillArguments, language: Language) -> Result<TerminalOnFile, Failure> {
    let path = arguments.folder.join(TERMINAL_FILE);
    if path.exists() {
        return Ok(TerminalOnFile::open(&path)?);
    }
    let Some(service) = &arguments.service else {
        return Err(format!("{} is not there; say --service URL to enrol a new terminal", path.display()).into());
    };
    std::fs::create_dir_all(&arguments.folder).map_err(|error| format!("{}: {error}", arguments.folder.display()))?;
    let is_terminal = std::io::stdout().is_terminal();
    let mut screen = OnScreen { service, language, is_terminal, troubled: None };
    let timeout = Duration::from_millis(arguments.timeout_ms);
    let (file, check) = enrol(&arguments.folder, service, timeout, &mut screen).await?;
    println!("{}", enrolment_screen::enrolled(&file.document.name, check, language));
    Ok(file)
}

fn open(arguments: &TillArguments, mut file: TerminalOnFile, language: Language) -> Result<Counter, Failure> {
    let folder = &arguments.folder;
    let client = Client::of(&file, arguments.service.as_deref(), Duration::from_millis(arguments.timeout_ms))?;
    let path = folder.join(JOURNAL_FILE);
    let opened = file_disk(&path).and_then(|disk| Journal::open(disk, file.document.terminal));
    let mut journal = match opened {
        Ok(journal) => journal,
        // a till that cannot store sells with the service all the same
        Err(why) => {
            print!("\n{}", till_words::wrapped(&format!("! {}", till_words::journal_lost(&path, &why, language))));
            Journal::stand_in(file.document.terminal, &why)?
        }
    };
    // `tap` counts in the terminal's file: neither uses what the other may have used
    journal.skip_sequences(file.document.sequence)?;
    file.document.sequence = journal.reserved_sequence().saturating_add(RESERVE.into());
    file.write()?;
    let mut setup = Setup::new(file.document.terminal, file.document.location);
    (setup.timeout_ms, setup.patience_ms) = (arguments.timeout_ms, arguments.patience_ms);
    let store = FileCache(folder.join(CACHE_FILE));
    let till = Till::open(setup, journal, Box::new(store), Box::new(Random::default()), now_ms())?;
    let has_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    Ok(Counter {
        desk: Desk { till, client, file },
        screen: Screen { language, has_colour },
        card: arguments.card.clone(),
        reader: arguments.reader.clone(),
        stop: if arguments.reader.is_used() { stopped_by_ctrl_c() } else { Arc::default() },
        staff: arguments.staff,
        lines: counter::stdin_lines(),
    })
}

/// A withdrawn terminal keeps nothing: all was delivered, or it says what was not.
async fn withdraw(mut desk: Desk, language: Language) -> Result<ExitCode, Failure> {
    desk.deliver().await;
    let state = desk.till.state();
    // of a journal that cannot be read nobody knows what waits in it
    let is_all = state.waiting == 0 && state.journal_fault.is_none();
    let delivered = if is_all { Delivered::All } else { Delivered::NotAll };
    let file = desk.into_file();
    let wiped = wipe(file, delivered)?;
    let words = language.pick(
        "Deze kassa is ingetrokken. Alles wat hij wist, is gewist; hij kan opnieuw worden aangemeld",
        "This till was withdrawn. All that it knew is wiped; it can be enrolled anew",
    );
    let kept = wiped.kept.map_or_else(String::new, |path| {
        let undelivered = language.pick(
            "niet alles kon worden verzonden; bel beheer, het staat in",
            "not all could be sent; call the office, it is in",
        );
        format!("; {undelivered} {}", path.display())
    });
    Err(format!("{words}{kept}").into())
}
