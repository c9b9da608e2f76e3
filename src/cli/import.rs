//! `pasje import tariffs|clients|indications|additions|representatives|services|prices|absence-settings FILE.csv`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::Utc;
use pasje::db::organisations;
use pasje::domain::account::OrganisationId;
use pasje::domain::import::{BYTES_MAX, ChangeKind};
use pasje::services::imports::{FileKind, Report, import};

use super::{Failure, Opened, scheme};
use crate::config::Options;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// What a day of a care profile brings, as contracted
    Tariffs,
    /// Who has a wallet, in which scheme, at which location
    Clients,
    /// Care profiles of clients, with delivery form and period
    Indications,
    /// Dated extras of clients (meerzorg)
    Additions,
    /// Who acts for clients, for money or for care; or pays in
    Representatives,
    /// What is sold, and what it is for each buyer
    Services,
    /// What services cost, from a day on
    Prices,
    /// For how long absence is funded, from a day on
    AbsenceSettings,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What the file has
    #[arg(value_enum)]
    kind: Kind,
    /// CSV in UTF-8, with `;` or `,` between fields: docs/imports.md says what stands in it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Tell what would change, row by row, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The organisation's number; may be left out where there is one organisation
    #[arg(long, value_name = "NUMBER", value_parser = scheme::organisation)]
    organisation: Option<OrganisationId>,
}

pub(super) async fn run(options: &Options, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let bytes = read(arguments)?;
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, arguments, &bytes).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

/// A file that may be hostile: a little more than the most that is taken is read of it, and then it is told.
fn read(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let named = |error: std::io::Error| format!("{}: {error}", arguments.file.display());
    let file = std::fs::File::open(&arguments.file).map_err(named)?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(BYTES_MAX)?.saturating_add(1)).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

async fn run_on(opened: &Opened, arguments: &Arguments, bytes: &[u8]) -> Result<(), Failure> {
    let database = opened.database().await?;
    let organisation = match arguments.organisation {
        Some(organisation) => organisation,
        None => match organisations::list(&*database.connection().await?).await?[..] {
            [(only, _)] => only,
            [] => return Err("there is no organisation yet: add one with `pasje organisation add NAME`".into()),
            _ => return Err("there are several organisations: say which with --organisation NUMBER".into()),
        },
    };
    let kind = match arguments.kind {
        Kind::Tariffs => FileKind::Tariffs,
        Kind::Clients => FileKind::Clients,
        Kind::Indications => FileKind::Indications,
        Kind::Additions => FileKind::Additions,
        Kind::Representatives => FileKind::Representatives,
        Kind::Services => FileKind::Services,
        Kind::Prices => FileKind::Prices,
        Kind::AbsenceSettings => FileKind::AbsenceSettings,
    };
    let report = import(&database, organisation, kind, bytes, arguments.dry_run, Utc::now()).await?;
    tell(&report, arguments.dry_run);
    Ok(())
}

fn tell(report: &Report, is_dry_run: bool) {
    if is_dry_run {
        for change in &report.changes {
            let (line, what) = (change.line, &change.what);
            match &change.kind {
                ChangeKind::Added => say!("line {line}: {what}: added"),
                ChangeKind::Changed(fields) => say!("line {line}: {what}: changed: {}", fields.join(", ")),
                ChangeKind::Unchanged => say!("line {line}: {what}: unchanged"),
            }
        }
    }
    let (added, changed, unchanged) = report.counts();
    say!("{added} added, {changed} changed, {unchanged} unchanged");
    if report.buyers_changed > 0 {
        say!("{} clients buy as something else from now on", report.buyers_changed);
    }
    for published in &report.published {
        say!("{}: price list {} with {} prices", published.location, published.version, published.prices);
    }
    for note in &report.notes {
        say!("note: {note}");
    }
    if is_dry_run {
        say!("this was a dry run: nothing changed");
    } else if added + changed == 0 && report.published.is_empty() && report.buyers_changed == 0 {
        say!("nothing changed");
    }
}
