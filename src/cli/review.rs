//! `pasje review list|show|settle`.

use std::collections::HashMap;
use std::process::ExitCode;

use pasje::db::connect::Connection;
use pasje::db::reviews::{self as rows, Review, Settled};
use pasje::db::{catalogue, forwards, ledger, terminals};
use pasje::domain::card_hold::CardCaptureRequest;
use pasje::domain::operation::{OperationId, Owner};
use pasje::domain::review::ReviewWhy;
use pasje::domain::sale::SaleRequest;
use pasje::http::api::forwards::read_sale;
use pasje::services::reviews::{self, Word};
use uuid::Uuid;

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
            list(&database.connection().await?, all).await?;
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

async fn list(conn: &Connection, all: bool) -> Result<(), Failure> {
    let names: HashMap<Uuid, String> =
        terminals::list(conn).await?.into_iter().map(|(row, _)| (row.terminal.id, row.name)).collect();
    say!(
        "{:>6}  {:<16} {:<18} {:>8}  {:<24} {:>6}  settled",
        "review",
        "opened (UTC)",
        "why",
        "loss",
        "terminal",
        "record"
    );
    let mut are_open = false;
    for review in rows::list(conn, all).await? {
        let Review { id, terminal, sequence, why, .. } = review;
        let opened = review.opened_at.format("%Y-%m-%d %H:%M");
        let loss = review.loss_cents.map(euros).unwrap_or_default();
        are_open |= review.settled.is_none();
        let settled = review.settled.map_or("", |settled| settled.how.name());
        let name = names.get(&terminal).map_or("?", String::as_str);
        let sequence = sequence.map(|sequence| sequence.to_string()).unwrap_or_default();
        say!("{id:>6}  {opened} {:<18} {loss:>8}  {name:<24} {sequence:>6}  {settled}", why.name());
    }
    if are_open {
        say!("`pasje review show REVIEW` says what happened, and what to do");
    }
    Ok(())
}

/// What happened, and how it is ended.
const fn explained(why: ReviewWhy) -> (&'static str, &'static str) {
    const BY_HAND: &str = "see to it by hand, then: --handled WHAT-WAS-DONE";
    match why {
        ReviewWhy::OfflineLoss => (
            "it was sold offline, and the purses could not pay all of it: the organisation bears the loss for now",
            "--write-off REASON leaves it there; --from-own-money --consent WHO-AND-WHEN takes it from own money, if who \
             decides for the client agrees",
        ),
        ReviewWhy::LeftOut => {
            ("a part of it is not booked: the price list did not know it, or it needed a card", BY_HAND)
        }
        ReviewWhy::Declined => ("it is not booked: the outcome below says why", BY_HAND),
        ReviewWhy::Malformed => ("it is not booked: the record cannot be read as a sale", BY_HAND),
        ReviewWhy::LocationUnknown => ("it is not booked: it names a location that is not the organisation's", BY_HAND),
        ReviewWhy::TerminalRevoked => (
            "it is not booked: it was sold by name, at a terminal that was revoked. Somebody may have made it up",
            BY_HAND,
        ),
        ReviewWhy::IdReused => ("it is not booked: another request had its id before", BY_HAND),
        ReviewWhy::AttemptAhead => {
            ("it stands for an attempt whose id lies ahead, which could still come and be charged", BY_HAND)
        }
        ReviewWhy::Refused => ("it is not booked, by a defect of ours: the service's log says more", BY_HAND),
        ReviewWhy::JournalConflict => (
            "the terminal sent another record under a number that was stored: its journal was lost, or copied",
            "revoke the terminal and enrol it anew; see to what the record says, then: --handled WHAT-WAS-DONE",
        ),
        ReviewWhy::AttemptElsewhere => (
            "it is booked, and so is the attempt that it stands for, of another client or terminal: perhaps one sale \
             that was charged twice",
            BY_HAND,
        ),
        ReviewWhy::AttemptNotUndone => {
            ("it was undone, and what its attempt sold could not be: the client is charged still", BY_HAND)
        }
        ReviewWhy::CaptureDeclined => (
            "a machine delivered for a hold, and told so too late or of a wallet that was closed: nobody paid",
            BY_HAND,
        ),
    }
}

/// What was sold, by the names that its location uses now.
async fn sold(conn: &Connection, sale: &SaleRequest) -> Result<String, Failure> {
    let services = catalogue::services(conn, sale.terminal.location).await?;
    let lines = sale.basket.lines().iter().map(|line| {
        let service = services.iter().find(|service| service.id == line.service);
        format!("{} × {}", line.quantity, service.map_or("something unknown", |service| service.name.as_str()))
    });
    Ok(lines.collect::<Vec<_>>().join(", "))
}

async fn show(conn: &Connection, review: &Review) -> Result<(), Failure> {
    let Review { id, terminal, sequence, why, opened_at, .. } = review;
    let row = terminals::load(conn, *terminal).await?;
    let name = row.as_ref().map_or("?", |row| row.name.as_str());
    let (happened, to_do) = explained(*why);
    say!("review {id}: {}, opened {}", why.name(), opened_at.format("%Y-%m-%d %H:%M:%S UTC"));
    say!("  {happened}");
    let record = sequence.map(|sequence| format!(", record {sequence} of its journal")).unwrap_or_default();
    say!("  terminal {name} ({terminal}){record}, organisation {}", review.organisation);
    if let Some(cents) = review.loss_cents {
        say!("  lost {}", euros(cents));
    }
    if let Some(operation) = review.operation {
        let booked = ledger::load(conn, &[operation]).await?.remove(&operation);
        let outcome = booked.as_ref().map_or("not in the ledger", |booked| booked.operation.outcome.name());
        if let Some(Owner::Wallet(wallet)) = booked.as_ref().map(|booked| booked.operation.owner) {
            say!("  wallet {}", wallet.number());
        }
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
        None => {
            say!("  open: {to_do}");
            say!("  as in: pasje review settle {id} --by YOUR-NAME ...");
        }
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
        match terminals::load(conn, review.terminal).await?.map(|row| read_sale(&sale, &row.terminal)) {
            Some(Ok(request)) => say!("  sold: {}", sold(conn, &request).await?),
            Some(Err(what)) => say!("  it cannot be read: {what}"),
            None => {}
        }
        say!("  record: {}", String::from_utf8_lossy(&sale));
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
