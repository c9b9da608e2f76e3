//! `pasje demo`: a fictitious organisation, and the files of its cards and terminals.

use std::path::PathBuf;
use std::process::ExitCode;

use pasje::services::demo;

use super::card::card_file;
use super::card_personal::Offline;
use super::private_file::PrivateFile;
use super::terminal::terminal_file;
use super::{Failure, Opened, keys};
use crate::config::Options;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the files of cards and terminals go, in folders of their own; must be empty
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The service's address, as the terminals reach it
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    service: String,
    #[command(flatten)]
    offline: Offline,
}

pub(super) async fn run(options: &Options, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, options, arguments).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, options: &Options, arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { out, service, offline } = arguments;
    if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: name a new folder, so that no card's file is lost", out.display()).into());
    }
    let database = opened.database().await?;
    let keys = keys(options, &database).await?;
    let made = demo::make(&database, &keys).await?;
    for (file, name, terminal) in &made.terminals {
        let path = out.join("terminals").join(format!("{file}.json"));
        PrivateFile::create(&path)?.write(&terminal_file(terminal, name, service))?;
    }
    for (file, name, issued) in &made.cards {
        let path = out.join("cards").join(format!("{file}.json"));
        PrivateFile::create(&path)?.write(&card_file(issued, name, offline, None))?;
    }
    let (clients, terminals, month) = (made.cards.len(), made.terminals.len(), made.month);
    say!(
        "made a fictitious organisation: {clients} clients with cards, {terminals} terminals; {month} is open, each budget \
         follows from its indication; the files are in {}",
        out.display()
    );
    Ok(())
}
