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
}

/// An office that calls the `pasje` program, as the world's file says.
#[derive(Debug)]
pub struct Calling {
    program: Vec<String>,
    organisation: u16,
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
        Ok(Self { program: world.office.clone(), organisation: world.organisation })
    }

    async fn call(&self, arguments: &[&str]) -> Result<String, String> {
        let (program, first) = self.program.split_first().ok_or("no program")?;
        let mut command = Command::new(program);
        command.args(first).args(arguments).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.map_err(|error| error.to_string())?;
        let Output { status, stdout, stderr } = output.map_err(|error| format!("{program}: {error}"))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&stderr)))
    }
}

impl Office for Calling {
    async fn act(&mut self, act: Act) -> Result<(), String> {
        let done = match act {
            Act::BlockCard(card) => self.call(&["card", "block", &card.to_string()]).await,
            Act::UnblockCard(card) => self.call(&["card", "unblock", &card.to_string()]).await,
            Act::RevokeTerminal(terminal) => self.call(&["terminal", "revoke", &terminal.to_string()]).await,
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
    fn purses_are_read_as_psql_prints_them() {
        let purses = read_purses("7|100|0|25|3\n8|0|0|0|-1\n").unwrap();
        assert_eq!(purses, BTreeMap::from([(7, [100, 0, 25, 3]), (8, [0, 0, 0, -1])]));
        assert!(read_purses("7|100|0|25\n").is_err());
    }
}
