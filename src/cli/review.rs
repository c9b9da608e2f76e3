//! `pasje review list|show|settle`.

use std::process::ExitCode;

use pasje::db::reviews::{self as rows, Review, Settled};
use pasje::db::{forwards, ledger, terminals};
use pasje::domain::operation::Outcome;
use pasje::http::api::forwards::read_sale;
use pasje::services::reviews::{self, Word};

use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what waits for a human
    List {
        /// What was settled too
        #[arg(long)]
        all: bool,
    },
    /// Show one, with the record that the terminal sent
    Show {
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// End one
    Settle(Settle),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("how").required(true).args(["write_off", "from_own_money", "handled"])))]
pub(super) struct Settle {
    #[arg(value_name = "ID")]
    id: i64,
    /// The organisation bears the loss; nothing moves
    #[arg(long, value_name = "REASON")]
    write_off: Option<String>,
    /// Take the loss from the client's own money
    #[arg(long, requires = "consent")]
    from_own_money: bool,
    /// Who agreed to that, and when
    #[arg(long, value_name = "WHO-AND-WHEN", requires = "from_own_money")]
    consent: Option<String>,
    /// A part of the loss, in cents; all of it if not given. The rest is the organisation's
    #[arg(long, value_name = "CENTS", requires = "from_own_money")]
    cents: Option<i64>,
    /// What was not booked, or not as it was sold, was dealt with so
    #[arg(long, value_name = "TEXT")]
    handled: Option<String>,
    /// Who settles it
    #[arg(long, env = "USER", default_value = "unknown", value_name = "WHO")]
    by: String,
}

pub(super) async fn run(options: &Options, command: Command) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, command).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, command: Command) -> Result<(), Failure> {
    let database = opened.database().await?;
    match command {
        Command::List { all } => {
            say!(
                "{:>6}  {:<16} {:<18} {:>8}  {:<36} {:>8}  settled",
                "review",
                "opened",
                "why",
                "loss",
                "terminal",
                "record"
            );
            for review in rows::list(&*database.connection().await?, all).await? {
                let Review { id, terminal, sequence, why, .. } = review;
                let opened = review.opened_at.format("%Y-%m-%d %H:%M");
                let loss = review.loss_cents.map(euros).unwrap_or_default();
                let settled = review.settled.map_or("", |settled| settled.how.name());
                say!("{id:>6}  {opened} {:<18} {loss:>8}  {terminal} {sequence:>8}  {settled}", why.name());
            }
        }
        Command::Show { id } => {
            let conn = database.connection().await?;
            let review = rows::find(&conn, id).await?.ok_or(reviews::ReviewError::Unknown(id))?;
            show(&conn, &review).await?;
        }
        Command::Settle(settle) => {
            let Settle { id, write_off, consent, cents, handled, by, .. } = settle;
            let word = |reason| Word { by, reason };
            match (write_off, consent, handled) {
                (Some(reason), ..) => {
                    reviews::write_off(&database, id, &word(reason)).await?;
                    say!("review {id} is settled: the organisation bears the loss");
                }
                (_, Some(consent), _) => {
                    let booked = reviews::settle_from_own_money(&database, id, cents, &word(consent)).await?;
                    let taken = booked.operation.transfers.iter().map(|leg| leg.amount.minor()).sum();
                    say!(
                        "review {id} is settled: own money paid {}, operation {}",
                        euros(taken),
                        booked.operation.id.uuid()
                    );
                }
                (_, _, handled) => {
                    reviews::handle(&database, id, &word(handled.unwrap_or_default())).await?;
                    say!("review {id} is settled");
                }
            }
        }
    }
    Ok(())
}

async fn show(conn: &pasje::db::connect::Connection, review: &Review) -> Result<(), Failure> {
    let Review { id, terminal, sequence, why, opened_at, .. } = review;
    say!("review {id}: {}, opened {}", why.name(), opened_at.format("%Y-%m-%d %H:%M:%S UTC"));
    say!("  terminal {terminal}, record {sequence} of its journal, organisation {}", review.organisation);
    if let Some(cents) = review.loss_cents {
        say!("  lost {}", euros(cents));
    }
    if let Some(operation) = review.operation {
        let booked = ledger::load(conn, &[operation]).await?.remove(&operation);
        let outcome = booked.map_or("not in the ledger", |booked| Outcome::name(booked.operation.outcome));
        say!("  operation {}: {outcome}", operation.uuid());
    }
    if let Some(sale) = forwards::sale(conn, *terminal, *sequence).await? {
        say!("  record: {}", String::from_utf8_lossy(&sale));
        let row = terminals::load(conn, *terminal).await?;
        if let Some(Err(what)) = row.map(|row| read_sale(&sale, &row.terminal)) {
            say!("  it cannot be read: {what}");
        }
    }
    if let Some(record) = &review.record {
        say!("  what came under the same sequence: {}", String::from_utf8_lossy(record));
    }
    match &review.settled {
        None => say!("  open"),
        Some(Settled { at, how, by, reason, with }) => {
            say!("  settled {} by {by}: {}: {reason}", at.format("%Y-%m-%d %H:%M:%S UTC"), how.name());
            if let Some(with) = with {
                say!("  with operation {with}");
            }
        }
    }
    Ok(())
}

fn euros(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
