//! A month is opened and closed for ever more clients, each with ten plan lines: times, memory, and whether they grow no faster
//! than the clients. All fictitious.

use std::sync::Arc;
use std::time::Instant;

use chrono::{Datelike, Months, Utc};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::establish;
use pasje::db::statement::{Statement, statement};
use pasje::domain::account::OrganisationId;
use pasje::domain::month_grant::Month;
use pasje::services::months::{Settings, Tally, close, deliver, open};
use pasje::services::{schemes, verify};

use crate::server::Server;
use crate::{Failure, cpu};

#[derive(clap::Args)]
pub struct Arguments {
    /// Clients of each turn, an organisation each
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,130000")]
    clients: Vec<u32>,
    /// Wallets in one transaction
    #[arg(long)]
    chunk: Option<usize>,
    /// Measure and judge nothing
    #[arg(long)]
    only_measure: bool,
}

/// What 130,000 clients may take.
const OPEN_SECONDS_MAX: f64 = 60.0;
const CLOSE_SECONDS_MAX: f64 = 300.0;
const CLIENTS_OF_LIMITS: f64 = 130_000.0;
/// Seconds a client may be this much more with more clients: caches and B-trees grow.
const GROWTH_MAX: f64 = 1.5;

const SCHEME: &str = r#"
name = "example"
version = 1
unit = "EUR"
basis = "tariff"
[grant]
unplanned = "personal"
unplanned_percent = "4"
buffer_percent = "2"
[[deduction]]
name = "overhead (fictitious)"
percent = "25"
[[deduction]]
name = "housing (fictitious)"
cents_per_month = 90_000
delivery = "verblijf"
[paying]
extras_from_budget = true
extras_from_savings = false
care_from_savings = "never"
[plan]
kept_free = "45.00"
notice_above = "25.00"
provisional_days = 42
network_meetings = 0
[close]
budget = "save"
savings_cap = "1000.00"
reserve = "lapse"
[shows]
euro_to_family = true
price_beside_minutes = false
colour = true
"#;

/// `ORG` is the organisation's number, `CLIENTS` how many. A line's id ends in 16 zero bits.
const CLIENTS: &str = "
INSERT INTO tariff (organisation, code, profile, delivery, treatment, day_activities, from_date, day_cents, source)
    SELECT ORG, 'Z' || n, n || 'VV', 1, true, true, '2020-01-01', 15000 + n * 1000, 'fictitious' FROM generate_series(1, 10) AS n;
INSERT INTO service (id, organisation, name, name_en, category)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(ORG * 256 + n), 12, '0'))::uuid, ORG, 'Dienst ' || n, 'Service ' || n, 'fictief'
    FROM generate_series(1, 10) AS n;
INSERT INTO wallet (id, scheme, unit, buyer)
    SELECT ORG::bigint << 32 | n, s.id, 1, 1 FROM scheme AS s, generate_series(1, CLIENTS) AS n WHERE s.organisation = ORG;
INSERT INTO indication (wallet, from_date, profile, delivery, treatment, day_activities)
    SELECT ORG::bigint << 32 | n, '2024-01-01', 1 + n % 10 || 'VV', 1, true, true FROM generate_series(1, CLIENTS) AS n;
INSERT INTO plan_line (id, wallet, service, performer, function, recurrence, starts_at, duration_minutes, kind, price_cents, units,
                       vat_basis_points, agreed_on)
    SELECT (lpad(to_hex((extract(epoch FROM timestamptz '2025-01-01') * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(l), 3, '0')
            || '8' || lpad(to_hex(ORG::bigint << 32 | n), 11, '0') || '0000')::uuid,
           ORG::bigint << 32 | n, ('01900000-0000-7000-8000-' || lpad(to_hex(ORG * 256 + l), 12, '0'))::uuid, 1, 'verzorgende',
           'FREQ=WEEKLY;BYDAY=' || (ARRAY['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'])[1 + (n + l) % 7], timestamp '2025-01-01 09:00' + l * interval '1 hour',
           30, (ARRAY[1, 1, 1, 1, 2, 2, 3, 3, 4, 4])[l], 1000 + 100 * l, 1000 + 100 * l, 0, '2025-01-01'
    FROM generate_series(1, CLIENTS) AS n, generate_series(1, 10) AS l;
INSERT INTO plan_consent (line, price_shown_cents, units_shown, alternatives_asked, signed_on, recorded_by)
    SELECT id, price_cents, units, true, '2025-01-01', id FROM plan_line WHERE wallet >> 32 = ORG;
";

struct Turn {
    clients: u32,
    open_s: f64,
    deliver_s: f64,
    close_s: f64,
    memory_kib: u64,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("machine: {}", cpu::machine());
    let last = Utc::now().date_naive().checked_sub_months(Months::new(1)).ok_or("no month before this one")?;
    let month = Month::new(last.year(), last.month()).ok_or("no such month")?;
    println!(
        "month {month}, ten plan lines a client, one a week each: 43 occurrences a client, of which one day's are delivered first"
    );
    println!(
        "{:>9}{:>9}{:>13}{:>9}{:>9}{:>13}{:>11}{:>12}",
        "clients", "open s", "us a client", "day s", "close s", "us a client", "lines", "VmHWM MiB"
    );
    let mut turns = Vec::new();
    for (place, clients) in arguments.clients.iter().enumerate() {
        let number = u16::try_from(place + 1)?;
        seed(&mut server, number, *clients).await?;
        turns.push(turn(&server, &arguments, number, *clients, month).await?);
    }
    let report = verify::verify(&mut establish(server.database.url()).await?, |_| {}).await?;
    for check in report.failed() {
        println!("verify: {} FAILED: {}", check.name, check.finding.as_deref().unwrap_or_default());
    }
    println!(
        "verify: {} checks over {} operations, {} lines, {} transfers in {:.0} s",
        report.checks.len(),
        report.operations,
        report.lines,
        report.transfers,
        report.elapsed.as_secs_f64()
    );
    if !report.holds() {
        return Err("the ledger does not hold together".into());
    }
    if arguments.only_measure { Ok(()) } else { judge(&turns) }
}

async fn seed(server: &mut Server, number: u16, clients: u32) -> Result<(), Failure> {
    let began = Instant::now();
    server
        .owner
        .batch_execute(&format!(
            "INSERT INTO organisation (id, name) VALUES ({number}, 'Example {number} (fictitious)')"
        ))
        .await?;
    let from = Month::new(2025, 1).ok_or("no such month")?;
    schemes::adopt(&server.database, organisation(number)?, SCHEME, from).await?;
    let script = CLIENTS.replace("ORG", &number.to_string()).replace("CLIENTS", &clients.to_string());
    server.owner.batch_execute(&format!("BEGIN; {script} COMMIT;")).await?;
    server.owner.batch_execute("VACUUM (ANALYZE) wallet, indication, plan_line, plan_consent, tariff").await?;
    server.owner.batch_execute("ANALYZE plan_month, month_phase, month_grant, hold").await?;
    println!("seeded {clients} clients in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn organisation(number: u16) -> Result<OrganisationId, Failure> {
    Ok(OrganisationId::new(number).ok_or("no such organisation")?)
}

async fn turn(
    server: &Server,
    arguments: &Arguments,
    number: u16,
    clients: u32,
    month: Month,
) -> Result<Turn, Failure> {
    let organisation = organisation(number)?;
    let mut settings = Settings::default();
    settings.chunk = arguments.chunk.unwrap_or(settings.chunk);
    let (database, now) = (&server.database, Utc::now());
    reset_peak();
    let began = Instant::now();
    let opened = open::open(database, organisation, month, false, now, settings, Arc::default()).await?;
    let open_s = began.elapsed().as_secs_f64();
    expect(&opened, "holds", clients)?;
    let began = Instant::now();
    deliver::deliver(database, organisation, month.first(), false, now, settings, Arc::default()).await?;
    let deliver_s = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let closed = close::close(database, organisation, month, false, now, settings, Arc::default()).await?;
    let close_s = began.elapsed().as_secs_f64();
    expect(&closed, "wallets", clients)?;
    let query: Statement<diesel::sql_types::BigInt> = statement(
        "SELECT count(*) FROM ledger.line AS l JOIN ledger.operation AS o ON o.id = l.id WHERE o.wallet >> 32 = ?",
    )
    .bind(i64::from(number));
    let lines: i64 = query.get_result(&mut establish(server.database.url()).await?).await?;
    let turn = Turn { clients, open_s, deliver_s, close_s, memory_kib: peak_kib() };
    let each = |seconds: f64| seconds * 1e6 / f64::from(clients);
    println!(
        "{:>9}{:>9.2}{:>13.0}{:>9.2}{:>9.2}{:>13.0}{:>11}{:>12}",
        turn.clients,
        turn.open_s,
        each(turn.open_s),
        turn.deliver_s,
        turn.close_s,
        each(turn.close_s),
        lines,
        turn.memory_kib / 1024
    );
    Ok(turn)
}

fn expect(tally: &Tally, what: &str, clients: u32) -> Result<(), Failure> {
    let counted = tally.get(what);
    if counted == i64::from(clients) { Ok(()) } else { Err(format!("{counted} {what}, not {clients}").into()) }
}

/// Whether 130,000 clients are quick enough, and more clients take no more than their share.
fn judge(turns: &[Turn]) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for turn in turns {
        let share = (f64::from(turn.clients) / CLIENTS_OF_LIMITS).max(1.0);
        for (what, seconds, limit) in
            [("open", turn.open_s, OPEN_SECONDS_MAX), ("close", turn.close_s, CLOSE_SECONDS_MAX)]
        {
            if seconds > limit * share {
                failed.push(format!("{what} of {} clients took {seconds:.0} s, more than {limit:.0}", turn.clients));
            }
        }
    }
    for pair in turns.windows(2) {
        let [less, more] = pair else { continue };
        let growth = f64::from(more.clients) / f64::from(less.clients);
        for (what, before, after) in [("open", less.open_s, more.open_s), ("close", less.close_s, more.close_s)] {
            // A turn of under a second says nothing of growth: what it waits for is the same for one client.
            if before >= 1.0 && after > before * growth * GROWTH_MAX {
                failed.push(format!("{what} grew {:.1} times with {growth:.1} times the clients", after / before));
            }
        }
        if more.memory_kib > less.memory_kib * 2 + 64 * 1024 {
            failed.push(format!("memory grew from {} to {} KiB", less.memory_kib, more.memory_kib));
        }
    }
    if failed.is_empty() {
        println!(
            "within limits: open {OPEN_SECONDS_MAX:.0} s and close {CLOSE_SECONDS_MAX:.0} s for 130,000, growth linear, memory flat"
        );
        Ok(())
    } else {
        Err(failed.join("; ").into())
    }
}

/// The peak is counted anew from here on.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
