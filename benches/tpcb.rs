//! pgbench's TPC-B-like script: what this machine's PostgreSQL does with one small transaction at a time.

use std::process::Command;

use crate::Failure;
use crate::cpu;
use crate::server::Server;

pub struct Turn {
    pub rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub server_us: f64,
}

fn program(name: &str) -> String {
    // Debian keeps it beside the server's own programs, off the PATH.
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

fn pgbench(server: &Server) -> Command {
    let mut command = Command::new(program("pgbench"));
    command
        .env("PGHOST", &server.socket)
        .env("PGPORT", server.port.to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "tpcb");
    command
}

fn ran(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Makes the tables.
pub fn initialise(server: &Server, scale: u32) -> Result<(), Failure> {
    let mut create = Command::new("psql");
    create.env("PGHOST", &server.socket).env("PGPORT", server.port.to_string());
    create.args(["-U", "postgres", "-d", "postgres", "-q", "-c", "DROP DATABASE IF EXISTS tpcb"]);
    ran(create.args(["-c", "CREATE DATABASE tpcb"]))?;
    ran(pgbench(server).args(["-i", "-q", "-s", &scale.to_string()]))?;
    Ok(())
}

/// Eight clients, prepared statements.
pub fn turn(server: &Server, seconds: u32) -> Result<Turn, Failure> {
    let folder = std::env::temp_dir().join(format!("pasje-tpcb-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let before = cpu::server_us(server.postmaster);
    let seconds = seconds.to_string();
    let prefix = folder.join("log").display().to_string();
    let output = ran(pgbench(server).args([
        "-c",
        "8",
        "-j",
        "2",
        "-M",
        "prepared",
        "-T",
        &seconds,
        "-l",
        "--log-prefix",
        &prefix,
    ]));
    let used = cpu::server_us(server.postmaster).saturating_sub(before);
    let mut latencies_us: Vec<u64> = Vec::new();
    for file in std::fs::read_dir(&folder)?.flatten() {
        let text = std::fs::read_to_string(file.path())?;
        latencies_us.extend(text.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()));
    }
    std::fs::remove_dir_all(&folder)?;
    let output = output?;
    let number = |label: &str| {
        let line = output.lines().find(|line| line.contains(label))?;
        line.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|part| part.parse::<f64>().ok())
    };
    let rate = number("tps =").ok_or("pgbench printed no rate")?;
    latencies_us.sort_unstable();
    Ok(Turn {
        rate,
        p50_ms: percentile_ms(&latencies_us, 50),
        p99_ms: percentile_ms(&latencies_us, 99),
        server_us: used as f64 / latencies_us.len().max(1) as f64,
    })
}

/// A percentile of sorted microseconds, in milliseconds.
pub fn percentile_ms(sorted_us: &[u64], percent: usize) -> f64 {
    let place = (sorted_us.len() * percent / 100).min(sorted_us.len().saturating_sub(1));
    sorted_us.get(place).map_or(0.0, |us| *us as f64 / 1000.0)
}
