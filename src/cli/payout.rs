//! `pasje payout list|ask|approve|pay|withdraw`: own money on its way out, as long as the office has no pages.

use std::process::ExitCode;

use pasje::domain::account::OrganisationId;
use pasje::domain::operation::{Booked, OperationId, Outcome};
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::services::payouts;
use uuid::Uuid;

use super::own_money::{Once, TillArgument, Whose, euros, new_id, organisation};
use super::{Failure, Opened};
use crate::config::Options;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The organisation's number
    #[arg(long, default_value = "1", global = true, value_parser = organisation, value_name = "NUMBER")]
    organisation: OrganisationId,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List payouts that are neither paid nor withdrawn
    List {
        /// Those too
        #[arg(long)]
        all: bool,
    },
    /// Ask for own money of a client to be paid out; it is set aside until then
    Ask {
        /// The client's number
        #[arg(long, value_name = "NUMBER")]
        client: i32,
        #[arg(long, value_name = "CENTS")]
        cents: i64,
        /// The staff member who asks
        #[arg(long, value_name = "UUID")]
        staff: Uuid,
        #[command(flatten)]
        once: Once,
    },
    /// Approve one: two people must, neither of whom asked
    Approve {
        #[arg(value_name = "PAYOUT")]
        id: Uuid,
        /// The staff member who approves
        #[arg(long, value_name = "UUID")]
        staff: Uuid,
    },
    /// Say that one was paid
    Pay {
        #[arg(value_name = "PAYOUT")]
        id: Uuid,
        #[arg(long)]
        from: TillArgument,
    },
    /// Withdraw one that is not approved by two people yet
    Withdraw {
        #[arg(value_name = "PAYOUT")]
        id: Uuid,
        /// The staff member who withdraws it
        #[arg(long, value_name = "UUID")]
        staff: Uuid,
    },
}

pub(super) async fn run(options: &Options, arguments: Arguments) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let result = run_on(&opened, arguments).await;
    opened.close().await?;
    result.map(|()| ExitCode::SUCCESS)
}

async fn run_on(opened: &Opened, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { organisation, command } = arguments;
    let (payout, step) = match command {
        Command::List { all } => return list(opened, organisation, all).await,
        Command::Ask { client, cents, staff, once } => {
            let database = opened.database().await?;
            let (id, wallet) = (once.id()?, Whose { organisation, client }.wallet(&database).await?);
            done(&once.book(&database, &PayoutRequest { id, wallet, cents, staff }).await?)?;
            say!("payout {}: {} of client {client} is asked for and set aside", id.uuid(), euros(cents));
            say!("two others approve it: `pasje payout approve {} --staff UUID`", id.uuid());
            return Ok(());
        }
        Command::Approve { id, staff } => (id, PayoutStep::Approve { staff }),
        Command::Pay { id, from } => (id, PayoutStep::Paid { from: from.into() }),
        Command::Withdraw { id, staff } => (id, PayoutStep::Withdraw { staff }),
    };
    let request = PayoutStepRequest { id: new_id()?, payout: OperationId::new(payout)?, step };
    let booked = payouts::step(&opened.database().await?, organisation, &request).await?;
    done(&booked)?;
    match step {
        PayoutStep::Approve { .. } if booked.operation.transfers.is_empty() => {
            say!("payout {payout} is approved by one: another person must approve it too");
        }
        PayoutStep::Approve { .. } => say!("payout {payout} is approved by two: it is owed now, and to be paid"),
        PayoutStep::Paid { .. } => say!("payout {payout} is paid"),
        PayoutStep::Withdraw { .. } => say!("payout {payout} is withdrawn: what was set aside is free again"),
    }
    Ok(())
}

/// Whoever gives a command must hear that it changed nothing.
fn done(booked: &Booked) -> Result<(), Failure> {
    let outcome = booked.operation.outcome;
    let why = match outcome {
        _ if outcome.is_done() => return Ok(()),
        Outcome::InsufficientFunds => "there is not as much free own money in euros; bought points are paid back first",
        Outcome::SamePerson => "who asked for it, or approved it before, cannot approve it: somebody else must",
        Outcome::PayoutNotOpen => {
            "it was approved by two, paid or withdrawn before: `pasje payout list --all` shows how it stands"
        }
        Outcome::PayoutNotApproved => {
            "two people have not approved it, or it was paid or withdrawn before: `pasje payout list --all` shows how it stands"
        }
        other => other.name(),
    };
    Err(format!("nothing was changed: {why}").into())
}

async fn list(opened: &Opened, organisation: OrganisationId, all: bool) -> Result<(), Failure> {
    let database = opened.database().await?;
    say!(
        "{:<36}  {:>8} {:>10}  {:<9} {:<10}  {:<36}  approved by",
        "payout",
        "client",
        "euro",
        "status",
        "asked on",
        "asked by"
    );
    let mut after = Some(Uuid::nil());
    while let Some(from) = after {
        let (rows, next) = payouts::page(&database, organisation, !all, from, 500).await?;
        for row in rows {
            let client = row.client.map_or_else(|| "?".to_owned(), |number| number.to_string());
            let approved: Vec<_> = row.approved_by.iter().map(Uuid::to_string).collect();
            let (amount, status) = (euros(row.amount_cents), row.status.name());
            let (id, on, by) = (row.id, row.requested_on, row.requested_by);
            say!("{id}  {client:>8} {amount:>10}  {status:<9} {on}  {by}  {}", approved.join(" "));
        }
        after = next;
    }
    Ok(())
}
