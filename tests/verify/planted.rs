//! One wrong row of each sort. Where a row is wrong in one way only, the rest is made to fit, so that exactly the check
//! that is meant finds it; where one deed breaks two promises, both checks say so.

use super::Planted;
use super::planted_forwards::{FORWARDS, SETTLEMENTS};

pub const ALL: &[&[Planted]] = &[
    PROTECTION,
    HEADERS,
    TRANSFERS,
    STATE,
    SALES,
    REFUNDS,
    FUNDING,
    CARDS,
    CARD_HOLDS,
    PAYOUTS,
    FORWARDS,
    SETTLEMENTS,
];

const fn row(sql: &'static str, found_by: &'static [&'static str], names: &'static str) -> Planted {
    Planted { sql, found_by, names }
}

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

pub const TRANSFERS: &[Planted] = &[
    // what the CHECKs refuse
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_amount; \
         INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, debit, credit, -5, book_date, batch FROM ledger.transfer WHERE id = '{save}'; \
         UPDATE wallet SET budget = budget + 5, savings = savings - 5 WHERE id = {w1}",
        &["transfers", "constraints"],
        "leg 1 of operation {save}: an amount of -5",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_one_organisation; \
         INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, debit, {o2.lapsed.EUR}, 5, book_date, batch FROM ledger.transfer WHERE id = '{lapse}'; \
         UPDATE wallet SET budget = budget - 5 WHERE id = {w1}",
        &["transfers", "constraints", "owners"],
        "leg 1 of operation {lapse}: from account {w1.budget.EUR}",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_one_unit; \
         INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, debit, {o1.lapsed.PNT}, 5, book_date, batch FROM ledger.transfer WHERE id = '{lapse}'; \
         UPDATE wallet SET budget = budget - 5 WHERE id = {w1}",
        &["transfers", "constraints"],
        "in another unit",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_one_wallet; \
         INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, debit, {w4.savings.EUR}, 5, book_date, batch FROM ledger.transfer WHERE id = '{save}'; \
         UPDATE wallet SET budget = budget - 5 WHERE id = {w1}; UPDATE wallet SET savings = savings + 5 WHERE id = {w4}",
        &["transfers", "constraints", "owners"],
        "of another wallet",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_flow; \
         INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, {w1.credit.EUR}, credit, 5, book_date, batch FROM ledger.transfer WHERE id = '{lapse}'; \
         UPDATE wallet SET credit_cents = credit_cents - 5 WHERE id = {w1}",
        &["transfers", "constraints"],
        "leg 1 of operation {lapse}: flow 13 (lapse) may not move money from account {w1.credit.EUR}",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_accounts; \
         INSERT INTO ledger.transfer SELECT id, 9, line, 1, why, (1::bigint << 48) | (7 << 8) | 16, (1::bigint << 48) | (7 << 8) | 17, 5, \
         book_date, batch FROM ledger.transfer WHERE id = '{grant3}' AND leg = 0; \
         UPDATE ledger.transfer SET leg = (SELECT count(*) - 1 FROM ledger.transfer WHERE id = '{grant3}') WHERE id = '{grant3}' AND leg = 9",
        &["transfers", "constraints"],
        "operation {grant3}: account",
    ),
    row(
        "ALTER TABLE ledger.transfer DROP CONSTRAINT transfer_flow; \
         UPDATE ledger.transfer SET debit = {w1.credit.EUR} WHERE id = '{forward}' AND line = 1 AND debit = {w1.budget.EUR}; \
         UPDATE wallet SET budget = budget + 1250, credit_cents = credit_cents - 1250 WHERE id = {w1}",
        &["legs", "transfers", "constraints"],
        "operation {forward}: own money pays line 1, which is care",
    ),
    // whose it is
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, {w4.budget.EUR}, {w4.savings.EUR}, 5, book_date, batch \
         FROM ledger.transfer WHERE id = '{save}'; UPDATE wallet SET budget = budget - 5, savings = savings + 5 WHERE id = {w4}",
        &["owners"],
        "leg 1 of operation {save}, of wallet {w1}",
    ),
    row(
        "UPDATE ledger.transfer SET debit = {o2.wlz_funding.EUR}, credit = {o2.overhead.EUR} WHERE id = '{grant1}' AND leg = 0",
        &["owners"],
        "leg 0 of operation {grant1}",
    ),
    row(
        "INSERT INTO ledger.hold_entry SELECT id, 1, '{hold4}', {w4.budget.EUR}, -5, book_date, batch FROM ledger.hold_entry WHERE id = '{release}'; \
         UPDATE hold SET remaining = remaining - 5 WHERE id = '{hold4}'; UPDATE wallet SET budget_held = budget_held - 5 WHERE id = {w4}",
        &["owners"],
        "entry 1 of operation {release}, of wallet {w1}",
    ),
    // what an operation may book
    row(
        "INSERT INTO ledger.transfer SELECT id, 0, NULL, 7, 23, {o1.bank.EUR}, {w4.credit.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{declined_top_up}'; UPDATE wallet SET credit_cents = credit_cents + 5 WHERE id = {w4}",
        &["bookings"],
        "leg 0 of operation {declined_top_up}",
    ),
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, NULL, 13, 29, {w1.budget.EUR}, {o1.lapsed.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{save}'; UPDATE wallet SET budget = budget - 5 WHERE id = {w1}",
        &["bookings"],
        "leg 1 of operation {save}",
    ),
    row(
        "INSERT INTO ledger.transfer SELECT id, 0, 0, 3, 12, {o1.care_overrun.EUR}, {o1.care_delivered.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{forward_again}'; \
         INSERT INTO ledger.line SELECT o.id, 0, l.service, 1, 1, 5, 5, 0, true, false, NULL, NULL, o.book_date, o.batch \
         FROM ledger.operation AS o, ledger.line AS l WHERE o.id = '{forward_again}' AND l.id = '{sale}' AND l.line = 0",
        &["bookings"],
        "leg 0 of operation {forward_again}",
    ),
    row(
        "INSERT INTO ledger.transfer SELECT id, 90, NULL, 3, 9, {w1.budget.EUR}, {o1.extra_sales.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{sale_last}'; UPDATE wallet SET budget = budget - 5 WHERE id = {w1}; \
         UPDATE ledger.transfer SET leg = (SELECT count(*) - 1 FROM ledger.transfer WHERE id = '{sale_last}') WHERE id = '{sale_last}' AND leg = 90",
        &["bookings"],
        "of operation {sale_last}",
    ),
    row(
        "INSERT INTO ledger.hold_entry SELECT id, 0, '{hold4}', {w4.budget.EUR}, -5, book_date, batch FROM ledger.operation WHERE id = '{declined_top_up}'; \
         UPDATE hold SET remaining = remaining - 5 WHERE id = '{hold4}'; UPDATE wallet SET budget_held = budget_held - 5 WHERE id = {w4}",
        &["bookings"],
        "entry 0 of operation {declined_top_up}",
    ),
    row(
        "INSERT INTO ledger.line SELECT o.id, 0, l.service, 1, 1, 0, 0, 0, true, false, NULL, NULL, o.book_date, o.batch \
         FROM ledger.operation AS o, ledger.line AS l WHERE o.id = '{save}' AND l.id = '{sale}' AND l.line = 0",
        &["bookings"],
        "line 0 of operation {save}",
    ),
];

pub const STATE: &[Planted] = &[
    row(
        "UPDATE wallet SET budget = budget + 1 WHERE id = {w1}",
        &["purses"],
        "account {w1.budget.EUR} (budget in EUR of organisation 1",
    ),
    row("UPDATE wallet SET credit = credit + 1 WHERE id = {w2}", &["purses"], "{w2.credit.PNT}"),
    row("UPDATE wallet SET credit_cents = credit_cents - 1 WHERE id = {w2}", &["purses"], "{w2.credit.EUR}"),
    row("UPDATE wallet SET savings = 3 WHERE id = {w5}", &["purses"], "{w5.savings.EUR}"),
    row("DELETE FROM ledger.transfer WHERE id = '{save}'", &["purses"], "{w1.budget.EUR}"),
    row("UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{lapse}'", &["purses"], "{w1.budget.EUR}"),
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, line, flow, why, {w1.budget.PNT}, {o1.lapsed.PNT}, 5, book_date, batch \
         FROM ledger.transfer WHERE id = '{lapse}'",
        &["purses"],
        "{w1.budget.PNT}",
    ),
    row("UPDATE wallet SET budget_held = budget_held + 1 WHERE id = {w1}", &["held"], "{w1.budget.EUR}"),
    row("UPDATE wallet SET credit_cents_held = credit_cents_held - 1 WHERE id = {w1}", &["held"], "{w1.credit.EUR}"),
    row(
        "INSERT INTO hold (id, account, remaining, purpose) VALUES ('{nobody}', {w1.budget.PNT}, 5, 1); INSERT INTO ledger.hold_entry \
         SELECT '{nobody}', 0, '{nobody}', {w1.budget.PNT}, 5, book_date, batch FROM ledger.operation WHERE id = '{hold}'; \
         INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}'))).* \
         FROM ledger.operation AS o WHERE id = '{hold}'",
        &["held"],
        "{w1.budget.PNT}",
    ),
    row(
        "UPDATE hold SET remaining = remaining + 1 WHERE id = '{hold4}'; UPDATE wallet SET budget_held = budget_held + 1 WHERE id = {w4}",
        &["holds"],
        "hold {hold4}",
    ),
    row("DELETE FROM hold WHERE id = '{hold_released}'", &["holds"], "hold {hold_released}"),
    row(
        "INSERT INTO hold (id, account, remaining, purpose) VALUES ('{nobody}', {w1.budget.EUR}, 0, 1)",
        &["holds"],
        "hold {nobody}",
    ),
    row(
        "INSERT INTO ledger.hold_entry SELECT id, n, '{hold_released}', account, CASE n WHEN 1 THEN 5 ELSE -5 END, book_date, batch \
         FROM ledger.hold_entry, generate_series(1, 2) AS n WHERE id = '{release}'",
        &["hold_entries"],
        "entry 1 of operation {release}",
    ),
    row(
        "UPDATE hold SET id = '{nobody}' WHERE id = '{hold_released}'; \
         UPDATE ledger.hold_entry SET hold = '{nobody}' WHERE hold = '{hold_released}'",
        &["hold_entries"],
        "{nobody}",
    ),
    row(
        "UPDATE ledger.hold_entry SET amount = -amount WHERE hold = '{hold_released}'",
        &["hold_entries"],
        "{hold_released}",
    ),
    row(
        "UPDATE shared_buffer SET balance = balance + 1 WHERE organisation = 1 AND unit = 1",
        &["shared_buffers"],
        "organisation 1 in unit 1 (EUR)",
    ),
    row(
        "DELETE FROM shared_buffer WHERE organisation = 1 AND unit = 3",
        &["shared_buffers"],
        "organisation 1 in unit 3 (PNT)",
    ),
    row("UPDATE buffer_draw SET used = used + 1 WHERE id = '{draw_unused}'", &["buffer_draws"], "wallet {w1}"),
    row("DELETE FROM buffer_draw WHERE id = '{draw_unused}'", &["buffer_draws"], "{draw_unused}"),
    row("UPDATE buffer_draw SET wallet = {w4} WHERE id = '{draw_unused}'", &["buffer_draws"], "{draw_unused}"),
    row(
        "INSERT INTO buffer_draw (id, wallet, amount, from_date, until_date) VALUES ('{nobody}', {w4}, 5, '2026-01-01', '2026-01-01')",
        &["buffer_draws"],
        "{nobody}",
    ),
    row(
        "UPDATE wallet SET scheme = (SELECT scheme FROM wallet WHERE id = {w5}) WHERE id = {w4}",
        &["wallets"],
        "wallet {w4}",
    ),
    row("UPDATE wallet SET unit = 3 WHERE id = {w5}", &["wallets"], "wallet {w5}"),
    row("UPDATE wallet SET scheme = 999 WHERE id = {w5}", &["wallets"], "wallet {w5}"),
    row(
        "ALTER TABLE wallet DROP CONSTRAINT wallet_credit; UPDATE wallet SET credit = 5 WHERE id = {w5}",
        &["wallets", "constraints"],
        "wallet {w5}",
    ),
    row(
        "ALTER TABLE wallet DROP CONSTRAINT wallet_savings; UPDATE wallet SET savings_held = 5 WHERE id = {w5}",
        &["wallets", "constraints", "held"],
        "wallet {w5}",
    ),
];

pub const SALES: &[Planted] = &[
    row("UPDATE ledger.operation SET outcome = 1 WHERE id = '{sale_in_part}'", &["sales"], "{sale_in_part}"),
    row("UPDATE ledger.operation SET outcome = 2 WHERE id = '{sale}'", &["sales"], "{sale}"),
    row(
        "INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}'))).* \
         FROM ledger.operation AS o WHERE id = '{by_name}'",
        &["sales"],
        "{nobody}",
    ),
    row(
        "UPDATE ledger.line SET price_cents = price_cents + 1 WHERE id = '{declined_by_name}' AND kind IS NULL",
        &["prices"],
        "line 0 of operation {declined_by_name}",
    ),
    row(
        "UPDATE ledger.line SET units = units - 1 WHERE id = '{sale}' AND line = 0",
        &["prices", "refund_legs"],
        "line 0 of operation {sale}",
    ),
    row(
        "UPDATE ledger.line SET units = 0 WHERE id = '{sale2}' AND line = 2; \
         UPDATE ledger.line SET units = 5 WHERE id = '{sale2}' AND line = 1",
        &["prices", "lines", "refund_legs"],
        "of operation {sale2}",
    ),
    // legs and their lines
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, 9, 3, 9, {w1.budget.EUR}, {o1.extra_sales.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{sale_last}'; UPDATE wallet SET budget = budget - 5 WHERE id = {w1}",
        &["legs"],
        "leg 1 of operation {sale_last}: there is no line 9",
    ),
    row(
        "INSERT INTO ledger.transfer SELECT id, 90, 0, 3, 10, {w1.credit.EUR}, {o1.own_sales.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{sale_in_part}'; UPDATE wallet SET credit_cents = credit_cents - 5 WHERE id = {w1}; \
         UPDATE ledger.transfer SET leg = (SELECT count(*) - 1 FROM ledger.transfer WHERE id = '{sale_in_part}') \
         WHERE id = '{sale_in_part}' AND leg = 90",
        &["legs"],
        "line 0 was left out",
    ),
    row(
        "UPDATE ledger.transfer SET credit = {o1.activity_sales.EUR} WHERE id = '{sale_last}'",
        &["legs"],
        "leg 0 of operation {sale_last}: line 0 is extra",
    ),
    row(
        "UPDATE ledger.line SET kind = 1 WHERE id = '{sale_last}'",
        &["legs"],
        "leg 0 of operation {sale_last}: line 0 is care",
    ),
    row(
        "UPDATE ledger.transfer SET debit = {o1.included_overrun.PNT}, credit = {o1.included_sales.PNT} WHERE id = '{by_name}' \
         AND debit = {w1.budget.EUR}; UPDATE wallet SET budget = budget + 640 WHERE id = {w1}",
        &["legs", "lines"],
        "of operation {by_name}",
    ),
    // what they add up to
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{sale_last}'; UPDATE wallet SET budget = budget - 1 WHERE id = {w1}",
        &["lines"],
        "line 0 of operation {sale_last} costs 235 cents, and its legs pay 236 cents",
    ),
    row(
        "DELETE FROM ledger.transfer WHERE id = '{sale_last}'; UPDATE wallet SET budget = budget + 235 WHERE id = {w1}",
        &["lines"],
        "line 0 of operation {sale_last}",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount - 1 WHERE id = '{sale2}' AND line = 2 AND debit = {o1.collective.PNT}",
        &["lines"],
        "line 2 of operation {sale2}",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{forward}' AND flow = 14",
        &["lines", "reviews"],
        "line 0 of operation {forward}",
    ),
    row(
        "UPDATE ledger.line SET price_cents = price_cents + 1 WHERE id = '{sale2}' AND line = 1",
        &["lines"],
        "line 1 of operation {sale2}",
    ),
];

pub const REFUNDS: &[Planted] = &[
    row("UPDATE ledger.operation SET terminal = '{nobody}' WHERE id = '{void}'", &["refunds"], "{void}"),
    row(
        "UPDATE ledger.line SET service = '{nobody}' WHERE id = '{refund}' AND line = 0",
        &["refunds"],
        "line 0 of operation {sale}",
    ),
    row(
        "INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}'))).* \
         FROM ledger.operation AS o WHERE id = '{refund}'",
        &["refunds"],
        "{nobody} gives back no line",
    ),
    row(
        "INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}', 'wallet', {w4}))).* \
         FROM ledger.operation AS o WHERE id = '{refund}'; INSERT INTO ledger.line SELECT (jsonb_populate_record(l, \
         jsonb_build_object('id', '{nobody}', 'line', 0, 'quantity', 1, 'price_cents', 0, 'units', 0))).* \
         FROM ledger.line AS l WHERE id = '{refund}' AND line = 1",
        &["refunds", "refund_legs"],
        "{nobody}",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{sale_declined}' WHERE id = '{refund4}'",
        &["refunds", "refund_legs"],
        "{refund4}",
    ),
    row(
        "UPDATE ledger.operation SET reference = NULL WHERE id = '{void}'",
        &["refunds", "refund_legs"],
        "{void} gives back nothing that it names",
    ),
    row(
        "UPDATE ledger.line SET line = 9 WHERE id = '{refund_loss}'",
        &["refunds", "legs", "refund_legs"],
        "there is no such line",
    ),
    row(
        "UPDATE ledger.line SET quantity = quantity + 5 WHERE id = '{refund}' AND line = 1",
        &["refunds", "refund_legs"],
        "of line 1 of operation {sale}",
    ),
    row(
        "DELETE FROM ledger.line WHERE id = '{void}' AND line = 0; DELETE FROM ledger.transfer WHERE id = '{void}' AND line = 0; \
         UPDATE ledger.transfer SET leg = leg - (SELECT min(leg) FROM ledger.transfer WHERE id = '{void}') WHERE id = '{void}'; \
         UPDATE wallet SET budget = budget - 235 WHERE id = {w1}",
        &["refunds"],
        "{void} voids operation {sale_voided}, and of its line 0 2 of 3",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{refund}' AND credit = {w1.reserve.EUR}; \
         UPDATE wallet SET reserve = reserve + 1 WHERE id = {w1}",
        &["refund_legs"],
        "line 0 of operation {sale} account {w1.reserve.EUR}",
    ),
    row(
        "UPDATE ledger.transfer SET credit = {w1.savings.EUR} WHERE id = '{refund}' AND credit = {w1.reserve.EUR}; \
         UPDATE wallet SET reserve = reserve - 333, savings = savings + 333 WHERE id = {w1}",
        &["refund_legs"],
        "operation {sale}",
    ),
    row(
        "UPDATE ledger.transfer SET credit = {o1.lapsed.EUR} WHERE id = '{refund}' AND credit = {w1.reserve.EUR}; \
         UPDATE wallet SET reserve = reserve - 333 WHERE id = {w1}",
        &["refund_legs"],
        "kept from a wallet that is open",
    ),
    row("UPDATE wallet SET status = 1 WHERE id = {w4}", &["refund_legs"], "operation {sale4}"),
    row(
        "UPDATE ledger.transfer SET amount = amount - 1 WHERE id = '{refund4_closed}' AND credit = {o1.payable.EUR}",
        &["refund_legs"],
        "operation {sale4}",
    ),
    row(
        "UPDATE ledger.line SET price_cents = price_cents + 1 WHERE id = '{refund}' AND line = 0",
        &["refund_legs"],
        "of line 0 of operation {sale} refunds of 2 of 3 give back",
    ),
    row(
        "INSERT INTO ledger.transfer SELECT id, 90, 0, 4, 21, {o1.own_sales.EUR}, {w1.credit.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{refund_loss}'; UPDATE wallet SET credit_cents = credit_cents + 5 WHERE id = {w1}; \
         UPDATE ledger.transfer SET leg = (SELECT count(*) - 1 FROM ledger.transfer WHERE id = '{refund_loss}') \
         WHERE id = '{refund_loss}' AND leg = 90",
        &["refund_legs"],
        "line 0 of operation {forward}",
    ),
];

pub const FUNDING: &[Planted] = &[
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{grant2}' AND leg = 2",
        &["grants"],
        "{grant2} books",
    ),
    row(
        "UPDATE ledger.operation SET unit_value_cents = NULL WHERE id = '{grant2}'",
        &["grants"],
        "{grant2} uses grant_exchange",
    ),
    row("UPDATE ledger.operation SET unit_value_cents = 5 WHERE id = '{grant1}'", &["grants"], "{grant1}"),
    row(
        "UPDATE ledger.transfer SET debit = {o1.wlz_funding.EUR}, credit = {o1.buffer.EUR} WHERE id = '{grant3}' AND credit = {o1.buffer.MIN}; \
         UPDATE shared_buffer SET balance = balance - 30 WHERE unit = 2; UPDATE shared_buffer SET balance = balance + 30 WHERE unit = 1",
        &["grants"],
        "{grant3} of wallet {w3}",
    ),
    row(
        "INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}'))).* \
         FROM ledger.operation AS o WHERE id = '{grant1}'; INSERT INTO month_phase VALUES ({w1}, '2020-01-01', 1, '{nobody}')",
        &["grants"],
        "{nobody} of wallet {w1}",
    ),
    row("DELETE FROM month_phase WHERE operation = '{grant1}'", &["granted_months"], "{grant1}"),
    row("INSERT INTO month_phase VALUES ({w1}, '2020-01-01', 1, '{grant1}')", &["granted_months"], "{grant1}"),
    row("INSERT INTO month_phase VALUES ({w1}, '2020-01-01', 1, '{save}')", &["granted_months"], "{save}"),
    row("UPDATE month_phase SET wallet = {w5} WHERE operation = '{grant1}'", &["granted_months"], "{grant1}"),
    // points
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{exchange}' AND leg = 0; \
         UPDATE wallet SET credit_cents = credit_cents - 1 WHERE id = {w2}",
        &["exchanges"],
        "{exchange} buys 155",
    ),
    row("UPDATE ledger.operation SET unit_value_cents = NULL WHERE id = '{exchange}'", &["exchanges"], "{exchange}"),
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{exchange_back}' AND leg = 1; \
         UPDATE wallet SET credit_cents = credit_cents + 1 WHERE id = {w2}",
        &["exchanges"],
        "of operation {exchange}",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount + 200 WHERE id = '{exchange_back}' AND leg = 0; \
         UPDATE ledger.transfer SET credit = {w2.credit.PNT}, debit = {o1.own_exchange.PNT}, amount = 200 WHERE id = '{exchange_back}' AND leg = 1; \
         UPDATE wallet SET credit_cents = credit_cents - 147 WHERE id = {w2}",
        &["exchanges", "purses"],
        "{exchange}",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{nobody}' WHERE id = '{exchange_back}'",
        &["exchanges"],
        "{exchange_back}",
    ),
    // top-ups
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, NULL, 8, 25, {o1.receivable.EUR}, {o1.bank.EUR}, 99999, book_date, batch \
         FROM ledger.operation WHERE id = '{reversal}'",
        &["top_ups"],
        "of operation {top_up}, a top-up of 9000 cents",
    ),
    row(
        "UPDATE ledger.transfer SET credit = {o1.cash.EUR} WHERE id = '{reversal}'",
        &["top_ups"],
        "{reversal} goes to account {o1.cash.EUR}",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{top_up4}' WHERE id = '{reversal}'",
        &["top_ups"],
        "{reversal} takes back operation {top_up4}",
    ),
    row("UPDATE ledger.operation SET reference = '{save}' WHERE id = '{reversal}'", &["top_ups"], "{reversal}"),
    row(
        "INSERT INTO ledger.transfer SELECT id, 1, NULL, 7, 23, {o1.bank.EUR}, {w1.credit.EUR}, 5, book_date, batch \
         FROM ledger.operation WHERE id = '{top_up}'; UPDATE wallet SET credit_cents = credit_cents + 5 WHERE id = {w1}",
        &["top_ups"],
        "{top_up} of wallet {w1} ",
    ),
];

pub const CARDS: &[Planted] = &[
    row(
        "UPDATE ledger.operation SET card = '{nobody}' WHERE id = '{save}'",
        &["cards"],
        "{save} was paid with card {nobody}",
    ),
    row("UPDATE ledger.operation SET card = '{card4}' WHERE id = '{save}'", &["cards"], "card {card4} of wallet {w4}"),
    // the early taps of card 1 have left its window
    row("UPDATE ledger.operation SET counter = NULL, card_generation = NULL WHERE id = '{sale}'", &["cards"], "{sale}"),
    row("UPDATE ledger.operation SET outcome = 21 WHERE id = '{unknown_service}'", &["cards"], "{unknown_service}"),
    row(
        "UPDATE ledger.operation SET counter = 1 WHERE id = '{unknown_service}'",
        &["counters"],
        "counter 1 of card {card1}",
    ),
    row(
        "INSERT INTO card_event (card, organisation, event) VALUES ('{card1}', 1, 2)",
        &["hotlist"],
        "card {card1} has status 1",
    ),
    row("UPDATE card SET last_counter = last_counter + 1 WHERE id = '{card1}'", &["counter_windows"], "card {card1}"),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 255, 1) WHERE id = '{card1}'",
        &["counter_windows"],
        "card {card1}",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 1, 0) WHERE id = '{card1}'",
        &["counter_windows"],
        "card {card1} has forgotten that counter 502",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(set_bit(counter_window, 1, 0), 9, 1) WHERE id = '{card1}'",
        &["counter_windows"],
        "502",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 0, 1) WHERE id = '{card5}'",
        &["counter_windows"],
        "card {card5}",
    ),
    row(
        "UPDATE ledger.operation SET counter = 600 WHERE id = '{unknown_service}'",
        &["counter_windows"],
        "card {card1} remembers counter",
    ),
];

pub const CARD_HOLDS: &[Planted] = &[
    row(
        "UPDATE hold SET expires_at = expires_at + interval '4 hours' WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open}",
    ),
    row("UPDATE hold SET expires_at = '2020-01-01' WHERE id = '{card_hold_open}'", &["card_holds"], "{card_hold_open}"),
    row(
        "UPDATE hold SET purpose = 1 WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open} set aside for a card",
    ),
    row(
        "UPDATE hold SET purpose = 3, expires_at = now() WHERE id = '{hold4}'",
        &["card_holds"],
        "{hold4} is kept as a card's",
    ),
    row(
        "INSERT INTO hold (id, account, remaining, purpose, expires_at) VALUES ('{nobody}', {w4.budget.EUR}, 0, 3, now())",
        &["card_holds"],
        "{nobody}",
    ),
    // more lines than were set aside for, or fewer
    row(
        "UPDATE ledger.line SET price_cents = price_cents * 2, units = units * 2 WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open} set aside",
    ),
    row("DELETE FROM ledger.line WHERE id = '{card_hold_open}'", &["card_holds"], "{card_hold_open} set aside"),
    row("UPDATE ledger.line SET left_out = 5 WHERE id = '{card_hold_open}'", &["card_holds"], "1 left out"),
    row(
        "UPDATE ledger.operation SET location = NULL WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open}",
    ),
    row("UPDATE ledger.line SET units = units - 1 WHERE id = '{card_hold_open}'", &["prices"], "{card_hold_open}"),
    row(
        "UPDATE ledger.line SET line = 5 WHERE id = '{card_hold}' AND line = 1",
        &["numbering", "card_holds"],
        "{card_hold} has 2 lines",
    ),
    // a card's counter
    row(
        "UPDATE ledger.operation SET counter = NULL, card_generation = NULL WHERE id = '{card_hold_open}'",
        &["cards", "counter_windows"],
        "{card_hold_open} with outcome 3 (booked) used up no counter",
    ),
    row(
        "UPDATE ledger.operation SET counter = 9 WHERE id = '{card_capture}'",
        &["cards", "counter_windows"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.operation SET card = '{card1}' WHERE id = '{card_capture}'",
        &["card_holds", "cards"],
        "{card_capture}",
    ),
    // captures
    row(
        "UPDATE ledger.operation SET location = gen_random_uuid() WHERE id = '{card_capture}'",
        &["card_holds"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.line SET quantity = 2 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "{card_capture} captures 2",
    ),
    row(
        "UPDATE ledger.line SET service = gen_random_uuid() WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "another service",
    ),
    row(
        "UPDATE ledger.line SET vat_basis_points = 1 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "another service",
    ),
    row(
        "UPDATE ledger.line SET hold = NULL WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.line SET line = 7 WHERE id = '{card_capture}' AND line = 1; \
         UPDATE ledger.transfer SET line = 7 WHERE id = '{card_capture}' AND line = 1",
        &["card_holds"],
        "it has no such line",
    ),
    row(
        "UPDATE ledger.line SET quantity = 4, price_cents = price_cents * 4, units = units * 4 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds", "lines"],
        "4 were captured, and 3 set aside",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{hold4}' WHERE id = '{card_capture}'",
        &["card_holds"],
        "no card made that hold",
    ),
    // given back twice
    row(
        "UPDATE ledger.operation SET reference = '{card_hold}' WHERE id = '{release}'",
        &["card_holds"],
        "{card_hold} of a card was given back by 2",
    ),
    // lines that the office's hold does not have
    row(
        "INSERT INTO ledger.line SELECT '{hold4}', line, service, quantity, kind, price_cents, units, vat_basis_points, planned, from_savings, \
         left_out, hold, book_date, (SELECT batch FROM ledger.operation WHERE id = '{hold4}') FROM ledger.line WHERE id = '{card_hold_open}'",
        &["bookings"],
        "operation kind 8 (hold) has no lines",
    ),
];

pub const PAYOUTS: &[Planted] = &[
    row(
        "UPDATE payout_approval SET staff = p.requested_by FROM payout AS p WHERE p.id = payout AND operation = '{asked_first}'",
        &["payouts"],
        "{payout_asked} was approved by who asked",
    ),
    row("DELETE FROM payout_approval WHERE operation = '{approved_first}'", &["payouts"], "{payout_approved}"),
    row(
        "DELETE FROM payout_approval WHERE operation = '{approved_first}'; DELETE FROM ledger.operation WHERE id = '{approved_first}'",
        &["payouts"],
        "{payout_approved}",
    ),
    row("DELETE FROM ledger.operation WHERE id = '{asked_first}'", &["payouts"], "{payout_asked}"),
    row(
        "UPDATE payout_approval SET operation = '{nobody}' WHERE operation = '{asked_first}'",
        &["payouts"],
        "{nobody}",
    ),
    row("UPDATE payout SET status = 3 WHERE id = '{payout_approved}'", &["payouts"], "{payout_approved}"),
    row("UPDATE payout SET status = 2 WHERE id = '{payout}'", &["payouts"], "{payout}"),
    row("UPDATE payout SET status = 1 WHERE id = '{payout_withdrawn}'", &["payouts"], "{payout_withdrawn}"),
    row("UPDATE payout SET status = 2 WHERE id = '{payout_asked}'", &["payouts"], "{payout_asked}"),
    row(
        "UPDATE payout SET amount_cents = amount_cents + 1 WHERE id = '{payout_withdrawn}'",
        &["payouts"],
        "{payout_withdrawn}",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{paid}'",
        &["payouts"],
        "{payout} of 500 cents with status 3 was paid 501",
    ),
    row(
        "UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{approval_second}'; \
         UPDATE wallet SET credit_cents = credit_cents - 1 WHERE id = {w1}",
        &["payouts"],
        "{payout} of 500 cents with status 3 made 501",
    ),
    row(
        "INSERT INTO ledger.operation SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{nobody}'))).* \
         FROM ledger.operation AS o WHERE id = '{paid}'; INSERT INTO ledger.transfer SELECT (jsonb_populate_record(t, \
         jsonb_build_object('id', '{nobody}'))).* FROM ledger.transfer AS t WHERE id = '{paid}'",
        &["payouts"],
        "{payout}",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{nobody}' WHERE id = '{withdrawal}'",
        &["payouts"],
        "{payout_withdrawn}",
    ),
    row("DELETE FROM payout WHERE id = '{payout_withdrawn}'", &["payouts"], "{payout_withdrawn}"),
    row("INSERT INTO payout VALUES ('{nobody}', {w1}, 5, 4, '{nobody}')", &["payouts"], "{nobody}"),
    row("UPDATE payout SET wallet = {w4} WHERE id = '{payout_withdrawn}'", &["payouts"], "{payout_withdrawn}"),
];
