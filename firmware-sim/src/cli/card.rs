//! `firmware-sim card`: a virtual card in vpcd's reader.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use firmware_sim::card::{Card, Memory};
use firmware_sim::files::{BlankMemory, CardOnFile};
use firmware_sim::vpcd::{self, Left, Misbehaviour};

use super::Failure;

/// Puts a virtual card into the reader of vsmartcard's vpcd, until Ctrl-C takes it out.
///
/// firmware-sim card --file card.json
#[derive(Debug, Args)]
pub(super) struct CardArguments {
    /// The card's file; with --blank one that is not there yet
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Where vpcd listens: each of its readers has a port of its own
    #[arg(long, value_name = "HOST:PORT", default_value = vpcd::ADDRESS)]
    vpcd: String,
    /// A card that was never personalised: the file is written once it is
    #[arg(long)]
    blank: bool,
    /// Misbehaves: does what the Nth command asks, and leaves without an answer
    #[arg(long, value_name = "N")]
    tear_after: Option<u32>,
    /// Misbehaves: answers so much later
    #[arg(long, value_name = "MS", default_value_t = 0)]
    slow_ms: u64,
    /// Misbehaves: is a card of somebody else
    #[arg(long)]
    foreign: bool,
    /// Misbehaves: answers nothing
    #[arg(long)]
    empty: bool,
    /// Misbehaves: cannot sign
    #[arg(long)]
    no_keys: bool,
}

pub(super) fn run(arguments: &CardArguments) -> Result<ExitCode, Failure> {
    if arguments.blank {
        return serve(Card::blank(BlankMemory::new(&arguments.file)?), arguments);
    }
    serve(CardOnFile::open(&arguments.file)?.card, arguments)
}

fn serve<M: Memory>(mut card: Card<M>, arguments: &CardArguments) -> Result<ExitCode, Failure> {
    let how = Misbehaviour {
        tear_after: arguments.tear_after,
        slow: Duration::from_millis(arguments.slow_ms),
        is_foreign: arguments.foreign,
        is_empty: arguments.empty,
        has_no_keys: arguments.no_keys,
    };
    let reader = vpcd::insert(&arguments.vpcd).map_err(|error| {
        format!("there is no vpcd at {} ({error}): install vsmartcard-vpcd and start pcscd", arguments.vpcd)
    })?;
    eprintln!("firmware-sim: the card is in the reader at {}; Ctrl-C takes it out", arguments.vpcd);
    match vpcd::serve(reader, &mut card, how)? {
        Left::Torn => eprintln!("firmware-sim: the card left without an answer, as it was told to"),
        Left::Gone => eprintln!("firmware-sim: vpcd has gone"),
    }
    match card.failure() {
        Some(failure) => Err(format!("the card's file cannot be written: {failure}").into()),
        None => Ok(ExitCode::SUCCESS),
    }
}
