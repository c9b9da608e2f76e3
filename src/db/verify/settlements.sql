-- A settlement is one transfer of own euros of the wallet whose sale lost, once for a sale, and never more than the sale lost.
WITH settlement AS MATERIALIZED (
    SELECT o.id, o.wallet, o.reference, count(t.leg) AS legs, coalesce(sum(t.amount), 0) AS cents
    FROM ledger.operation AS o LEFT JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 20 AND o.outcome = 3 GROUP BY o.id, o.wallet, o.reference
), loss AS MATERIALIZED (
    SELECT o.id, o.wallet, sum(t.amount) AS cents
    FROM ledger.operation AS o JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 1 AND t.flow = 14 GROUP BY o.id, o.wallet
)
SELECT s.id::text,
       CASE WHEN l.id IS NULL
            THEN format('operation %s settles operation %s, which is no sale of wallet %s that lost anything', s.id,
                        coalesce(s.reference::text, '(none)'), s.wallet)
            WHEN s.legs <> 1 THEN format('operation %s settles with %s legs, not with one', s.id, s.legs)
            ELSE format('operation %s takes %s cents over, and operation %s lost %s', s.id, s.cents, l.id, l.cents) END
FROM settlement AS s LEFT JOIN loss AS l ON l.id = s.reference AND l.wallet = s.wallet
WHERE l.id IS NULL OR s.legs <> 1 OR s.cents > l.cents
UNION ALL
SELECT min(s.id::text), format('operation %s was settled %s times, first by operation %s', s.reference, count(*), min(s.id::text))
FROM settlement AS s GROUP BY s.reference HAVING count(*) > 1
