//! What months were granted, planned, delivered and closed with.

use super::{Planted, row};

pub const MONTHS: &[Planted] = &[
    // grants
    row(
        "UPDATE month_grant SET gross = gross + 1, budget_part = budget_part + 1 WHERE operation = '{grant4}'",
        &["month_grants"],
        "2026-04-01 of wallet {w1}",
    ),
    row("UPDATE month_grant SET budget = budget + 1 WHERE operation = '{grant4}'", &["month_grants"], "wallet {w1}"),
    row(
        "UPDATE month_grant SET deductions = ARRAY[deductions[1] + 1], collective = collective - 1 + 1, gross = gross + 1 \
         WHERE operation = '{grant4}'",
        &["month_grants"],
        "wallet {w1}",
    ),
    row("UPDATE month_grant SET gross = gross + 1 WHERE operation = '{grant5}'", &["month_grants"], "wallet {w1}"),
    row(
        "UPDATE month_grant SET revision = 3 WHERE operation = '{correction}'",
        &["month_grants"],
        "revision 3 in place 1",
    ),
    row("DELETE FROM month_grant WHERE operation = '{correction}'", &["month_grants"], "wallet {w1}"),
    row("UPDATE month_grant SET operation = '{nobody}' WHERE operation = '{correction}'", &["month_grants"], "{w1}"),
    row(
        "UPDATE ledger.operation SET kind = 12 WHERE id = '{correction}'",
        &["bookings", "grants", "granted_months", "month_grants"],
        "{correction}",
    ),
    // holds
    row("UPDATE plan_month SET held = held & (held - 1) WHERE month = '2026-06-01'", &["plan_months"], "{hold6}"),
    row("UPDATE month_phase SET operation = NULL WHERE operation = '{hold6}'", &["plan_months"], ""),
    row("UPDATE plan_month SET wallet = {w2} WHERE month = '2026-04-01'", &["plan_months"], "{line}"),
    row("UPDATE plan_month SET line = '{nobody}' WHERE month = '2026-06-01'", &["plan_months"], "is of nobody"),
    // occurrences
    row("UPDATE ledger.line SET hold = '{occurrence14}' WHERE hold = '{occurrence07}'", &["occurrences"], "{line}"),
    row(
        "UPDATE plan_month SET done = 0, held = 0 WHERE month = '2026-04-01'",
        &["occurrences"],
        "was delivered by operation {delivery}, and is not done",
    ),
    row(
        "UPDATE plan_month SET held = 0, done = planned WHERE month = '2026-06-01'; DELETE FROM hold WHERE id = '{hold6}'",
        &["occurrences", "holds", "held"],
        "is done, and nothing was sold",
    ),
    // statements
    row("UPDATE month_statement SET closing[5] = closing[5] + 1 WHERE month = '2026-05-01'", &["statements"], "{w1}"),
    row("UPDATE month_statement SET moved[3] = moved[3] + 1 WHERE wallet = {w1}", &["statements"], "wallet {w1}"),
    row(
        "UPDATE month_statement SET opening[3] = opening[3] + 1, closing[3] = closing[3] + 1 WHERE month = '2026-05-01'",
        &["statements"],
        "closed purse 3 with 100000, and the next opened it with 100001",
    ),
    row("DELETE FROM month_statement WHERE operation = '{close4}'", &["statements"], "is closed, and has no statement"),
    row("DELETE FROM month_phase WHERE operation = '{close4}'", &["statements"], "has a statement, and is not closed"),
    row("UPDATE month_statement SET operation = '{nobody}' WHERE operation = '{close4}'", &["statements"], "{nobody}"),
    row("UPDATE wallet SET month = '2026-05-01' WHERE id = {w1}", &["statements"], "the wallet is in it"),
    row(
        "UPDATE ledger.operation SET month = '2026-05-01' WHERE id = '{correction}'",
        &["statements"],
        "2026-05-01 of wallet {w1}",
    ),
];
