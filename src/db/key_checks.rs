//! What each key of the key store must be.

use diesel::sql_types::{Binary, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};

/// Check values by generation; 0 is the terminals' secret.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection) -> Result<Vec<(u8, [u8; 32])>, DbError> {
    let query: Statement<(SmallInt, Binary)> = statement("SELECT generation, value FROM key_check ORDER BY generation");
    let read = |(generation, value): (i16, Vec<u8>)| {
        let generation = u8::try_from(generation).map_err(|_| corrupt("key_check.generation"))?;
        Ok((generation, value.try_into().map_err(|_| corrupt("key_check.value"))?))
    };
    query.load::<(i16, Vec<u8>)>(&mut conn).await?.into_iter().map(read).collect()
}

/// Remembers keys that are new. A generation has one key: of two that come at once the first is kept, so look again.
///
/// # Errors
/// [`DbError`].
pub async fn insert(conn: &mut AsyncPgConnection, values: &[(u8, [u8; 32])]) -> Result<(), DbError> {
    if values.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "INSERT INTO key_check (generation, value) SELECT unnest(?), unnest(?) ON CONFLICT (generation) DO NOTHING",
    )
    .bind(values.iter().map(|(generation, _)| i16::from(*generation)).collect::<Vec<_>>())
    .bind(values.iter().map(|(_, value)| value.to_vec()).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}
