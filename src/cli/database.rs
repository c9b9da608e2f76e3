//! `pasje database -- COMMAND`: a command with the database's address in its environment.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use pasje::db::migrate::migrate;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The command, after `--`. It finds DATABASE_URL, DATABASE_OWNER_URL, and PGHOST and the like as the owner
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The command could not be run at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {command}")]
struct CannotRun {
    command: String,
    source: std::io::Error,
}

pub(super) async fn run(options: &Options, arguments: Arguments) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_with(&opened, &arguments.command).await;
    opened.close().await?;
    result
}

async fn run_with(opened: &Opened, command: &[OsString]) -> Result<ExitCode, Failure> {
    if let Some(owner) = &opened.owner {
        migrate(owner, &opened.service).await?;
    }
    // taken before the command starts: from then on Ctrl-C, which reaches both, is the command's to answer
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = start(opened, command)?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => pass_on(&child).await,
        }
    };
    Ok(exit_code(status))
}

fn start(opened: &Opened, command: &[OsString]) -> Result<Child, Failure> {
    let (program, rest) = command.split_first().ok_or("no command")?;
    let libpq = opened.owner.as_ref().unwrap_or(&opened.service).libpq_environment();
    let mut child = Command::new(program);
    child.args(rest).env("DATABASE_URL", opened.service.secret()).envs(libpq);
    if let Some(owner) = &opened.owner {
        child.env("DATABASE_OWNER_URL", owner.secret());
    }
    child.spawn().map_err(|source| CannotRun { command: program.display().to_string(), source }.into())
}

/// A SIGTERM is sent to us alone, so the command would not hear of it.
async fn pass_on(child: &Child) {
    if let Some(pid) = child.id() {
        // it may have ended just now
        let _ = Command::new("kill").arg(pid.to_string()).status().await;
    }
}

/// Its own, or as a shell tells of a signal.
fn exit_code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    number.and_then(|number| u8::try_from(number).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
