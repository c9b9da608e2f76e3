//! The authoriser alone, without HTTP: sales of two lines and two legs; header, lines, legs, card and wallet all written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use card_protocol::HolderVerification;
use pasje::domain::account::OrganisationId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::money::Amount;
use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use pasje::services::authorise::{Authoriser, Settings};
use pasje::services::card_proof::CardMac;
use pasje::services::key_store::{KeyStore, Keys};
use uuid::Uuid;

use crate::server::Server;
use crate::tpcb::percentile_ms;
use crate::{Failure, cpu, seed, tpcb};

#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds a turn
    #[arg(long, default_value_t = 20)]
    pub seconds: u32,
    /// Turns of each; the medians count
    #[arg(long, default_value_t = 3)]
    pub turns: usize,
    /// Clients, each with a card
    #[arg(long, default_value_t = 20_000)]
    pub clients: u32,
    /// Taps under way at once
    #[arg(long, default_value_t = 768)]
    pub at_once: u32,
    /// pgbench's scale
    #[arg(long, default_value_t = 50)]
    pub scale: u32,
    /// Lanes of the authoriser
    #[arg(long, default_value_t = 2)]
    pub lanes: usize,
    /// Leave TPC-B out
    #[arg(long)]
    pub no_tpcb: bool,
}

impl Default for Arguments {
    fn default() -> Arguments {
        Arguments { seconds: 20, turns: 3, clients: 20_000, at_once: 768, scale: 50, lanes: 2, no_tpcb: false }
    }
}

pub struct Turn {
    pub sales: u64,
    pub rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub server_us: f64,
    pub service_us: f64,
    pub wal_bytes: f64,
}

/// Sells for a while; every answer must be `approved`.
pub async fn turn(server: &mut Server, arguments: &Arguments, counters: &mut [u32]) -> Result<Turn, Failure> {
    let keys: Arc<dyn KeyStore> = Arc::new(Keys::generate()?);
    let settings = Settings { lanes: arguments.lanes, ..Settings::default() };
    let authoriser = Arc::new(Authoriser::start(server.database.clone(), Arc::new(CardMac(keys.clone())), settings));
    let stop = Arc::new(AtomicBool::new(false));
    let wal = server.wal_bytes().await?;
    let (server_before, own_before, began) = (cpu::server_us(server.postmaster), cpu::own_us(), Instant::now());
    let chunk = counters.len().div_ceil(arguments.at_once as usize);
    let tasks: Vec<_> = counters
        .chunks(chunk)
        .enumerate()
        .map(|(task, counters)| {
            let first = u32::try_from(task * chunk).unwrap_or(0);
            tokio::spawn(sell(authoriser.clone(), keys.clone(), stop.clone(), first, counters.to_vec()))
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(arguments.seconds.into())).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies_us = Vec::new();
    let mut seen = Vec::with_capacity(counters.len());
    for task in tasks {
        let (used, latencies) = task.await??;
        seen.extend(used);
        latencies_us.extend(latencies);
    }
    let seconds = began.elapsed().as_secs_f64();
    let server_us = cpu::server_us(server.postmaster).saturating_sub(server_before);
    let own_us = cpu::own_us().saturating_sub(own_before);
    let wal = server.wal_bytes().await? - wal;
    counters.copy_from_slice(&seen);
    latencies_us.sort_unstable();
    let sales = latencies_us.len() as f64;
    Ok(Turn {
        sales: latencies_us.len() as u64,
        rate: sales / seconds,
        p50_ms: percentile_ms(&latencies_us, 50),
        p99_ms: percentile_ms(&latencies_us, 99),
        server_us: server_us as f64 / sales,
        service_us: own_us as f64 / sales,
        wal_bytes: wal as f64 / sales,
    })
}

/// Taps its cards in turn until told to stop.
async fn sell(
    authoriser: Arc<Authoriser>,
    keys: Arc<dyn KeyStore>,
    stop: Arc<AtomicBool>,
    first: u32,
    mut counters: Vec<u32>,
) -> Result<(Vec<u32>, Vec<u64>), Failure> {
    let mut latencies = Vec::with_capacity(4096);
    loop {
        for (place, counter) in counters.iter_mut().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Ok((counters, latencies));
            }
            *counter += 1;
            let card = seed::card(first + u32::try_from(place)? + 1);
            let began = Instant::now();
            let booked = authoriser.sell(lunch(keys.as_ref(), card, *counter)?).await?;
            if booked.operation.outcome != Outcome::Approved || booked.operation.transfers.len() != 2 {
                return Err(format!("a sale was not approved: {:?}", booked.operation.outcome).into());
            }
            latencies.push(u64::try_from(began.elapsed().as_micros())?);
        }
    }
}

/// A coffee from the budget and a glass of wine from own money, signed by the card.
pub fn lunch(keys: &dyn KeyStore, card: Uuid, counter: u32) -> Result<SaleRequest, Failure> {
    let tap = Tap {
        card,
        generation: keys.generation(),
        counter,
        terminal_sequence: counter.into(),
        terminal_nonce: [0; 8],
        holder_verification: HolderVerification::None,
        amount: Amount::cents(560)?,
        time_ms: 0,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        mac: [0; 16],
    };
    let line = |service| BasketLine { service, quantity: 1, hold: None };
    let mut request = SaleRequest {
        id: OperationId::new(Uuid::now_v7())?,
        terminal: Terminal {
            id: seed::TERMINAL,
            organisation: OrganisationId::new(1).ok_or("organisation")?,
            location: seed::LOCATION,
        },
        payer: Payer::Card(tap),
        mode: SaleMode::Online,
        staff: None,
        price_list: 1,
        basket: Basket::new(vec![line(seed::COFFEE), line(seed::WINE)])?,
    };
    let key = keys.transaction_key(card.as_bytes(), tap.generation).ok_or("no key")?;
    let (transaction, _) = request.transaction().ok_or("no transaction")?;
    request.payer = Payer::Card(Tap { mac: transaction.sign(&key), ..tap });
    Ok(request)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("machine: {}", cpu::machine());
    seed::seed(&mut server, arguments.clients).await?;
    if !arguments.no_tpcb {
        tpcb::initialise(&server, arguments.scale)?;
    }
    let mut counters = vec![seed::last_counter(&mut server).await?; arguments.clients as usize];
    // Fills the caches of both: cards, prices, prepared statements, pages. Not counted.
    let warm_up = Arguments { seconds: 3, ..Arguments::default() };
    turn(&mut server, &Arguments { lanes: arguments.lanes, at_once: arguments.at_once, ..warm_up }, &mut counters)
        .await?;
    println!(
        "{:<14}{:>10}{:>10}{:>10}{:>14}{:>14}{:>12}",
        "", "per s", "p50 ms", "p99 ms", "server us", "service us", "WAL bytes"
    );
    let (mut tpcb_rates, mut tpcb_us, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=arguments.turns {
        if !arguments.no_tpcb {
            let tpcb = tpcb::turn(&server, arguments.seconds)?;
            println!(
                "{:<14}{:>10.0}{:>10.2}{:>10.2}{:>14.1}{:>14}{:>12}",
                format!("TPC-B {number}"),
                tpcb.rate,
                tpcb.p50_ms,
                tpcb.p99_ms,
                tpcb.server_us,
                "-",
                "-"
            );
            tpcb_rates.push(tpcb.rate);
            tpcb_us.push(tpcb.server_us);
        }
        let turn = turn(&mut server, &arguments, &mut counters).await?;
        print_turn(&format!("authoriser {number}"), &turn);
        turns.push(turn);
    }
    let rate = median(turns.iter().map(|turn| turn.rate).collect());
    let sales: u64 = turns.iter().map(|turn| turn.sales).sum();
    println!(
        "\nmedians: authoriser {rate:.0} sales a second ({sales} in all), {:.1} us of PostgreSQL and {:.1} us of the service and its generator a sale",
        median(turns.iter().map(|turn| turn.server_us).collect()),
        median(turns.iter().map(|turn| turn.service_us).collect()),
    );
    if !arguments.no_tpcb {
        let tpcb = median(tpcb_rates);
        println!(
            "         TPC-B {tpcb:.0} a second, {:.1} us of PostgreSQL; ratio {:.2}",
            median(tpcb_us),
            rate / tpcb
        );
    }
    Ok(())
}

pub fn print_turn(name: &str, turn: &Turn) {
    println!(
        "{name:<14}{:>10.0}{:>10.2}{:>10.2}{:>14.1}{:>14.1}{:>12.0}",
        turn.rate, turn.p50_ms, turn.p99_ms, turn.server_us, turn.service_us, turn.wal_bytes
    );
}
