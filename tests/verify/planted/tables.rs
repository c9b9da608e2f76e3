//! What protects the tables, and headers with what hangs on them.

use super::{Planted, row};

pub const PROTECTION: &[Planted] = &[
    row(
        "ALTER TABLE ledger.transfer DISABLE TRIGGER is_append_only",
        &["triggers"],
        "does not refuse UPDATE and DELETE",
    ),
    row(
        "DO $$ BEGIN EXECUTE format('ALTER TABLE ledger.%I DISABLE TRIGGER is_never_truncated', \
         'line' || to_char(now(), '_YYYY_MM')); END $$",
        &["triggers"],
        "ledger.line_",
    ),
    row("DROP TRIGGER is_append_only ON ledger.hold_entry", &["triggers"], "ledger.hold_entry"),
    row(
        "DROP TRIGGER is_never_truncated ON ledger.operation",
        &["triggers"],
        "ledger.operation does not refuse TRUNCATE",
    ),
    row(
        "DROP TRIGGER is_append_only ON ledger.line; CREATE TRIGGER is_append_only BEFORE UPDATE OR DELETE ON ledger.line \
         FOR EACH ROW WHEN (OLD.line > 7) EXECUTE FUNCTION ledger.refuse_change()",
        &["triggers"],
        "another one",
    ),
    row(
        "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        &["triggers"],
        "refuse_change",
    ),
    row(
        "CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER take BEFORE INSERT ON ledger.transfer FOR EACH ROW EXECUTE FUNCTION public.take()",
        &["triggers"],
        "not ours: take",
    ),
    row("CREATE RULE take AS ON INSERT TO ledger.transfer DO INSTEAD NOTHING", &["triggers"], "not ours: take"),
    row("ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_flow", &["constraints"], "transfer_flow is missing"),
    row(
        "ALTER TABLE ledger.line DROP CONSTRAINT line_price; \
         ALTER TABLE ledger.line ADD CONSTRAINT line_price CHECK (price_cents >= 0) NOT VALID",
        &["constraints"],
        "line_price is not validated",
    ),
    row("ALTER TABLE wallet DROP CONSTRAINT wallet_budget", &["constraints"], "wallet_budget is missing"),
    row("ALTER TABLE ledger.operation DROP CONSTRAINT operation_pkey", &["constraints"], "no valid primary key"),
    row(
        "CREATE OR REPLACE FUNCTION ledger.flow_allows(flow bigint, debit_kind bigint, credit_kind bigint) RETURNS boolean \
         IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT true'",
        &["matrix"],
        "ledger.flow_allows(0, 0, 0)",
    ),
    row(
        "CREATE OR REPLACE FUNCTION ledger.account_is_valid(account bigint) RETURNS boolean \
         IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT account > 0'",
        &["matrix"],
        "ledger.account_is_valid(",
    ),
    row("GRANT UPDATE ON ledger.transfer TO pasje_service", &["rights"], "may update ledger.transfer"),
    row("GRANT UPDATE (amount) ON ledger.transfer TO pasje_service", &["rights"], "may update ledger.transfer"),
    row(
        "DO $$ BEGIN EXECUTE format('GRANT DELETE ON ledger.%I TO PUBLIC', 'line' || to_char(now(), '_YYYY_MM')); END $$",
        &["rights"],
        "may delete ledger.line_",
    ),
    row("GRANT CREATE ON SCHEMA ledger TO pasje_service", &["rights"], "may create in schema ledger"),
    row(
        "SELECT ledger.make_month('2031-01-01'); ALTER TABLE ledger.transfer DETACH PARTITION ledger.transfer_2031_01",
        &["partitions", "triggers"],
        "month 2031-01 has a partition of hold_entry, line, operation only",
    ),
    row("SELECT ledger.make_month('2031-01-01'); DROP TABLE ledger.line_2031_01", &["partitions"], "month 2031-01"),
    row(
        "SELECT ledger.make_month('2031-01-01'); ALTER TABLE ledger.line_2031_01 RENAME TO line_2031_02; \
         ALTER TABLE ledger.operation_2031_01 RENAME TO operation_2031_02; \
         ALTER TABLE ledger.transfer_2031_01 RENAME TO transfer_2031_02; \
         ALTER TABLE ledger.hold_entry_2031_01 RENAME TO hold_entry_2031_02",
        &["partitions"],
        "ledger.hold_entry_2031_02 holds ids",
    ),
    row(
        "SELECT ledger.make_month('2031-01-01'); ALTER TABLE ledger.line_2031_01 RENAME TO line_x",
        &["partitions"],
        "month 2031-01",
    ),
];

pub const HEADERS: &[Planted] = &[
    // headers by themselves
    row(
        "UPDATE ledger.operation SET id = overlay(id::text PLACING '4' FROM 15 FOR 1)::uuid WHERE id = '{draw_unused}'; \
         UPDATE buffer_draw SET id = overlay(id::text PLACING '4' FROM 15 FOR 1)::uuid WHERE id = '{draw_unused}'",
        &["operations"],
        "is no UUIDv7",
    ),
    row(
        "UPDATE ledger.operation SET batch = 1000000 WHERE id = '{draw_unused}'",
        &["operations"],
        "{draw_unused} has batch 1000000",
    ),
    row("UPDATE ledger.operation SET batch = 0 WHERE id = '{draw_unused}'", &["operations"], "{draw_unused}"),
    row(
        "UPDATE ledger.operation SET book_date = book_date - 3 WHERE id = '{draw_unused}'",
        &["operations"],
        "{draw_unused} has book date",
    ),
    row(
        "UPDATE ledger.operation SET wallet = (1::bigint << 32) | 99 WHERE id = '{declined_top_up}'",
        &["operations"],
        "{declined_top_up}: wallet 4294967395 (organisation 1, wallet number 99) does not exist",
    ),
    row(
        "UPDATE ledger.operation SET wallet = 77::bigint << 32 WHERE id = '{card_unknown}'",
        &["operations"],
        "{card_unknown}",
    ),
    row(
        "UPDATE ledger.operation SET kind = 99 WHERE id = '{declined_top_up}'",
        &["operations"],
        "{declined_top_up}: kind 99",
    ),
    row(
        "UPDATE ledger.operation SET outcome = 99 WHERE id = '{declined_top_up}'",
        &["operations"],
        "{declined_top_up}",
    ),
    row(
        "UPDATE ledger.operation SET wallet = 1::bigint << 32 WHERE id = '{draw_unused}'; \
         UPDATE buffer_draw SET wallet = 1::bigint << 32 WHERE id = '{draw_unused}'",
        &["operations"],
        "{draw_unused} has outcome 3",
    ),
    row(
        "ALTER TABLE ledger.operation DROP CONSTRAINT operation_request_hash; \
         UPDATE ledger.operation SET request_hash = '\\x00' WHERE id = '{save}'",
        &["operations", "constraints"],
        "{save}",
    ),
    // rows and their headers
    row(
        "DELETE FROM ledger.operation WHERE id = '{save}'",
        &["rows"],
        "leg 0 of operation {save}: there is no such operation",
    ),
    row(
        "DELETE FROM ledger.operation WHERE id = '{declined_by_name}'",
        &["rows"],
        "line 0 of operation {declined_by_name}",
    ),
    row("DELETE FROM ledger.operation WHERE id = '{release}'", &["rows"], "entry 0 of operation {release}"),
    row(
        "UPDATE ledger.transfer SET book_date = book_date - 1 WHERE id = '{save}'",
        &["rows"],
        "leg 0 of operation {save} has book date",
    ),
    row(
        "UPDATE ledger.line SET batch = batch + 1 WHERE id = '{sale}' AND line = 1",
        &["rows"],
        "line 1 of operation {sale} has batch",
    ),
    row(
        "UPDATE ledger.hold_entry SET book_date = book_date + 1 WHERE id = '{release}'",
        &["rows"],
        "entry 0 of operation {release}",
    ),
    row(
        "DELETE FROM ledger.line WHERE id = '{declined_by_name}' AND line = 0",
        &["numbering"],
        "{declined_by_name} has 1 lines",
    ),
    row("UPDATE ledger.transfer SET leg = 5 WHERE id = '{save}'", &["numbering"], "{save} has 1 legs"),
    row(
        "UPDATE ledger.hold_entry SET entry = 1 WHERE id = '{release}'",
        &["numbering"],
        "{release} has 1 hold entries",
    ),
    // ids that were taken beforehand
    row("UPDATE ledger.operation SET request_hash = NULL WHERE id = '{save}'", &["tombstones"], "{save}"),
    row(
        "UPDATE ledger.operation SET request_hash = decode(repeat('00', 32), 'hex') WHERE id = '{attempt}'",
        &["tombstones"],
        "{attempt}",
    ),
    row("UPDATE ledger.operation SET reference = '{nobody}' WHERE id = '{attempt}'", &["tombstones"], "{attempt}"),
    row("UPDATE ledger.operation SET reference = '{sale}' WHERE id = '{never_came}'", &["tombstones"], "{never_came}"),
    row(
        "INSERT INTO ledger.line SELECT (jsonb_populate_record(l, jsonb_build_object('id', o.id, 'line', 0, \
         'batch', o.batch))).* FROM ledger.line AS l, ledger.operation AS o \
         WHERE l.id = '{declined_by_name}' AND l.line = 0 AND o.id = '{never_came}'",
        &["tombstones"],
        "{never_came}",
    ),
];
