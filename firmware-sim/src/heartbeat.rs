//! A terminal says that it is there, and hears where it stands.

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::Problem;
use crate::client::{Client, NoAnswer, Outgoing};
use crate::files::{FileError, TerminalOnFile};
use crate::settling::problem;
use crate::wipe;

const HEARTBEAT: &str = "/api/v1/heartbeat";

/// Of a request that a revoked terminal makes.
const REVOKED: &str = "terminal-revoked";

/// What a terminal says of its journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Journal {
    /// The last record's sequence; 0 if there is none.
    pub last: u64,
    /// Records that were not delivered yet.
    pub waiting: u64,
}

#[derive(Serialize)]
struct Beat<'a> {
    id: Uuid,
    journal_last: u64,
    journal_waiting: u64,
    version: &'a str,
}

/// What the service says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Heard {
    pub time_ms: u64,
    pub terminal: Uuid,
    pub name: String,
    pub location: Uuid,
    pub location_name: String,
    /// Up to which of its records the service has them.
    pub stored_to: u64,
}

/// Why nothing was heard.
#[derive(Clone, Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Unheard {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The terminal must wipe itself (`crate::wipe`).
    #[error("this terminal was revoked")]
    Revoked,
    #[error("{0}")]
    Problem(Problem),
    #[error("the service answers something that means nothing: {0}")]
    Nonsense(String),
}

/// Whether a problem says that this terminal was revoked.
pub fn is_revoked(problem: &Problem) -> bool {
    problem.status == 401 && problem.slug == REVOKED
}

/// Sends one heartbeat.
///
/// # Errors
/// [`Unheard`].
pub async fn beat(client: &mut Client, journal: Journal) -> Result<Heard, Unheard> {
    let id = client.uuid7().map_err(NoAnswer::from)?;
    let Journal { last, waiting } = journal;
    let beat = Beat { id, journal_last: last, journal_waiting: waiting, version: env!("CARGO_PKG_VERSION") };
    let body = Bytes::from(serde_json::to_vec(&beat).map_err(|error| NoAnswer::NotMade(error.to_string()))?);
    let reply = client.send(Outgoing::post(HEARTBEAT, &body, id)).await?;
    if reply.status == 200 {
        return serde_json::from_slice(&reply.body).map_err(|error| Unheard::Nonsense(error.to_string()));
    }
    let problem = problem(&reply);
    Err(if is_revoked(&problem) { Unheard::Revoked } else { Unheard::Problem(problem) })
}

/// What changed about the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Changed {
    Nothing,
    /// It has another name.
    Renamed,
    /// It stands elsewhere: what it knew of cards, prices and catalogue is gone, and must be read anew before it sells.
    Moved,
}

impl Heard {
    /// Writes into the terminal's file what was heard, and when the clock was right. Of a terminal that was moved, drops
    /// the verify keys and everything else of the old place.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, file: &mut TerminalOnFile, client: &Client) -> Result<Changed, FileError> {
        let document = &mut file.document;
        let changed = match (document.location == self.location, document.name == self.name) {
            (true, true) => Changed::Nothing,
            (true, false) => Changed::Renamed,
            (false, _) => Changed::Moved,
        };
        let now_ms = client.clock().now_ms();
        // at most now and then: a file's sync is no heartbeat
        if changed == Changed::Nothing && now_ms < document.clock_confirmed_ms.saturating_add(CONFIRMED_EVERY_MS) {
            return Ok(changed);
        }
        (document.location, document.clock_confirmed_ms) = (self.location, now_ms);
        document.name.clone_from(&self.name);
        if changed == Changed::Moved {
            wipe::forget_place(file.folder())?;
        }
        file.write()?;
        Ok(changed)
    }
}

const CONFIRMED_EVERY_MS: u64 = 3_600_000;
