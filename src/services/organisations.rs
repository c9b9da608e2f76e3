//! Care providers and their locations: entered once.

use uuid::Uuid;

use super::book::{BookError, begin, commit, rollback};
use crate::db::DbError;
use crate::db::connect::{ConnectError, Database};
use crate::db::organisations;
use crate::domain::account::OrganisationId;

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum OrganisationError {
    /// No name, or a very long one.
    #[error("a name has 1 to 200 characters, and no control characters")]
    Name,
    /// The number is another's.
    #[error("organisation {0} is there already: leave the number out to get the next one")]
    Taken(u16),
    /// No such organisation.
    #[error("there is no organisation {0}: `pasje organisation list` shows those there are")]
    Unknown(u16),
    /// Terminals and clients are put at a location by its name.
    #[error("the organisation has a location of this name already")]
    LocationTaken,
    /// All numbers are given out.
    #[error("there are 32767 organisations: start another database")]
    Full,
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The way to it.
    #[error(transparent)]
    Book(#[from] BookError),
}

fn checked(name: &str) -> Result<&str, OrganisationError> {
    let name = name.trim();
    let is_name = (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    is_name.then_some(name).ok_or(OrganisationError::Name)
}

/// Adds an organisation, with this number or the next.
///
/// # Errors
/// [`OrganisationError`].
pub async fn add(
    database: &Database,
    number: Option<OrganisationId>,
    name: &str,
) -> Result<OrganisationId, OrganisationError> {
    let name = checked(name)?;
    let mut conn = database.connection().await?;
    let last = organisations::list(&conn).await?.last().map_or(0, |(last, _)| last.number());
    let next = || last.checked_add(1).and_then(OrganisationId::new).ok_or(OrganisationError::Full);
    let number = number.map_or_else(next, Ok)?;
    match organisations::insert(&mut conn, number, name).await {
        Err(error) if error.is_constraint() => Err(OrganisationError::Taken(number.number())),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(number),
    }
}

/// All organisations, by number.
///
/// # Errors
/// [`OrganisationError`].
pub async fn list(database: &Database) -> Result<Vec<(OrganisationId, String)>, OrganisationError> {
    Ok(organisations::list(&*database.connection().await?).await?)
}

/// Adds a location of an organisation; its name is the only one there. Answers its id.
///
/// # Errors
/// [`OrganisationError`].
pub async fn add_location(
    database: &Database,
    organisation: OrganisationId,
    name: &str,
) -> Result<Uuid, OrganisationError> {
    let name = checked(name)?;
    let mut conn = database.connection().await?;
    begin(&mut conn).await?;
    let added: Result<Uuid, OrganisationError> = async {
        // of two of one name the second waits, and finds the first
        let known = organisations::lock(&conn, organisation).await?;
        if !known {
            return Err(OrganisationError::Unknown(organisation.number()));
        }
        if organisations::has_location(&conn, organisation, name).await? {
            return Err(OrganisationError::LocationTaken);
        }
        let id = Uuid::now_v7();
        organisations::insert_location(&mut conn, organisation, id, name).await?;
        Ok(id)
    }
    .await;
    match added {
        Ok(id) => {
            commit(&mut conn).await?;
            Ok(id)
        }
        Err(error) => {
            let _ = rollback(&mut conn).await;
            Err(error)
        }
    }
}
