//! Tills that come back: fifty with a day's worth of offline sales each, while the others go on selling online.
//!
//! The service must take the backlog without making those wait who stand at a till. What is measured is the time of an
//! online sale at a steady rate, quiet and under the backlog.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel_async::RunQueryDsl;
use pasje::db::statement::{Statement, statement};
use pasje::services::key_store::{KeyPlaces, Keys, SealPlace};
use pasje::services::terminals;
use pasje::services::verify::verify;

use crate::http::{self, Service, Turn, personalise, print_turn};
use crate::server::Server;
use crate::{Failure, cpu, delivery, seed};

#[derive(clap::Args, Clone, Copy)]
pub struct Arguments {
    /// Tills that come back
    #[arg(long, default_value_t = 50)]
    tills: u32,
    /// Offline sales of each
    #[arg(long, default_value_t = 2400)]
    records: usize,
    /// Online sales a second meanwhile
    #[arg(long, default_value_t = 300)]
    rate: u64,
    /// Terminals that sell online
    #[arg(long, default_value_t = 64)]
    terminals: u32,
    /// Seconds a turn
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

/// Clients who buy online, and the cards of each till that comes back.
const ONLINE_CARDS: u32 = 10_000;
const CARDS_OF_A_TILL: u32 = 200;

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("machine: {}", cpu::machine());
    seed::seed(&mut server, ONLINE_CARDS + arguments.tills * CARDS_OF_A_TILL).await?;
    let folder = std::env::temp_dir().join(format!("pasje-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&mut server, &folder, arguments).await;
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(server: &mut Server, folder: &Path, arguments: Arguments) -> Result<(), Failure> {
    let service = Service::start(folder)?;
    let places = KeyPlaces { file: folder.join("keys.sealed"), seal: SealPlace::File(folder.join("keys.seal")) };
    let keys = Arc::new(Keys::open(&places, &server.database).await?);
    personalise(server, &keys, folder, service.url(), ONLINE_CARDS).await?;
    let mut tills = Vec::new();
    for number in 0..arguments.tills {
        let added =
            terminals::add(&server.database, keys.as_ref(), seed::LOCATION, &format!("Cut off {number}")).await?;
        let first = ONLINE_CARDS + number * CARDS_OF_A_TILL;
        let cards: Vec<u32> = (first + 1..=first + CARDS_OF_A_TILL).collect();
        let key = *added.key.expose();
        tills.push(delivery::journal(keys.as_ref(), added.id, key, &cards, arguments.records)?);
    }
    let turn = |server: &Server, seconds: u32| {
        let fleet = http::Arguments { seconds, clients: ONLINE_CARDS, ..http::Arguments::default() };
        http::turn(server, &service, folder, fleet, arguments.terminals, arguments.rate)
    };
    // Fills the caches of both. Not counted.
    turn(server, 5)?;
    http::print_head();
    let quiet = turn(server, arguments.seconds)?;
    print_turn("quiet", &quiet);

    let total = u64::from(arguments.tills) * arguments.records as u64;
    let stored = Arc::new(AtomicU64::new(0));
    let authority = service.url().trim_start_matches("http://").to_owned();
    let began = Instant::now();
    let posting: Vec<_> = tills
        .into_iter()
        .map(|till| {
            let (authority, stored) = (authority.clone(), stored.clone());
            std::thread::spawn(move || delivery::deliver(&till, &authority, &stored).map_err(|error| error.to_string()))
        })
        .collect();
    let busy = turn(server, arguments.seconds)?;
    let meanwhile = AtomicU64::load(&stored, Ordering::Relaxed);
    print_turn("under the backlog", &busy);
    if meanwhile == total {
        println!("the backlog was taken before the turn ended: raise --records");
    }
    for posting in posting {
        posting.join().map_err(|_| "a till panicked")??;
    }
    let waiting = wait_until_judged(server).await?;
    let elapsed = began.elapsed().as_secs_f64();
    tell(&quiet, &busy, total, elapsed);
    println!(
        "         {meanwhile} of {total} records were stored when the turn ended, all after {elapsed:.0} s; {waiting} were not approved"
    );
    let report = verify(&mut *server.database.connection().await?, |_| {}).await?;
    for check in report.failed() {
        println!("verify: {}: {}", check.name, check.finding.as_deref().unwrap_or_default());
    }
    println!(
        "         verify {} over {} operations, in {:.0} s",
        if report.holds() { "found nothing" } else { "FOUND SOMETHING" },
        report.operations,
        report.elapsed.as_secs_f64()
    );
    Ok(())
}

fn tell(quiet: &Turn, busy: &Turn, total: u64, elapsed: f64) {
    println!(
        "\nonline:  p50 {:.1} ms and p99 {:.1} ms quiet, p50 {:.1} ms and p99 {:.1} ms under the backlog; ratio of p99 {:.2}",
        quiet.p50_ms,
        quiet.p99_ms,
        busy.p50_ms,
        busy.p99_ms,
        busy.p99_ms / quiet.p99_ms
    );
    println!("backlog: {:.0} records a second", total as f64 / elapsed);
}

/// Until nothing waits; answers how many were judged to anything but approved.
async fn wait_until_judged(server: &mut Server) -> Result<i64, Failure> {
    let count = async |server: &mut Server, sql: &'static str| {
        let query: Statement<diesel::sql_types::BigInt> = statement(sql);
        query.get_result::<i64>(&mut server.owner).await
    };
    while count(server, "SELECT count(*) FROM forward WHERE judged_at IS NULL").await? > 0 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(count(server, "SELECT count(*) FROM forward WHERE outcome IS DISTINCT FROM 1").await?)
}
