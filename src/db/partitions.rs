//! The ledger's partitions, one a month. They are made ahead of time, as a sale whose month has none is refused.

use diesel::sql_types::Integer;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

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
