//! `firmware-sim fleet`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use firmware_sim::files::FleetFolder;
use firmware_sim::fleet::{Phase, Plan, Rate, Stop, Watcher, run as run_fleet};
use firmware_sim::till_screen::Screen;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, LanguageCode, parse_quantity};

/// Runs many terminals and cards at once, and measures.
///
/// firmware-sim fleet --folder fleet --terminals 64 --cards 1000 --rate 5000 --seconds 30 --check
#[derive(Debug, Args)]
pub(super) struct FleetArguments {
    /// Where the terminals' and cards' files are
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// How many terminals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    terminals: u32,
    /// How many cards; each is tapped on one terminal
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    cards: u32,
    /// Taps a second, of all together; 0 is as fast as answers come (with --live: 1)
    #[arg(long, value_name = "R")]
    rate: Option<Rate>,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// How long to ask afterwards how the last sales ended
    #[arg(long, value_name = "S", default_value_t = 60)]
    settle_seconds: u64,
    /// The service's address, instead of the one in the files
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// How long one request may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: u64,
    /// The same seed makes the same baskets
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Always this basket: names with quantities, separated by commas
    #[arg(long, value_name = "ITEM[=QUANTITY],..", value_delimiter = ',', value_parser = parse_quantity)]
    basket: Vec<(String, u32)>,
    /// Makes random baskets of these alone: names, separated by commas
    #[arg(long, value_name = "ITEM,..", value_delimiter = ',', conflicts_with = "basket")]
    menu: Vec<String>,
    /// At the end asks for every sale again: it must be there, with the same bytes
    #[arg(long)]
    check: bool,
    /// Prints one JSON object on standard output
    #[arg(long, conflicts_with = "live")]
    json: bool,
    /// Prints a line for each sale as it happens
    #[arg(long)]
    live: bool,
    /// The language of the lines
    #[arg(long, value_name = "nl|en", default_value = "nl")]
    language: LanguageCode,
}

/// Shows how far the fleet is: a bar on a screen, now and then a line elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    is_quiet: bool,
    said: Mutex<Instant>,
}

impl Display {
    fn new(is_quiet: bool) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(1000);
            let style = ProgressStyle::with_template("{msg:<10} [{bar:40}] {percent:>3}% {prefix}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar
        });
        Self { bar, is_quiet, said: Mutex::new(Instant::now()) }
    }
}

impl Watcher for Display {
    fn live(&self, line: &str) {
        println!("{line}");
    }

    fn progress(&self, taps: u64, permille: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(permille);
            bar.set_prefix(format!("{taps} taps"));
        } else if !self.is_quiet {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.elapsed() >= Duration::from_secs(5) {
                *said = Instant::now();
                eprintln!("{taps} taps, {}%", permille / 10);
            }
        }
    }

    fn phase(&self, phase: Phase) {
        let words = match phase {
            Phase::Reserving => "reserving",
            Phase::Tapping => "tapping",
            Phase::Settling => "settling",
            Phase::Checking => "checking",
            Phase::Writing => "writing",
        };
        if let Some(bar) = &self.bar {
            bar.set_message(words);
            if phase == Phase::Writing {
                bar.finish_and_clear();
            }
        } else if !self.is_quiet {
            eprintln!("{words}");
        }
    }
}

pub(super) async fn run(arguments: FleetArguments) -> Result<ExitCode, Failure> {
    let default_rate = if arguments.live { "1" } else { "0" };
    let has_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let plan = Plan {
        terminals: usize::try_from(arguments.terminals)?,
        cards: usize::try_from(arguments.cards)?,
        rate: match arguments.rate {
            Some(rate) => rate,
            None => default_rate.parse()?,
        },
        span: Duration::from_secs(arguments.seconds),
        settle_span: Duration::from_secs(arguments.settle_seconds),
        timeout: Duration::from_millis(arguments.timeout_ms),
        seed: arguments.seed,
        basket: arguments.basket,
        menu: arguments.menu,
        check: arguments.check,
        service: arguments.service,
        live: arguments.live.then_some(Screen { language: arguments.language.into(), has_colour }),
    };
    let mut folder = FleetFolder::open(&arguments.folder)?;
    let stop = Stop::default();
    stop_on_signals(stop.clone())?;
    let watcher: Arc<dyn Watcher> = Arc::new(Display::new(arguments.live));
    let report = run_fleet(&mut folder, &plan, &stop, &watcher).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.to_text(arguments.language.into()));
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first signal stops taking taps; those under way are finished and the counters written. The second ends at once:
/// the counters stay raised by the reserve.
fn stop_on_signals(stop: Stop) -> Result<(), Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        stop.set();
        next().await;
        std::process::exit(1);
    });
    Ok(())
}
