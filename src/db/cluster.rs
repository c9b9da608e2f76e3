//! The embedded PostgreSQL: a private cluster in the data folder, run from the installed programs.
//!
//! Invariants:
//! - one service a folder (`service.lock`), one server a folder (what an earlier one left is stopped first);
//! - the server never outlives the service for long (the watchdog) and never stays down while it runs (the supervisor);
//! - a folder `postgres` holds a finished cluster or does not exist;
//! - the superuser can log in over the socket alone, whose folder only the server's account may enter.

mod folder;
mod programs;
mod server;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::folder::Folder;
pub use self::programs::{Account, OLDEST_MAJOR, Programs};
use self::server::{Server, Watchdog};
use super::url::{DatabaseUrl, UrlError};

/// The login that owns the database and runs migrations.
pub const OWNER: &str = "pasje_owner";
/// The login that the service works with: it can add to the ledger, and change nothing in it.
pub const SERVICE: &str = "pasje_service";
/// The database's name.
pub const DATABASE: &str = "pasje";

const RESTART_DELAY_MIN: Duration = Duration::from_millis(100);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(5);
/// How long a first start is tried again when the system still holds what an earlier server used.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Why the embedded PostgreSQL cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// PostgreSQL is missing or too old.
    #[error(
        "PostgreSQL {OLDEST_MAJOR} or newer is not installed ({found}): install it (Debian 12, Ubuntu 24.04: \
         apt install postgresql; older: see https://www.postgresql.org/download), or name the folder of its programs \
         in PASJE_PG_BIN, or an existing server in DATABASE_URL"
    )]
    NoPrograms {
        /// What there is.
        found: String,
    },
    /// The cluster was made by another major version.
    #[error(
        "this data folder holds a cluster of PostgreSQL {major}, and the programs of that version are not installed \
         ({found}): install postgresql-{major} again, or move the cluster to the newer version with pg_upgrade"
    )]
    OtherMajor {
        /// The cluster's version.
        major: u32,
        /// What there is.
        found: String,
    },
    /// Root started us and there is nobody else to run PostgreSQL.
    #[error(
        "PostgreSQL does not run as root, and there is no ordinary user named {name}: make one, name another in \
         PASJE_PG_USER, or start pasje as an ordinary user"
    )]
    NoAccount {
        /// The user looked for.
        name: String,
    },
    /// The account cannot get to the data.
    #[error(
        "the user {account}, who runs PostgreSQL because root started pasje, may not enter {}: choose another data \
         folder (--data or PASJE_DATA, for example /var/lib/pasje), let others pass through that one (chmod o+x), or \
         name its owner in PASJE_PG_USER", folder.display()
    )]
    Unreachable {
        /// Who is kept out.
        account: String,
        /// Of what.
        folder: PathBuf,
    },
    /// Another service uses the folder.
    #[error(
        "the data folder {} is in use by another pasje{}: stop that one first, or give this one a folder of its own \
         with --data", folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// Whose it is.
        pid: Option<u32>,
    },
    /// An earlier server does not end.
    #[error(
        "the PostgreSQL server of {} is still being stopped: try again in a minute, and look at postgres.log there",
        folder.display()
    )]
    StillStopping {
        /// The data folder.
        folder: PathBuf,
    },
    /// Something else is in the cluster's place.
    #[error("{} is not a PostgreSQL cluster: move it away, or choose another data folder with --data", path.display())]
    NotACluster {
        /// What is there.
        path: PathBuf,
    },
    /// The socket's folder is not ours alone.
    #[error("{} must be a folder that only the user who runs PostgreSQL may enter: remove it", path.display())]
    SocketFolder {
        /// The folder.
        path: PathBuf,
    },
    /// initdb failed.
    #[error("the database cluster could not be made: {output}")]
    Init {
        /// What initdb said.
        output: String,
    },
    /// The server ended at once.
    #[error("PostgreSQL does not start; the end of {}:\n{tail}", log.display())]
    Start {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The roles or the database could not be made.
    #[error("the embedded database could not be prepared: {reason}")]
    Prepare {
        /// What the server said.
        reason: String,
    },
    /// The folder's path cannot be written as an address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The operating system refused something.
    #[error("could not {what}")]
    Io {
        /// What was being done.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// Where the running database is: addresses over its socket, without passwords.
#[derive(Clone, Debug)]
pub struct Urls {
    /// For the service.
    pub service: DatabaseUrl,
    /// For migrations.
    pub owner: DatabaseUrl,
}

/// A running cluster. It stops when this is dropped or when the process ends; [`Cluster::stop`] waits for it.
#[derive(Debug)]
pub struct Cluster {
    urls: Urls,
    postmaster_pid: watch::Receiver<Option<u32>>,
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<Result<(), ClusterError>>,
}

impl Cluster {
    /// Starts the cluster of this data folder, making both if need be.
    ///
    /// # Errors
    /// Whatever stands in the way, in words that say what to do.
    pub async fn start(data: &Path) -> Result<Self, ClusterError> {
        let folder = Folder::open(data)?;
        let service_lock = folder.lock().await?;
        let account = Account::choose(&folder.postgres())?;
        let programs = Programs::find(folder.cluster_major()?).await?;
        let watchdog_lock = folder.watchdog_lock().await?;
        let mut server = Server { socket: PathBuf::new(), port: 0, folder, programs, account };
        server.check_reachable().await?;
        server.stop_leftover().await?;
        server.socket = server.folder.socket(server.account.as_ref())?;
        server.init().await?;
        server.configure().await?;

        let watchdog = server.spawn_watchdog(&watchdog_lock)?;
        let postmaster = start_patiently(&mut server).await?;
        let urls = match prepare(&server).await {
            Ok(urls) => urls,
            Err(error) => {
                server.stop_postmaster().await?;
                return Err(error);
            }
        };
        let (stop, stop_asked) = oneshot::channel();
        let (pid_writer, postmaster_pid) = watch::channel(postmaster.id());
        let supervisor = Supervisor { server, watchdog, watchdog_lock, service_lock, pid: pid_writer };
        let supervisor = tokio::spawn(supervisor.run(postmaster, stop_asked));
        Ok(Self { urls, postmaster_pid, stop, supervisor })
    }

    /// The addresses of the database.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The server's process, unless it is down and being started again.
    #[must_use]
    pub fn postmaster_pid(&self) -> Option<u32> {
        *self.postmaster_pid.borrow()
    }

    /// Stops the server and gives the folder free.
    ///
    /// # Errors
    /// When the server does not end.
    pub async fn stop(self) -> Result<(), ClusterError> {
        // an error means the supervisor has ended, which the next line tells
        let _ = self.stop.send(());
        self.supervisor.await.unwrap_or_else(|panicked| Err(ClusterError::Prepare { reason: panicked.to_string() }))
    }

    /// The addresses of the database that another pasje runs in this folder, if one does. Waits while that one is
    /// still starting.
    pub async fn running(data: &Path) -> Option<Urls> {
        let folder = Folder::open(&std::fs::canonicalize(data).ok()?).ok()?;
        let deadline = Instant::now() + START_PATIENCE;
        while folder.is_held() {
            if let Some(urls) = folder.read_env()
                && urls.service.config().connect(tokio_postgres::NoTls).await.is_ok()
            {
                return Some(urls);
            }
            if Instant::now() > deadline {
                return None;
            }
            sleep(Duration::from_millis(100)).await;
        }
        None
    }
}

/// A free port is only free until somebody takes it, and a killed server's memory is freed only when its last process
/// has ended: both pass.
async fn start_patiently(server: &mut Server) -> Result<Child, ClusterError> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        server.port = free_port()?;
        let mut postmaster = server.spawn_postmaster()?;
        if server.wait_ready(&mut postmaster).await?.is_some() {
            return Ok(postmaster);
        }
        let tail = server.folder.log_tail();
        let passes = ["pre-existing shared memory block", "could not bind", "could not create any TCP/IP sockets"];
        if Instant::now() > deadline || !passes.iter().any(|text| tail.contains(text)) {
            return Err(ClusterError::Start { log: server.folder.log_path(), tail });
        }
        sleep(RESTART_DELAY_MIN).await;
    }
}

fn free_port() -> Result<u16, ClusterError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|source| ClusterError::Io { what: "find a free port".into(), source })
}

/// Makes the roles and the database where they are missing, and gives the roles new passwords for TCP.
async fn prepare(server: &Server) -> Result<Urls, ClusterError> {
    let said = |error: tokio_postgres::Error| ClusterError::Prepare { reason: super::url::cause(&error) };
    let superuser = server.url("postgres", "postgres")?;
    let (client, connection) = superuser.config().connect(tokio_postgres::NoTls).await.map_err(said)?;
    let connection = tokio::spawn(connection);
    let mut over_tcp = Vec::new();
    for (role, name) in [(SERVICE, "DATABASE_TCP_URL"), (OWNER, "DATABASE_OWNER_TCP_URL")] {
        // two random UUIDs: 244 bits, in characters that SQL and URLs leave alone
        let password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let statement = format!(
            "DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;
             END $$;
             ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{password}'"
        );
        client.batch_execute(&statement).await.map_err(said)?;
        over_tcp.push((name, format!("postgresql://{role}:{password}@127.0.0.1:{}/{DATABASE}", server.port)));
    }
    let exists = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&DATABASE]).await.map_err(said)?;
    if exists.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE} OWNER {OWNER}")).await.map_err(said)?;
    }
    drop(client);
    // ends once the client is gone; how does not matter any more
    let _ = connection.await;
    let urls = Urls { service: server.url(SERVICE, DATABASE)?, owner: server.url(OWNER, DATABASE)? };
    server.folder.write_env(&urls, &over_tcp)?;
    Ok(urls)
}

/// Starts the server again when it dies, and the watchdog too, until it is asked to stop.
#[derive(Debug)]
struct Supervisor {
    server: Server,
    watchdog: Watchdog,
    watchdog_lock: File,
    /// Held until the server has stopped.
    service_lock: File,
    pid: watch::Sender<Option<u32>>,
}

impl Supervisor {
    async fn run(mut self, mut postmaster: Child, mut stop: oneshot::Receiver<()>) -> Result<(), ClusterError> {
        let mut delay = RESTART_DELAY_MIN;
        let mut running = Some(Instant::now());
        loop {
            let ended = tokio::select! {
                // also when the Cluster was dropped
                _ = &mut stop => break,
                status = postmaster.wait(), if running.is_some() => status,
                _ = self.watchdog.child.wait() => {
                    tracing::warn!("the watchdog of PostgreSQL ended and is started again");
                    sleep(RESTART_DELAY_MIN).await;
                    self.watchdog = self.server.spawn_watchdog(&self.watchdog_lock)?;
                    continue;
                }
                () = sleep(delay), if running.is_none() => {
                    match self.server.spawn_postmaster() {
                        Ok(again) => {
                            self.pid.send_replace(again.id());
                            postmaster = again;
                            running = Some(Instant::now());
                        }
                        Err(error) => {
                            tracing::error!(%error, "PostgreSQL could not be started again");
                            delay = (delay * 2).min(RESTART_DELAY_MAX);
                        }
                    }
                    continue;
                }
            };
            self.pid.send_replace(None);
            let lasted = running.take().map_or(Duration::ZERO, |since| since.elapsed());
            // a server that kept running earns a quick restart; one that ends at once is given more time each time
            delay = if lasted > START_PATIENCE { RESTART_DELAY_MIN } else { (delay * 2).min(RESTART_DELAY_MAX) };
            let status = ended.map(|status| status.to_string()).unwrap_or_else(|error| error.to_string());
            tracing::error!(status, log = %self.server.folder.log_path().display(), "PostgreSQL ended; starting it again");
        }
        self.stop(postmaster).await
    }

    async fn stop(mut self, mut postmaster: Child) -> Result<(), ClusterError> {
        self.server.folder.remove_env();
        let stopped = self.server.stop_postmaster().await;
        if stopped.is_ok() {
            // nothing is left for it to do; both calls fail only if it has ended already
            let _ = postmaster.wait().await;
            let _ = self.watchdog.child.kill().await;
            self.server.folder.remove_socket(&self.server.socket);
        }
        self.pid.send_replace(None);
        drop(self.service_lock);
        stopped
    }
}
