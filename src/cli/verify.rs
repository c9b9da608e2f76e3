//! `pasje verify`: whether the ledger holds together; ends with 1 and the first row that does not fit where it does not.

use std::process::ExitCode;
use std::time::Duration;

use pasje::db::connect::{ConnectError, Database, establish};
use pasje::services::verify::{Check, Report, verify};

use super::{Failure, Opened, told_to_stop};
use crate::config::Options;

pub(super) async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    // Ctrl-C must not leave a database behind that was started for this command
    let result = tokio::select! {
        result = run_on(&opened) => result,
        stop = told_to_stop() => stop.map_err(Failure::from).and_then(|()| Err("stopped before everything was verified".into())),
    };
    opened.close().await?;
    result
}

async fn run_on(opened: &Opened) -> Result<ExitCode, Failure> {
    let mut connection = match Database::connect(&opened.service, 1).await {
        // a login with too many rights is for the report to say, beside everything else
        Ok(_) | Err(ConnectError::ExcessRights { .. }) => establish(&opened.service).await?,
        Err(error) => return Err(error.into()),
    };
    say!("verifying {}", opened.service);
    let report = verify(&mut connection, print).await?;
    print_sum(&report);
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(check: &Check) {
    let took = seconds(check.elapsed);
    match &check.finding {
        None => say!("ok      {:<16} {took:>9}  {}", check.name, check.promise),
        Some(finding) => say!("FAILED  {:<16} {took:>9}  {}\n        {finding}", check.name, check.promise),
    }
}

fn print_sum(report: &Report) {
    let Report { checks, operations, lines, transfers, wallets, elapsed } = report;
    say!("{operations} operations, {lines} lines, {transfers} transfers, {wallets} wallets in {}", seconds(*elapsed));
    match report.failed().count() {
        0 => say!("everything fits: {} checks", checks.len()),
        failed => say!("{failed} of {} checks FAILED; each names its first row that does not fit", checks.len()),
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{}.{:03} s", elapsed.as_secs(), elapsed.subsec_millis())
}
