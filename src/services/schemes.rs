//! An organisation's schemes: adopted from files, used from a month on, read back for who computes with them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;

use super::book::{BookError, begin, commit};
use crate::db::connect::{ConnectError, Database};
use crate::db::schemes::{self, SchemeRow};
use crate::db::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::month_grant::Month;
use crate::domain::scheme::Scheme;
use crate::domain::scheme_file::{self, SchemeFileError};

/// Why a scheme was not adopted.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SchemeError {
    #[error("the file is no scheme:\n{}", .0.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n"))]
    File(Vec<SchemeFileError>),
    #[error("there is no organisation {0}")]
    OrganisationUnknown(u16),
    /// A version is immutable.
    #[error(
        "{name} version {version} was adopted already and says something else: a version never changes; \
         give the file version {next}"
    )]
    Changed { name: String, version: u32, next: i32 },
    #[error("{name} is counted in {unit}: wallets cannot change their unit; give the scheme another name")]
    OtherUnit { name: String, unit: &'static str },
    #[error("{name} was used for {opened} already, so version {version} can start in {next} at the earliest")]
    MonthOpened { name: String, version: u32, opened: Month, next: Month },
    #[error("version {other} of {name} starts in {month}: versions must start in their own order")]
    OutOfOrder { name: String, other: i32, month: Month },
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Book(#[from] BookError),
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// The version is new here.
    Added,
    /// Its month is another than before.
    Moved,
    /// It had been adopted so before.
    Unchanged,
}

/// Makes a file's scheme one of an organisation's, used from a month on. The same file and month again changes nothing.
///
/// # Errors
/// [`SchemeError`].
pub async fn adopt(
    database: &Database,
    organisation: OrganisationId,
    source: &str,
    from: Month,
) -> Result<(Adopted, Scheme), SchemeError> {
    let scheme = scheme_file::parse(source).map_err(SchemeError::File)?;
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    schemes::lock(&mut conn, organisation).await?;
    if !schemes::organisation_exists(&conn, organisation).await? {
        return Err(SchemeError::OrganisationUnknown(organisation.number()));
    }
    let mut versions = schemes::list(&conn, Some(organisation)).await?;
    versions.retain(|row| row.name == scheme.name);
    let version = i64::from(scheme.version);
    let known = versions.iter().find(|row| i64::from(row.version) == version);
    if let Some(known) = known
        && known.source.as_deref() != Some(source)
    {
        let next = versions.iter().map(|row| row.version).max().unwrap_or(0).saturating_add(1);
        return Err(SchemeError::Changed { name: scheme.name, version: scheme.version, next });
    }
    if known.is_some_and(|row| row.from == Some(from.first())) {
        return Ok((Adopted::Unchanged, scheme));
    }
    check_start(&scheme, from, &versions)?;
    if let Some(opened) = schemes::last_month_opened(&conn, organisation, &scheme.name).await? {
        let opened = month(opened)?;
        // a version that was used already keeps its month too
        let started = known.and_then(|row| row.from).is_some_and(|month| month <= opened.first());
        let next =
            opened.first().checked_add_months(chrono::Months::new(1)).ok_or_else(|| corrupt("month_grant.month"))?;
        if from.first() < next || started {
            let (name, version) = (scheme.name, scheme.version);
            return Err(SchemeError::MonthOpened { name, version, opened, next: month(next)? });
        }
    }
    let (id, adopted) = match known {
        Some(row) => (row.id, Adopted::Moved),
        None => (schemes::insert(&mut conn, organisation, &scheme, source).await?, Adopted::Added),
    };
    schemes::set_start(&mut conn, id, from.first()).await?;
    commit(&mut conn).await?;
    Ok((adopted, scheme))
}

/// Whether a version may start then, beside the others of its name.
fn check_start(scheme: &Scheme, from: Month, versions: &[SchemeRow]) -> Result<(), SchemeError> {
    if let Some(other) = versions.iter().find(|row| row.unit != scheme.unit()) {
        return Err(SchemeError::OtherUnit { name: scheme.name.clone(), unit: other.unit.name() });
    }
    for row in versions {
        let Some(start) = row.from else { continue };
        let is_older = i64::from(row.version) < i64::from(scheme.version);
        let is_newer = i64::from(row.version) > i64::from(scheme.version);
        if is_older && start > from.first() || is_newer && start < from.first() {
            let name = scheme.name.clone();
            return Err(SchemeError::OutOfOrder { name, other: row.version, month: month(start)? });
        }
    }
    Ok(())
}

fn month(first: NaiveDate) -> Result<Month, DbError> {
    use chrono::Datelike as _;
    Month::new(first.year(), first.month()).ok_or_else(|| corrupt("a month"))
}

/// All versions, of one organisation or of all.
///
/// # Errors
/// [`SchemeError`].
pub async fn list(database: &Database, organisation: Option<OrganisationId>) -> Result<Vec<SchemeRow>, SchemeError> {
    Ok(schemes::list(&*database.connection().await?, organisation).await?)
}

/// Schemes by number. Those without a file, of before there were files, are missing.
///
/// # Errors
/// [`DbError`].
pub async fn load(conn: &AsyncPgConnection, ids: &[i32]) -> Result<HashMap<i32, Arc<Scheme>>, DbError> {
    let mut loaded = HashMap::new();
    for (id, source) in schemes::sources(conn, ids).await? {
        if let Some(source) = source {
            let scheme = scheme_file::parse(&source).map_err(|_| corrupt("scheme.source"))?;
            loaded.insert(id, Arc::new(scheme));
        }
    }
    Ok(loaded)
}

/// Which version each of an organisation's schemes is in a month: from any version of a name to the one that is used then.
/// Names of which no version has started by then are missing.
///
/// # Errors
/// [`DbError`].
pub async fn in_force(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: Month,
) -> Result<HashMap<i32, i32>, DbError> {
    Ok(schemes::in_force(conn, organisation, month.first()).await?.into_iter().collect())
}
