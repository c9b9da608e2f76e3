//! Takes over what a file of rows says (`docs/imports.md`): parse, compare, write, publish, in one transaction. A file with
//! anything wrong changes nothing; so does the same file again; so does a dry run, which tells what would change.

mod absence;
mod entitled;
mod offer;
mod people;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::book::{begin, commit, rollback};
use super::publish::{self, Published};
use crate::db::connect::{ConnectError, Database};
use crate::db::imports::entitled::follow_indications;
use crate::db::{DbError, corrupt, organisations, schemes, wallets};
use crate::domain::account::OrganisationId;
use crate::domain::import::{self, At, Change, ChangeKind, Errors, Told, changes};

/// What a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileKind {
    Tariffs,
    Clients,
    Indications,
    Additions,
    Representatives,
    Services,
    Prices,
    AbsenceSettings,
}

/// What became of a file, or would become of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Report {
    /// Row by row, as the file has them.
    pub changes: Vec<Change>,
    /// What a person should look at, though nothing is wrong with the file.
    pub notes: Vec<String>,
    /// Price lists that are new.
    pub published: Vec<Published>,
    /// Clients who buy as something else now.
    pub buyers_changed: usize,
}

impl Report {
    /// How many rows were added, changed and unchanged.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&ChangeKind) -> bool| self.changes.iter().filter(|change| is(&change.kind)).count();
        (
            count(|kind| *kind == ChangeKind::Added),
            count(|kind| matches!(kind, ChangeKind::Changed(_))),
            count(|kind| *kind == ChangeKind::Unchanged),
        )
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImportError {
    #[error("nothing was imported; in the file:\n{0}")]
    File(Errors),
    #[error("there is no organisation {0}")]
    OrganisationUnknown(u16),
    #[error("an amount of the price lists is out of range: {0}")]
    Amount(#[from] crate::domain::money::AmountError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl From<Errors> for ImportError {
    fn from(errors: Errors) -> ImportError {
        ImportError::File(errors)
    }
}

/// An open import.
struct Import<'c> {
    conn: &'c mut AsyncPgConnection,
    organisation: OrganisationId,
    today: NaiveDate,
}

/// Rows that were read.
enum Rows {
    Tariffs(Vec<At<import::TariffRow>>),
    Clients(Vec<At<import::ClientRow>>),
    Indications(Vec<At<import::IndicationRow>>),
    Additions(Vec<At<import::AdditionRow>>),
    Representatives(Vec<At<import::RepresentativeRow>>),
    Services(Vec<At<import::ServiceRow>>),
    Prices(Vec<At<import::PriceRow>>),
    AbsenceSettings(Vec<At<import::AbsenceSettingRow>>),
}

fn read(kind: FileKind, bytes: &[u8]) -> Result<Rows, Errors> {
    Ok(match kind {
        FileKind::Tariffs => Rows::Tariffs(import::tariffs(bytes)?),
        FileKind::Clients => Rows::Clients(import::clients(bytes)?),
        FileKind::Indications => Rows::Indications(import::indications(bytes)?),
        FileKind::Additions => Rows::Additions(import::additions(bytes)?),
        FileKind::Representatives => Rows::Representatives(import::representatives(bytes)?),
        FileKind::Services => Rows::Services(import::services(bytes)?),
        FileKind::Prices => Rows::Prices(import::prices(bytes)?),
        FileKind::AbsenceSettings => Rows::AbsenceSettings(import::absence_settings(bytes)?),
    })
}

/// Imports a file for an organisation; a dry run does the same and takes it all back.
///
/// # Errors
/// [`ImportError`]; nothing is changed.
pub async fn import(
    database: &Database,
    organisation: OrganisationId,
    kind: FileKind,
    bytes: &[u8],
    is_dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Report, ImportError> {
    let rows = read(kind, bytes)?;
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    let done = write(&mut conn, organisation, rows, now).await;
    if done.is_err() || is_dry_run {
        rollback(&mut conn).await?;
    } else {
        commit(&mut conn).await?;
    }
    done
}

async fn write(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    rows: Rows,
    now: DateTime<Utc>,
) -> Result<Report, ImportError> {
    schemes::lock(conn, organisation).await?;
    let today = wallets::book_dates(conn, &[organisation], now).await?.remove(&organisation);
    let Some(today) = today else { return Err(ImportError::OrganisationUnknown(organisation.number())) };
    let mut import = Import { conn, organisation, today };
    let mut report = match rows {
        Rows::Tariffs(rows) => entitled::tariffs(&mut import, &rows).await?,
        Rows::Clients(rows) => people::clients(&mut import, &rows).await?,
        Rows::Indications(rows) => entitled::indications(&mut import, &rows).await?,
        Rows::Additions(rows) => entitled::additions(&mut import, &rows).await?,
        Rows::Representatives(rows) => people::representatives(&mut import, &rows).await?,
        Rows::Services(rows) => {
            let mut report = offer::services(&mut import, &rows).await?;
            import.publish(&mut report, now).await?;
            report
        }
        Rows::Prices(rows) => {
            let mut report = offer::prices(&mut import, &rows).await?;
            import.publish(&mut report, now).await?;
            report
        }
        Rows::AbsenceSettings(rows) => absence::settings(&mut import, &rows).await?,
    };
    report.buyers_changed = follow_indications(import.conn, organisation, today).await?;
    Ok(report)
}

impl Import<'_> {
    async fn publish(&mut self, report: &mut Report, now: DateTime<Utc>) -> Result<(), ImportError> {
        let (published, notes) = publish::publish(self.conn, self.organisation, now, self.today).await?;
        report.published = published;
        report.notes.extend(notes);
        Ok(())
    }
}

/// The rows that are new or other than what is there.
fn to_write<'r, T>(rows: &'r [At<T>], report: &Report) -> Vec<&'r T> {
    let changed = rows.iter().zip(&report.changes).filter(|(_, change)| change.kind != ChangeKind::Unchanged);
    changed.map(|(at, _)| &at.row).collect()
}

fn report<T: Told, K: std::hash::Hash + Eq>(rows: &[At<T>], there: &[T], key: impl Fn(&T) -> K) -> Report {
    Report { changes: changes(rows, there, key), ..Report::default() }
}

/// Rows with the wallets of the clients that they name.
///
/// # Errors
/// A client who is not there.
fn with_wallets<'r, T>(
    rows: &'r [At<T>],
    wallets: &HashMap<i32, i64>,
    number: impl Fn(&T) -> i32,
) -> Result<Vec<(i64, &'r At<T>)>, ImportError> {
    let mut errors = Errors::default();
    let mut found = Vec::with_capacity(rows.len());
    for at in rows {
        let number = number(&at.row);
        match wallets.get(&number) {
            Some(wallet) => found.push((*wallet, at)),
            None => errors.push(at.line, "client", format!("there is no client {number}: import the clients first")),
        }
    }
    Ok(errors.or(found)?)
}

/// A stored value that comes from a client's wallet number.
fn place<T>(found: Option<T>) -> Result<T, DbError> {
    found.ok_or_else(|| corrupt("client.wallet"))
}

/// What a new day brought.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct DayBegun {
    /// Clients who buy as something else.
    pub buyers: usize,
    /// Price lists that are new.
    pub lists: usize,
    /// Organisations that are as they were, and why.
    pub failed: Vec<(OrganisationId, ImportError)>,
}

/// What a new day brings by itself, for every organisation: clients buy as what their indication of the day says, and prices
/// whose day it is are published. Again on the same day it changes nothing. One organisation's trouble is not the others': it is
/// logged and told, and they go on.
///
/// # Errors
/// [`ImportError`] where nobody can say which organisations there are.
pub async fn begin_day(database: &Database, now: DateTime<Utc>) -> Result<DayBegun, ImportError> {
    let mut begun = DayBegun::default();
    let all = organisations::list(&*database.connection().await?).await?;
    for (organisation, _) in all {
        match begin_day_in(database, organisation, now).await {
            Ok((buyers, lists)) => {
                begun.buyers += buyers;
                begun.lists += lists;
            }
            Err(error) => {
                tracing::error!(%error, organisation = organisation.number(), "an organisation's new day waits");
                begun.failed.push((organisation, error));
            }
        }
    }
    Ok(begun)
}

/// On a connection of its own, as the one before may be lost.
async fn begin_day_in(
    database: &Database,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<(usize, usize), ImportError> {
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    let done = begin_day_of(&mut conn, organisation, now).await;
    if done.is_ok() {
        commit(&mut conn).await?;
    } else {
        // a lost connection takes it back too
        let _ = rollback(&mut conn).await;
    }
    done
}

async fn begin_day_of(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<(usize, usize), ImportError> {
    schemes::lock(conn, organisation).await?;
    let today = wallets::book_dates(conn, &[organisation], now).await?.remove(&organisation);
    let Some(today) = today else { return Err(ImportError::OrganisationUnknown(organisation.number())) };
    let buyers = follow_indications(conn, organisation, today).await?;
    let (published, _) = publish::publish(conn, organisation, now, today).await?;
    Ok((buyers, published.len()))
}
