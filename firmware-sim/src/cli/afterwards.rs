//! `firmware-sim refund`, `void` and `ask`: about a sale that was made.

use std::process::ExitCode;

use clap::Args;
use firmware_sim::answer::Answer;
use firmware_sim::request::{Client, RefundLine};
use firmware_sim::settling::Attempt;
use firmware_sim::terminal::ReadError;
use uuid::Uuid;

use super::{AnswerArguments, Failure, Opened, TerminalArguments};

/// Gives back lines of a sale, or parts of them.
///
/// firmware-sim refund --terminal till.json --sale ID --line 0
#[derive(Debug, Args)]
pub(super) struct RefundArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// The sale's id
    #[arg(long, value_name = "ID")]
    sale: Uuid,
    /// A line, counted from 0, and how many of it if more than one; may be said more than once
    #[arg(long = "line", value_name = "N[=QUANTITY]", required = true, value_parser = parse_line)]
    lines: Vec<RefundLine>,
    /// Who of the staff gives back
    #[arg(long, value_name = "UUID")]
    staff: Option<Uuid>,
}

/// Undoes a whole sale: same terminal, same day.
///
/// firmware-sim void --terminal till.json --sale ID --card-id UUID
#[derive(Debug, Args)]
pub(super) struct VoidArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// The sale's id
    #[arg(long, value_name = "ID")]
    sale: Uuid,
    /// The card that paid
    #[arg(long, value_name = "UUID", required_unless_present = "wallet", conflicts_with = "wallet")]
    card_id: Option<Uuid>,
    /// Or the number of the wallet that paid
    #[arg(long, value_name = "N")]
    wallet: Option<u64>,
    /// Who of the staff undoes it
    #[arg(long, value_name = "UUID")]
    staff: Option<Uuid>,
}

/// Asks how a sale ended, by its id.
///
/// firmware-sim ask --terminal till.json --sale ID
#[derive(Debug, Args)]
pub(super) struct AskArguments {
    #[command(flatten)]
    terminal: TerminalArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// The sale's id
    #[arg(long, value_name = "ID")]
    sale: Uuid,
}

fn parse_line(text: &str) -> Result<RefundLine, String> {
    let (line, quantity) = text.split_once('=').unwrap_or((text, "1"));
    let line = line.parse().map_err(|_| format!("`{line}` is no line; they count from 0"))?;
    match quantity.parse() {
        Ok(quantity) if quantity > 0 => Ok(RefundLine { line, quantity }),
        _ => Err(format!("`{quantity}` is no quantity")),
    }
}

pub(super) async fn refund(arguments: RefundArguments) -> Result<ExitCode, Failure> {
    let mut opened = arguments.terminal.open(0, Some(&arguments.answers))?;
    let attempt = opened.terminal.refund(arguments.sale, arguments.staff, &arguments.lines)?;
    give_back(&mut opened, &attempt).await
}

pub(super) async fn void(arguments: VoidArguments) -> Result<ExitCode, Failure> {
    let client = match (arguments.card_id, arguments.wallet) {
        (Some(card), _) => Client::Card(card),
        (None, Some(wallet)) => Client::Wallet(wallet),
        (None, None) => return Err("neither --card-id nor --wallet".into()),
    };
    let mut opened = arguments.terminal.open(0, Some(&arguments.answers))?;
    let attempt = opened.terminal.void(arguments.sale, arguments.staff, client)?;
    give_back(&mut opened, &attempt).await
}

async fn give_back(opened: &mut Opened, attempt: &Attempt) -> Result<ExitCode, Failure> {
    let ended = opened.settle(attempt).await?;
    let answer = Answer::read(&ended.bytes)?;
    print!("{}", opened.screen.given_back(&opened.file.document.name, &answer));
    match ended.nonsense {
        None => Ok(ExitCode::SUCCESS),
        Some(nonsense) => Err(format!("the answer makes no sense: {nonsense}").into()),
    }
}

pub(super) async fn ask(arguments: AskArguments) -> Result<ExitCode, Failure> {
    let mut opened = arguments.terminal.open(0, Some(&arguments.answers))?;
    let bytes = match opened.terminal.ask(arguments.sale).await {
        Ok(bytes) => bytes,
        Err(error) => {
            if let ReadError::Problem(problem) = &error {
                opened.answers.keep_problem(problem)?;
            }
            return Err(error.into());
        }
    };
    opened.answers.keep(&bytes)?;
    // as it came: whoever compares two answers needs every byte
    println!("{}", String::from_utf8_lossy(&bytes));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_with_or_without_a_quantity() {
        assert_eq!(parse_line("0"), Ok(RefundLine { line: 0, quantity: 1 }));
        assert_eq!(parse_line("2=3"), Ok(RefundLine { line: 2, quantity: 3 }));
        for wrong in ["", "x", "0=0", "0=", "-1"] {
            assert!(parse_line(wrong).is_err(), "{wrong}");
        }
    }
}
