//! `pasje month`: opens, delivers, closes and corrects months; each may be stopped or killed anywhere and run again.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Utc};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use pasje::db::connect::Database;
use pasje::domain::account::OrganisationId;
use pasje::domain::money::Unit;
use pasje::domain::month_grant::Month;
use pasje::services::months::{self, Settings, Tally, Watch, close, correct, deliver, keeping, open};

use super::{Failure, Opened, told_to_stop};
use crate::config::Options;

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The month, for example 2026-04
    #[arg(value_parser = month)]
    month: Month,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// The number of one organisation; without it, all
    #[arg(long, value_parser = organisation)]
    organisation: Option<OrganisationId>,
    /// Tell what would be booked, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Wallets in one transaction, 1 to 10000
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    chunk: u32,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Grant a month to each client, and hold what is planned in it
    Open(Which),
    /// Capture a day's planned occurrences, unless they are marked or the client is absent
    Deliver {
        /// The day, for example 2026-04-17
        day: NaiveDate,
        #[command(flatten)]
        how: How,
    },
    /// Deliver what is left of a month, save or let lapse what is over, and freeze its statement; a dry run may come before its end
    Close(Which),
    /// Book the difference between what a month was granted and what the data of today say
    Correct(Which),
}

impl Command {
    const fn how(&self) -> &How {
        match self {
            Command::Open(which) | Command::Close(which) | Command::Correct(which) => &which.how,
            Command::Deliver { how, .. } => how,
        }
    }

    /// The month of which tasks are told afterwards; of one that is over there is nothing to do any more.
    fn told_of(&self) -> Option<Month> {
        match self {
            Command::Open(which) | Command::Correct(which) => Some(which.month),
            Command::Deliver { day, .. } => Month::new(day.year(), day.month()),
            Command::Close(_) => None,
        }
    }
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| format!("`{text}` is no month: write it as 2026-04"))
}

fn organisation(text: &str) -> Result<OrganisationId, String> {
    let number = text.parse().ok().and_then(OrganisationId::new);
    number.ok_or_else(|| format!("`{text}` is no number of an organisation: 1 to 32767"))
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, command).await;
    opened.close().await?;
    result
}

async fn run_on(opened: &Opened, command: Command) -> Result<ExitCode, Failure> {
    let database = opened.database().await?;
    let how = command.how();
    let organisations = match how.organisation {
        Some(organisation) => vec![organisation],
        None => months::organisations(&database).await?,
    };
    for organisation in organisations {
        let (bar, watch) = watched(&database, organisation).await?;
        let working = one(&database, organisation, &command, watch.clone());
        tokio::pin!(working);
        // Between two chunks: what is under way is booked first.
        let tally = tokio::select! {
            tally = &mut working => tally,
            stop = told_to_stop() => {
                stop?;
                watch.stop();
                working.await
            }
        };
        bar.finish_and_clear();
        let tally = tally?;
        if let (Some(month), false) = (command.told_of(), how.dry_run) {
            keeping::tell(&database, organisation, month, Utc::now(), &watch).await?;
        }
        print(organisation, how.dry_run, &tally);
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(
    database: &Database,
    organisation: OrganisationId,
    command: &Command,
    watch: Arc<Watch>,
) -> Result<Tally, Failure> {
    let settings = Settings { chunk: usize::try_from(command.how().chunk)?, ..Settings::default() };
    let now = Utc::now();
    let tally = match command {
        Command::Open(which) => {
            open::open(database, organisation, which.month, which.how.dry_run, now, settings, watch).await
        }
        Command::Deliver { day, how } => {
            deliver::deliver(database, organisation, *day, how.dry_run, now, settings, watch).await
        }
        Command::Close(which) => {
            close::close(database, organisation, which.month, which.how.dry_run, now, settings, watch).await
        }
        Command::Correct(which) => {
            correct::correct(database, organisation, which.month, which.how.dry_run, now, settings, watch).await
        }
    };
    Ok(tally?)
}

/// A bar that moves with each chunk; it draws nothing where standard error is no terminal.
async fn watched(database: &Database, organisation: OrganisationId) -> Result<(ProgressBar, Arc<Watch>), Failure> {
    let wallets = months::open_wallets(database, organisation).await?;
    let bar = ProgressBar::new(wallets);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} clients, {elapsed} ({eta} to go)")?);
    let moved = bar.clone();
    let watch = Watch::new(move |wallets| moved.inc(u64::try_from(wallets).unwrap_or(0)));
    Ok((bar, Arc::new(watch)))
}

fn print(organisation: OrganisationId, dry_run: bool, tally: &Tally) {
    say!("organisation {}{}", organisation.number(), if dry_run { ": this would be booked" } else { "" });
    let (amounts, counts): (Vec<_>, Vec<_>) = tally.all().partition(|(what, _)| unit_of(what).is_some());
    for (what, count) in counts {
        say!("  {count:>14}          {what}");
    }
    for (what, minor) in amounts {
        let (purse, unit) = unit_of(what).unwrap_or((what, Unit::Eur));
        match unit {
            Unit::Min => say!("  {minor:>14} minutes  {purse}"),
            Unit::Eur => say!("  {:>14} euro     {purse}", hundredths(minor)),
            Unit::Pnt => say!("  {:>14} points   {purse}", hundredths(minor)),
        }
    }
    if tally.all().next().is_none() {
        say!("  nothing to do");
    }
}

/// What an amount is of, where a tally's name ends in its unit.
fn unit_of(what: &str) -> Option<(&str, Unit)> {
    let (purse, unit) = what.rsplit_once(' ')?;
    Some((purse, Unit::from_name(unit)?))
}

fn hundredths(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
