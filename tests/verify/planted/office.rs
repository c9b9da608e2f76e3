//! What the office books: grants, exchanges, top-ups, payouts.

use super::{Planted, row};

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
