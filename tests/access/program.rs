//! The program as an operator runs it: a process, its output and its signals.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder that the account which runs PostgreSQL can reach, removed with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pasje-test-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The program without anything that this test run's own database put into the environment.
pub fn pasje(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
    let variables = ["DATABASE_URL", "DATABASE_OWNER_URL", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PASJE_DATA"];
    for variable in variables {
        command.env_remove(variable);
    }
    // many services run at once here: each takes ports that are free
    command.env("PASJE_LISTEN", "127.0.0.1:0").env("PASJE_METRICS", "127.0.0.1:0");
    command.arg("--data").arg(data).stdin(Stdio::null());
    command
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs psql against the folder's database, as the owner.
pub fn psql(data: &Path, sql: &str) -> String {
    let output = pasje(data).args(["database", "--", "psql", "-XAtq", "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// A running service.
pub struct Service {
    pub child: Child,
    pub ready: String,
    output: BufReader<ChildStdout>,
    data: PathBuf,
}

impl Service {
    pub fn start(data: &Path) -> Self {
        Self::start_as(pasje(data), data)
    }

    pub fn start_as(mut command: Command, data: &Path) -> Self {
        let log = data.with_extension("stderr");
        command.arg("serve").stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).process_group(0);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        output.read_line(&mut ready).unwrap();
        assert!(ready.starts_with("pasje is ready"), "{ready}{}", fs::read_to_string(log).unwrap());
        Self { child, ready, output, data: data.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn postmaster(&self) -> u32 {
        postmaster(&self.data)
    }

    /// Tells it to stop, as a terminal's Ctrl-C does: the whole process group at once.
    pub fn interrupt_group(mut self) -> String {
        send("-INT", &format!("-{}", self.pid()));
        self.wait_stopped()
    }

    pub fn terminate(mut self) -> String {
        send("-TERM", &self.pid().to_string());
        self.wait_stopped()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn wait_stopped(&mut self) -> String {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", fs::read_to_string(self.data.with_extension("stderr")).unwrap());
        // after where it listens
        let mut last = String::new();
        for line in self.output.by_ref().lines() {
            last = line.unwrap() + "\n";
        }
        last
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // a failed test leaves no service behind; the watchdog then stops its server
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn send(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, "--", pid]).status().unwrap().success());
}

pub fn postmaster(data: &Path) -> u32 {
    let file = fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    file.lines().next().unwrap().parse().unwrap()
}

/// A zombie has ended; its parent is only slow to hear of it.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "waited 30 seconds until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn env_value(data: &Path, name: &str) -> String {
    let text = fs::read_to_string(data.join("database.env")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap().trim_matches('\'').to_owned()
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
