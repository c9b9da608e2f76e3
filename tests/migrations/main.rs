//! Every migration goes up and down over seeded rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use pasje::db::connect::{ConnectError, Database, establish};
use pasje::db::migrate::{MIGRATIONS, MigrateError, SEQUENCES, TABLE_RIGHTS, migrate, versions};
use pasje::db::url::DatabaseUrl;
use support::TestDatabase;

/// The schema as SQL; the lines that differ from run to run are left out.
fn dump(url: &DatabaseUrl) -> String {
    let mut dump = Command::new("pg_dump");
    dump.args(["--schema-only", "--no-comments"]).env_remove("PGPASSWORD").envs(url.libpq_environment());
    let output = dump.output().expect("pg_dump belongs to PostgreSQL's client programs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    )
}

async fn revert_all(owner: &DatabaseUrl) {
    let connection = establish(owner).await.unwrap();
    let work = tokio::task::spawn_blocking(move || {
        AsyncMigrationHarness::new(connection).revert_all_migrations(MIGRATIONS).map(|versions| versions.len())
    });
    assert_eq!(work.await.unwrap().unwrap(), versions().unwrap().len());
}

/// One row or more in every table, as a service leaves them.
const SEED: &str = "
    INSERT INTO organisation (id, name) VALUES (1, 'De Linde');
    INSERT INTO location VALUES ('00000000-0000-4000-8000-000000000001', 1, 'Restaurant', 1000, 2000, 3, 4000, 50, 6);
    INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
        VALUES (1, 'linde', 1, 1, 1, true, true, 1);
    INSERT INTO wallet (id, scheme, unit, buyer, budget, budget_held) VALUES (1::bigint << 32 | 1, 1, 1, 1, 500, 100);
    INSERT INTO shared_buffer VALUES (1, 1, 1000);
    INSERT INTO buffer_draw VALUES (gen_random_uuid(), 1::bigint << 32 | 1, 100, 0, '2026-01-01', '2026-01-14');
    INSERT INTO card (id, wallet, expires_on, generations_to, pin_free_cents) VALUES (gen_random_uuid(), 1::bigint << 32 | 1, '2030-01-01', 3, 1000);
    INSERT INTO client VALUES (1::bigint << 32 | 1, 4711, 'mw. A. Voorbeeld');
    INSERT INTO service VALUES (gen_random_uuid(), 1, 'Koffie', 'Coffee', 'dranken');
    INSERT INTO terminal (id, location, name, key_salt) VALUES (gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'Kassa', decode(repeat('00', 16), 'hex'));
    UPDATE terminal SET last_seen_at = now(), journal_last = 12, journal_waiting = 3, software = '0.1.0';
    INSERT INTO enrolment (code, public_key, expires_at) VALUES ('ABCDE-FGHJK', sha256('waiting'), now() + interval '10 minutes');
    INSERT INTO enrolment SELECT '01234-56789', sha256('accepted'), 'PEM', now(), now() + interval '10 minutes', id, sha256('key'),
        decode(repeat('00', 64), 'hex') FROM terminal;
    INSERT INTO card (id, wallet, status, expires_on, replaces) SELECT gen_random_uuid(), wallet, 3, expires_on, id FROM card;
    INSERT INTO card_event (card, organisation, event) SELECT id, 1, 1 FROM card;
    INSERT INTO card_script (card, number, change, parameters, confirmed_at, replaced_by)
        SELECT id, n, 5, decode('02' || repeat('00', 15), 'hex'), CASE n WHEN 1 THEN now() END, CASE n WHEN 2 THEN 3 END
        FROM card, generate_series(1, 3) AS n;
    INSERT INTO key_check SELECT 1, sha256('key');
    INSERT INTO key_generation (generation, refused_from) VALUES (1, '2027-01-01'), (2, NULL);
    INSERT INTO forward (terminal, sequence, previous, hash, sale) SELECT id, 1, sha256(''), sha256(sha256('') || int8send(1) || '{}'), '{}' FROM terminal;
    INSERT INTO review (organisation, terminal, sequence, why) SELECT 1, terminal, sequence, 4 FROM forward;
    INSERT INTO review (organisation, terminal, why, operation, record) SELECT 1, terminal, 13, gen_random_uuid(), '[[0,1]]' FROM forward;
    INSERT INTO hold VALUES (gen_random_uuid(), (1::bigint << 48) + (1 << 16) + (1 << 8) + 1, 100, 1, now());
    INSERT INTO month_phase VALUES (1::bigint << 32 | 1, '2026-01-01', 1, gen_random_uuid());
    INSERT INTO payout VALUES ('00000000-0000-4000-8000-000000000002', 1::bigint << 32 | 1, 100, 1, gen_random_uuid());
    INSERT INTO payout_approval VALUES ('00000000-0000-4000-8000-000000000002', gen_random_uuid(), gen_random_uuid());
    INSERT INTO price_list (location, version, valid_from) VALUES ('00000000-0000-4000-8000-000000000001', 1, now());
    INSERT INTO price VALUES (1, gen_random_uuid(), 1, 4, 250, NULL, NULL, 900);
    UPDATE wallet SET month = '2026-01-01';
    UPDATE client SET location = '00000000-0000-4000-8000-000000000001', arrived_on = '2025-12-01', supporter = gen_random_uuid();
    UPDATE service SET code = 'koffie', function = 'gastvrouw', vat_basis_points = 900, included_per_day = 2;
    INSERT INTO scheme_start VALUES (1, '2026-01-01');
    INSERT INTO tariff VALUES (1, 'Z051', '5VV', 1, true, true, '2026-01-01', NULL, 25000, 'fictitious');
    INSERT INTO indication VALUES (1::bigint << 32 | 1, '2026-01-01', NULL, '5VV', 1, true, true);
    INSERT INTO addition VALUES (1::bigint << 32 | 1, 'meerzorg', '2026-01-01', '2026-06-30', 1000);
    INSERT INTO representative VALUES (gen_random_uuid(), 1::bigint << 32 | 1, 'mw. B. Voorbeeld', 4, true, true, 'b@example.org', '2026-01-01', NULL);
    INSERT INTO service_kind SELECT id, 1, 2 FROM service;
    INSERT INTO service_price SELECT id, '', '2026-01-01', 250, 15, 100, NULL FROM service;
    INSERT INTO price SELECT 1, id, 5, 5, 250, NULL, NULL, 900 FROM service;
    INSERT INTO plan_line (id, wallet, service, performer, function, recurrence, starts_at, duration_minutes, kind, price_cents, units, vat_basis_points, agreed_on)
        SELECT '01900000-0000-7000-8000-000000000000', 1::bigint << 32 | 1, id, 1, 'helpende', 'FREQ=WEEKLY', '2026-01-05 09:00', 30, 1, 2500, 2500, 0, '2026-01-01' FROM service;
    INSERT INTO plan_consent (line, price_shown_cents, alternatives_asked, signed_on, recorded_by) SELECT id, 2500, true, '2026-01-01', gen_random_uuid() FROM plan_line;
    INSERT INTO network_meeting VALUES (gen_random_uuid(), 1::bigint << 32 | 1, '2026-01-02', 'dochter', 'wandelen');
    INSERT INTO plan_review VALUES (1::bigint << 32 | 1, '2026-01-02', gen_random_uuid());
    INSERT INTO agenda_address (secret_hash, wallet) VALUES (sha256('secret'), 1::bigint << 32 | 1);
    INSERT INTO absence (id, wallet, kind, left_on) VALUES (gen_random_uuid(), 1::bigint << 32 | 1, 1, '2026-01-10');
    INSERT INTO absence_setting VALUES (1, 1, '2026-01-01', 91, 14, 42, 14, 'fictitious');
    INSERT INTO occurrence_mark (line, day, mark) SELECT id, '2026-01-12', 1 FROM plan_line;
    INSERT INTO month_grant VALUES (1::bigint << 32 | 1, '2026-01-01', 0, 1, NULL, 3, '2026-01-01', 31, 1000, '{100}', 0, 100, 0, 800, 100, 0, 800, 0);
    INSERT INTO plan_month SELECT wallet, '2026-01-01', id, 16, 16, 0, 16 FROM plan_line;
    INSERT INTO month_statement VALUES (1::bigint << 32 | 1, '2025-12-01', NULL, '{0,0,0,0,0}', '{0,0,0,0,0}', '{}');
    INSERT INTO task (organisation, wallet, month, kind) VALUES (1, 1::bigint << 32 | 1, '2026-01-01', 1);
    INSERT INTO captured_day VALUES (1, '2026-01-12');
    INSERT INTO month_phase VALUES (1::bigint << 32 | 1, '2026-01-01', 3, gen_random_uuid());
    INSERT INTO integration_key (id, organisation, name, scopes, key_salt, expires_at)
        VALUES (gen_random_uuid(), 1, 'ECD', '{clients:read,clients:write}', decode(repeat('00', 16), 'hex'), now() + interval '1 year');
    INSERT INTO ledger.operation (id, wallet, kind, outcome, authority, request_hash, book_date, batch, booked_at)
        SELECT id, 1::bigint << 32 | 1, 1, 1, 4, sha256('request'), current_date, nextval('ledger.batch'), now() FROM seed;
    INSERT INTO ledger.line (id, line, service, quantity, kind, price_cents, units, vat_basis_points, planned, from_savings, book_date, batch)
        SELECT id, 0, gen_random_uuid(), 1, 4, 250, 250, 900, false, false, current_date, 1 FROM seed;
    INSERT INTO ledger.transfer (id, leg, line, flow, why, debit, credit, amount, book_date, batch)
        SELECT id, 0, 0, 3, 1, (1::bigint << 48) + (1 << 16) + (1 << 8) + 1, (1::bigint << 48) + (1 << 8) + 35, 250, current_date, 1 FROM seed;
    INSERT INTO ledger.hold_entry
        SELECT id, 0, gen_random_uuid(), (1::bigint << 48) + (1 << 16) + (1 << 8) + 1, 100, current_date, 1 FROM seed;";

async fn seed(database: &TestDatabase) {
    let mut service = database.service().await;
    let seed = format!("CREATE TEMPORARY TABLE seed AS SELECT '{}'::uuid AS id;", uuid::Uuid::now_v7());
    service.batch_execute(&(seed + SEED)).await.unwrap();
}

#[tokio::test]
async fn migrations_go_up_down_and_up_over_seeded_rows() {
    let database = TestDatabase::empty().await;
    let run = migrate(&database.owner_url, &database.service_url).await.unwrap();
    assert_eq!(run, versions().unwrap());
    let before = dump(&database.owner_url);
    seed(&database).await;
    revert_all(&database.owner_url).await;
    let bare = dump(&database.owner_url);
    assert!(!bare.contains("ledger") && !bare.contains("wallet"), "something is left:\n{bare}");
    migrate(&database.owner_url, &database.service_url).await.unwrap();
    let after = dump(&database.owner_url);
    assert!(before == after, "before:\n{before}\n\nafter:\n{after}");
    // and what comes back takes the same rows
    seed(&database).await;
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_two_at_once_do_not_disturb_each_other() {
    let database = TestDatabase::empty().await;
    let (first, second) = tokio::join!(
        migrate(&database.owner_url, &database.service_url),
        migrate(&database.owner_url, &database.service_url)
    );
    let ran = [first.unwrap(), second.unwrap()].concat();
    assert_eq!(ran, versions().unwrap(), "each migration runs once");
    let before = dump(&database.owner_url);
    seed(&database).await;
    assert!(migrate(&database.owner_url, &database.service_url).await.unwrap().is_empty());
    assert_eq!(before, dump(&database.owner_url));
}

#[tokio::test]
async fn one_login_for_both_is_refused() {
    let database = TestDatabase::empty().await;
    let error = migrate(&database.owner_url, &database.owner_url).await.unwrap_err();
    assert!(matches!(error, MigrateError::SameLogin { .. }), "{error}");
    assert!(error.to_string().contains("CREATE ROLE"));
}

#[tokio::test]
async fn an_owner_without_the_right_to_create_is_told_so() {
    let database = TestDatabase::empty().await;
    let mut superuser = database.superuser().await;
    superuser.batch_execute(&format!("ALTER DATABASE {} OWNER TO postgres", database.name)).await.unwrap();
    let error = migrate(&database.owner_url, &database.service_url).await.unwrap_err();
    assert!(matches!(error, MigrateError::MissingRights { .. }), "{error}");
    assert!(error.to_string().contains("ALTER DATABASE"));
}

#[tokio::test]
async fn rights_taken_away_by_hand_come_back_and_rights_added_go() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    owner.batch_execute("REVOKE INSERT ON ledger.line FROM pasje_service").await.unwrap();
    let error = Database::connect(&database.service_url, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::MissingRights { .. }), "{error}");
    assert!(error.to_string().contains("INSERT on ledger.line"), "{error}");
    owner.batch_execute("GRANT ALL ON ledger.transfer, ledger.line TO pasje_service").await.unwrap();
    let error = Database::connect(&database.service_url, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::ExcessRights { .. }), "{error}");
    migrate(&database.owner_url, &database.service_url).await.unwrap();
    Database::connect(&database.service_url, 1).await.unwrap();
}

#[tokio::test]
async fn what_runs_as_its_owner_is_the_services_alone() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    let open: Vec<Name> = diesel::sql_query(
        "SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
         WHERE nspname IN ('public', 'ledger') AND prosecdef
           AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))",
    )
    .load(&mut owner)
    .await
    .unwrap();
    assert!(open.is_empty(), "{}", open[0].name);
    owner.batch_execute("REVOKE EXECUTE ON FUNCTION make_room_for_enrolment() FROM pasje_service").await.unwrap();
    let error = Database::connect(&database.service_url, 1).await.unwrap_err();
    assert!(error.to_string().contains("EXECUTE on public.make_room_for_enrolment"), "{error}");
    migrate(&database.owner_url, &database.service_url).await.unwrap();
    Database::connect(&database.service_url, 1).await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[tokio::test]
async fn every_table_and_sequence_has_its_rights_listed() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    let found: Vec<Name> = diesel::sql_query(
        "SELECT nspname || '.' || relname AS name FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
         WHERE nspname IN ('public', 'ledger') AND NOT relispartition
           AND (relkind IN ('r', 'p') OR relkind = 'S' AND NOT EXISTS
                (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'i'))
         ORDER BY 1",
    )
    .load(&mut owner)
    .await
    .unwrap();
    let mut listed: Vec<&str> = TABLE_RIGHTS.iter().map(|(table, _)| *table).chain(SEQUENCES.iter().copied()).collect();
    listed.sort_unstable();
    let mut found: Vec<String> = found.into_iter().map(|row| row.name).collect();
    found.sort_unstable();
    assert_eq!(found, listed);
}
