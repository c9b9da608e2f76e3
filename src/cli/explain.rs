//! `pasje explain budget|sale|refund`: the rules, asked with JSON from standard input; needs no database.

use std::io::Read;
use std::process::ExitCode;

use pasje::explain::{budgets, refunds, sales};

use super::Failure;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Question {
    /// What a month brings: an array of schemes with indications and tariffs, answered by an array of grants
    Budget,
    /// Who pays: an array of sales, answered by an array of outcomes and legs
    Sale,
    /// What is given back: an array of lines with their refunds, answered by an array of amounts a refund
    Refund,
}

pub(super) fn run(question: &Question) -> Result<ExitCode, Failure> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let answers = match question {
        Question::Budget => budgets(&input)?,
        Question::Sale => sales(&input)?,
        Question::Refund => refunds(&input)?,
    };
    say!("{answers}");
    Ok(ExitCode::SUCCESS)
}
