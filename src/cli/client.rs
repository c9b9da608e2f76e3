//! `pasje client list|show`: what the office asks about a client until there are pages. Dutch first, as on paper.

use std::process::ExitCode;

use chrono::Datelike;
use pasje::db::client_records::{ClientRecord, GrantRecord, PlannedRow};
use pasje::db::connect::Database;
use pasje::db::plans::PlanLineRow;
use pasje::db::{entitlements, locations};
use pasje::domain::account::OrganisationId;
use pasje::domain::evidence;
use pasje::domain::funding::PurseName;
use pasje::domain::indication::Indication;
use pasje::domain::money::{Amount, Unit};
use pasje::domain::month_grant::Month;
use pasje::domain::plan_line::Performer;
use pasje::domain::scheme::Scheme;
use pasje::services::absences::OfClient;
use pasje::services::client_records::{self, MonthRecord};
use pasje::services::colours::{self, Stands};
use pasje::services::plans;

use super::scheme::organisation;
use super::{Failure, Opened};
use crate::config::Options;

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];

/// Clients that are read together.
const AT_ONCE: u16 = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List clients: number, scheme and what is free in the budget
    List {
        /// The organisation's number
        #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = organisation)]
        organisation: OrganisationId,
    },
    /// Show what a client's indication brings, what is agreed, and what is in the wallet
    Show {
        /// The client's number
        #[arg(value_name = "CLIENT")]
        number: i32,
        /// The organisation's number
        #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = organisation)]
        organisation: OrganisationId,
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
        Command::List { organisation } => list(&database, organisation).await,
        Command::Show { number, organisation } => {
            let found = client_records::find(&database, organisation, number).await?;
            let client = found.ok_or_else(|| format!("there is no client {number}: see `pasje client list`"))?;
            show(&database, organisation, &client).await
        }
    }
}

async fn list(database: &Database, organisation: OrganisationId) -> Result<(), Failure> {
    say!("{:>9}  {:<30} {:<12} {:>14}  maand", "cliënt", "naam", "methodiek", "budget vrij");
    let mut after = 0;
    loop {
        let (clients, next) = client_records::page(database, organisation, after, AT_ONCE).await?;
        for client in clients {
            let [(balance, held), ..] = client.purses;
            let month = client.month.map_or("-".to_owned(), |month| month.format("%Y-%m").to_string());
            let free = amount(balance.saturating_sub(held), client.unit);
            let ClientRecord { number, display_name, scheme_name, .. } = client;
            say!("{number:>9}  {display_name:<30} {scheme_name:<12} {free:>14}  {month}");
        }
        match next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

async fn show(database: &Database, organisation: OrganisationId, client: &ClientRecord) -> Result<(), Failure> {
    who(database, client).await?;
    let of = OfClient { organisation, wallet: client.wallet };
    let month = client.month.and_then(|first| Month::new(first.year(), first.month()));
    let mut shows_colour = true;
    if let Some(month) = month {
        if let Some(found) = client_records::month(database, client.wallet, month.first()).await? {
            let scheme = found.grants.last().and_then(|grant| found.schemes.get(&grant.scheme));
            shows_colour = scheme.is_none_or(|scheme| scheme.shows.colour);
            if let Some(grant) = found.grants.last() {
                granted(month, client, grant, scheme.map(AsRef::as_ref));
            }
            let lines = plans::list(database, of, month.first()).await?;
            agreed(client.unit, &found, &lines);
        }
    } else {
        say!("\nEr is nog geen maand geopend / no month was opened yet");
    }
    purses(client);
    if let (Some(month), true) = (month, shows_colour)
        && let Some(stands) = colours::of_client(database, of, month).await?
    {
        colour(&stands);
    }
    Ok(())
}

async fn who(database: &Database, client: &ClientRecord) -> Result<(), Failure> {
    let conn = database.connection().await?;
    say!("{}, cliënt {}", client.display_name, client.number);
    if let Some(id) = client.location
        && let Some(location) = locations::find(&conn, id).await?
    {
        say!("  locatie     {}", location.name);
    }
    say!("  methodiek   {}, versie {}, {}", client.scheme_name, client.scheme_version, counted_in(client.unit));
    let indications = entitlements::indications(&conn, &[client.wallet]).await?.remove(&client.wallet);
    let mut indications: Vec<Indication> = indications.unwrap_or_default();
    indications.sort_by_key(|indication| indication.period.from);
    if indications.is_empty() {
        say!("  indicatie   geen: zonder Wlz");
    }
    for Indication { package, period } in indications {
        let with = |is: bool| if is { "met" } else { "zonder" };
        let until = period.to.map_or_else(String::new, |last| format!(" tot en met {last}"));
        say!("  indicatie   {}, {}, vanaf {}{until}", package.profile, package.delivery.name(), period.from);
        let (treatment, activities) = (with(package.treatment), with(package.day_activities));
        say!("              {treatment} behandeling, {activities} dagbesteding");
    }
    Ok(())
}

const fn counted_in(unit: Unit) -> &'static str {
    match unit {
        Unit::Eur => "telt in euro's",
        Unit::Min => "telt in minuten",
        Unit::Pnt => "telt in punten",
    }
}

/// From gross to the purses, as the month's grant was computed. Euros only for who may see them.
fn granted(month: Month, client: &ClientRecord, grant: &GrantRecord, scheme: Option<&Scheme>) {
    let first = month.first();
    let name = MONTHS.get(first.month0() as usize).copied().unwrap_or_default();
    let (funded, days) = (grant.funded_days, month.days().count());
    say!("\nToegekend voor {name} {} / granted: {funded} van {days} dagen", first.year());
    if let Some(code) = grant.data_error {
        let day = grant.error_day.map_or_else(String::new, |day| format!(" ({day})"));
        say!("  VOORLOPIG, er staat een taak open: {}{day}", wrong(code));
    }
    if grant.gross == 0 {
        say!("  niets / nothing");
        return;
    }
    let guessed = if grant.in_cents { Unit::Eur } else { client.unit };
    let unit = scheme.map_or(guessed, |scheme| scheme.grant.basis().gross_unit());
    if unit != Unit::Eur || client.shows_euros {
        row(" ", if unit == Unit::Eur { "tarief x dagen / gross" } else { "uren x dagen / gross" }, grant.gross, unit);
        let names = scheme.map_or(&[][..], |scheme| scheme.grant.deductions());
        for (place, deduction) in grant.deductions.iter().enumerate() {
            row("-", names.get(place).map_or("aftrek / deduction", |of| of.name.as_str()), *deduction, unit);
        }
        let [reserve, buffer, budget] = grant.parts;
        for (what, minor) in [
            ("ongeplande zorg, van allen samen / collective", grant.collective),
            ("ongeplande zorg, eigen reserve / reserve", reserve),
            ("gezamenlijke buffer / shared buffer", buffer),
        ] {
            if minor != 0 {
                row("-", what, minor, unit);
            }
        }
        row("=", "budget", budget, unit);
    }
    let [reserve, _, budget] = grant.purses;
    if unit != client.unit {
        row("=", "budget, in de portemonnee / in the wallet", budget, client.unit);
        row("=", "reserve, in de portemonnee / in the wallet", reserve, client.unit);
    }
}

/// Why a grant is provisional, as `month_grant` stores it.
const fn wrong(code: i16) -> &'static str {
    match code {
        1 => "twee indicaties op een dag",
        2 => "de methodiek kent geen uren voor dit profiel",
        3 => "geen tarief voor deze indicatie",
        4 => "twee tarieven voor deze indicatie",
        5 => "er gaat meer af dan het tarief is",
        6 => "een bedrag is te groot",
        _ => "de methodiek heeft geen regels",
    }
}

fn row(sign: &str, what: &str, minor: i64, unit: Unit) {
    say!("  {sign} {what:<46} {:>14}", amount(minor, unit));
}

fn amount(minor: i64, unit: Unit) -> String {
    Amount::new(minor, unit).map_or_else(|_| minor.to_string(), evidence::show)
}

/// What of the plan falls in the month, and how far it is.
fn agreed(unit: Unit, month: &MonthRecord, lines: &[PlanLineRow]) {
    if month.planned.is_empty() {
        return;
    }
    say!("\n{:<38} {:>10} {:>6} {:>7} {:>5}", "Afgesproken / agreed", "per keer", "keren", "gedaan", "open");
    for planned in &month.planned {
        let PlannedRow { line, service_name, planned, done, released, .. } = planned;
        let agreed = lines.iter().find(|row| row.line.id.uuid() == *line);
        let by = agreed.map_or("", |row| match row.line.performer {
            Performer::Family => "familie",
            Performer::Volunteer => "vrijwilliger",
            Performer::Client => "zelf",
            Performer::External => "extern",
            Performer::Staff => row.function.as_deref().unwrap_or("medewerker"),
        });
        let price = agreed.and_then(|row| row.line.units).map_or("-".to_owned(), |units| match units.minor() {
            0 => "kosteloos".to_owned(),
            minor => amount(minor, unit),
        });
        let what = format!("{service_name} ({by})");
        let (times, open) = (planned.count_ones(), (planned & !done & !released).count_ones());
        say!("  {what:<36} {price:>10} {times:>6} {:>7} {open:>5}", done.count_ones());
    }
}

fn purses(client: &ClientRecord) {
    say!("\n{:<22} {:>13} {:>13} {:>13}", "Portemonnee / wallet", "saldo", "vastgelegd", "vrij");
    for (purse, (balance, held)) in PurseName::ALL.into_iter().zip(client.purses) {
        let words = match purse {
            PurseName::Budget => "budget",
            PurseName::Reserve => "reserve",
            PurseName::Savings => "spaarpot",
            PurseName::Credit => "gekochte punten",
            PurseName::CreditCents => "eigen geld",
        };
        if balance == 0 && purse != PurseName::Budget {
            continue;
        }
        let unit = purse.unit(client.unit);
        let [balance, free, held] = [balance, balance.saturating_sub(held), held].map(|minor| amount(minor, unit));
        say!("  {words:<20} {balance:>13} {held:>13} {free:>13}");
    }
}

/// Never without word and shape.
fn colour(stands: &Stands) {
    let (word, word_en, shape) = stands.standing.colour.words();
    let committed = stands.standing.committed.total().map_or_else(|_| "?".to_owned(), evidence::show);
    let budget = evidence::show(stands.standing.budget);
    say!("\n{shape} {word} / {word_en}: {committed} toegezegd van {budget}");
    for choice in stands.standing.choices() {
        let (words, _) = choice.words();
        say!("    {words}");
    }
}
