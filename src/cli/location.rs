//! `pasje location add|list|limits`.

use std::process::ExitCode;

use pasje::db::locations::LocationRow;
use pasje::domain::account::OrganisationId;
use pasje::domain::card::OfflineLimits;
use pasje::services::{locations, organisations};
use uuid::Uuid;

use super::scheme::organisation;
use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a location of an organisation
    Add {
        #[arg(value_name = "NAME")]
        name: String,
        /// The organisation's number
        #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = organisation)]
        organisation: OrganisationId,
    },
    /// List locations, and what may be sold at each while its terminals cannot ask the service
    List,
    /// Change what may be sold at a location while its terminals cannot ask; what is not named stays
    Limits {
        #[arg(value_name = "LOCATION")]
        id: Uuid,
        /// One tap
        #[arg(long, value_name = "CENTS")]
        tap: Option<u32>,
        /// A card, since it last asked the service
        #[arg(long, value_name = "CENTS")]
        card_total: Option<u32>,
        /// Taps of a card since then
        #[arg(long, value_name = "NUMBER")]
        card_taps: Option<u8>,
        /// What waits in one terminal
        #[arg(long, value_name = "CENTS")]
        terminal_total: Option<u32>,
        /// Sales that wait in one terminal
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=100_000))]
        terminal_records: Option<u32>,
        /// Hours since the terminal last heard from the service
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=8760))]
        hours: Option<u32>,
    },
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    match command {
        Command::Add { name, organisation } => {
            let id = organisations::add_location(&database, organisation, &name).await?;
            say!("{name} is location {id}");
        }
        Command::List => {
            heading();
            for location in locations::list(&database).await? {
                print(&location);
            }
        }
        Command::Limits { id, tap, card_total, card_taps, terminal_total, terminal_records, hours } => {
            let changed = locations::limit(&database, id, |old| OfflineLimits {
                tap_cents: tap.unwrap_or(old.tap_cents),
                card_total_cents: card_total.unwrap_or(old.card_total_cents),
                card_taps: card_taps.unwrap_or(old.card_taps),
                terminal_total_cents: terminal_total.unwrap_or(old.terminal_total_cents),
                terminal_records: terminal_records.unwrap_or(old.terminal_records),
                hours: hours.unwrap_or(old.hours),
            });
            let changed = changed.await?;
            heading();
            print(&changed);
            say!("its terminals hear of it within minutes of a connection");
        }
    }
    Ok(())
}

/// What may be sold without the service: amounts are cents.
fn heading() {
    say!(
        "{:<36}  {:>8} {:>10} {:>5} {:>14} {:>8} {:>5}  name",
        "location (amounts in cents)",
        "tap",
        "card total",
        "taps",
        "terminal total",
        "records",
        "hours"
    );
}

fn print(LocationRow { id, name, offline, .. }: &LocationRow) {
    let OfflineLimits { tap_cents, card_total_cents, card_taps, terminal_total_cents, terminal_records, hours } =
        offline;
    say!(
        "{id}  {tap_cents:>8} {card_total_cents:>10} {card_taps:>5} {terminal_total_cents:>14} {terminal_records:>8} \
         {hours:>5}  {name}"
    );
}
