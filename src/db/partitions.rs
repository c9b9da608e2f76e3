//! The ledger's partitions, one a month. They are made ahead of time, as a sale whose month has none is refused.

use diesel::sql_types::{BigInt, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::statement::{Statement, statement};

/// How many months ahead partitions are kept; the health check fails below two.
pub const MONTHS_AHEAD: i32 = 3;

#[derive(diesel::QueryableByName)]
struct Made {
    #[diesel(sql_type = Integer)]
    made: i32,
}

/// Makes the partitions that are missing up to [`MONTHS_AHEAD`], and says how many months it made.
///
/// # Errors
/// When the login may not, or the database fails.
pub async fn make_partitions(connection: &mut AsyncPgConnection) -> diesel::QueryResult<i32> {
    let made: Made = diesel::sql_query(
        "SELECT ledger.make_partitions((now() AT TIME ZONE 'UTC' + make_interval(months => $1))::date) AS made",
    )
    .bind::<Integer, _>(MONTHS_AHEAD)
    .get_result(connection)
    .await?;
    Ok(made.made)
}

/// For how many months after this one every ledger table has its partition, without a gap; below 0: not for this one.
///
/// # Errors
/// [`DbError`].
pub async fn months_ahead(mut conn: &AsyncPgConnection) -> Result<i64, DbError> {
    let query: Statement<BigInt> = statement(
        "SELECT coalesce((extract(year FROM last) - extract(year FROM this)) * 12 \
         + extract(month FROM last) - extract(month FROM this), -1)::bigint \
         FROM (SELECT ledger.partitions_until() AS last, (now() AT TIME ZONE 'UTC')::date AS this) AS months",
    );
    Ok(query.get_result::<i64>(&mut conn).await?)
}
