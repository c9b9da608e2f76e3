//! What people in the office do, and what they can see: on the service's own side, past the terminals.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use uuid::Uuid;

use super::world::World;

/// Something that the office does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Act {
    BlockCard(Uuid),
    UnblockCard(Uuid),
    RevokeTerminal(Uuid),
    #[allow(missing_docs)]
    MoveTerminal {
        terminal: Uuid,
        location: Uuid,
    },
    /// All cards that have the keys of this generation are told to sign with them.
    RotateKeys(u8),
}

/// The office of one organisation.
pub trait Office: Send {
    /// Does it; the service knows of it when this returns, save what it remembers of terminals for two seconds.
    ///
    /// # Errors
    /// What went wrong.
    fn act(&mut self, act: Act) -> impl Future<Output = Result<(), String>> + Send;

    /// By number of the wallet: budget, reserve, savings and own money, in cents.
    ///
    /// # Errors
    /// What went wrong.
    fn purses(&mut self) -> impl Future<Output = Result<BTreeMap<u32, [i64; 4]>, String>> + Send;

    /// What waits in the review queue: terminal, place in its journal, and the code of why, in this order.
    ///
    /// # Errors
    /// What went wrong.
    fn reviews(&mut self) -> impl Future<Output = Result<Vec<Review>, String>> + Send;
}

/// A line of the review queue: terminal, place in its journal, and the code of why.
pub type Review = (Uuid, u64, u8);

/// Why something is in the review queue, by the code that the database has for it: the first is 1.
const WHYS: [&str; 13] = [
    "offline_loss",
    "left_out",
    "declined",
    "malformed",
    "location_unknown",
    "terminal_revoked",
    "id_reused",
    "attempt_ahead",
    "refused",
    "journal_conflict",
    "attempt_elsewhere",
    "attempt_not_undone",
    "capture_declined",
];

/// What a code of the review queue means.
pub fn why_of(code: u8) -> &'static str {
    usize::from(code).checked_sub(1).and_then(|place| WHYS.get(place)).copied().unwrap_or("unknown")
}

/// An office that calls the `pasje` program, as the world's file says.
#[derive(Debug)]
pub struct Calling {
    program: Vec<String>,
    organisation: u16,
    is_alone: bool,
}

impl Calling {
    /// The office of this world.
    ///
    /// # Errors
    /// The file does not say how.
    pub fn new(world: &World) -> Result<Self, String> {
        if world.office.is_empty() {
            return Err("`office` does not say how the `pasje` program is called".to_owned());
        }
        Ok(Self { program: world.office.clone(), organisation: world.organisation, is_alone: false })
    }

    /// An office whose service stands alone: nothing of this program's environment may lead to another database.
    pub const fn alone(program: Vec<String>, organisation: u16) -> Self {
        Self { program, organisation, is_alone: true }
    }

    /// The program with these arguments.
    ///
    /// # Errors
    /// None is named.
    pub fn command(&self, arguments: &[&str]) -> Result<Command, String> {
        let (program, first) = self.program.split_first().ok_or("no program")?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|_| self.is_alone) {
            let text = name.to_string_lossy();
            let is_database = text.starts_with("PG") || text.starts_with("DATABASE_");
            if is_database || text.starts_with("PASJE_") || text == "CREDENTIALS_DIRECTORY" {
                command.env_remove(&name);
            }
        }
        command.args(first).args(arguments).stdin(Stdio::null());
        Ok(command)
    }

    async fn call(&self, arguments: &[&str]) -> Result<String, String> {
        output_of(self.command(arguments)?).await
    }
}

/// What a command prints.
///
/// # Errors
/// It cannot be run, or ends with another status than 0: with what it said.
pub async fn output_of(mut command: Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = tokio::task::spawn_blocking(move || command.output()).await.map_err(|error| error.to_string())?;
    let Output { status, stdout, stderr } = output.map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(text);
    }
    Err(format!("{name} ends with {status}:\n{text}{}", String::from_utf8_lossy(&stderr)))
}

impl Office for Calling {
    async fn act(&mut self, act: Act) -> Result<(), String> {
        let done = match act {
            Act::BlockCard(card) => self.call(&["card", "block", &card.to_string()]).await,
            Act::UnblockCard(card) => self.call(&["card", "unblock", &card.to_string()]).await,
            Act::RevokeTerminal(terminal) => self.call(&["terminal", "revoke", &terminal.to_string()]).await,
            Act::MoveTerminal { terminal, location } => {
                let (terminal, location) = (terminal.to_string(), location.to_string());
                self.call(&["terminal", "move", &terminal, "--location", &location]).await
            }
            Act::RotateKeys(_) => self.call(&["keys", "rotate"]).await,
        };
        done.map(drop)
    }

    async fn purses(&mut self) -> Result<BTreeMap<u32, [i64; 4]>, String> {
        let organisation = self.organisation;
        let sql = format!(
            "SELECT id & 4294967295, budget, reserve, savings, credit_cents FROM wallet WHERE id >> 32 = {organisation}"
        );
        let text = self.call(&["database", "--", "psql", "-XAtq", "-c", &sql]).await?;
        read_purses(&text)
    }

    async fn reviews(&mut self) -> Result<Vec<Review>, String> {
        let organisation = self.organisation;
        let sql = format!(
            "SELECT terminal, sequence, why FROM review WHERE organisation = {organisation} AND settled_at IS NULL"
        );
        read_reviews(&self.call(&["database", "--", "psql", "-XAtq", "-c", &sql]).await?)
    }
}

/// Rows as psql prints them without frills: `terminal|sequence|why`.
fn read_reviews(text: &str) -> Result<Vec<Review>, String> {
    let row = |line: &str| {
        let mut fields = line.split('|');
        let (terminal, sequence, why) = (fields.next()?, fields.next()?, fields.next()?);
        Some((Uuid::try_parse(terminal).ok()?, sequence.parse().ok()?, why.parse().ok()?))
    };
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| row(line).ok_or_else(|| format!("`{line}` is no row of the review queue"))).collect()
}

/// Rows as psql prints them without frills: `number|budget|reserve|savings|own`.
fn read_purses(text: &str) -> Result<BTreeMap<u32, [i64; 4]>, String> {
    let row = |line: &str| {
        let numbers: Option<Vec<i64>> = line.split('|').map(|number| number.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[number, budget, reserve, savings, own]) => {
                Some((u32::try_from(number).ok()?, [budget, reserve, savings, own]))
            }
            _ => None,
        }
    };
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| row(line).ok_or_else(|| format!("`{line}` is no row of purses"))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_review_queue_is_read_as_psql_prints_it() {
        let terminal = Uuid::from_u128(7);
        assert_eq!(read_reviews(&format!("{terminal}|12|10\n")).unwrap(), [(terminal, 12, 10)]);
        assert!(read_reviews(&format!("{terminal}|12\n")).is_err());
        assert_eq!(
            [why_of(1), why_of(13), why_of(0), why_of(14)],
            ["offline_loss", "capture_declined", "unknown", "unknown"]
        );
    }

    #[test]
    fn purses_are_read_as_psql_prints_them() {
        let purses = read_purses("7|100|0|25|3\n8|0|0|0|-1\n").unwrap();
        assert_eq!(purses, BTreeMap::from([(7, [100, 0, 25, 3]), (8, [0, 0, 0, -1])]));
        assert!(read_purses("7|100|0|25\n").is_err());
    }
}
