//! `pasje scheme check|adopt|list`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pasje::domain::account::OrganisationId;
use pasje::domain::funding::{CareFromSavings, Unplanned};
use pasje::domain::grant_rules::{Basis, Cut};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::month_grant::Month;
use pasje::domain::scheme::{BudgetClose, ReserveClose, Scheme, YearEnd};
use pasje::domain::scheme_file::{self, BYTES_MAX};
use pasje::services::schemes::{self, Adopted, SchemeError};

use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say what a scheme's file means, or everything that is wrong with it; needs no database
    Check {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Let an organisation use a file's scheme from a month on; a version that was adopted never changes
    Adopt {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The organisation's number
        #[arg(long, value_name = "NUMBER", value_parser = organisation)]
        organisation: OrganisationId,
        /// The first month, for example 2026-04
        #[arg(long, value_name = "MONTH", value_parser = month)]
        from: Month,
    },
    /// List the schemes of organisations, version by version
    List,
}

/// For clap.
pub(super) fn organisation(text: &str) -> Result<OrganisationId, String> {
    let number = text.parse().ok().and_then(OrganisationId::new);
    number.ok_or_else(|| "an organisation has a number from 1 to 32767".to_owned())
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "write a month as 2026-04".to_owned())
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    if let Command::Check { file } = command {
        let scheme = scheme_file::parse(&read(&file)?).map_err(SchemeError::File)?;
        tell(&scheme);
        return Ok(ExitCode::SUCCESS);
    }
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    match command {
        Command::Check { .. } => {}
        Command::Adopt { file, organisation, from } => {
            let (adopted, Scheme { name, version, .. }) =
                schemes::adopt(&database, organisation, &read(&file)?, from).await?;
            match adopted {
                Adopted::Added => say!("{name} version {version} is used from {from} on"),
                Adopted::Moved => say!("{name} version {version} was adopted before; it is used from {from} on now"),
                Adopted::Unchanged => say!("{name} version {version} was adopted so before: nothing changes"),
            }
        }
        Command::List => {
            say!(
                "{:>12}  {:<20} {:>7}  {:<4}  {:<7}  {:>7}",
                "organisation",
                "scheme",
                "version",
                "unit",
                "from",
                "wallets"
            );
            for row in schemes::list(&database, None).await? {
                let from = row.from.map_or_else(|| "-".to_owned(), |month| month.format("%Y-%m").to_string());
                let unit = row.unit.name();
                let without = if row.source.is_none() { "  (no file: no month can be opened by it)" } else { "" };
                say!(
                    "{:>12}  {:<20} {:>7}  {unit:<4}  {from:<7}  {:>7}{without}",
                    row.organisation,
                    row.name,
                    row.version,
                    row.wallets
                );
            }
        }
    }
    Ok(())
}

/// A file that may be hostile: no more of it is read than a scheme can have.
fn read(file: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
    let opened = std::fs::File::open(file).map_err(|error| named(&error))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX)?.saturating_add(1);
    opened.take(limit).read_to_end(&mut bytes).map_err(|error| named(&error))?;
    if bytes.len() > BYTES_MAX {
        return Err(named(&format_args!("this is longer than {BYTES_MAX} bytes, and no scheme")).into());
    }
    Ok(String::from_utf8(bytes).map_err(|_| named(&"this is not UTF-8 text: save it as UTF-8"))?)
}

/// An amount as people write it.
fn shown(amount: Amount) -> String {
    let minor = amount.minor();
    match amount.unit() {
        Unit::Eur => format!("{}.{:02} euro", minor / 100, minor % 100),
        Unit::Pnt => format!("{}.{:02} points", minor / 100, minor % 100),
        Unit::Min => format!("{minor} minutes"),
    }
}

fn tell(scheme: &Scheme) {
    let grant = &scheme.grant;
    let cents = |cents: i64| format!("{}.{:02} euro", cents / 100, cents % 100);
    say!("{} version {} is a scheme:", scheme.name, scheme.version);
    match grant.basis() {
        Basis::Euros => say!("  counted in euros, by tariff"),
        Basis::Units { unit: Unit::Pnt, value_cents } => {
            say!("  counted in points, by tariff; a point is worth {}", cents(*value_cents));
        }
        Basis::Units { value_cents, .. } => {
            say!("  counted in minutes, by tariff; an hour is worth {}", cents(*value_cents));
        }
        Basis::Hours(hours) => {
            let hours: Vec<String> =
                hours.iter().map(|(profile, week)| format!("{profile} {}", week.minor())).collect();
            say!("  counted in minutes a week by profile: {}", hours.join(", "));
        }
    }
    for deduction in grant.deductions() {
        let much = match deduction.cut {
            Cut::Percent(percent) => format!("{percent} percent of gross"),
            Cut::Day(day) => format!("{} a day", shown(day)),
            Cut::Month(month) => format!("{} a month", shown(month)),
        };
        let only = deduction.delivery.map_or_else(String::new, |delivery| format!(", only {}", delivery.name()));
        say!("  off goes {}: {much}{only}", deduction.name);
    }
    let whose = match grant.unplanned() {
        Unplanned::Personal => "to the client's reserve",
        Unplanned::Collective => "to one pot that pays it for all",
    };
    say!(
        "  for unplanned care: {} percent, {whose}; to the shared buffer: {} percent",
        grant.unplanned_percent(),
        grant.buffer_percent()
    );
    let extras = match (scheme.paying.extras_from_budget, scheme.paying.extras_from_savings) {
        (true, true) => "budget, savings, then own money",
        (true, false) => "budget, then own money",
        (false, true) => "savings, then own money",
        (false, false) => "own money alone",
    };
    let care = match scheme.paying.care_from_savings {
        CareFromSavings::Never => "never pay care",
        CareFromSavings::Consented => "pay care that the client agreed to pay so",
        CareFromSavings::Always => "pay care that budget and reserve do not",
    };
    say!("  extras are paid from {extras}; savings {care}");
    say!(
        "  kept free at a month's opening: {}; a loss above {} is told ahead",
        shown(scheme.kept_free),
        shown(scheme.notice_above)
    );
    say!("  planned without consent for the first {} days", scheme.provisional_days);
    if scheme.network_meetings > 0 {
        say!("  the client's network meets {} times a year", scheme.network_meetings);
    }
    tell_close(scheme);
    let shows = [
        (scheme.shows.euro_to_family, "euros to client and family"),
        (scheme.shows.price_beside_minutes, "the price beside the minutes on every line"),
        (scheme.shows.colour, "the colour of a budget"),
    ];
    let shows: Vec<&str> = shows.iter().filter(|(is_shown, _)| *is_shown).map(|(_, what)| *what).collect();
    say!("  shown: {}", if shows.is_empty() { "nothing of these".to_owned() } else { shows.join(", ") });
}

fn tell_close(scheme: &Scheme) {
    let close = scheme.close;
    let budget = match close.budget {
        BudgetClose::Save => "is saved",
        BudgetClose::Lapse => "lapses",
    };
    let reserve = match (scheme.grant.unplanned(), close.reserve) {
        (Unplanned::Collective, _) => "",
        (_, ReserveClose::Lapse) => ", the reserve lapses",
        (_, ReserveClose::Save) => ", the reserve is saved",
        (_, ReserveClose::Roll) => ", the reserve stays",
    };
    say!("  at a month's close what is left of the budget {budget}{reserve}");
    if close.budget != BudgetClose::Save && close.reserve != ReserveClose::Save {
        return;
    }
    let cap = close.savings_cap.map_or_else(|| "without an end".to_owned(), |cap| format!("up to {}", shown(cap)));
    let year_end = match close.year_end {
        YearEnd::Keep => "stay".to_owned(),
        YearEnd::Lapse => "lapse".to_owned(),
        YearEnd::KeepUpTo(most) => format!("lapse above {}", shown(most)),
    };
    say!("  savings grow {cap}; at the end of a year they {year_end}");
}
