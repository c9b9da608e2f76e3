//! `pasje terminal add|revoke|list`.

use std::path::PathBuf;
use std::process::ExitCode;

use pasje::db::terminals as rows;
use pasje::services::key_store::hex;
use pasje::services::terminals;
use serde_json::json;
use uuid::Uuid;

use super::private_file::PrivateFile;
use super::{Failure, Opened, keys};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
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
    /// Refuse a terminal from now on
    Revoke {
        #[arg(value_name = "TERMINAL")]
        id: Uuid,
    },
    /// List terminals by location
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
        Command::Add { location, name, service, out } => {
            let file = PrivateFile::create(&out)?;
            let added = terminals::add(&database, &keys(options, &database).await?, location, &name).await?;
            file.write(&terminal_file(&added, &name, &service))?;
            say!("terminal {} added: its key is in {}", added.id, out.display());
        }
        Command::Revoke { id } => {
            terminals::revoke(&database, id).await?;
            say!("terminal {id} is revoked: the service refuses it within seconds");
        }
        Command::List => {
            say!("{:<36}  {:<8} {:<24} {:<24} location", "terminal", "status", "name", "stands at");
            for (row, location) in rows::list(&*database.connection().await?).await? {
                let status = if row.is_revoked { "revoked" } else { "active" };
                say!("{}  {status:<8} {:<24} {location:<24} {}", row.terminal.id, row.name, row.terminal.location);
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
