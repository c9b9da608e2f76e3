//! `pasje terminal accept|add|move|rename|revoke|list`.

use std::path::PathBuf;
use std::process::ExitCode;

use pasje::db::terminals as rows;
use pasje::domain::enrolment::EnrolmentCode;
use pasje::services::key_store::hex;
use pasje::services::{enrolments, terminals};
use serde_json::json;
use uuid::Uuid;

use super::private_file::PrivateFile;
use super::{Failure, Opened, keys};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let the terminal in that shows this code
    Accept {
        /// As it stands on the terminal's screen; capitals, dash and spaces do not matter
        #[arg(value_name = "CODE", required = true, num_args = 1..)]
        code: Vec<String>,
        /// Where it stands: a location's id or its name
        #[arg(long, value_name = "LOCATION")]
        location: String,
        /// What staff call it
        #[arg(long)]
        name: String,
    },
    /// Add a terminal at a location, and write the file that it signs with
    Add {
        /// Where it stands: `pasje terminal list` shows the locations of those there are
        #[arg(long, value_name = "UUID")]
        location: Uuid,
        /// What staff call it
        #[arg(long)]
        name: String,
        /// The service's address, as the terminal reaches it
        #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
        service: String,
        /// The file to write; must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a terminal at another location of its organisation
    Move {
        #[arg(value_name = "TERMINAL")]
        id: Uuid,
        /// A location's id or its name
        #[arg(long, value_name = "LOCATION")]
        location: String,
    },
    /// Call a terminal otherwise
    Rename {
        #[arg(value_name = "TERMINAL")]
        id: Uuid,
        /// What staff call it
        #[arg(long)]
        name: String,
    },
    /// Refuse a terminal from now on: it wipes itself when it hears of it
    Revoke {
        #[arg(value_name = "TERMINAL")]
        id: Uuid,
    },
    /// List terminals by location, with what they last said of themselves
    List,
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, options, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, options: &Options, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    match command {
        Command::Accept { code, location, name } => {
            let code = EnrolmentCode::parse(&code.concat())?;
            let keys = keys(options, &database).await?;
            let accepted = enrolments::accept(&database, &keys, &code, &location, &name).await?;
            let enrolments::Accepted { terminal, location, check } = accepted;
            say!("terminal {terminal} is let in: {name}, at {} ({})", location.name, location.organisation);
            say!("check number {check}");
            say!(
                "The terminal must show the same number within seconds. Another one, or none: somebody stands between. Then:"
            );
            say!("  pasje terminal revoke {terminal}");
        }
        Command::Move { id, location } => {
            let location = terminals::move_to(&database, id, &location).await?;
            say!(
                "terminal {id} stands at {} now; it hears of it within a minute, and takes no card until then",
                location.name
            );
        }
        Command::Rename { id, name } => {
            terminals::rename(&database, id, &name).await?;
            say!("terminal {id} is called {name} now");
        }
        Command::Add { location, name, service, out } => {
            let file = PrivateFile::create(&out)?;
            let added = terminals::add(&database, &keys(options, &database).await?, location, &name).await?;
            file.write(&terminal_file(&added, &name, &service))?;
            say!("terminal {} added: its key is in {}", added.id, out.display());
        }
        Command::Revoke { id } => {
            terminals::revoke(&database, id).await?;
            say!(
                "terminal {id} is revoked: the service refuses it within seconds, and it wipes itself when it hears so"
            );
            say!("what it sold before still comes in if it can; `pasje review list` shows what of that waits for you");
        }
        Command::List => {
            say!(
                "{:<36}  {:<8} {:<24} {:<24} {:<36}  {:<20}  {:>8} {:>8}  version",
                "terminal",
                "status",
                "name",
                "stands at",
                "location",
                "last seen (UTC)",
                "journal",
                "waiting"
            );
            for (row, location) in rows::list(&*database.connection().await?).await? {
                let status = if row.is_revoked { "revoked" } else { "active" };
                let seen = row.last_seen_at.map_or("never".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string());
                let (place, journal) = (row.terminal.location, row.journal);
                say!(
                    "{}  {status:<8} {:<24} {location:<24} {place}  {seen:<20}  {:>8} {:>8}  {}",
                    row.terminal.id,
                    row.name,
                    journal.last,
                    journal.waiting,
                    row.software.as_deref().unwrap_or("-")
                );
            }
        }
    }
    Ok(())
}

/// What a terminal needs to ask: see `firmware-sim/README.md`.
pub(super) fn terminal_file(added: &terminals::Added, name: &str, service: &str) -> serde_json::Value {
    json!({
        "version": 1, "terminal": added.id, "location": added.location, "name": name, "service": service,
        "key": hex(&added.key).as_str(),
    })
}
