//! A year of partitions, full: the rate and what is written a sale must be what they were.

use std::time::Instant;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::establish;
use pasje::db::statement::{Statement, statement};

use crate::authoriser::{self, print_turn, turn};
use crate::server::Server;
use crate::{Failure, cpu, seed};

#[derive(clap::Args)]
pub struct Arguments {
    /// Transfers to load
    #[arg(long, default_value_t = 20_000_000)]
    transfers: u64,
    /// Seconds a turn
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Turns before and after; the medians count
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// Sales a statement: small enough to see it go on.
const SALES_PER_STEP: u64 = 100_000;

const LOAD: &str = "
WITH sale AS MATERIALIZED (
    SELECT pg_temp.id(timestamptz 'MONTH' + (n % 2419200) * interval '1 second', KIND, n) AS id,
           1::bigint << 32 | 1 + n % CLIENTS AS wallet, n
    FROM generate_series(FIRST::bigint, LAST::bigint) AS n
), header AS (
    INSERT INTO ledger.operation (id, wallet, kind, outcome, authority, request_hash, book_date, batch, booked_at, terminal, location, price_list)
    SELECT id, wallet, 1, 1, 3, sha256(n::text::bytea), date 'MONTH', 1, now(),
           '01900000-0000-7000-8000-000000000004', '01900000-0000-7000-8000-000000000001', 1 FROM sale ORDER BY id
), line AS (
    INSERT INTO ledger.line (id, line, service, quantity, kind, price_cents, units, vat_basis_points, planned, from_savings, book_date, batch)
    SELECT id, l, '01900000-0000-7000-8000-000000000002', 1, 4, 1, 1, 900, false, false, date 'MONTH', 1
    FROM sale, generate_series(0, 1) AS l ORDER BY id, l
)
INSERT INTO ledger.transfer (id, leg, line, flow, why, debit, credit, amount, book_date, batch)
SELECT id, l, l, 3, 9, wallet << 16 | 257, ledger.account(1, 0, 1, 35), 1, date 'MONTH', 1
FROM sale, generate_series(0, 1) AS l ORDER BY id, l;
";

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("machine: {}", cpu::machine());
    let settings = authoriser::Arguments {
        seconds: arguments.seconds,
        turns: arguments.turns,
        ..authoriser::Arguments::default()
    };
    seed::seed(&mut server, settings.clients).await?;
    let mut counters = vec![0; settings.clients as usize];
    turn(&mut server, &authoriser::Arguments { seconds: 3, ..authoriser::Arguments::default() }, &mut counters).await?;
    println!(
        "{:<14}{:>10}{:>10}{:>10}{:>14}{:>14}{:>12}",
        "", "per s", "p50 ms", "p99 ms", "server us", "service us", "WAL bytes"
    );
    let before = turns(&mut server, &settings, &mut counters, "empty").await?;
    load(&mut server, arguments.transfers, settings.clients).await?;
    let after = turns(&mut server, &settings, &mut counters, "grown").await?;
    println!(
        "\nmedians: rate {:.0} to {:.0} a second ({:+.1} %), WAL {:.0} to {:.0} bytes a sale ({:+.1} %)",
        before.0,
        after.0,
        (after.0 / before.0 - 1.0) * 100.0,
        before.1,
        after.1,
        (after.1 / before.1 - 1.0) * 100.0
    );
    Ok(())
}

async fn turns(
    server: &mut Server,
    settings: &authoriser::Arguments,
    counters: &mut [u32],
    name: &str,
) -> Result<(f64, f64), Failure> {
    let (mut rates, mut bytes) = (Vec::new(), Vec::new());
    for number in 1..=settings.turns {
        // Each turn begins right after a checkpoint, so that each writes its share of full pages.
        let superuser =
            pasje::db::url::DatabaseUrl::on_socket("postgres", server.socket.as_ref(), server.port, "pasje")?;
        establish(&superuser).await?.batch_execute("CHECKPOINT").await?;
        let turn = turn(server, settings, counters).await?;
        print_turn(&format!("{name} {number}"), &turn);
        rates.push(turn.rate);
        bytes.push(turn.wal_bytes);
    }
    Ok((authoriser::median(rates), authoriser::median(bytes)))
}

/// Loads sales of two lines and two legs into the twelve months before this one.
async fn load(server: &mut Server, transfers: u64, clients: u32) -> Result<(), Failure> {
    let began = Instant::now();
    let query: Statement<diesel::sql_types::Text> = statement(
        "SELECT to_char(m, 'YYYY-MM-DD') FROM generate_series(date_trunc('month', now()) - interval '12 months', \
         date_trunc('month', now()) - interval '1 month', interval '1 month') AS m",
    );
    let months: Vec<String> = query.load(&mut server.owner).await?;
    for month in &months {
        server.owner.batch_execute(&format!("SELECT ledger.make_month(date '{month}')")).await?;
    }
    let per_month = (transfers / 2).div_ceil(months.len() as u64);
    let mut loading = Vec::new();
    // Two months at a time: one for each core.
    for half in 0..2 {
        let mine: Vec<String> = months.iter().skip(half).step_by(2).cloned().collect();
        let mut conn = establish(&owner_url()?).await?;
        loading.push(tokio::spawn(async move {
            conn.batch_execute(seed::id_function()).await?;
            for month in mine {
                let mut first = 1;
                while first <= per_month {
                    let last = (first + SALES_PER_STEP - 1).min(per_month);
                    let script = LOAD
                        .replace("MONTH", &month)
                        .replace("KIND", "3")
                        .replace("CLIENTS", &clients.to_string())
                        .replace("FIRST", &first.to_string())
                        .replace("LAST", &last.to_string());
                    conn.batch_execute(&script).await?;
                    first = last + 1;
                }
                println!("loaded {month}: {} transfers", per_month * 2);
            }
            Ok::<_, Failure>(())
        }));
    }
    for half in loading {
        half.await??;
    }
    // What a year of autovacuum has long done to months that are over; else it would run during the turns after this.
    server.owner.batch_execute("VACUUM (FREEZE, ANALYZE) ledger.operation, ledger.line, ledger.transfer").await?;
    let query: Statement<diesel::sql_types::BigInt> = statement("SELECT pg_database_size(current_database())");
    let bytes: i64 = query.get_result(&mut server.owner).await?;
    println!(
        "loaded {} transfers in {:.0} s; the database is {} MiB",
        per_month * 2 * months.len() as u64,
        began.elapsed().as_secs_f64(),
        bytes / 1024 / 1024
    );
    Ok(())
}

fn owner_url() -> Result<pasje::db::url::DatabaseUrl, Failure> {
    Ok(std::env::var("DATABASE_OWNER_URL")?.parse()?)
}
