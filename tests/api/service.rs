//! The service as an operator runs it: a process on a database of its own, with commands beside it.

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{Datelike, Utc};
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::statement::{Statement, statement};
use pasje::db::url::DatabaseUrl;
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::book::{Booking, book};
use pasje::services::verify::verify;
use uuid::Uuid;

use crate::card::{Card, Terminal};
use crate::support::TestDatabase;

const fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number)
}

pub const RESTAURANT: Uuid = uuid(1);
/// Of the same organisation.
pub const CANTEEN: Uuid = uuid(0xf2);
/// Of another organisation.
pub const ELSEWHERE: Uuid = uuid(0xf1);
/// 2.50 euro, an extra.
pub const COFFEE: Uuid = uuid(10);
/// 3.10 euro, never public money.
pub const WINE: Uuid = uuid(11);
/// 18 euro, care.
pub const SHOWER: Uuid = uuid(12);

/// The version that tills show; 1 is out of date, 2 was superseded an hour less than a day ago.
pub const PRICE_LIST: u32 = 3;

const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');
INSERT INTO location (id, organisation, name) VALUES
    ('01900000-0000-7000-8000-000000000001', 1, 'Restaurant'), ('01900000-0000-7000-8000-0000000000f2', 1, 'Kantine'),
    ('01900000-0000-7000-8000-0000000000f1', 2, 'Elders');
INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
    VALUES (1, 'euro', 1, 1, 1, true, false, 0), (2, 'euro', 1, 1, 1, true, false, 0);
INSERT INTO price_list (location, version, valid_from, superseded_at)
    SELECT l.id, v.version, now() - v.since, now() - v.until FROM location AS l, (VALUES
        (1, interval '90 days', interval '25 hours'), (2, interval '25 hours', interval '23 hours'), (3, interval '23 hours', NULL)
    ) AS v (version, since, until);
INSERT INTO price (price_list, service, buyer, kind, price_cents, points, minutes, vat_basis_points)
    SELECT l.id, s.service, 1, s.kind, s.cents, s.points, s.minutes, 900
    FROM price_list AS l, (VALUES
        ('01900000-0000-7000-8000-00000000000a'::uuid, 4, 250, 150, 20), ('01900000-0000-7000-8000-00000000000b', 5, 310, NULL, NULL),
        ('01900000-0000-7000-8000-00000000000c', 1, 1800, 1000, 30)) AS s (service, kind, cents, points, minutes);
INSERT INTO service (id, organisation, name, name_en, category) VALUES
    ('01900000-0000-7000-8000-00000000000a', 1, 'Koffie', 'Coffee', 'dranken'),
    ('01900000-0000-7000-8000-00000000000b', 1, 'Wijn', 'Wine', 'dranken'),
    ('01900000-0000-7000-8000-00000000000c', 1, 'Douchen', 'Shower', 'zorg');
";

/// A folder of one test, removed with it unless it failed.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pasje-api-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test's folder is kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A care provider with its database, its keys and the commands to run on them.
pub struct House {
    pub test: TestDatabase,
    /// As the program is told: another way to the same database where a test wants one.
    pub database_url: DatabaseUrl,
    folder: Scratch,
}

/// A client of organisation 1.
#[derive(Clone, Debug)]
pub struct Client {
    pub number: u32,
    pub wallet: WalletId,
    pub name: String,
}

impl House {
    pub async fn open() -> House {
        let house = House::bare().await;
        house.test.owner().await.batch_execute(PLACES).await.unwrap();
        house
    }

    /// With nothing in it yet.
    pub async fn bare() -> House {
        let test = TestDatabase::new().await;
        House { database_url: test.service_url.clone(), test, folder: Scratch::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// The program, without anything of the environment that tests themselves run in.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
        for (name, _) in std::env::vars() {
            if name.starts_with("PG") || name.starts_with("PASJE_") || name == "CREDENTIALS_DIRECTORY" {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", self.database_url.secret());
        command.env("DATABASE_OWNER_URL", self.test.owner_url.secret());
        command.env("PASJE_KEYS", self.path("keys.sealed"));
        command.arg("--data").arg(self.path("data")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed; what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A terminal at a location.
    pub fn terminal(&self, location: Uuid) -> Terminal {
        let file = self.path(&format!("terminal-{}.json", Uuid::new_v4().simple()));
        let place = location.to_string();
        self.run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", file.to_str().unwrap()]);
        Terminal::read(&file)
    }

    /// A card of a client.
    pub fn card(&self, client: &Client) -> Card {
        let file = self.path(&format!("card-{}.json", Uuid::new_v4().simple()));
        let (organisation, number) = (client.wallet.organisation().number().to_string(), client.number.to_string());
        let wallet = ["--organisation", &organisation, "--wallet", &number];
        self.run(&[&["card", "issue"], &wallet[..], &["--out", file.to_str().unwrap()]].concat());
        Card::read(&file)
    }

    /// A client with this budget and own money.
    pub async fn client(&self, budget_cents: i64, own_cents: i64) -> Client {
        self.client_of(1, budget_cents, own_cents).await
    }

    pub async fn client_of(&self, organisation: u16, budget_cents: i64, own_cents: i64) -> Client {
        static NUMBER: AtomicU32 = AtomicU32::new(41);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let wallet = WalletId::new(OrganisationId::new(organisation).unwrap(), number).unwrap();
        let client = Client { number, wallet, name: format!("mw. Q. Zonderling-{number}") };
        let id = wallet.field();
        self.sql(&format!(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {id}, id, unit, 1 FROM scheme WHERE organisation = {organisation};
             INSERT INTO client (wallet, number, display_name) VALUES ({id}, {number}, '{}')",
            client.name
        ))
        .await;
        let zero = Amount::zero(Unit::Eur);
        if budget_cents > 0 {
            let budget = Amount::cents(budget_cents).unwrap();
            let overhead = Amount::cents(10_000).unwrap();
            let (collective, reserve, buffer) = (zero, zero, zero);
            let grant =
                Grant { unit: Unit::Eur, unit_value_cents: None, overhead, collective, reserve, buffer, budget };
            let month = Utc::now().date_naive().with_day(1).unwrap();
            self.book(&GrantRequest { id: operation_id(), wallet, month, grant }).await;
        }
        if own_cents > 0 {
            self.top_up(&client, own_cents).await;
        }
        client
    }

    pub async fn top_up(&self, client: &Client, cents: i64) {
        self.book(&TopUpRequest { id: operation_id(), wallet: client.wallet, cents, from: Till::Bank }).await;
    }

    async fn book(&self, request: &impl Booking) {
        let booked = book(&self.test.connect().await, request).await.unwrap();
        assert_eq!(booked.operation.outcome, Outcome::Booked);
    }

    pub async fn sql(&self, sql: &str) {
        self.test.owner().await.batch_execute(sql).await.unwrap();
    }

    /// One text from the database.
    pub async fn text(&self, sql: &'static str) -> String {
        let query: Statement<Text> = statement(sql);
        query.get_result(&mut self.test.owner().await).await.unwrap()
    }

    /// All that a booking changes: rows of the ledger, counters of cards, money in purses.
    pub async fn books(&self) -> String {
        self.text(
            "SELECT format('%s operations, %s lines, %s transfers, %s hold entries, counters %s, money %s',
                (SELECT count(*) FROM ledger.operation), (SELECT count(*) FROM ledger.line), (SELECT count(*) FROM ledger.transfer),
                (SELECT count(*) FROM ledger.hold_entry), (SELECT sum(last_counter) FROM card),
                (SELECT sum(budget + credit_cents) FROM wallet))",
        )
        .await
    }

    /// Operations in the ledger.
    pub async fn operations(&self) -> usize {
        self.text("SELECT count(*)::text FROM ledger.operation").await.parse().unwrap()
    }

    /// Budget and own money of a client, in cents.
    pub async fn purses(&self, client: &Client) -> [i64; 2] {
        let query: Statement<(diesel::sql_types::BigInt, diesel::sql_types::BigInt)> =
            statement("SELECT budget, credit_cents FROM wallet WHERE id = ?").bind(client.wallet.field());
        query.get_result::<(i64, i64)>(&mut self.test.owner().await).await.unwrap().into()
    }

    /// Whatever was booked, the ledger must prove itself.
    pub async fn verify(&self) {
        let report = verify(&mut self.test.service().await, |_| {}).await.unwrap();
        let findings: Vec<_> = report.failed().collect();
        assert!(report.holds() && report.checks.len() > 10, "{findings:#?}");
    }

    /// A service without limits of rate, as a test asks faster than any till.
    pub fn serve(&self) -> Serving {
        self.serve_with(&["--address-rate", "0", "--terminal-rate", "0", "--key-rate", "0"], &[])
    }

    pub fn serve_with(&self, options: &[&str], environment: &[(&str, &str)]) -> Serving {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let start = STARTS.fetch_add(1, Ordering::Relaxed);
        let (stdout, stderr) = (self.path(&format!("stdout-{start}")), self.path(&format!("stderr-{start}")));
        let mut command = self.command(&["serve", "--metrics", "127.0.0.1:0"]);
        // who wants to be where it was before says so
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options).envs(environment.iter().copied());
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let child = command.spawn().unwrap();
        Serving::wait_ready(child, stdout, stderr)
    }
}

pub fn operation_id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

/// A running service.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    /// With TLS, where it was asked for.
    pub tls: Option<SocketAddr>,
    pub stdout: PathBuf,
    pub stderr: PathBuf,
}

impl Serving {
    fn wait_ready(child: Child, stdout: PathBuf, stderr: PathBuf) -> Self {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut serving = Self { child, address: unknown, metrics: unknown, tls: None, stdout, stderr };
        let address = |text: &str, label: &str| -> Option<SocketAddr> {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(label))?;
            line.trim()
                .trim_start_matches("https://")
                .trim_start_matches("http://")
                .trim_end_matches("/metrics")
                .parse()
                .ok()
        };
        wait_until("the service listens", || {
            if let Some(status) = serving.child.try_wait().unwrap() {
                panic!("the service ended, {status}: {}", read(&serving.stderr));
            }
            let text = read(&serving.stdout);
            let found = address(&text, "terminals ask at").zip(address(&text, "metrics at"));
            if let Some(found) = found {
                (serving.address, serving.metrics) = found;
                serving.tls = address(&text, "and with TLS at");
            }
            found.is_some()
        });
        serving
    }

    /// What it wrote to standard output and standard error.
    pub fn written(&self) -> String {
        format!("{}\n{}", read(&self.stdout), read(&self.stderr))
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", "--", &pid]).status().unwrap().success());
    }

    /// Waits for its end after [`Self::terminate`]: it must have ended well.
    pub fn wait_stopped(&mut self) {
        let mut status = None;
        wait_until("the service stops", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}: {}", self.written());
    }

    pub fn stop(mut self) {
        self.terminate();
        self.wait_stopped();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // a failed test leaves no service behind
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !done() {
        assert!(Instant::now() < deadline, "waited 40 seconds until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
