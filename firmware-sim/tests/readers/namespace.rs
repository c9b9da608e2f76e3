//! A place of its own for a test with a real pcscd and vpcd: vpcd listens on all addresses, and pcscd has one socket a
//! machine, so each test gets a network, mounts and processes that nobody else sees, and that end with it. Needs no root.

use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Says to this program, started again, which test it is inside.
const INSIDE: &str = "FIRMWARE_SIM_INSIDE";

/// pcscd and `ip` are for administrators, and not always on the path of others.
const PATHS: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// vpcd's two readers.
pub const FIRST: (&str, u16) = ("127.0.0.1", 35963);
pub const SECOND: (&str, u16) = ("127.0.0.1", 35964);

/// Runs the rest of a test in a place of its own: true inside, false where it has ended well.
pub fn enters(test: &str) -> bool {
    enters_below(test, &[])
}

/// The same, started by another program with these arguments: what it puts into the environment is there inside.
pub fn enters_below(test: &str, program: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        prepare();
        return true;
    }
    let own = std::env::current_exe().unwrap();
    let unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"];
    // who may make namespaces keeps the rights to files that it has; others become root of their own files
    let user: &[&str] = if is_root_of_all(&unshare) { &[] } else { &["--map-root-user"] };
    let words = [program, &unshare, user].concat();
    let output = Command::new(words[0])
        .args(&words[1..])
        .arg(own)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        .env("PATH", PATHS)
        .output()
        .expect("unshare, of util-linux, can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}\n{errors}");
    assert!(
        !errors.contains("unshare failed"),
        "this machine lets nobody make namespaces, which tests of card readers need: as root, \
         sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 \
         kernel.apparmor_restrict_unprivileged_userns=0"
    );
    assert!(output.status.success() && said.contains("1 passed"), "see above");
    false
}

fn is_root_of_all(unshare: &[&str]) -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = Command::new(unshare[0]);
    is_root && command.args(&unshare[1..]).arg("true").output().is_ok_and(|output| output.status.success())
}

fn prepare() {
    shell("mount -t tmpfs tmpfs /run && mkdir -m 755 /run/pcscd /run/readers /run/no-readers && ip link set lo up");
    let reader = "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x8C7B\n\
                  LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID 0x8C7B\n";
    std::fs::write("/run/readers/vpcd", reader).unwrap();
}

fn shell(script: &str) {
    let status = Command::new("sh").args(["-c", script]).status().unwrap();
    assert!(status.success(), "{script}: {status}");
}

/// pcscd, until it is stopped or dropped.
pub struct Pcscd(Child);

impl Pcscd {
    /// With vpcd's two readers.
    pub fn start() -> Self {
        let daemon = Self::with("/run/readers");
        within("vpcd listens", || TcpStream::connect(SECOND).is_ok());
        // that was a card which left at once: pcscd looks a few times a second
        sleep(Duration::from_millis(500));
        daemon
    }

    pub fn without_readers() -> Self {
        Self::with("/run/no-readers")
    }

    fn with(folder: &str) -> Self {
        let log = std::fs::File::create("/run/pcscd.log").unwrap();
        let started = Command::new("pcscd").args(["--foreground", "--config", folder]).stdout(log).spawn();
        let daemon = Self(started.expect("pcscd is installed: ./dev test does so"));
        within("pcscd listens", || Path::new("/run/pcscd/pcscd.comm").exists());
        daemon
    }

    pub fn stop(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Waits until it is so.
pub fn within(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "it never came true that {what}");
        sleep(Duration::from_millis(20));
    }
}
