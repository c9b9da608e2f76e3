//! Ten times `kill -9` in the middle of load: of the service that sells, of PostgreSQL, of the service that keeps it.
//!
//! After each, `pasje verify` holds, every sale that was answered stands in the ledger, and asking again by id answers
//! the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod fleet;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pasje::db::connect::Database;
use pasje::domain::account::OrganisationId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::money::Amount;
use pasje::domain::operation::OperationId;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use pasje::services::authorise::{Authoriser, Settings};
use pasje::services::card_proof::CardMac;
use pasje::services::key_store::Keys;
use uuid::Uuid;

const PASJE: &str = env!("CARGO_BIN_EXE_pasje");
const BENCH: &str = env!("CARGO_BIN_EXE_pasje-bench");
const ROUNDS: usize = 10;
/// Taps of one card in one round stay far below this.
const COUNTERS_A_ROUND: u32 = 1_000_000;

/// What `pasje-bench sell` printed: card, counter, the answer's bytes.
struct Answered {
    card: Uuid,
    counter: u32,
    answer: String,
}

/// A child that is killed, with what it started, when the test ends however it ends.
struct Running(Child);

impl Running {
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pasje(data: &Path) -> Command {
    let mut command = Command::new(PASJE);
    command
        .arg("--data")
        .arg(data)
        .env_remove("DATABASE_URL")
        .env_remove("DATABASE_OWNER_URL")
        .env("PASJE_LISTEN", "127.0.0.1:0")
        .env("PASJE_METRICS", "127.0.0.1:0");
    command
}

/// Starts the service and waits until it says that it is ready.
fn serve(data: &Path) -> Running {
    let mut child = pasje(data).arg("serve").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("ready"), "{line}");
    Running(child)
}

/// Starts selling; answers come through the channel, the first line is the seller's own pid.
fn sell(data: &Path, round: usize) -> (Running, u32, Receiver<Answered>) {
    let first = u32::try_from(round).unwrap() * COUNTERS_A_ROUND + 1;
    let mut child = pasje(data)
        .args(["database", "--", BENCH, "sell", "--first-counter", &first.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = lines.next().unwrap().unwrap().strip_prefix("pid ").unwrap().parse().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // A line that the kill cut short was not answered.
            let mut parts = line.splitn(3, ' ');
            let (Some(card), Some(counter), Some(answer)) = (parts.next(), parts.next(), parts.next()) else { break };
            if !answer.ends_with('}') {
                break;
            }
            let answered =
                Answered { card: card.parse().unwrap(), counter: counter.parse().unwrap(), answer: answer.to_owned() };
            let _ = sender.send(answered);
        }
    });
    (Running(child), pid, receiver)
}

fn collect(receiver: &Receiver<Answered>, how_long: Duration, into: &mut Vec<Answered>) {
    let until = Instant::now() + how_long;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match receiver.recv_timeout(left) {
            Ok(answered) => into.push(answered),
            Err(_) => return,
        }
    }
}

fn kill_nine(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn postmaster(data: &Path) -> u32 {
    let file = walk(data).into_iter().find(|path| path.ends_with("postmaster.pid")).unwrap();
    std::fs::read_to_string(file).unwrap().lines().next().unwrap().parse().unwrap()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        // The cluster's own file lies one folder down.
        if path.is_dir() {
            found.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        found.push(path);
    }
    found
}

fn verify(data: &Path) {
    let output = pasje(data).arg("verify").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// The address of the running database.
fn address(data: &Path) -> String {
    let output = pasje(data).args(["database", "--", "sh", "-c", "printf %s \"$DATABASE_URL\""]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The sale that the bench sold: a coffee and a glass of wine.
fn request(answered: &Answered, id: OperationId) -> SaleRequest {
    let number = |last: u128| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | last);
    let line = |service| BasketLine { service, quantity: 1, hold: None };
    SaleRequest {
        id,
        terminal: Terminal { id: number(4), organisation: OrganisationId::new(1).unwrap(), location: number(1) },
        payer: Payer::Card(Tap {
            card: answered.card,
            generation: 1,
            counter: answered.counter,
            terminal_sequence: 0,
            terminal_nonce: [0; 8],
            holder_verification: card_protocol::HolderVerification::None,
            amount: Amount::cents(560).unwrap(),
            time_ms: 0,
            offline_total_cents: 0,
            offline_count: 0,
            script_number: 0,
            mac: [0; 16],
        }),
        mode: SaleMode::Online,
        staff: None,
        price_list: 1,
        basket: Basket::new(vec![line(number(2)), line(number(3))]).unwrap(),
    }
}

fn id_of(answered: &Answered) -> OperationId {
    let parsed: serde_json::Value = serde_json::from_str(&answered.answer).unwrap();
    OperationId::new(parsed["id"].as_str().unwrap().parse().unwrap()).unwrap()
}

/// Every sale that was answered stands in the ledger, before anybody asks for it again; then asking again answers the
/// same bytes.
async fn ask_again(data: &Path, answered: &[Answered]) {
    let database = Database::connect(&address(data).parse().unwrap(), 4).await.unwrap();
    let ids: Vec<OperationId> = answered.iter().map(id_of).collect();
    let connection = database.connection().await.unwrap();
    for chunk in ids.chunks(1000) {
        let known = pasje::db::ledger::known(&connection, chunk).await.unwrap();
        let lost: Vec<_> = chunk.iter().filter(|id| !known.contains_key(id)).collect();
        assert!(lost.is_empty(), "{} answered sales are lost, {:?} first", lost.len(), lost.first());
    }
    drop(connection);
    let authoriser = Arc::new(Authoriser::start(
        database,
        Arc::new(CardMac(Arc::new(Keys::generate().unwrap()))),
        Settings::default(),
    ));
    for chunk in answered.chunks(500) {
        let mut asked = tokio::task::JoinSet::new();
        for answered in chunk {
            let (request, first) = (request(answered, id_of(answered)), answered.answer.clone());
            let authoriser = authoriser.clone();
            asked.spawn(async move {
                let again = authoriser.sell(request).await.unwrap().answer().to_bytes();
                assert_eq!(String::from_utf8(again).unwrap(), first);
            });
        }
        asked.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_in_the_middle_of_load_loses_and_doubles_nothing() {
    let data = std::env::temp_dir().join(format!("pasje-crash-{}", std::process::id()));
    let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
    let mut total = 0;
    let mut service = Some(serve(&data));
    for round in 0..ROUNDS {
        let mut answered = Vec::new();
        let (seller, pid, receiver) = sell(&data, round);
        collect(&receiver, Duration::from_millis(1500 + 37 * round as u64), &mut answered);
        let before_kill = answered.len();
        assert!(before_kill > 100, "hardly any load: {before_kill} answers");
        let what = ["the seller", "PostgreSQL", "the service"][round % 3];
        *kills.entry(what).or_default() += 1;
        match what {
            "the seller" => kill_nine(pid),
            "PostgreSQL" => {
                kill_nine(postmaster(&data));
                // The service starts it again; the seller goes on by itself.
                collect(&receiver, Duration::from_secs(8), &mut answered);
                assert!(answered.len() > before_kill + 100, "nothing was sold after PostgreSQL came back");
                kill_nine(pid);
            }
            _ => {
                if let Some(service) = service.take() {
                    service.kill();
                }
                collect(&receiver, Duration::from_millis(500), &mut answered);
                kill_nine(pid);
                service = Some(serve(&data));
            }
        }
        collect(&receiver, Duration::from_secs(1), &mut answered);
        drop(seller);
        verify(&data);
        assert!(answered.iter().all(|answered| answered.answer.contains(r#""outcome":"approved""#)));
        ask_again(&data, &answered).await;
        println!(
            "round {round}: {what} killed after {before_kill} answers, {} in all, each the same again",
            answered.len()
        );
        total += answered.len();
    }
    drop(service);
    println!("{total} answers, kills: {kills:?}");
    std::fs::remove_dir_all(&data).unwrap();
}
