//! `firmware-sim enrol` and `heartbeat`: a terminal's folder gets its key, and hears from the service.

use std::fs::DirBuilder;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use firmware_sim::client::Client;
use firmware_sim::enrolment::{Code, EnrolError, Watcher, enrol};
use firmware_sim::enrolment_screen;
use firmware_sim::files::{TERMINAL_FILE, TerminalOnFile};
use firmware_sim::heartbeat::{Changed, Journal, Unheard, beat};
use firmware_sim::phrases::Language;
use firmware_sim::wipe::{Delivered, JOURNAL_FILE, wipe};

use super::{Failure, LanguageCode};

/// Enrols a new terminal: shows a code until an administrator accepts it.
///
/// firmware-sim enrol --folder till --service https://pasje.example:8443
#[derive(Debug, Args)]
pub(super) struct EnrolArguments {
    /// The terminal's folder; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// The service's address
    #[arg(long, value_name = "URL")]
    service: String,
    /// How long one request may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
    /// The language of the screen
    #[arg(long, value_name = "nl|en", default_value = "nl")]
    language: LanguageCode,
}

/// Says once that the terminal is there, and does what it hears: it may have been renamed, moved, or revoked.
///
/// firmware-sim heartbeat --folder till
#[derive(Debug, Args)]
pub(super) struct HeartbeatArguments {
    /// The terminal's folder
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// The service's address, instead of the one in the file
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// How long one request may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
}

/// Shows an enrolment on standard output: a countdown only where it can be written over.
pub(super) struct OnScreen<'a> {
    pub(super) service: &'a str,
    pub(super) language: Language,
    pub(super) is_terminal: bool,
    pub(super) troubled: Option<Instant>,
}

impl Watcher for OnScreen<'_> {
    fn code(&mut self, code: &Code, left: Duration, is_new: bool) {
        if is_new {
            println!("{}", enrolment_screen::invitation(code, self.service, self.language));
        }
        if self.is_terminal {
            print!("\r  {} ", enrolment_screen::time_left(left, self.language));
        } else if is_new {
            println!("  {}", enrolment_screen::time_left(left, self.language));
        }
        let _ = std::io::stdout().flush();
    }

    fn trouble(&mut self, why: &EnrolError) {
        // a service that is away stays away for a while
        if self.troubled.is_none_or(|at| at.elapsed() > Duration::from_secs(30)) {
            self.troubled = Some(Instant::now());
            let words = self.language.pick(
                "Geen antwoord van de centrale. De kassa blijft het proberen.",
                "No answer from the service. The till goes on trying.",
            );
            println!("\n  {words}");
            eprintln!("firmware-sim: {why}; trying again");
        }
    }
}

pub(super) async fn run(arguments: EnrolArguments) -> Result<ExitCode, Failure> {
    let EnrolArguments { folder, service, timeout_ms, language } = arguments;
    let language = language.into();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join(TERMINAL_FILE);
    if path.exists() {
        return Err(format!("{} is there: this terminal was enrolled already", path.display()).into());
    }
    let timeout = Duration::from_millis(timeout_ms);
    let is_terminal = std::io::stdout().is_terminal();
    let mut screen = OnScreen { service: &service, language, is_terminal, troubled: None };
    let (mut file, check) = enrol(&folder, &service, timeout, &mut screen).await?;
    println!("{}", enrolment_screen::enrolled(&file.document.name, check, language));
    // the first signed request: key, CA and address are right, or somebody hears of it now
    let mut client = Client::of(&file, None, timeout)?;
    let heard = beat(&mut client, Journal::default()).await;
    let heard = heard.map_err(|error| format!("enrolled, but the first signed request failed: {error}"))?;
    heard.keep(&mut file, &client)?;
    println!("  {} · {}", heard.name, heard.location_name);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn heartbeat(arguments: HeartbeatArguments) -> Result<ExitCode, Failure> {
    let HeartbeatArguments { folder, service, timeout_ms } = arguments;
    let mut file = TerminalOnFile::open(&folder.join(TERMINAL_FILE))?;
    let mut client = Client::of(&file, service.as_deref(), Duration::from_millis(timeout_ms))?;
    match beat(&mut client, Journal::default()).await {
        Ok(heard) => {
            match heard.keep(&mut file, &client)? {
                Changed::Nothing => {}
                Changed::Renamed => println!("this terminal has a new name"),
                Changed::Moved => println!("this terminal was moved: what it knew of the old place is gone"),
            }
            println!(
                "{} · {}; the clock is off by {} s",
                heard.name,
                heard.location_name,
                client.clock().offset_ms() / 1000
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(Unheard::Revoked) => {
            // what a journal holds is `till`'s to deliver: where there is one it is kept
            let delivered = if folder.join(JOURNAL_FILE).exists() { Delivered::NotAll } else { Delivered::All };
            let wiped = wipe(file, delivered)?;
            let kept =
                wiped.kept.map_or_else(String::new, |path| format!("; the journal is kept in {}", path.display()));
            Err(format!("this terminal was revoked, and has wiped itself{kept}").into())
        }
        Err(error) => Err(error.into()),
    }
}
