//! `pasje own-money top-up|reverse|buy-points|return-points`: own money in and out of points, as long as the office has no pages.

use std::process::ExitCode;

use pasje::db::connect::Database;
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::exchange::{BuyPointsRequest, ExchangeBackRequest};
use pasje::domain::operation::{Booked, OperationId, Outcome};
use pasje::domain::top_up::{Till, TopUpRequest, TopUpReversalRequest};
use pasje::services::book::{BookError, Booking, book};
use pasje::services::{client_records, own_money};
use uuid::Uuid;

use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Book own money that came in
    TopUp {
        #[command(flatten)]
        whose: Whose,
        #[arg(long, value_name = "CENTS")]
        cents: i64,
        #[arg(long)]
        from: TillArgument,
        #[command(flatten)]
        once: Once,
    },
    /// Take a top-up back, or a part of it: what was spent already is owed to the organisation
    Reverse {
        /// The top-up
        #[arg(value_name = "ID")]
        top_up: Uuid,
        #[command(flatten)]
        whose: Whose,
        #[arg(long, value_name = "CENTS")]
        cents: i64,
        #[command(flatten)]
        once: Once,
    },
    /// Buy points with own money, at the value that the client's scheme publishes
    BuyPoints {
        #[command(flatten)]
        whose: Whose,
        /// Hundredths of a point
        #[arg(long, value_name = "HUNDREDTHS")]
        points: i64,
        #[command(flatten)]
        once: Once,
    },
    /// Pay bought points back at the price paid
    ReturnPoints {
        /// The id under which they were bought
        #[arg(value_name = "ID")]
        bought: Uuid,
        #[command(flatten)]
        whose: Whose,
        /// Hundredths of a point
        #[arg(long, value_name = "HUNDREDTHS")]
        points: i64,
        #[command(flatten)]
        once: Once,
    },
}

/// A client.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Whose {
    /// The organisation's number
    #[arg(long, default_value = "1", value_parser = organisation, value_name = "NUMBER")]
    pub(super) organisation: OrganisationId,
    /// The client's number
    #[arg(long, value_name = "NUMBER")]
    pub(super) client: i32,
}

/// The id under which it is booked.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Once {
    /// Of a command that was cut off, as it told: given again, nothing is booked twice
    #[arg(long, value_name = "UUID", default_value_t = Uuid::now_v7(), hide_default_value = true)]
    id: Uuid,
}

/// Where money comes from or goes to.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum TillArgument {
    Bank,
    Cash,
}

impl From<TillArgument> for Till {
    fn from(from: TillArgument) -> Till {
        match from {
            TillArgument::Bank => Till::Bank,
            TillArgument::Cash => Till::Cash,
        }
    }
}

pub(super) fn organisation(text: &str) -> Result<OrganisationId, String> {
    let number = text.parse().ok().and_then(OrganisationId::new);
    number.ok_or_else(|| format!("`{text}` is no number of an organisation: 1 to 32767"))
}

pub(super) fn new_id() -> Result<OperationId, Failure> {
    Ok(OperationId::new(Uuid::now_v7())?)
}

impl Whose {
    pub(super) async fn wallet(self, database: &Database) -> Result<WalletId, Failure> {
        let Whose { organisation, client } = self;
        let found = client_records::find(database, organisation, client).await?;
        let found = found.ok_or_else(|| format!("organisation {} has no client {client}", organisation.number()))?;
        Ok(found.wallet)
    }
}

impl Once {
    pub(super) fn id(self) -> Result<OperationId, Failure> {
        Ok(OperationId::new(self.id)?)
    }

    /// Says how to ask again where nobody knows whether it was booked.
    fn known<T>(self, answer: Result<T, BookError>) -> Result<T, Failure> {
        answer.map_err(|error| match error {
            BookError::OutcomeUnknown => {
                format!("it is unknown whether this was booked: give the command again with --id {}", self.id).into()
            }
            error => error.into(),
        })
    }

    pub(super) async fn book(self, database: &Database, request: &impl Booking) -> Result<Booked, Failure> {
        self.known(book(database, request).await)
    }
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
        Command::TopUp { whose, cents, from, once } => {
            let (id, wallet) = (once.id()?, whose.wallet(&database).await?);
            let booked = once.book(&database, &TopUpRequest { id, wallet, cents, from: from.into() }).await?;
            done(&booked)?;
            say!("top-up {}: own money of client {} has {} more", id.uuid(), whose.client, euros(cents));
        }
        Command::Reverse { top_up, whose, cents, once } => {
            let wallet = whose.wallet(&database).await?;
            let request = TopUpReversalRequest { id: once.id()?, top_up: OperationId::new(top_up)?, cents };
            let booked = once.known(own_money::reverse_top_up(&database, wallet, &request).await)?;
            done(&booked)?;
            say!("{} of top-up {top_up} is taken back", euros(cents));
        }
        Command::BuyPoints { whose, points, once } => {
            let (id, wallet) = (once.id()?, whose.wallet(&database).await?);
            let bought =
                once.known(own_money::buy_points(&database, &BuyPointsRequest { id, wallet, points }).await)?;
            let (price, value) = (euros(bought.price.minor()), euros(bought.value_cents));
            if !bought.booked.operation.outcome.is_done() {
                say!("{} points at {value} each would cost {price}", euros(points));
            }
            done(&bought.booked)?;
            say!("purchase {}: {} points at {value} each, for {price}", id.uuid(), euros(points));
        }
        Command::ReturnPoints { bought, whose, points, once } => {
            let wallet = whose.wallet(&database).await?;
            let request = ExchangeBackRequest { id: once.id()?, exchange: OperationId::new(bought)?, points };
            let booked = once.known(own_money::return_points(&database, wallet, &request).await)?;
            done(&booked)?;
            let back = booked.operation.transfers.get(1).map_or(0, |leg| leg.amount.minor());
            say!("{} points of purchase {bought} are paid back: {}", euros(points), euros(back));
        }
    }
    Ok(())
}

/// Whoever gives a command must hear that it changed nothing.
fn done(booked: &Booked) -> Result<(), Failure> {
    let outcome = booked.operation.outcome;
    let why = match outcome {
        _ if outcome.is_done() => return Ok(()),
        Outcome::WalletClosed => "the client has left: own money is only paid out",
        Outcome::InsufficientFunds => "there is not as much free own money",
        Outcome::NotApproved => "it was declined in the first place",
        Outcome::MoreThanToppedUp => "it is more than is left of that top-up",
        Outcome::MoreThanBought => "it is more than is left of that purchase",
        other => other.name(),
    };
    Err(format!("nothing was changed: {why}").into())
}

/// Hundredths, as euros or points.
pub(super) fn euros(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
