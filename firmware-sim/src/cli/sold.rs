//! `firmware-sim catalogue` and `hotlist`: what a terminal knows.

use std::process::ExitCode;

use clap::Args;
use firmware_sim::phrases::Language;

use super::{Failure, TerminalArguments};

/// Shows what is sold here, with prices.
///
/// firmware-sim catalogue --terminal till.json
#[derive(Debug, Args)]
pub(super) struct CatalogueArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
}

/// Shows which cards are blocked.
///
/// firmware-sim hotlist --terminal till.json --since 12
#[derive(Debug, Args)]
pub(super) struct HotlistArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    /// Only what changed after this version
    #[arg(long, value_name = "N", default_value_t = 0)]
    since: u64,
}

pub(super) async fn catalogue(arguments: CatalogueArguments) -> Result<ExitCode, Failure> {
    let mut opened = arguments.terminal.open(0, None)?;
    let screen = opened.screen;
    print!("{}", screen.catalogue(opened.terminal.refresh().await?));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn hotlist(arguments: HotlistArguments) -> Result<ExitCode, Failure> {
    let mut opened = arguments.terminal.open(0, None)?;
    let language: Language = arguments.terminal.language.into();
    let hotlist = opened.terminal.hotlist(arguments.since).await?;
    println!("{} {}", language.pick("versie", "version"), hotlist.version);
    for (word, cards) in [
        (language.pick("geblokkeerd", "blocked"), &hotlist.blocked),
        (language.pick("weer vrij", "unblocked"), &hotlist.unblocked),
    ] {
        for card in cards {
            println!("{word}  {card}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
