//! The whole way: `firmware-sim fleet` taps signed cards on signed terminals, over HTTP, at a `pasje serve` of its own.
//!
//! PostgreSQL, service and generator are processes of their own on the same machine, so that the CPU time of each is the
//! kernel's count. TPC-B is measured in the same run, on the same cluster.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use card_protocol::Key;
use chrono::{Days, Utc};
use pasje::services::key_store::{KeyPlaces, KeyStore, Keys, SealPlace, hex};
use pasje::services::terminals;
use serde::Deserialize;
use serde_json::json;

use crate::authoriser::median;
use crate::server::Server;
use crate::{Failure, cpu, seed, tpcb};

#[derive(clap::Args, Clone, Copy)]
pub struct Arguments {
    /// Seconds a turn
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Turns of each; the medians count
    #[arg(long, default_value_t = 3)]
    pub turns: usize,
    /// Clients, each with a card
    #[arg(long, default_value_t = 20_000)]
    pub clients: u32,
    /// pgbench's scale
    #[arg(long, default_value_t = 50)]
    pub scale: u32,
    /// One fleet of so many terminals alone, without TPC-B
    #[arg(long)]
    pub only: Option<u32>,
}

impl Default for Arguments {
    fn default() -> Arguments {
        Arguments { seconds: 10, turns: 3, clients: 20_000, scale: 50, only: None }
    }
}

/// How many terminals ask at once.
const FLEETS: [u32; 4] = [1, 16, 64, 256];
/// The one that is compared with TPC-B.
const COMPARED: u32 = 64;

/// What a fleet prints.
#[derive(Deserialize)]
struct Report {
    taps: u64,
    taps_per_second: f64,
    approved: u64,
    latency_us: LatencyUs,
}

#[derive(Deserialize)]
struct LatencyUs {
    p50: u64,
    p99: u64,
}

pub struct Turn {
    rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    server_us: f64,
    service_us: f64,
    generator_us: f64,
}

/// A service of the bench's own, ended with it.
pub struct Service {
    child: Child,
    url: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is missing: run ./dev bench", path.display()).into()) }
}

impl Service {
    pub fn start(folder: &Path) -> Result<Service, Failure> {
        let mut child = Command::new(program("pasje")?)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(["--address-rate", "0", "--terminal-rate", "0"])
            .env("PASJE_DATA", folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut service = Service { child, url: String::new() };
        for line in lines {
            if let Some((_, url)) = line?.split_once("terminals ask at") {
                url.trim().clone_into(&mut service.url);
                return Ok(service);
            }
        }
        Err("the service did not start".into())
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    fn memory_mib(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        Ok(peak.ok_or("no VmHWM")?.parse::<u64>()? / 1024)
    }
}

/// The files of terminals and cards, as `pasje terminal add` and `pasje card issue` would write them.
pub async fn personalise(server: &Server, keys: &Keys, folder: &Path, url: &str, clients: u32) -> Result<(), Failure> {
    let mut files = Vec::new();
    for number in 1..=FLEETS[3] {
        let added = terminals::add(&server.database, keys, seed::LOCATION, &format!("Till {number}")).await?;
        files.push(json!({
            "version": 1, "terminal": added.id, "location": added.location, "name": format!("Till {number}"),
            "service": url, "key": hex(&added.key).as_str(),
        }));
    }
    std::fs::write(folder.join("terminals.json"), serde_json::to_vec(&files)?)?;
    let master = keys.master(keys.generation()).ok_or("no key")?;
    let expires_on = Utc::now().date_naive().checked_add_days(Days::new(365)).ok_or("no date")?;
    let cards: Vec<_> = (1..=clients)
        .map(|number| {
            let card = seed::card(number);
            let of_card = master.card_keys(card.as_bytes(), keys.generation());
            json!({
                "version": 1, "card": card, "label": format!("client {number}"), "expires_on": expires_on,
                "generation": keys.generation(),
                "keys": [{
                    "generation": keys.generation(),
                    "transaction": hex(of_card.transaction.secret()).as_str(),
                    "response": hex(of_card.response.secret()).as_str(),
                    "script": hex(of_card.script.secret()).as_str(),
                    "offline_verify": hex(of_card.offline_verify.secret()).as_str(),
                }],
                "state": null,
            })
        })
        .collect();
    std::fs::write(folder.join("cards.json"), serde_json::to_vec(&cards)?)?;
    Ok(())
}

pub fn turn(
    server: &Server,
    service: &Service,
    folder: &Path,
    arguments: Arguments,
    terminals: u32,
    rate: u64,
) -> Result<Turn, Failure> {
    let counts = || (cpu::server_us(server.postmaster), cpu::process_us(service.child.id()), cpu::children_us());
    let before = counts();
    let began = Instant::now();
    let output = Command::new(program("firmware-sim")?)
        .args(["fleet", "--json", "--basket", "Coffee,Glass of wine", "--folder"])
        .arg(folder)
        .args(["--terminals", &terminals.to_string(), "--cards", &arguments.clients.to_string()])
        .args(["--seconds", &arguments.seconds.to_string(), "--rate", &rate.to_string()])
        .stderr(Stdio::null())
        .output()?;
    let after = counts();
    if !output.status.success() {
        return Err(
            format!("a fleet failed after {:?}: {}", began.elapsed(), String::from_utf8_lossy(&output.stdout)).into()
        );
    }
    let report: Report = serde_json::from_slice(&output.stdout)?;
    if report.taps == 0 || report.approved != report.taps {
        return Err(format!("of {} taps only {} were approved", report.taps, report.approved).into());
    }
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / report.taps as f64;
    Ok(Turn {
        rate: report.taps_per_second,
        p50_ms: report.latency_us.p50 as f64 / 1000.0,
        p99_ms: report.latency_us.p99 as f64 / 1000.0,
        server_us: each(after.0, before.0),
        service_us: each(after.1, before.1),
        generator_us: each(after.2, before.2),
    })
}

pub fn print_head() {
    println!(
        "{:<26}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}",
        "", "per s", "p50 ms", "p99 ms", "server us", "service us", "fleet us"
    );
}

pub fn print_turn(name: &str, turn: &Turn) {
    println!(
        "{name:<26}{:>10.0}{:>10.2}{:>10.2}{:>12.1}{:>12.1}{:>12.1}",
        turn.rate, turn.p50_ms, turn.p99_ms, turn.server_us, turn.service_us, turn.generator_us
    );
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut server = Server::from_environment().await?;
    println!("machine: {}", cpu::machine());
    seed::seed(&mut server, arguments.clients).await?;
    if arguments.only.is_none() {
        tpcb::initialise(&server, arguments.scale)?;
    }
    let folder = std::env::temp_dir().join(format!("pasje-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&server, &folder, arguments).await;
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(server: &Server, folder: &Path, arguments: Arguments) -> Result<(), Failure> {
    let service = Service::start(folder)?;
    let places = KeyPlaces { file: folder.join("keys.sealed"), seal: SealPlace::File(folder.join("keys.seal")) };
    let keys = Arc::new(Keys::open(&places, &server.database).await?);
    personalise(server, &keys, folder, &service.url, arguments.clients).await?;
    // Fills the caches of both: cards, terminals, prices, prepared statements, pages. Not counted.
    turn(server, &service, folder, Arguments { seconds: 4, ..arguments }, COMPARED, 0)?;
    print_head();
    if let Some(terminals) = arguments.only {
        for number in 1..=arguments.turns {
            let turn = turn(server, &service, folder, arguments, terminals, 0)?;
            print_turn(&format!("{terminals} terminals {number}"), &turn);
        }
        return Ok(());
    }
    let mut tpcb_rates = Vec::new();
    let mut rates: Vec<(u32, Vec<f64>)> = FLEETS.iter().map(|terminals| (*terminals, Vec::new())).collect();
    for number in 1..=arguments.turns {
        let tpcb = tpcb::turn(server, arguments.seconds)?;
        println!(
            "{:<26}{:>10.0}{:>10.2}{:>10.2}{:>12.1}{:>12}{:>12}",
            format!("TPC-B {number}"),
            tpcb.rate,
            tpcb.p50_ms,
            tpcb.p99_ms,
            tpcb.server_us,
            "-",
            "-"
        );
        tpcb_rates.push(tpcb.rate);
        for (terminals, rates) in &mut rates {
            let turn = turn(server, &service, folder, arguments, *terminals, 0)?;
            print_turn(&format!("{terminals} terminals {number}"), &turn);
            rates.push(turn.rate);
        }
    }
    let rate_of = |wanted: u32| {
        rates.iter().find(|(terminals, _)| *terminals == wanted).map_or(0.0, |(_, rates)| median(rates.clone()))
    };
    let (widest, peak) = FLEETS
        .iter()
        .map(|terminals| (*terminals, rate_of(*terminals)))
        .fold((COMPARED, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a rate is far below what a u64 holds
    let half = turn(server, &service, folder, arguments, widest, (peak / 2.0) as u64)?;
    print_turn(&format!("{widest}, half the peak rate"), &half);
    let tpcb = median(tpcb_rates);
    println!(
        "\nmedians: {:.0} signed sales a second over HTTP at {COMPARED} terminals, TPC-B {tpcb:.0}; ratio {:.2}",
        rate_of(COMPARED),
        rate_of(COMPARED) / tpcb
    );
    println!("         256 terminals sell {:.2} of what 16 sell", rate_of(256) / rate_of(16));
    println!(
        "         at half the peak rate: p99 {:.1} ms; the service's memory at its peak: {} MiB",
        half.p99_ms,
        service.memory_mib()?
    );
    Ok(())
}
