//! `pasje keys show|rotate|refuse|progress`. No key is ever shown.

use std::process::ExitCode;

use chrono::{NaiveDate, Utc};
use pasje::db::connect::Database;
use pasje::db::{cards, clients};
use pasje::domain::card::CardStatus;
use pasje::services::key_rotation;
use pasje::services::key_store::KeyStore as _;

use super::{Failure, Opened, keys};
use crate::config::{Options, key_places};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show the generations of the cards' keys, and where they are; no key is shown
    Show,
    /// Make the next generation the active one: new cards sign with it, and the others hear so when they are tapped
    Rotate {
        /// The first day on which the generation that was active until now is refused; never if not given
        #[arg(long, value_name = "YYYY-MM-DD")]
        refuse_from: Option<NaiveDate>,
    },
    /// Refuse the taps of an old generation from a day on: its cards must be replaced then
    Refuse {
        #[arg(value_name = "GENERATION")]
        generation: u8,
        /// The first day; never if not given
        #[arg(long, value_name = "YYYY-MM-DD")]
        from: Option<NaiveDate>,
    },
    /// Show how many cards sign with which generation, how many still wait to hear of the active one, and how many have no
    /// keys of it
    Progress,
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, options, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Names the cards that no tap can bring the active keys to.
async fn to_be_replaced(database: &Database) -> Result<(), Failure> {
    let active = key_rotation::generations(database).await?.last().map_or(0, |active| active.generation);
    let (conn, today) = (database.connection().await?, Utc::now().date_naive());
    let clients = clients::list(&conn).await?;
    for card in cards::list(&conn).await? {
        let is_in_use = card.status != CardStatus::Replaced && card.expires_on >= today;
        if is_in_use && card.generations_to < active {
            let client = clients.iter().find(|client| client.wallet == card.wallet);
            let name = client.map_or("a client without a name", |client| client.display_name.as_str());
            say!("to be replaced: card {} of {name} (pasje card replace {} --reader)", card.id, card.id);
        }
    }
    Ok(())
}

async fn run_on(opened: &Opened, options: &Options, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    match command {
        Command::Show => {
            let places = key_places(options)?;
            let held = keys(options, &database).await?;
            say!("keys in {}, sealed with what is in {:?}", places.file.display(), places.seal);
            let known = key_rotation::generations(&database).await?;
            for generation in held.generations() {
                let of = known.iter().find(|known| known.generation == generation);
                let status = match of {
                    Some(_) if generation == held.generation() => "active",
                    Some(_) => "old",
                    None if generation > held.generation() => "made beforehand",
                    None => "never active",
                };
                let since =
                    of.map_or_else(String::new, |of| format!(", since {}", of.activated_at.format("%F %T UTC")));
                let until =
                    of.and_then(|of| of.refused_from).map_or_else(String::new, |day| format!(", refused from {day}"));
                say!("generation {generation:<3} {status}{since}{until}");
            }
        }
        Command::Rotate { refuse_from } => {
            if let Some(day) = refuse_from.filter(|day| *day <= Utc::now().date_naive()) {
                return Err(
                    format!("--refuse-from {day} is not to come: no card could hear of its new keys before").into()
                );
            }
            // Makes what an old file lacks, and finds out a wrong one.
            keys(options, &database).await?;
            let rotated = key_rotation::rotate(&database, &key_places(options)?, refuse_from).await?;
            say!("generation {} is active; {} cards hear so when they are tapped next", rotated.to, rotated.cards);
            say!("running services take it up within seconds; put the new key file in the backup");
            if let Some(day) = refuse_from {
                say!(
                    "generation {} is refused from {day}: `pasje keys progress` shows whose cards to replace",
                    rotated.from
                );
            }
        }
        Command::Refuse { generation, from } => {
            key_rotation::refuse(&database, generation, from).await?;
            match from {
                Some(day) => say!("generation {generation} is refused from {day}"),
                None => say!("generation {generation} is not refused"),
            }
        }
        Command::Progress => {
            say!("{:>10} {:>8} {:>8} {:>13}", "generation", "cards", "waiting", "to be replaced");
            for row in key_rotation::progress(&database, Utc::now().date_naive()).await? {
                say!("{:>10} {:>8} {:>8} {:>13}", row.generation, row.cards, row.waiting, row.without_keys);
            }
            to_be_replaced(&database).await?;
        }
    }
    Ok(())
}
