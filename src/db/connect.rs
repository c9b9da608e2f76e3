//! The service's connections: a pool, and dedicated ones for who needs a session of its own.
//!
//! Invariant: a [`Database`] exists only after the server was found new enough, up to date, and the login able to do
//! its work and unable to rewrite the ledger. Passwords never appear in errors, `Debug` or logs.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::sql_types::{Array, Bool, Integer, Text};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::migrate::{SEQUENCES, TABLE_RIGHTS, versions};
use super::url::{DatabaseUrl, UrlError, cause};

const OLDEST_VERSION_NUM: i32 = 150_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that is silent for longer is gone: a failover, a firewall that forgot.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the database cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address itself is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nothing answers.
    #[error("no PostgreSQL answers for {place} ({reason}): check the address and that the server runs")]
    Unreachable {
        /// The address without its password.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The server answers and refuses.
    #[error("PostgreSQL refuses {place} ({reason}): check the user, the password and the database's name")]
    Refused {
        /// The address without its password.
        place: String,
        /// What the server said.
        reason: String,
    },
    /// The server is older than the migrations need.
    #[error(
        "PostgreSQL {found} is too old: pasje needs 15 or newer. Upgrade the server, or point DATABASE_URL at a newer one"
    )]
    TooOld {
        /// Its version.
        found: String,
    },
    /// A superuser passes every privilege that protects the ledger.
    #[error(
        "DATABASE_URL logs in as {login}, a superuser, whom no privilege keeps from changing the ledger: use a login \
         without it (CREATE ROLE pasje_service LOGIN PASSWORD '...')"
    )]
    Superuser {
        /// The login.
        login: String,
    },
    /// So does the owner.
    #[error(
        "DATABASE_URL logs in as {login}, who owns the ledger's tables and so could change them: keep that login for \
         DATABASE_OWNER_URL and use another here (CREATE ROLE pasje_service LOGIN PASSWORD '...')"
    )]
    Owner {
        /// The login.
        login: String,
    },
    /// The database is older than this program.
    #[error(
        "migrations are pending ({}): run `pasje migrate` with DATABASE_OWNER_URL (the owner's login) and DATABASE_URL set",
        versions.join(", ")
    )]
    MigrationsPending {
        /// The versions.
        versions: Vec<String>,
    },
    /// The login cannot do its work.
    #[error(
        "the login {login} misses rights ({}): run `pasje migrate` with DATABASE_OWNER_URL and DATABASE_URL set, which \
         grants them", missing.join("; ")
    )]
    MissingRights {
        /// The login.
        login: String,
        /// Each as SQL names it.
        missing: Vec<String>,
    },
    /// The login could undo what must stay.
    #[error(
        "the login {login} has rights that would let it change the ledger ({}): run `pasje migrate` with \
         DATABASE_OWNER_URL and DATABASE_URL set, which takes them away, and revoke what it got through other roles",
        excess.join("; ")
    )]
    ExcessRights {
        /// The login.
        login: String,
        /// Each as SQL names it.
        excess: Vec<String>,
    },
    /// Every connection of the pool is in use for too long.
    #[error("no database connection became free within {} seconds", POOL_TIMEOUT.as_secs())]
    Exhausted,
    /// A check itself failed.
    #[error("the database could not be checked: {0}")]
    Query(#[from] diesel::result::Error),
}

/// A connection of the pool, given back when dropped.
pub type Connection = Object<AsyncPgConnection>;

/// A database that was found fit for the service.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    pool: Pool<AsyncPgConnection>,
    runtime: Handle,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Database {
    /// Connects with the service's login and checks that all is as it must be.
    ///
    /// # Errors
    /// In this order: the address, reachability, the server's version, a superuser, pending migrations, the owner's
    /// login, missing rights, rights that it must not have.
    pub async fn connect(url: &DatabaseUrl, pool_size: usize) -> Result<Self, ConnectError> {
        let mut connection = establish(url).await?;
        check(&mut connection).await?;
        let mut config = ManagerConfig::default();
        // a connection whose server has gone is known to be closed, and replaced, without asking it first
        config.recycling_method = RecyclingMethod::Fast;
        let address = url.clone();
        // A connection is driven by a task of the runtime it was made in, and must outlive whoever asked for it first: the
        // edge's workers have runtimes of their own, which end with them.
        let runtime = Handle::current();
        let home = runtime.clone();
        config.custom_setup = Box::new(move |_| {
            let (address, home) = (address.clone(), home.clone());
            Box::pin(async move {
                let bad = |error: String| diesel::ConnectionError::BadConnection(error);
                let made = home.spawn(async move { establish(&address).await }).await;
                made.map_err(|error| bad(error.to_string()))?.map_err(|error| bad(error.to_string()))
            })
        });
        // the pool keeps no address of its own: the set-up above has it
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
        let pool = Pool::builder(manager).max_size(pool_size).build();
        let pool = pool.map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))?;
        Ok(Self { url: url.clone(), pool, runtime })
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// When none becomes free in time, or a new one cannot be made.
    pub async fn connection(&self) -> Result<Connection, ConnectError> {
        use diesel_async::pooled_connection::PoolError as Cause;
        use diesel_async::pooled_connection::deadpool::PoolError;
        match timeout(POOL_TIMEOUT, self.pool.get()).await {
            Err(_) => Err(ConnectError::Exhausted),
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(PoolError::Backend(Cause::QueryError(error)))) => Err(error.into()),
            Ok(Err(error)) => Err(ConnectError::Unreachable { place: self.url.to_string(), reason: error.to_string() }),
        }
    }

    /// A connection outside the pool, for a session that is kept.
    ///
    /// # Errors
    /// As [`establish`].
    pub async fn establish(&self) -> Result<AsyncPgConnection, ConnectError> {
        establish(&self.url).await
    }

    /// Where work goes on that must outlive whoever asked for it.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }
}

/// Opens one connection, without any check.
///
/// # Errors
/// [`ConnectError::Unreachable`] or [`ConnectError::Refused`].
pub async fn establish(url: &DatabaseUrl) -> Result<AsyncPgConnection, ConnectError> {
    let unreachable = |reason: String| ConnectError::Unreachable { place: url.to_string(), reason };
    let mut config = url.config().clone();
    if config.get_application_name().is_none() {
        config.application_name("pasje");
    }
    // What is read after a lock must see what was committed before it, whatever a server's default is.
    let options = config.get_options().map(str::to_owned).unwrap_or_default();
    config.options(format!("{options} -c default_transaction_isolation=read\\ committed"));
    config.tcp_user_timeout(TCP_TIMEOUT).keepalives_idle(TCP_TIMEOUT);
    let (client, connection) = match timeout(CONNECT_TIMEOUT, config.connect(tokio_postgres::NoTls)).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) if error.as_db_error().is_some() && !is_starting(&error) => {
            return Err(ConnectError::Refused { place: url.to_string(), reason: cause(&error) });
        }
        Ok(Err(error)) => return Err(unreachable(cause(&error))),
        Err(_) => return Err(unreachable(format!("no answer within {} seconds", CONNECT_TIMEOUT.as_secs()))),
    };
    AsyncPgConnection::try_from_client_and_connection(client, connection)
        .await
        .map_err(|error| unreachable(error.to_string()))
}

/// Class 57: starting, stopping, recovering. It will pass, and has nothing to do with who asks.
fn is_starting(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("57"))
}

#[derive(diesel::QueryableByName)]
struct About {
    #[diesel(sql_type = Integer)]
    version_num: i32,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    login: String,
    #[diesel(sql_type = Bool)]
    superuser: bool,
    #[diesel(sql_type = Bool)]
    migrated: bool,
}

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

async fn check(connection: &mut AsyncPgConnection) -> Result<(), ConnectError> {
    let about: About = diesel::sql_query(
        "SELECT current_setting('server_version_num')::integer AS version_num,
                current_setting('server_version') AS version, current_user::text AS login,
                (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
                EXISTS (SELECT FROM pg_class WHERE relname = '__diesel_schema_migrations'
                        AND relnamespace = 'public'::regnamespace) AS migrated",
    )
    .get_result(connection)
    .await?;
    check_version(about.version_num, &about.version)?;
    let login = about.login;
    if about.superuser {
        return Err(ConnectError::Superuser { login });
    }
    check_migrations(connection, about.migrated, &login).await?;
    let owned: Named = diesel::sql_query(
        "SELECT coalesce(bool_or(pg_has_role(current_user, relowner, 'MEMBER')), false)::text AS name
         FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p')",
    )
    .get_result(connection)
    .await?;
    if owned.name == "true" {
        return Err(ConnectError::Owner { login });
    }
    check_rights(connection, login).await
}

fn check_version(number: i32, text: &str) -> Result<(), ConnectError> {
    if number < OLDEST_VERSION_NUM {
        return Err(ConnectError::TooOld { found: text.to_owned() });
    }
    Ok(())
}

/// Versions in the database that this program does not know are newer ones: a migration is made safe for the program
/// before it.
async fn check_migrations(connection: &mut AsyncPgConnection, migrated: bool, login: &str) -> Result<(), ConnectError> {
    let known = versions().map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))?;
    if !migrated {
        return Err(ConnectError::MigrationsPending { versions: known });
    }
    let may_read = "has_table_privilege('public.__diesel_schema_migrations', 'SELECT')::text AS name";
    let may_read: Named = diesel::sql_query(format!("SELECT {may_read}")).get_result(connection).await?;
    if may_read.name != "true" {
        let missing = vec!["SELECT on public.__diesel_schema_migrations".to_owned()];
        return Err(ConnectError::MissingRights { login: login.to_owned(), missing });
    }
    let run = diesel::sql_query("SELECT version::text AS name FROM public.__diesel_schema_migrations");
    let run: Vec<Named> = run.load(connection).await?;
    let run: BTreeSet<String> = run.into_iter().map(|row| row.name).collect();
    let pending: Vec<String> = known.into_iter().filter(|version| !run.contains(version)).collect();
    if pending.is_empty() { Ok(()) } else { Err(ConnectError::MigrationsPending { versions: pending }) }
}

/// Asks the server which of the rights in the list are missing, and whether the ledger could be changed.
async fn check_rights(connection: &mut AsyncPgConnection, login: String) -> Result<(), ConnectError> {
    let (mut tables, mut rights) = (Vec::new(), Vec::new());
    for (table, list) in TABLE_RIGHTS {
        for right in list.split(", ") {
            tables.push(*table);
            rights.push(right);
        }
    }
    let missing = diesel::sql_query(
        "SELECT r || ' on ' || t AS name FROM unnest($1, $2) AS wanted(t, r)
         WHERE NOT CASE WHEN r LIKE 'UPDATE (%'
                        THEN has_column_privilege(t, substring(r FROM '\\((.*)\\)'), 'UPDATE')
                        ELSE has_table_privilege(t, r) END
         UNION ALL SELECT 'USAGE on ' || s FROM unnest($3) AS s WHERE NOT has_sequence_privilege(s, 'USAGE')
         UNION ALL SELECT 'EXECUTE on ledger.make_partitions'
             WHERE NOT has_function_privilege('ledger.make_partitions(date)', 'EXECUTE')
         UNION ALL SELECT 'EXECUTE on public.make_room_for_enrolment'
             WHERE NOT has_function_privilege('public.make_room_for_enrolment()', 'EXECUTE')",
    );
    // names in a schema resolve only for who may use the schema, so that comes first
    let usage = diesel::sql_query(
        "SELECT 'USAGE on schema ' || s AS name FROM unnest(ARRAY['public', 'ledger']) AS s
         WHERE NOT has_schema_privilege(s, 'USAGE')",
    );
    let mut absent: Vec<Named> = usage.load(connection).await?;
    if absent.is_empty() {
        let missing = missing.bind::<Array<Text>, _>(tables).bind::<Array<Text>, _>(rights);
        absent = missing.bind::<Array<Text>, _>(SEQUENCES.to_vec()).load(connection).await?;
    }
    if !absent.is_empty() {
        let missing = absent.into_iter().map(|row| row.name).collect();
        return Err(ConnectError::MissingRights { login, missing });
    }
    let excess: Vec<Named> = diesel::sql_query(
        "SELECT r || ' on ' || c.oid::regclass AS name
         FROM pg_class AS c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS r
         WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, r)
         UNION ALL SELECT 'CREATE on schema ledger' WHERE has_schema_privilege('ledger', 'CREATE')",
    )
    .load(connection)
    .await?;
    if excess.is_empty() {
        return Ok(());
    }
    Err(ConnectError::ExcessRights { login, excess: excess.into_iter().map(|row| row.name).collect() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_fifteen_is_too_old() {
        assert!(check_version(150_000, "15.0").is_ok());
        assert!(check_version(180_001, "18.1").is_ok());
        let message = check_version(140_022, "14.22 (Ubuntu 14.22)").unwrap_err().to_string();
        assert!(message.contains("14.22") && message.contains("15 or newer"), "{message}");
    }
}
