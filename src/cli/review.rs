//! `pasje review list|show|settle`.

use std::process::ExitCode;

use pasje::db::connect::Connection;
use pasje::db::reviews::{self as rows, Review, Settled};
use pasje::db::{catalogue, forwards, ledger, terminals};
use pasje::domain::card_hold::CardCaptureRequest;
use pasje::domain::operation::{OperationId, Outcome};
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
    /// Show one, with what the terminal sent
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
                let sequence = sequence.map(|sequence| sequence.to_string()).unwrap_or_default();
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

async fn show(conn: &Connection, review: &Review) -> Result<(), Failure> {
    let Review { id, terminal, sequence, why, opened_at, .. } = review;
    say!("review {id}: {}, opened {}", why.name(), opened_at.format("%Y-%m-%d %H:%M:%S UTC"));
    match sequence {
        Some(sequence) => {
            say!("  terminal {terminal}, record {sequence} of its journal, organisation {}", review.organisation);
        }
        None => say!("  terminal {terminal}, organisation {}", review.organisation),
    }
    if let Some(cents) = review.loss_cents {
        say!("  lost {}", euros(cents));
    }
    if let Some(operation) = review.operation {
        let booked = ledger::load(conn, &[operation]).await?.remove(&operation);
        let outcome = booked.as_ref().map_or("not in the ledger", |booked| Outcome::name(booked.operation.outcome));
        say!("  operation {}: {outcome}", operation.uuid());
        let hold = booked.and_then(|booked| booked.operation.reference);
        if let (None, Some(hold), Some(lines)) = (sequence, hold, &review.record) {
            show_delivered(conn, hold, &CardCaptureRequest::read_delivered(lines)).await?;
        }
    }
    if let Some(sequence) = *sequence {
        show_record(conn, review, sequence).await?;
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

/// What the terminal's journal has, and what came instead of it.
async fn show_record(conn: &Connection, review: &Review, sequence: i64) -> Result<(), Failure> {
    if let Some(sale) = forwards::sale(conn, review.terminal, sequence).await? {
        say!("  record: {}", String::from_utf8_lossy(&sale));
        let row = terminals::load(conn, review.terminal).await?;
        if let Some(Err(what)) = row.map(|row| read_sale(&sale, &row.terminal)) {
            say!("  it cannot be read: {what}");
        }
    }
    if let Some(record) = &review.record {
        say!("  what came under the same sequence: {}", String::from_utf8_lossy(record));
    }
    Ok(())
}

/// What came out of a machine for a hold, and what it would have cost.
async fn show_delivered(conn: &Connection, hold: OperationId, lines: &[(u16, u32)]) -> Result<(), Failure> {
    say!("  nobody paid what came out for hold {}:", hold.uuid());
    let made = ledger::load(conn, &[hold]).await?.remove(&hold);
    for (number, quantity) in lines {
        let line = made.iter().flat_map(|made| &made.operation.lines).find(|line| line.number == *number);
        let Some(line) = line else {
            say!("  {quantity:>6} x line {number}, which the hold does not have");
            continue;
        };
        let name = catalogue::service_name(conn, line.service).await?.unwrap_or_else(|| line.service.to_string());
        let price = line.price.share_floor((*quantity).into(), line.quantity.into()).map(|price| euros(price.minor()));
        say!("  {quantity:>6} x {name}, {}", price.unwrap_or_default());
    }
    Ok(())
}

fn euros(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
