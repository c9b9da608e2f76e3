//! `pasje-bench`: what the service and its authoriser do on this machine, beside PostgreSQL's own benchmark on the same cluster.
//!
//! Run by `./dev bench`, inside `pasje database -- ...`, which gives it a cluster and its addresses. It measures; it
//! never judges, and it changes no setting of the cluster.
#![allow(clippy::float_arithmetic, clippy::cast_precision_loss, missing_docs)]

mod authoriser;
mod cpu;
mod delivery;
mod growth;
mod http;
mod months;
mod offline;
mod seed;
mod sell;
mod server;
mod tpcb;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "pasje-bench", about = "Measures the service and its authoriser")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// TPC-B and the authoriser alone, in turns on one cluster (what runs without a command: this, after `http`)
    Authoriser(authoriser::Arguments),
    /// TPC-B and the whole service over HTTP, at 1, 16, 64 and 256 terminals
    Http(http::Arguments),
    /// A backlog of offline sales is forwarded while others sell online
    Offline(offline::Arguments),
    /// Load a year of sales and show that rate and write volume a sale stay as they were
    Growth(growth::Arguments),
    /// Open and close a month for 1,000, 10,000 and 130,000 clients with ten plan lines each
    Months(months::Arguments),
    /// Sell until killed, telling each answer on standard output (for the crash tests)
    Sell(sell::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = async {
        let Some(command) = arguments.command else {
            http::run(http::Arguments::default()).await?;
            return authoriser::run(authoriser::Arguments::default()).await;
        };
        match command {
            Command::Authoriser(arguments) => authoriser::run(arguments).await,
            Command::Http(arguments) => http::run(arguments).await,
            Command::Offline(arguments) => offline::run(arguments).await,
            Command::Growth(arguments) => growth::run(arguments).await,
            Command::Months(arguments) => months::run(arguments).await,
            Command::Sell(arguments) => sell::run(arguments).await,
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pasje-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
