//! The whole way under `kill -9`: real terminals over HTTP, while the service and its PostgreSQL are killed and come back.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Running, kill_nine, pasje, postmaster, verify};

const SECONDS: u64 = 16;
/// Taps a second: all six tills are busy whenever the service is killed.
const RATE: u64 = 250;

/// Cargo builds it beside our own programs.
fn firmware_sim() -> PathBuf {
    let path = Path::new(crate::PASJE).with_file_name("firmware-sim");
    assert!(path.exists(), "{} is missing: cargo build --workspace", path.display());
    path
}

/// One that is free now, and stays the service's when it comes back.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve_on(data: &Path, port: u16) -> Running {
    let until = Instant::now() + Duration::from_secs(60);
    let child = pasje(data)
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--address-rate", "0", "--terminal-rate", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(running.0.try_wait().unwrap().is_none(), "the service ended");
        assert!(Instant::now() < until, "the service does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

fn psql(data: &Path, sql: &str) -> String {
    let output = pasje(data).args(["database", "--", "psql", "-XAtq", "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_fleet_ends_with_no_sale_unknown_doubled_or_lost_however_often_the_service_is_killed() {
    let folder = std::env::temp_dir().join(format!("pasje-fleet-{}", std::process::id()));
    let (data, demo, port) = (folder.join("data"), folder.join("demo"), free_port());
    let mut service = serve_on(&data, port);
    let url = format!("http://127.0.0.1:{port}");
    let made = pasje(&data).args(["demo", "--service", &url, "--out"]).arg(&demo).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let before = sales(&data);

    let fleet = Command::new(firmware_sim())
        .args(["fleet", "--terminals", "6", "--cards", "40", "--check", "--json", "--folder"])
        .arg(&demo)
        .args(["--seconds", &SECONDS.to_string(), "--rate", &RATE.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for killed in ["service", "PostgreSQL", "service", "service"] {
        std::thread::sleep(Duration::from_millis(2500));
        match killed {
            "service" => {
                service.kill();
                service = serve_on(&data, port);
            }
            // The service starts it again.
            _ => kill_nine(postmaster(&data)),
        }
    }
    let output = fleet.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    println!("{report}");
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    for name in ["unknown", "nonsense"] {
        assert_eq!(count(name), 0, "{name}: {report}");
    }
    let checked = &report["check"];
    assert_eq!((&checked["lost"], &checked["changed"]), (&serde_json::json!(0), &serde_json::json!(0)), "{report}");
    assert!(count("asked_again") > 0, "nothing was killed under load: {report}");
    assert_eq!(report["problems"], serde_json::json!({}), "{report}");
    let answered = count("taps") - count("not_booked");
    assert!(answered > 500, "hardly any load: {report}");
    assert_eq!(sales(&data) - before, answered, "each tap stands in the ledger once");
    verify(&data);
    drop(service);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn sales(data: &Path) -> u64 {
    psql(data, "SELECT count(*) FROM ledger.operation WHERE kind = 1").parse().unwrap()
}
