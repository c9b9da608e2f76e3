//! The service beside which worlds run: a process on a database of its own, and an office with a way into it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use card_protocol::script::Change;
use chrono::{Days, Utc};
use diesel::sql_types::{BigInt, SmallInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use firmware_sim::simulation::office::{Act, Office, Review, output_of};
use pasje::db::connect::Database;
use pasje::db::statement::{Statement, statement};
use pasje::services::key_store::{KeyPlaces, Keys, SealPlace};
use pasje::services::{cards, key_rotation, terminals, verify};
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;

use crate::support::TestDatabase;

/// How many worlds run at once: while one waits for its commit, others go on.
const TOGETHER: usize = 12;

/// Generations of the cards' keys in every world: one that is refused, the one that cards are issued with, and the one that
/// they are told to sign with in the course of a run.
pub const REFUSED: u8 = 1;
pub const ISSUED: u8 = 2;
pub const NEXT: u8 = 3;

/// When the keys are rotated that all worlds of a house share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Before the first world begins. Each world's cards hear of it when its own office says so, so that what happens in
    /// one world hangs on its seed alone.
    Before,
    /// By the first office that says so, for all worlds at once.
    UnderWay,
}

pub struct House {
    inner: Arc<Inner>,
}

impl Clone for House {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

struct Inner {
    test: TestDatabase,
    database: Database,
    keys: Keys,
    folder: PathBuf,
    url: String,
    rotation: Rotation,
    rotated: OnceCell<()>,
    serving: std::sync::Mutex<Option<Child>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(child) = self.serving.get_mut().unwrap() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl House {
    /// A service on an empty database.
    pub async fn open() -> Self {
        Self::with(Rotation::Before).await
    }

    pub async fn with(rotation: Rotation) -> Self {
        let test = TestDatabase::new().await;
        let folder = std::env::temp_dir().join(format!("pasje-simulation-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let database = Database::connect(&test.service_url, 4).await.unwrap();
        let places = KeyPlaces { file: folder.join("keys.sealed"), seal: SealPlace::File(folder.join("keys.seal")) };
        Keys::open(&places, &database).await.unwrap();
        let until = if rotation == Rotation::Before { NEXT } else { ISSUED };
        for generation in ISSUED..=until {
            assert_eq!(key_rotation::rotate(&database, &places, None).await.unwrap().to, generation);
        }
        let yesterday = Utc::now().date_naive() - Days::new(1);
        key_rotation::refuse(&database, REFUSED, Some(yesterday)).await.unwrap();
        let keys = Keys::open(&places, &database).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let (rotated, serving) = (OnceCell::new(), std::sync::Mutex::default());
        let inner = Inner { test, database, keys, folder, url, rotation, rotated, serving };
        let house = Self { inner: Arc::new(inner) };
        house.serve().await;
        house
    }

    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    pub fn rotation(&self) -> Rotation {
        self.inner.rotation
    }

    /// `pasje keys rotate`, once.
    async fn rotate(&self) -> Result<(), String> {
        let rotate = || async { output_of(self.command(&["keys", "rotate"])).await.map(drop) };
        self.inner.rotated.get_or_try_init(rotate).await.copied()
    }

    pub fn url(&self) -> &str {
        &self.inner.url
    }

    pub fn test(&self) -> &TestDatabase {
        &self.inner.test
    }

    /// The program, on this house's database, with nothing else of the environment that tests run in.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
        for (name, _) in std::env::vars() {
            if name.starts_with("PG") || name.starts_with("PASJE_") || name == "CREDENTIALS_DIRECTORY" {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", self.inner.test.service_url.secret());
        command.env("DATABASE_OWNER_URL", self.inner.test.owner_url.secret());
        command.arg("--data").arg(&self.inner.folder).args(arguments).stdin(Stdio::null());
        command
    }

    async fn serve(&self) {
        let listen = self.inner.url.trim_start_matches("http://");
        let rates = ["--address-rate", "0", "--terminal-rate", "0"];
        let arguments = [&["serve", "--listen", listen, "--metrics", "127.0.0.1:0"], &rates[..]].concat();
        let log = fs::File::options().create(true).append(true).open(self.inner.folder.join("service.log")).unwrap();
        let child = self.command(&arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        *self.inner.serving.lock().unwrap() = Some(child);
        let until = Instant::now() + Duration::from_secs(120);
        while tokio::net::TcpStream::connect(listen).await.is_err() {
            assert!(Instant::now() < until, "the service does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`, and up again.
    pub async fn kill_and_serve(&self) {
        let child = self.inner.serving.lock().unwrap().take();
        if let Some(mut child) = child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.serve().await;
    }

    pub fn office(&self, organisation: u16) -> Desk {
        Desk { house: self.clone(), organisation }
    }

    /// All of these, a dozen at a time.
    pub async fn many<T, F>(&self, seeds: Vec<u64>, work: impl Fn(Self, u64) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let turns = Arc::new(Semaphore::new(TOGETHER));
        let mut tasks = Vec::new();
        for seed in seeds {
            let (turns, work) = (turns.clone(), work(self.clone(), seed));
            tasks.push(tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                work.await
            }));
        }
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }

    pub async fn verify(&self) {
        let report = verify::verify(&mut self.inner.test.service().await, |_| {}).await.unwrap();
        let findings: Vec<_> = report.failed().collect();
        assert!(report.holds() && report.checks.len() > 10, "{findings:#?}");
    }
}

/// The office of one organisation.
pub struct Desk {
    house: House,
    organisation: u16,
}

impl Desk {
    /// Tells the organisation's cards that have the keys what `keys rotate` tells all.
    async fn tell_cards(&self, generation: u8) -> Result<(), String> {
        let database = self.house.database();
        let mut connection = database.connection().await.map_err(|error| error.to_string())?;
        let query: Statement<SqlUuid> = statement(
            "SELECT id FROM card WHERE wallet >> 32 = ? AND status <> 3 AND generation < ? AND generations_to >= ?",
        )
        .bind(i64::from(self.organisation))
        .bind(i16::from(generation))
        .bind(i16::from(generation));
        let found = query.load::<Uuid>(&mut *connection).await.map_err(|error| error.to_string())?;
        drop(connection);
        for card in found {
            let told = cards::tell(database, card, Change::ActivateGeneration(generation)).await;
            told.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Office for Desk {
    async fn act(&mut self, act: Act) -> Result<(), String> {
        let database = self.house.database();
        match act {
            Act::BlockCard(card) => cards::block(database, card).await.map(drop).map_err(|error| error.to_string()),
            Act::UnblockCard(card) => cards::unblock(database, card).await.map(drop).map_err(|error| error.to_string()),
            Act::RevokeTerminal(terminal) => {
                terminals::revoke(database, terminal).await.map_err(|error| error.to_string())
            }
            Act::MoveTerminal { terminal, location } => {
                let moved = terminals::move_to(database, terminal, &location.to_string()).await;
                moved.map(drop).map_err(|error| error.to_string())
            }
            Act::RotateKeys(_) if self.house.rotation() == Rotation::UnderWay => self.house.rotate().await,
            Act::RotateKeys(generation) => self.tell_cards(generation).await,
        }
    }

    async fn purses(&mut self) -> Result<BTreeMap<u32, [i64; 4]>, String> {
        let mut connection = self.house.database().connection().await.map_err(|error| error.to_string())?;
        let query: Statement<(BigInt, BigInt, BigInt, BigInt, BigInt)> =
            statement("SELECT id & 4294967295, budget, reserve, savings, credit_cents FROM wallet WHERE id >> 32 = ?")
                .bind(i64::from(self.organisation));
        let rows =
            query.load::<(i64, i64, i64, i64, i64)>(&mut *connection).await.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().map(|(id, b, r, s, o)| (u32::try_from(id).unwrap(), [b, r, s, o])).collect())
    }

    async fn reviews(&mut self) -> Result<Vec<Review>, String> {
        let mut connection = self.house.database().connection().await.map_err(|error| error.to_string())?;
        let query: Statement<(SqlUuid, BigInt, SmallInt)> =
            statement("SELECT terminal, sequence, why FROM review WHERE organisation = ? AND settled_at IS NULL")
                .bind(i32::from(self.organisation));
        let rows = query.load::<(Uuid, i64, i16)>(&mut *connection).await.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().map(|(id, at, why)| (id, u64::try_from(at).unwrap(), u8::try_from(why).unwrap())).collect())
    }
}
