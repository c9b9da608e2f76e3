//! What must hold whenever one looks. Each check is a query of its own making over what stands in the tables.

use pasje::services::verify::verify as prove;

use crate::world::World;

/// The last revision of each month is what the month is granted.
const LAST: &str = "(SELECT DISTINCT ON (wallet, month) * FROM month_grant ORDER BY wallet, month, revision DESC)";

pub async fn verify(world: &World) {
    let report = prove(&mut world.test.service().await, |_| {}).await.unwrap();
    let failed: Vec<_> = report.failed().collect();
    assert!(report.holds() && report.checks.len() > 10, "seed {}: {failed:#?}", world.seed);
}

pub async fn closed_months_did_not_change(world: &World) {
    let changed = world.changed_months().await;
    assert!(changed.is_empty(), "seed {}: closed months changed: {changed:?}", world.seed);
}

pub async fn a_month(world: &World) {
    parts_add_up_to_gross(world).await;
    purses_are_their_transfers(world).await;
    statements_follow_one_another(world).await;
    occurrences_are_paid_once(world).await;
    gross_is_days_times_tariff(world).await;
}

/// Of every month, and of all transfers of its grants and corrections together.
async fn parts_add_up_to_gross(world: &World) {
    world
        .none(
            "parts that do not add up to gross",
            "SELECT * FROM month_grant AS g WHERE gross <> collective + reserve_part + buffer_part + budget_part
                 + (SELECT coalesce(sum(d), 0) FROM unnest(deductions) AS d)",
        )
        .await;
    // what came out of the funds is what the months are granted: in cents, or in minutes of an hours scheme
    world
        .none(
            "funds that do not pay what was granted",
            &format!(
                "SELECT w.id, granted.gross, funded.sum FROM wallet AS w
                 LEFT JOIN (SELECT wallet, sum(gross) AS gross FROM {LAST} AS g GROUP BY wallet) AS granted ON granted.wallet = w.id
                 LEFT JOIN (SELECT o.wallet, sum(CASE WHEN t.debit & 255 = 16 THEN t.amount ELSE -t.amount END) AS sum
                            FROM ledger.transfer AS t JOIN ledger.operation AS o USING (id)
                            WHERE 16 IN (t.debit & 255, t.credit & 255) GROUP BY o.wallet) AS funded ON funded.wallet = w.id
                 WHERE coalesce(granted.gross, 0) <> coalesce(funded.sum, 0)"
            ),
        )
        .await;
    // what reached purses and buffer, less what was taken back, is what they were granted; what could not be taken back is the organisation's
    world
        .none(
            "purses that were granted something else",
            &format!(
                "SELECT w.id, granted.units, came.sum FROM wallet AS w
                 LEFT JOIN (SELECT wallet, sum(reserve + buffer + budget) AS units FROM {LAST} AS g GROUP BY wallet) AS granted ON granted.wallet = w.id
                 LEFT JOIN (SELECT o.wallet, sum(CASE WHEN t.credit & 255 IN (1, 2, 5) THEN t.amount ELSE 0 END
                                               - CASE WHEN t.debit & 255 IN (1, 2, 5, 48) THEN t.amount ELSE 0 END) AS sum
                            FROM ledger.transfer AS t JOIN ledger.operation AS o USING (id) WHERE t.flow IN (1, 2) GROUP BY o.wallet) AS came
                     ON came.wallet = w.id
                 WHERE coalesce(granted.units, 0) <> coalesce(came.sum, 0)"
            ),
        )
        .await;
    // and what an exchange took in cents is the value of its units, month by month: gross less what went elsewhere
    world
        .none(
            "exchanges that do not fit",
            &format!(
                "SELECT w.id, granted.cents, taken.sum FROM wallet AS w JOIN scheme AS s ON s.id = w.scheme
                 LEFT JOIN (SELECT wallet, sum(gross - collective - rounding - (SELECT coalesce(sum(d), 0) FROM unnest(deductions) AS d)) AS cents
                            FROM {LAST} AS g GROUP BY wallet) AS granted ON granted.wallet = w.id
                 LEFT JOIN (SELECT o.wallet, sum(CASE WHEN t.credit & 65535 = 276 THEN t.amount ELSE -t.amount END) AS sum
                            FROM ledger.transfer AS t JOIN ledger.operation AS o USING (id)
                            WHERE 276 IN (t.debit & 65535, t.credit & 65535) GROUP BY o.wallet) AS taken ON taken.wallet = w.id
                 WHERE s.name IN ('zzg', 'ipvb', 'norschoten') AND coalesce(granted.cents, 0) <> coalesce(taken.sum, 0)"
            ),
        )
        .await;
}

/// Every purse is explained by its transfers, and no purse holds more than it has.
async fn purses_are_their_transfers(world: &World) {
    world
        .none(
            "purses that their transfers do not explain",
            "SELECT account, kept.balance, moved.sum FROM (
                 SELECT (id << 16) | (unit::bigint << 8) | 1 AS account, budget AS balance, budget_held AS held FROM wallet
                 UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 2, reserve, reserve_held FROM wallet
                 UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 3, savings, savings_held FROM wallet
                 UNION ALL SELECT (id << 16) | (1 << 8) | 4, credit_cents, credit_cents_held FROM wallet) AS kept
             LEFT JOIN (SELECT account, sum(amount) FROM (SELECT credit AS account, amount FROM ledger.transfer
                            UNION ALL SELECT debit, -amount FROM ledger.transfer) AS sides GROUP BY account) AS moved USING (account)
             WHERE kept.balance <> coalesce(moved.sum, 0) OR kept.held > kept.balance OR kept.held < 0",
        )
        .await;
}

/// A statement opens with what the one before closed with, and what came and went makes the difference.
async fn statements_follow_one_another(world: &World) {
    world
        .none(
            "statements that do not follow one another",
            "SELECT * FROM (SELECT wallet, month, opening, lag(closing) OVER (PARTITION BY wallet ORDER BY month) AS before FROM month_statement) AS s
             WHERE before IS NOT NULL AND opening <> before",
        )
        .await;
    world
        .none(
            "statements that do not add up",
            "SELECT s.wallet, s.month, p AS purse, s.opening[p], s.closing[p],
                    (SELECT sum(moved[i + 2] - moved[i + 3]) FROM generate_series(1, cardinality(moved), 4) AS i WHERE moved[i + 1] = p)
             FROM month_statement AS s, generate_series(1, 5) AS p
             WHERE s.opening[p] + coalesce((SELECT sum(moved[i + 2] - moved[i + 3]) FROM generate_series(1, cardinality(moved), 4) AS i
                                             WHERE moved[i + 1] = p), 0) <> s.closing[p]",
        )
        .await;
}

/// Sold or delivered, and not given back, at most once. A line's id ends in 16 zero bits, an occurrence's in its day.
async fn occurrences_are_paid_once(world: &World) {
    world
        .none(
            "occurrences that were paid twice",
            "SELECT l.hold, sum(l.quantity - coalesce(back.quantity, 0)) FROM ledger.line AS l
             JOIN ledger.operation AS o ON o.id = l.id AND o.kind IN (1, 22) AND o.outcome IN (1, 2)
             JOIN plan_line AS p ON left(p.id::text, 32) = left(l.hold::text, 32)
             LEFT JOIN (SELECT r.reference, b.line, sum(b.quantity) AS quantity FROM ledger.operation AS r JOIN ledger.line AS b USING (id)
                        WHERE r.kind IN (2, 3) AND r.outcome = 3 GROUP BY 1, 2) AS back ON back.reference = l.id AND back.line = l.line
             WHERE l.left_out IS NULL GROUP BY l.hold HAVING sum(l.quantity - coalesce(back.quantity, 0)) > 1",
        )
        .await;
    // and what is done is one of the planned days, with its money where it costs something
    world
        .none(
            "days that are done, cost something and were never paid",
            "SELECT m.wallet, m.month, m.line, d FROM plan_month AS m JOIN plan_line AS p ON p.id = m.line, generate_series(1, 31) AS d
             WHERE m.done & (1 << (d - 1)) <> 0 AND p.price_cents > 0 AND NOT EXISTS (
                 SELECT FROM ledger.line AS l WHERE l.hold = (left(p.id::text, 32)
                     || lpad(to_hex((m.month + d - 1) - date '2000-01-01'), 4, '0'))::uuid AND l.left_out IS NULL)",
        )
        .await;
}

/// Day by day, by who reckons it otherwise: in the months whose days all have a tariff, cents of tariff and additions over the days that
/// an indication covers. (All absences that the dice make are funded.)
async fn gross_is_days_times_tariff(world: &World) {
    world
        .none(
            "gross that is not days times tariff",
            &format!(
                "SELECT g.wallet, g.month, g.gross, days.gross AS reckoned FROM {LAST} AS g
                 JOIN wallet AS w ON w.id = g.wallet JOIN scheme AS s ON s.id = w.scheme AND s.name <> 'amsta'
                 LEFT JOIN LATERAL (
                     SELECT count(*) FILTER (WHERE t.day_cents IS NULL) AS without, sum(t.day_cents + coalesce((SELECT sum(a.day_cents) FROM addition AS a
                         WHERE a.wallet = g.wallet AND day BETWEEN a.from_date AND coalesce(a.to_date, 'infinity')), 0)) AS gross
                     FROM generate_series(g.month, g.month + interval '1 month' - interval '1 day', interval '1 day') AS day
                     JOIN indication AS i ON i.wallet = g.wallet AND day BETWEEN i.from_date AND coalesce(i.to_date, 'infinity')
                     LEFT JOIN tariff AS t ON t.profile = i.profile AND day BETWEEN t.from_date AND coalesce(t.to_date, 'infinity')) AS days ON true
                 WHERE g.data_error IS NULL
                   AND days.without = 0 AND g.gross <> coalesce(days.gross, 0)"
            ),
        )
        .await;
}
