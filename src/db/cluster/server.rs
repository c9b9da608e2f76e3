//! Starting and stopping the server's processes.
//!
//! Two children, each in a process group of its own so that a Ctrl-C reaches only the service, which then stops them
//! in order: the postmaster, and a watchdog that waits for the end of a pipe whose other end the service holds. The
//! kernel closes that pipe however the service ends, `kill -9` included, and the watchdog stops the server.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::folder::{Folder, private_folder, write_private};
use super::programs::Programs;
use super::{Account, ClusterError};
use crate::db::url::{DatabaseUrl, UrlError};

/// File descriptors that we were given without asking (a test runner's pipe, a job server's) must not live on in a
/// server that outlasts us. Ours are closed on exec by the standard library.
const CLOSE_INHERITED: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";

/// Its standard output is the locked watchdog.lock: the lock lives exactly as long as the watchdog does. The first
/// try may come before a server that has just been started wrote its process id.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
for mode in fast fast immediate; do
    "$1" stop -D "$2" -m "$mode" -w -s -t 60 2>/dev/null && exit 0
    sleep 0.3
done
"#;

/// What the superuser may do is guarded by the socket folder's mode: `postgres` has no password, so never gets in
/// over TCP.
const HBA: &str = "\
# Written by pasje at every start.
local all all trust
host all pasje_owner,pasje_service 127.0.0.1/32 scram-sha-256
";

/// Everything needed to start the server, again and again.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) folder: Folder,
    pub(super) programs: Programs,
    pub(super) account: Option<Account>,
    pub(super) socket: PathBuf,
    pub(super) port: u16,
}

/// The watchdog's process and our end of its pipe, apart from it: waiting for a child closes the child's input.
#[derive(Debug)]
pub(super) struct Watchdog {
    pub(super) child: Child,
    _pipe: Option<ChildStdin>,
}

impl Server {
    pub(super) fn url(&self, user: &str, database: &str) -> Result<DatabaseUrl, UrlError> {
        DatabaseUrl::on_socket(user, &self.socket, self.port, database)
    }

    /// Makes the cluster if there is none. What an interrupted attempt left is removed first.
    pub(super) async fn init(&self) -> Result<(), ClusterError> {
        if self.folder.cluster_major()?.is_some() {
            return Ok(());
        }
        let (unfinished, finished) = (self.folder.unfinished(), self.folder.postgres());
        let io = |source| ClusterError::Io { what: format!("make {}", finished.display()), source };
        if finished.exists() {
            return Err(ClusterError::NotACluster { path: finished });
        }
        self.folder.remove_unfinished().await;
        private_folder(&unfinished, self.account.as_ref())?;
        let mut initdb = self.command(&self.programs.path("initdb"));
        initdb.arg("-D").arg(&unfinished);
        // sorted by bytes: no collation that an upgrade of the C library could change under an index
        initdb.args(["-U", "postgres", "-E", "UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "--data-checksums"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
        let output = initdb.stdin(Stdio::null()).output().await.map_err(|source| ClusterError::Io {
            what: format!("run {}", self.programs.path("initdb").display()),
            source,
        })?;
        if !output.status.success() {
            return Err(ClusterError::Init { output: String::from_utf8_lossy(&output.stderr).trim().to_owned() });
        }
        let settings = unfinished.join("postgresql.conf");
        let text = fs::read_to_string(&settings).map_err(io)?;
        write_private(&settings, &format!("{text}\ninclude_if_exists = 'pasje.conf'\n"), self.account.as_ref())?;
        fs::rename(&unfinished, &finished).map_err(io)?;
        // the rename itself must survive a power cut
        File::open(self.folder.root()).and_then(|folder| folder.sync_all()).map_err(io)
    }

    /// Our settings, made anew at every start; `ALTER SYSTEM` wins over them, save what is on the command line.
    pub(super) async fn configure(&self) -> Result<(), ClusterError> {
        let mut settings = String::from(
            "# Written by pasje at every start. Your own: ALTER SYSTEM SET ..., which wins over this file.\n\
             shared_buffers = '512MB'\n\
             max_connections = 100\n\
             max_wal_size = '4GB'\n\
             checkpoint_timeout = '15min'\n\
             jit = off\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n\
             log_line_prefix = '%m [%p] %u@%d '\n\
             password_encryption = 'scram-sha-256'\n",
        );
        if self.accepts("wal_compression", "lz4").await {
            settings += "wal_compression = 'lz4'\n";
        }
        let cluster = self.folder.postgres();
        write_private(&cluster.join("pasje.conf"), &settings, self.account.as_ref())?;
        write_private(&cluster.join("pg_hba.conf"), HBA, self.account.as_ref())
    }

    /// Whether these programs were built with a setting's value.
    async fn accepts(&self, setting: &str, value: &str) -> bool {
        let mut postgres = self.command(&self.programs.path("postgres"));
        postgres.arg("-D").arg(self.folder.postgres()).args(["-C", setting, "-c", &format!("{setting}={value}")]);
        postgres.stdin(Stdio::null()).output().await.is_ok_and(|output| output.status.success())
    }

    pub(super) fn spawn_watchdog(&self, lock: &File) -> Result<Watchdog, ClusterError> {
        let mut watchdog = self.shell(&format!("{CLOSE_INHERITED}\n{WATCHDOG}"));
        watchdog.arg(self.programs.path("pg_ctl")).arg(self.folder.postgres());
        let mut spawn = || -> std::io::Result<Child> {
            watchdog.stdin(Stdio::piped()).stdout(lock.try_clone()?).stderr(Stdio::null()).process_group(0).spawn()
        };
        let mut child = spawn().map_err(|source| ClusterError::Io { what: "start the watchdog".to_owned(), source })?;
        Ok(Watchdog { _pipe: child.stdin.take(), child })
    }

    pub(super) fn spawn_postmaster(&self) -> Result<Child, ClusterError> {
        let io = |source| ClusterError::Io { what: "start PostgreSQL".to_owned(), source };
        let log = self.folder.log(self.account.as_ref())?;
        // the socket is what we use: should another program have taken the port meanwhile, do without TCP
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        if !tcp {
            tracing::warn!(port = self.port, "the port is taken: PostgreSQL is started on its socket alone");
        }
        let socket = self.socket.display().to_string().replace('"', "\"\"");
        let mut postgres = self.shell(&format!("{CLOSE_INHERITED}\nexec \"$@\""));
        postgres.arg(self.programs.path("postgres")).arg("-D").arg(self.folder.postgres());
        for setting in [
            format!("port={}", self.port),
            format!("listen_addresses={}", if tcp { "127.0.0.1" } else { "" }),
            format!("unix_socket_directories=\"{socket}\""),
            "unix_socket_permissions=0700".to_owned(),
            "logging_collector=off".to_owned(),
            // what was answered "approved" must be on disk
            "fsync=on".to_owned(),
            "synchronous_commit=on".to_owned(),
            "full_page_writes=on".to_owned(),
        ] {
            postgres.arg("-c").arg(setting);
        }
        let error_log = log.try_clone().map_err(io)?;
        postgres.stdin(Stdio::null()).stdout(log).stderr(error_log).process_group(0).spawn().map_err(io)
    }

    /// Waits until the server answers; recovery after a crash may take minutes. None: it ended instead.
    pub(super) async fn wait_ready(&self, postmaster: &mut Child) -> Result<Option<()>, ClusterError> {
        let superuser = self.url("postgres", "postgres")?;
        let mut said = Instant::now();
        loop {
            if superuser.config().connect(tokio_postgres::NoTls).await.is_ok() {
                return Ok(Some(()));
            }
            let ended = postmaster.try_wait();
            if ended.map_err(|source| ClusterError::Io { what: "wait for PostgreSQL".to_owned(), source })?.is_some() {
                return Ok(None);
            }
            if said.elapsed() > Duration::from_secs(10) {
                tracing::info!("PostgreSQL is still starting (after a crash it reads its log back first)");
                said = Instant::now();
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// Fast, which cuts sessions off; should that take a minute, at once, which the next start recovers from.
    pub(super) async fn stop_postmaster(&self) -> Result<(), ClusterError> {
        for mode in ["fast", "immediate"] {
            let mut pg_ctl = self.command(&self.programs.path("pg_ctl"));
            pg_ctl.arg("stop").arg("-D").arg(self.folder.postgres()).args(["-m", mode, "-w", "-s", "-t", "60"]);
            let stopped = pg_ctl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
            if stopped.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            if processes_in(&self.folder.postgres()).is_empty() {
                return Ok(());
            }
        }
        Err(ClusterError::StillStopping { folder: self.folder.root().to_owned() })
    }

    /// Stops what a service that ended badly left running, so that only one server ever uses the files.
    pub(super) async fn stop_leftover(&self) -> Result<(), ClusterError> {
        let cluster = self.folder.postgres();
        let pid_file = cluster.join("postmaster.pid");
        let written = fs::read_to_string(&pid_file).unwrap_or_default();
        let postmaster: Option<u32> = written.lines().next().and_then(|line| line.trim().parse().ok());
        let left = processes_in(&cluster);
        if left.is_empty() {
            // in a container that starts again the number may now be another's, which the server would take for a
            // living postmaster; nobody is at work here, so the file tells of the past
            let _ = fs::remove_file(&pid_file);
            return Ok(());
        }
        if postmaster.is_some_and(|pid| left.contains(&pid)) {
            tracing::info!("stopping the PostgreSQL server that an earlier service left running");
            self.stop_postmaster().await?;
        }
        // backends end by themselves once they notice that their postmaster is gone
        let deadline = Instant::now() + Duration::from_secs(30);
        while !processes_in(&cluster).is_empty() {
            if Instant::now() > deadline {
                return Err(ClusterError::StillStopping { folder: self.folder.root().to_owned() });
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// The first folder on the way to the data that the account may not enter is an error.
    pub(super) async fn check_reachable(&self) -> Result<(), ClusterError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut way: Vec<&Path> = self.folder.root().ancestors().collect();
        way.reverse();
        for folder in way {
            let mut test = as_account(Command::new("/bin/sh"), Some(account));
            test.args(["-c", "test -x \"$1\"", "sh"]).arg(folder).current_dir("/");
            let status = test.stdin(Stdio::null()).status().await;
            let status = status.map_err(|source| ClusterError::Io {
                what: format!("run a program as the user {}", account.name),
                source,
            })?;
            if !status.success() {
                return Err(ClusterError::Unreachable { account: account.name.clone(), folder: folder.to_owned() });
            }
        }
        Ok(())
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = self.command(Path::new("/bin/sh"));
        shell.args(["-c", script, "sh"]);
        shell
    }

    /// A program run as the account, in English, with nothing of our environment that libpq or the server would read.
    fn command(&self, program: &Path) -> Command {
        let mut command = as_account(Command::new(program), self.account.as_ref());
        command.current_dir(self.folder.root()).env_clear().env("LC_ALL", "C");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        command
    }
}

fn as_account(mut command: Command, account: Option<&Account>) -> Command {
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// The server's processes all work in the cluster's folder.
fn processes_in(cluster: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // somebody's shell may stand there too
    let is_server =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres");
    let is_here = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster);
    numbers.filter(|pid| is_server(pid) && is_here(pid)).collect()
}
