//! The data folder: who holds it, what lies where, and the address others find in it.
//!
//! ```text
//! service.lock     held (flock) by the one service; its process id inside
//! watchdog.lock    held by the watchdog for as long as it may still stop a server
//! postgres/        the cluster; postgres.new.*/ while it is being made
//! socket/          mode 0700: who may enter it may log in without password
//! postgres.log     the server's log
//! database.env     the addresses of the running database, mode 0600
//! ```

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::{Account, ClusterError, Urls};
use crate::db::url::DatabaseUrl;

/// A Unix socket's address holds 107 bytes; the server appends `/.s.PGSQL.65535` and, beside it, `.lock`.
const SOCKET_FOLDER_BYTES_MAX: usize = 107 - "/.s.PGSQL.65535.lock".len();
/// How the folders begin in which a cluster is being made.
const UNFINISHED: &str = "postgres.new.";
const LOG_BYTES_MAX: u64 = 16 << 20;

/// The data folder, absolute and without symbolic links.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ClusterError {
    let what = what.into();
    |source| ClusterError::Io { what, source }
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, ClusterError> {
        let what = || format!("make the data folder {}", path.display());
        if !path.exists() {
            fs::create_dir_all(path).map_err(io(what()))?;
            // the account that runs the server passes through; what it may read is up to each thing inside
            fs::set_permissions(path, Permissions::from_mode(0o711)).map_err(io(what()))?;
        }
        Ok(Self { root: fs::canonicalize(path).map_err(io(what()))? })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// A new folder for initdb to work in, so that an interrupted one leaves nothing that looks finished.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()))
    }

    /// Removes what interrupted ones left. The initdb of a service that was killed may still be writing: it works on
    /// in a folder of its own until it notices, so it disturbs nobody.
    pub(super) async fn remove_unfinished(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if !entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                continue;
            }
            let mut tries = 50;
            while fs::remove_dir_all(entry.path()).is_err() && entry.path().exists() && tries > 0 {
                tries -= 1;
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    fn env_path(&self) -> PathBuf {
        self.root.join("database.env")
    }

    /// The major version of the cluster that is there.
    pub(super) fn cluster_major(&self) -> Result<Option<u32>, ClusterError> {
        let path = self.postgres().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(ClusterError::NotACluster { path }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(format!("read {}", path.display()))(error)),
        }
    }

    /// One service a folder. Tried for a second, as another may be looking who holds it.
    pub(super) async fn lock(&self) -> Result<File, ClusterError> {
        let path = self.root.join("service.lock");
        let what = format!("lock {}", path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(io(what.clone()))?;
        if !try_lock_for(&file, Duration::from_secs(1)).await.map_err(io(what.clone()))? {
            let mut pid = String::new();
            // a holder that has not written its number yet is still a holder
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim().parse().ok();
            return Err(ClusterError::InUse { folder: self.root.clone(), pid });
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io(what))?;
        Ok(file)
    }

    /// Held by a watchdog's open file, so that the next service knows when the last one's is gone.
    pub(super) async fn watchdog_lock(&self) -> Result<File, ClusterError> {
        let path = self.root.join("watchdog.lock");
        let what = format!("lock {}", path.display());
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(io(what.clone()))?;
        // as long as a fast shutdown may take, and then an immediate one
        if try_lock_for(&file, Duration::from_secs(90)).await.map_err(io(what))? {
            Ok(file)
        } else {
            Err(ClusterError::StillStopping { folder: self.root.clone() })
        }
    }

    /// A folder for the socket that only `account` (or we) may enter.
    pub(super) fn socket(&self, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
        let mut path = self.root.join("socket");
        if path.as_os_str().len() > SOCKET_FOLDER_BYTES_MAX {
            let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
            let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            path = std::env::temp_dir().join(format!("pasje-{name}"));
        }
        private_folder(&path, account)?;
        // in the temp folder anybody could have put something of that name there first
        let found = fs::symlink_metadata(&path).map_err(io(format!("look at {}", path.display())))?;
        let wanted_uid = match account {
            Some(account) => account.uid,
            None => fs::metadata("/proc/self").map_err(io("read who runs this process"))?.uid(),
        };
        if !found.is_dir() || found.uid() != wanted_uid || found.mode() & 0o077 != 0 {
            return Err(ClusterError::SocketFolder { path });
        }
        // sockets of servers that were killed; no server of this folder is running now
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".s.PGSQL.") {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(path)
    }

    /// A socket folder outside the data folder is not left behind.
    pub(super) fn remove_socket(&self, path: &Path) {
        if !path.starts_with(&self.root) {
            // the server has removed its socket; what else is there is not ours
            let _ = fs::remove_dir(path);
        }
    }

    /// The log, opened for appending; a long one is set aside first.
    pub(super) fn log(&self, account: Option<&Account>) -> Result<File, ClusterError> {
        let path = self.log_path();
        let what = format!("open {}", path.display());
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            fs::rename(&path, self.root.join("postgres.log.1")).map_err(io(what.clone()))?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(&path).map_err(io(what.clone()))?;
        give(&path, account)?;
        Ok(file)
    }

    /// The last lines of the log, to show why a server did not start.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read(self.log_path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Tells others where the running database is.
    pub(super) fn write_env(&self, urls: &Urls, over_tcp: &[(&str, String)]) -> Result<(), ClusterError> {
        let mut text = String::from(
            "# The running database of this folder; made anew at every start, passwords included.\n\
             # Sockets, for pasje's own commands:\n",
        );
        text += &format!("DATABASE_URL='{}'\n", urls.service.secret());
        text += &format!("DATABASE_OWNER_URL='{}'\n", urls.owner.secret());
        text += "# The same over TCP, for other programs on this machine:\n";
        for (name, url) in over_tcp {
            text += &format!("{name}='{url}'\n");
        }
        let unfinished = self.root.join("database.env.new");
        write_private(&unfinished, &text, None)?;
        fs::rename(&unfinished, self.env_path()).map_err(io(format!("write {}", self.env_path().display())))
    }

    pub(super) fn remove_env(&self) {
        // a stale one does no harm: it is read only while the folder is held
        let _ = fs::remove_file(self.env_path());
    }

    /// The addresses that the service which holds this folder wrote down.
    pub(super) fn read_env(&self) -> Option<Urls> {
        let text = fs::read_to_string(self.env_path()).ok()?;
        let value = |name: &str| -> Option<DatabaseUrl> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            line.trim_matches('\'').parse().ok()
        };
        Some(Urls { service: value("DATABASE_URL")?, owner: value("DATABASE_OWNER_URL")? })
    }

    /// Whether a service holds this folder now.
    pub(super) fn is_held(&self) -> bool {
        match File::open(self.root.join("service.lock")) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

async fn try_lock_for(file: &File, patience: Duration) -> std::io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Makes `path` if need be, mode 0700, owned by the account.
pub(super) fn private_folder(path: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    let what = format!("make {}", path.display());
    match fs::create_dir(path) {
        Ok(()) => {
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io(what))?;
            give(path, account)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(what)(error)),
    }
}

/// Writes a file that only its owner may read, and that is on disk afterwards.
pub(super) fn write_private(path: &Path, text: &str, account: Option<&Account>) -> Result<(), ClusterError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(io(format!("write {}", path.display())))?;
    give(path, account)
}

fn give(path: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    match account {
        Some(account) => chown(path, Some(account.uid), Some(account.gid)).map_err(io(format!(
            "give {} to {}",
            path.display(),
            account.name
        ))),
        None => Ok(()),
    }
}
