-- Points are bought at the value that the exchange names, rounded up to a cent, and paid back at the price paid: never
-- more points than were bought, and floor(paid x points back / points bought) cents in total.
WITH bought AS MATERIALIZED (
    SELECT o.id, o.wallet, o.unit_value_cents, count(t.leg) AS legs,
           coalesce(sum(t.amount) FILTER (WHERE t.credit & 65535 = 277), 0) AS cents,   -- own_exchange in euros
           coalesce(sum(t.amount) FILTER (WHERE t.debit & 65535 = 789), 0) AS points    -- own_exchange in points
    FROM ledger.operation AS o LEFT JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 6 AND o.outcome = 3 GROUP BY o.id, o.wallet, o.unit_value_cents
), back AS MATERIALIZED (
    SELECT o.id, o.wallet, o.reference, count(t.leg) AS legs,
           coalesce(sum(t.amount) FILTER (WHERE t.debit & 65535 = 277), 0) AS cents,
           coalesce(sum(t.amount) FILTER (WHERE t.credit & 65535 = 789), 0) AS points,
           coalesce(sum(t.amount) FILTER (WHERE t.debit & 65535 = 789 OR t.credit & 65535 = 277), 0) AS bought
    FROM ledger.operation AS o LEFT JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 7 AND o.outcome = 3 GROUP BY o.id, o.wallet, o.reference
)
SELECT id::text, format('operation %s buys %s hundredths of a point for %s cents in %s legs, at %s cents a point', id, points, cents,
                        legs, coalesce(unit_value_cents::text, 'no'))
FROM bought
WHERE legs <> 2 OR points <= 0 OR unit_value_cents IS NULL OR cents <> div(points * unit_value_cents + 99, 100)
UNION ALL
SELECT back.id::text,
       CASE WHEN bought.id IS NULL
            THEN format('operation %s of wallet %s pays back operation %s, which bought no points for that wallet', back.id,
                        back.wallet, coalesce(back.reference::text, '(none)'))
            ELSE format('operation %s pays back %s hundredths of a point and also buys', back.id, back.points) END
FROM back LEFT JOIN bought ON bought.id = back.reference AND bought.wallet = back.wallet
WHERE bought.id IS NULL OR back.points <= 0 OR back.bought > 0
UNION ALL
SELECT bought.id::text,
       format('of operation %s, which bought %s hundredths of a point for %s cents, %s were paid back for %s cents', bought.id,
              bought.points, bought.cents, total.points, total.cents)
FROM bought
JOIN (SELECT reference, sum(points) AS points, sum(cents) AS cents FROM back GROUP BY reference) AS total ON total.reference = bought.id
WHERE total.points > bought.points OR bought.points = 0 OR total.cents <> div(bought.cents * total.points, nullif(bought.points, 0))
