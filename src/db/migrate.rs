//! Migrations, and the rights of the service's login.
//!
//! Both are the owner's work, under a PostgreSQL advisory lock, and may be repeated at any time: rights are taken
//! away and given again in one transaction, so that they are exactly those listed here.

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::{ConnectError, establish};
use super::partitions::make_partitions;
use super::url::DatabaseUrl;

/// The migrations of this program.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// What the service's login may do with each table, as SQL names it. Nothing may be deleted or truncated, and the
/// ledger's rows are only ever added and read. Partitions get no rights: their rows go through the parent.
pub const TABLE_RIGHTS: &[(&str, &str)] = &[
    ("ledger.operation", "SELECT, INSERT"),
    ("ledger.line", "SELECT, INSERT"),
    ("ledger.transfer", "SELECT, INSERT"),
    ("ledger.hold_entry", "SELECT, INSERT"),
    ("public.organisation", "SELECT, INSERT"),
    (
        "public.location",
        "SELECT, INSERT, UPDATE (offline_tap_cents), UPDATE (offline_card_cents), UPDATE (offline_card_taps), \
         UPDATE (offline_terminal_cents), UPDATE (offline_terminal_records), UPDATE (offline_hours)",
    ),
    ("public.scheme", "SELECT, INSERT"),
    ("public.scheme_start", "SELECT, INSERT, UPDATE (month)"),
    ("public.tariff", "SELECT, INSERT, UPDATE (code), UPDATE (to_date), UPDATE (day_cents), UPDATE (source)"),
    (
        "public.indication",
        "SELECT, INSERT, UPDATE (to_date), UPDATE (profile), UPDATE (delivery), UPDATE (treatment), UPDATE (day_activities)",
    ),
    ("public.addition", "SELECT, INSERT, UPDATE (to_date), UPDATE (day_cents)"),
    (
        "public.representative",
        "SELECT, INSERT, UPDATE (name), UPDATE (for_money), UPDATE (for_care), UPDATE (email), UPDATE (to_date)",
    ),
    (
        "public.wallet",
        "SELECT, INSERT, UPDATE (buyer), UPDATE (status), UPDATE (budget), UPDATE (budget_held), UPDATE (reserve), \
         UPDATE (reserve_held), UPDATE (savings), UPDATE (savings_held), UPDATE (credit), UPDATE (credit_held), \
         UPDATE (credit_cents), UPDATE (credit_cents_held), UPDATE (scheme), \
         UPDATE (month)",
    ),
    ("public.shared_buffer", "SELECT, INSERT, UPDATE (balance)"),
    ("public.buffer_draw", "SELECT, INSERT, UPDATE (used)"),
    // A card's wallet never changes: its lock is what guards the card.
    (
        "public.card",
        "SELECT, INSERT, UPDATE (status), UPDATE (expires_on), UPDATE (last_counter), UPDATE (counter_window), \
         UPDATE (tap_limit_cents), UPDATE (day_limit_cents), UPDATE (day), UPDATE (day_cents), UPDATE (generation)",
    ),
    ("public.card_event", "SELECT, INSERT"),
    // What a script says, and to which card, stays: only what became of it is written.
    ("public.card_script", "SELECT, INSERT, UPDATE (confirmed_at), UPDATE (replaced_by)"),
    // Whoever is a client must be able to be forgotten.
    (
        "public.client",
        "SELECT, INSERT, UPDATE (number), UPDATE (display_name), UPDATE (location), UPDATE (arrived_on), UPDATE (left_on), \
         UPDATE (supporter)",
    ),
    (
        "public.service",
        "SELECT, INSERT, UPDATE (name), UPDATE (name_en), UPDATE (category), UPDATE (code), UPDATE (function), \
         UPDATE (vat_basis_points), UPDATE (included_per_day), UPDATE (from_savings), UPDATE (council_agreed_on), \
         UPDATE (published_on)",
    ),
    ("public.service_kind", "SELECT, INSERT, UPDATE (kind)"),
    (
        "public.service_price",
        "SELECT, INSERT, UPDATE (price_cents), UPDATE (minutes), UPDATE (points), UPDATE (points_reason)",
    ),
    (
        "public.terminal",
        "SELECT, INSERT, UPDATE (name), UPDATE (status), UPDATE (location), UPDATE (last_seen_at), UPDATE (journal_last), \
         UPDATE (journal_waiting), UPDATE (software), UPDATE (revoked_at_record)",
    ),
    (
        "public.enrolment",
        "SELECT, INSERT, UPDATE (expires_at), UPDATE (terminal), UPDATE (encapsulated), UPDATE (sealed)",
    ),
    // What a key may be used for stays: another one is made.
    ("public.integration_key", "SELECT, INSERT, UPDATE (revoked_at)"),
    ("public.key_check", "SELECT, INSERT"),
    ("public.key_generation", "SELECT, INSERT, UPDATE (refused_from)"),
    ("public.forward", "SELECT, INSERT, UPDATE (operation), UPDATE (sent_as), UPDATE (outcome), UPDATE (judged_at)"),
    (
        "public.review",
        "SELECT, INSERT, UPDATE (settled_at), UPDATE (settlement), UPDATE (settled_by), UPDATE (reason), \
         UPDATE (settled_with)",
    ),
    ("public.hold", "SELECT, INSERT, UPDATE (remaining)"),
    ("public.month_phase", "SELECT, INSERT"),
    ("public.month_grant", "SELECT, INSERT"),
    ("public.month_statement", "SELECT, INSERT"),
    ("public.plan_month", "SELECT, INSERT, UPDATE (planned), UPDATE (held), UPDATE (done), UPDATE (released)"),
    (
        "public.plan_line",
        "SELECT, INSERT, UPDATE (dropped_from), UPDATE (drop_reason), UPDATE (consequences_explained_by), \
         UPDATE (consequences_explained_on)",
    ),
    ("public.plan_consent", "SELECT, INSERT"),
    ("public.network_meeting", "SELECT, INSERT"),
    ("public.plan_review", "SELECT, INSERT"),
    ("public.agenda_address", "SELECT, INSERT, UPDATE (withdrawn_at)"),
    ("public.absence", "SELECT, INSERT, UPDATE (returned_on), UPDATE (permitted_until), UPDATE (withdrawn_at)"),
    (
        "public.absence_setting",
        "SELECT, INSERT, UPDATE (medical_days), UPDATE (holiday_days_each), UPDATE (holiday_days_year), \
         UPDATE (holiday_after_days), UPDATE (source)",
    ),
    ("public.occurrence_mark", "SELECT, INSERT"),
    ("public.task", "SELECT, INSERT, UPDATE (done_at), UPDATE (done_by), UPDATE (how)"),
    ("public.captured_day", "SELECT, INSERT, UPDATE (is_kept)"),
    ("public.payout", "SELECT, INSERT, UPDATE (status)"),
    ("public.payout_approval", "SELECT, INSERT"),
    ("public.price_list", "SELECT, INSERT, UPDATE (superseded_at)"),
    ("public.price", "SELECT, INSERT"),
    ("public.__diesel_schema_migrations", "SELECT"),
];

/// Sequences whose next number the service takes.
pub const SEQUENCES: &[&str] = &["ledger.batch", "public.wallet_number"];

/// 7215201 is the ledger's lock, 7215202 that of its partitions.
const MIGRATION_LOCK: i64 = 7_215_203;

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection as the owner.
    #[error("cannot connect as the owner (DATABASE_OWNER_URL)")]
    Owner(#[source] ConnectError),
    /// No connection as the service: its login must exist before it can be given rights.
    #[error(
        "cannot connect as the service (DATABASE_URL), whose login must exist before it is given its rights: \
         CREATE ROLE {login} LOGIN PASSWORD '...'"
    )]
    Service {
        /// The login in the address.
        login: String,
        /// Why not.
        #[source]
        source: ConnectError,
    },
    /// One login for both would let the service rewrite the ledger.
    #[error(
        "DATABASE_URL and DATABASE_OWNER_URL use the same login, {login}: the service needs one of its own, which \
         owns nothing (CREATE ROLE pasje_service LOGIN PASSWORD '...')"
    )]
    SameLogin {
        /// The login.
        login: String,
    },
    /// Another program migrates, or a long transaction holds a table.
    #[error(
        "the migrations waited a minute for a lock: another pasje migrate or a long transaction is at work; \
         try again when it is done"
    )]
    Locked,
    /// The owner's login may not do what the migrations do.
    #[error(
        "the owner's login may not make what the migrations need ({reason}): let it own the database \
         (ALTER DATABASE ... OWNER TO ...)"
    )]
    MissingRights {
        /// What the server said.
        reason: String,
    },
    /// A migration failed; it was rolled back.
    #[error("a migration failed and was rolled back: {reason}")]
    Failed {
        /// What the server said.
        reason: String,
    },
    /// The server failed at something else.
    #[error("the database could not be prepared: {0}")]
    Query(#[from] diesel::result::Error),
}

/// Brings the database up to date and gives the service's login its rights. Returns the versions that were run.
///
/// # Errors
/// Each says what to do.
pub async fn migrate(owner: &DatabaseUrl, service: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let mut connection = establish(owner).await.map_err(MigrateError::Owner)?;
    let service_login = match establish(service).await {
        Ok(mut connection) => current_user(&mut connection).await?,
        Err(source) => return Err(MigrateError::Service { login: service.user().to_owned(), source }),
    };
    if current_user(&mut connection).await? == service_login {
        return Err(MigrateError::SameLogin { login: service_login });
    }
    // bounds the wait for this lock, and for a table's while the service runs
    connection.batch_execute("SET lock_timeout = '60s'; SET search_path = public").await?;
    let lock = diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK);
    lock.execute(&mut connection).await.map_err(explain)?;
    // ending the session gives the lock back, whatever happens
    let (mut connection, versions) = run_pending(connection).await?;
    grant(&mut connection, &service_login).await.map_err(explain)?;
    make_partitions(&mut connection).await?;
    Ok(versions)
}

/// Runs what is pending. The harness blocks, so it gets a thread where that harms nobody.
async fn run_pending(connection: AsyncPgConnection) -> Result<(AsyncPgConnection, Vec<String>), MigrateError> {
    let work = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(connection);
        let run = harness.run_pending_migrations(MIGRATIONS);
        let run = run.map(|versions| versions.iter().map(ToString::to_string).collect::<Vec<_>>());
        run.map(|versions| (harness.into_inner(), versions))
    });
    match work.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match error.downcast::<diesel::result::Error>() {
            Ok(error) => explain(*error),
            Err(error) => explain_text(&error.to_string()),
        }),
        Err(panicked) => Err(MigrateError::Failed { reason: panicked.to_string() }),
    }
}

fn explain(error: diesel::result::Error) -> MigrateError {
    explain_text(&error.to_string())
}

/// The driver keeps no SQLSTATE for these two; the words are those of lc_messages = C, and in another language the
/// server's own sentence still follows.
fn explain_text(reason: &str) -> MigrateError {
    if reason.contains("lock timeout") {
        MigrateError::Locked
    } else if reason.contains("permission denied") || reason.contains("must be owner") {
        MigrateError::MissingRights { reason: reason.to_owned() }
    } else {
        MigrateError::Failed { reason: reason.to_owned() }
    }
}

/// The versions of this program, in order.
///
/// # Errors
/// Never in practice: the migrations are part of the program.
pub fn versions() -> Result<Vec<String>, MigrateError> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|error| MigrateError::Failed { reason: error.to_string() })?;
    let mut versions: Vec<String> = migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

#[derive(diesel::QueryableByName)]
struct Login {
    #[diesel(sql_type = Text)]
    login: String,
}

async fn current_user(connection: &mut AsyncPgConnection) -> diesel::QueryResult<String> {
    let found: Login = diesel::sql_query("SELECT current_user::text AS login").get_result(connection).await?;
    Ok(found.login)
}

#[derive(diesel::QueryableByName)]
struct Statement {
    #[diesel(sql_type = Nullable<Text>)]
    statement: Option<String>,
}

/// The login's name is quoted by the server (`%I`); everything else in the statements is written here.
async fn grant(connection: &mut AsyncPgConnection, login: &str) -> diesel::QueryResult<()> {
    let mut formats = vec![
        "REVOKE CREATE ON SCHEMA public, ledger FROM PUBLIC, %1$I".to_owned(),
        "GRANT USAGE ON SCHEMA public, ledger TO %1$I".to_owned(),
        "REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM %1$I".to_owned(),
        "GRANT EXECUTE ON FUNCTION ledger.make_partitions(date), public.make_room_for_enrolment() TO %1$I".to_owned(),
    ];
    for (table, rights) in TABLE_RIGHTS {
        formats.push(format!("REVOKE ALL ON {table} FROM %1$I"));
        formats.push(format!("GRANT {rights} ON {table} TO %1$I"));
    }
    for sequence in SEQUENCES {
        formats.push(format!("REVOKE ALL ON SEQUENCE {sequence} FROM %1$I"));
        formats.push(format!("GRANT USAGE ON SEQUENCE {sequence} TO %1$I"));
    }
    let login = login.to_owned();
    connection
        .transaction(async |connection| {
            for format in formats {
                let quoted = diesel::sql_query("SELECT format($1, $2) AS statement");
                let quoted = quoted.bind::<Text, _>(format).bind::<Text, _>(&login);
                let quoted: Statement = quoted.get_result(connection).await?;
                connection.batch_execute(&quoted.statement.unwrap_or_default()).await?;
            }
            Ok(())
        })
        .await
}
