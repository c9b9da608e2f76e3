//! Transfers, and what they leave in purses, holds and buffers.

use super::{Planted, row};

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
