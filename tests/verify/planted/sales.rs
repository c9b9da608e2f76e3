//! Sales, refunds and voids.

use super::{Planted, row};

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
