//! `pasje key add|list|revoke`: keys of the organisation's other systems. See `docs/api.md`.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::Utc;
use pasje::domain::integration_key::Scope;
use pasje::services::integration_keys::{self, NewKey};
use pasje::services::key_store::hex;
use serde_json::json;
use uuid::Uuid;

use super::private_file::PrivateFile;
use super::{Failure, Opened, keys};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key and write it to a file, which is the only place where it can be read
    Add {
        /// What the office calls it
        name: String,
        /// Whose clients it is for
        #[arg(long, value_name = "NUMBER")]
        organisation: u16,
        /// What it may be used for; may be given more than once
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// How many days it is good for
        #[arg(long, default_value_t = 365, value_name = "DAYS")]
        days: u32,
        /// The service's address, as the other system reaches it
        #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
        service: String,
        /// The file to write; must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// List keys with what they are for and until when
    List,
    /// Refuse a key from now on
    Revoke {
        #[arg(value_name = "KEY")]
        id: Uuid,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::from_name(name).ok_or_else(|| {
        let list = Scope::ALL.map(|scope| format!("\n  {:<14} {}", scope.name(), scope.allows())).concat();
        format!("there is no such scope. There are:{list}")
    })
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
        Command::Add { name, organisation, scopes, days, service, out } => {
            let file = PrivateFile::create(&out)?;
            let new = NewKey { organisation, name: &name, scopes: &scopes, days };
            let keys = keys(options, &database).await?;
            let (row, key) = integration_keys::add(&database, &keys, &new, Utc::now()).await?;
            let scopes: Vec<_> = row.scopes.iter().map(|scope| scope.name()).collect();
            file.write(&json!({
                "version": 1, "keyid": row.id, "key": hex(&key).as_str(), "name": row.name, "organisation": organisation,
                "scopes": scopes, "expires_at": row.expires_at, "service": service,
            }))?;
            say!("key {} added: it is in {}, and nowhere else", row.id, out.display());
            say!("it is good until {}", row.expires_at.format("%Y-%m-%d"));
        }
        Command::List => {
            say!("{:<36}  {:<12} {:<8} {:<24} scopes", "key", "organisation", "status", "name");
            for row in integration_keys::list(&database).await? {
                let status = match row.revoked_at {
                    Some(_) => "revoked",
                    None if row.expires_at <= Utc::now() => "expired",
                    None => "active",
                };
                let scopes: Vec<_> = row.scopes.iter().map(|scope| scope.name()).collect();
                let until = row.expires_at.format("%Y-%m-%d");
                let (id, organisation) = (row.id, row.organisation.number());
                say!("{id}  {organisation:<12} {status:<8} {:<24} {} (until {until})", row.name, scopes.join(" "));
            }
        }
        Command::Revoke { id } => {
            integration_keys::revoke(&database, id, Utc::now()).await?;
            say!("key {id} is revoked: the service refuses it within seconds");
        }
    }
    Ok(())
}
