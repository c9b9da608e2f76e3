//! Clients with money, entered as the ledger would have them: each wallet with a grant and a top-up. All fictitious.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::statement::{Statement, statement};
use uuid::Uuid;

use crate::Failure;
use crate::server::Server;

pub const LOCATION: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
pub const COFFEE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
pub const WINE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0003);
pub const TERMINAL: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0004);

/// A seeded client.
pub const fn card(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_1000_0000_0000 | number as u128)
}

/// An id of the given kind (a digit) and number whose time is `ms`, as SQL.
const ID: &str = "CREATE OR REPLACE FUNCTION pg_temp.id(at timestamptz, kind integer, number bigint) RETURNS uuid \
     IMMUTABLE LANGUAGE sql AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || \
     lpad(to_hex(number % 4096), 3, '0') || '8' || kind || lpad(to_hex(number), 14, '0'))::uuid $$;";

const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Example (fictitious)');
INSERT INTO location (id, organisation, name) VALUES ('01900000-0000-7000-8000-000000000001', 1, 'Restaurant');
INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
    VALUES (1, 'example', 1, 1, 1, true, false, 0);
INSERT INTO service (id, organisation, name, name_en, category) VALUES
    ('01900000-0000-7000-8000-000000000002', 1, 'Koffie', 'Coffee', 'dranken'),
    ('01900000-0000-7000-8000-000000000003', 1, 'Glas wijn', 'Glass of wine', 'dranken');
INSERT INTO price_list (location, version, valid_from) VALUES ('01900000-0000-7000-8000-000000000001', 1, now());
INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points)
    SELECT id, '01900000-0000-7000-8000-000000000002'::uuid, 1, 4, 250, 900 FROM price_list
    UNION ALL SELECT id, '01900000-0000-7000-8000-000000000003'::uuid, 1, 5, 310, 2100 FROM price_list;
";

const CLIENTS: &str = "
INSERT INTO wallet (id, scheme, unit, buyer, budget, credit_cents)
    SELECT 1::bigint << 32 | n, s.id, 1, 1, 1000000000, 1000000000 FROM scheme AS s, generate_series(1, clients.count) AS n;
INSERT INTO card (id, wallet, expires_on)
    SELECT ('01900000-0000-7000-8000-1' || lpad(to_hex(n), 11, '0'))::uuid, 1::bigint << 32 | n, current_date + 365
    FROM generate_series(1, clients.count) AS n;
INSERT INTO ledger.operation (id, wallet, kind, outcome, authority, request_hash, book_date, batch, booked_at)
    SELECT pg_temp.id(now(), 1, n), 1::bigint << 32 | n, 12, 3, 5, sha256(n::text::bytea), current_date, 1, now()
    FROM generate_series(1, clients.count) AS n
    UNION ALL
    SELECT pg_temp.id(now(), 2, n), 1::bigint << 32 | n, 4, 3, 4, sha256(n::text::bytea), current_date, 1, now()
    FROM generate_series(1, clients.count) AS n;
INSERT INTO ledger.transfer (id, leg, flow, why, debit, credit, amount, book_date, batch)
    SELECT pg_temp.id(now(), 1, n), 0, 1, 20, ledger.account(1, 0, 1, 16), ledger.account(1, n, 1, 1), 1000000000, current_date, 1
    FROM generate_series(1, clients.count) AS n
    UNION ALL
    SELECT pg_temp.id(now(), 2, n), 0, 7, 23, ledger.account(1, 0, 1, 64), ledger.account(1, n, 1, 4), 1000000000, current_date, 1
    FROM generate_series(1, clients.count) AS n;
INSERT INTO month_phase (wallet, month, phase, operation)
    SELECT 1::bigint << 32 | n, date_trunc('month', now())::date, 1, pg_temp.id(now(), 1, n)
    FROM generate_series(1, clients.count) AS n;
SELECT nextval('ledger.batch');
ANALYZE wallet; ANALYZE card; ANALYZE ledger.operation; ANALYZE ledger.transfer; ANALYZE ledger.line;
";

/// Makes the organisation and its clients, unless they are there.
pub async fn seed(server: &mut Server, clients: u32) -> Result<(), Failure> {
    let query: Statement<diesel::sql_types::BigInt> = statement("SELECT count(*) FROM organisation");
    if query.get_result::<i64>(&mut server.owner).await? > 0 {
        return Ok(());
    }
    server.owner.batch_execute(ID).await?;
    server.owner.batch_execute(PLACES).await?;
    let script = format!("BEGIN; {} COMMIT;", CLIENTS.replace("clients.count", &clients.to_string()));
    let (inserts, analyze) = script.split_once("ANALYZE").unwrap_or((&script, ""));
    server.owner.batch_execute(&format!("{inserts} COMMIT;")).await?;
    let analyze = analyze.replace("COMMIT;", "");
    if !analyze.is_empty() {
        server.owner.batch_execute(&format!("ANALYZE {analyze}")).await?;
    }
    Ok(())
}

/// The id function, for a growth script on the same connection.
pub const fn id_function() -> &'static str {
    ID
}

/// The highest counter that any card has used: one bench may follow another.
pub async fn last_counter(server: &mut Server) -> Result<u32, Failure> {
    let query: Statement<diesel::sql_types::BigInt> = statement("SELECT coalesce(max(last_counter), 0) FROM card");
    Ok(u32::try_from(query.get_result::<i64>(&mut server.owner).await?)?)
}
