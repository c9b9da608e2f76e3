//! `pasje organisation add|list`.

use std::process::ExitCode;

use pasje::domain::account::OrganisationId;
use pasje::services::organisations;

use super::scheme::organisation;
use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a care provider; its rows are never shared with another's
    Add {
        #[arg(value_name = "NAME")]
        name: String,
        /// Its number; left out: the next one
        #[arg(long, value_name = "NUMBER", value_parser = organisation)]
        number: Option<OrganisationId>,
    },
    /// List organisations
    List,
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
        Command::Add { name, number } => {
            let number = organisations::add(&database, number, &name).await?;
            say!("organisation {} is {name}", number.number());
            say!("next: pasje location add NAME --organisation {}", number.number());
        }
        Command::List => {
            say!("{:>12}  name", "organisation");
            for (number, name) in organisations::list(&database).await? {
                say!("{:>12}  {name}", number.number());
            }
        }
    }
    Ok(())
}
