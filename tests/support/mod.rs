//! A real database for each test, cloned from a migrated template.
//!
//! The template's name holds a hash of the migrations: a changed migration makes a new one. Whichever test comes
//! first makes it, under an advisory lock; the others wait. Roles are shared by all: `pasje_owner`, `pasje_service`.

#![allow(dead_code)] // each test program uses a part

use std::path::Path;

use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::{Database, establish};
use pasje::db::migrate::migrate;
use pasje::db::url::DatabaseUrl;
use pasje::domain::money::Amount;
use pasje::domain::sale::Payer;
use pasje::domain::tap::Tap;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const TEMPLATE_LOCK: i64 = 7_215_299;
const OWNER: &str = "pasje_owner";
const SERVICE: &str = "pasje_service";

/// A tap that signs for any amount.
pub fn tap(card: Uuid, counter: u32, mac: [u8; 16]) -> Payer {
    Payer::Card(Tap {
        card,
        generation: 1,
        counter,
        terminal_sequence: 0,
        terminal_nonce: [0; 8],
        holder_verification: card_protocol::HolderVerification::None,
        amount: Amount::cents(Amount::MAX_MINOR).unwrap(),
        time_ms: 0,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        mac,
    })
}

/// A database of one test; dropped with it unless the test failed, so that it can be looked at.
pub struct TestDatabase {
    pub name: String,
    pub service_url: DatabaseUrl,
    pub owner_url: DatabaseUrl,
    pub superuser_url: DatabaseUrl,
    server: Server,
}

/// The cluster that the tests run in, known by its owner's address.
#[derive(Clone)]
struct Server {
    socket: String,
    port: u16,
}

impl Server {
    fn from_environment() -> Self {
        let url = std::env::var("DATABASE_OWNER_URL").unwrap_or_else(|_| {
            panic!(
                "the tests need a database: run ./dev test, or one of them with \
                 `target/debug/pasje database -- cargo nextest run NAME`"
            )
        });
        let url: DatabaseUrl = url.parse().unwrap();
        let environment: std::collections::HashMap<_, _> = url.libpq_environment().into_iter().collect();
        let socket = environment["PGHOST"].clone();
        assert!(socket.starts_with('/'), "the tests need pasje's embedded database, reached over its socket");
        Self { socket, port: environment["PGPORT"].parse().unwrap() }
    }

    fn url(&self, user: &str, database: &str) -> DatabaseUrl {
        DatabaseUrl::on_socket(user, Path::new(&self.socket), self.port, database).unwrap()
    }

    async fn superuser(&self) -> AsyncPgConnection {
        establish(&self.url("postgres", "postgres")).await.unwrap()
    }
}

impl TestDatabase {
    /// A migrated database.
    pub async fn new() -> Self {
        let server = Server::from_environment();
        let mut superuser = server.superuser().await;
        let template = template(&server, &mut superuser).await;
        Self::create(server, &mut superuser, &format!("TEMPLATE {template} STRATEGY file_copy")).await
    }

    /// A database without anything in it.
    pub async fn empty() -> Self {
        let server = Server::from_environment();
        let mut superuser = server.superuser().await;
        Self::create(server, &mut superuser, "").await
    }

    async fn create(server: Server, superuser: &mut AsyncPgConnection, how: &str) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        superuser.batch_execute(&format!("CREATE DATABASE {name} OWNER {OWNER} {how}")).await.unwrap();
        Self {
            service_url: server.url(SERVICE, &name),
            owner_url: server.url(OWNER, &name),
            superuser_url: server.url("postgres", &name),
            name,
            server,
        }
    }

    /// As the service connects: checked, with a pool of four.
    pub async fn connect(&self) -> Database {
        Database::connect(&self.service_url, 4).await.unwrap()
    }

    pub async fn service(&self) -> AsyncPgConnection {
        establish(&self.service_url).await.unwrap()
    }

    pub async fn owner(&self) -> AsyncPgConnection {
        establish(&self.owner_url).await.unwrap()
    }

    pub async fn superuser(&self) -> AsyncPgConnection {
        establish(&self.superuser_url).await.unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test's database is kept: {}", self.name);
            return;
        }
        // a runtime cannot be entered twice on one thread; best effort, the whole cluster goes after the run
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                if let Ok(mut superuser) = establish(&server.url("postgres", "postgres")).await {
                    let _ = superuser.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
                }
            });
            std::io::Result::Ok(())
        });
        let _ = dropping.join();
    }
}

#[derive(diesel::QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

/// The template's name, made if need be. It gets its name when it is finished, so a killed test leaves nothing that
/// looks like one.
async fn template(server: &Server, superuser: &mut AsyncPgConnection) -> String {
    let name = format!("template_{}", migrations_hash());
    let lock = diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<BigInt, _>(TEMPLATE_LOCK);
    lock.execute(superuser).await.unwrap();
    let exists = diesel::sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS exists");
    let found: Exists = exists.bind::<diesel::sql_types::Text, _>(&name).get_result(superuser).await.unwrap();
    if !found.exists {
        let unfinished = format!("{name}_unfinished");
        let start = format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)");
        superuser.batch_execute(&start).await.unwrap();
        superuser.batch_execute(&format!("CREATE DATABASE {unfinished} OWNER {OWNER}")).await.unwrap();
        migrate(&server.url(OWNER, &unfinished), &server.url(SERVICE, &unfinished)).await.unwrap();
        // the connections of the migration end a moment later
        let rename =
            format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{unfinished}'");
        superuser.batch_execute(&rename).await.unwrap();
        superuser.batch_execute(&format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await.unwrap();
    }
    let unlock = diesel::sql_query("SELECT pg_advisory_unlock($1)").bind::<BigInt, _>(TEMPLATE_LOCK);
    unlock.execute(superuser).await.unwrap();
    name
}

/// Of what a template is made of: the migrations and the rights.
fn migrations_hash() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(root.join("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .filter(|path| path.exists())
        .collect();
    files.sort();
    files.push(root.join("src/db/migrate.rs"));
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file).unwrap());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
