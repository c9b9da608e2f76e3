-- A top-up is one transfer; what is taken back goes where it came from, and is never more than came in.
WITH top_up AS MATERIALIZED (
    SELECT o.id, o.wallet, count(t.leg) AS legs, coalesce(sum(t.amount), 0) AS cents, min(t.debit) AS source
    FROM ledger.operation AS o LEFT JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 4 AND o.outcome = 3 GROUP BY o.id, o.wallet
), reversal AS MATERIALIZED (
    SELECT o.id, o.wallet, o.reference, coalesce(sum(t.amount), 0) AS cents, min(t.credit) AS least, max(t.credit) AS greatest
    FROM ledger.operation AS o LEFT JOIN ledger.transfer AS t ON t.id = o.id
    WHERE o.kind = 5 AND o.outcome = 3 GROUP BY o.id, o.wallet, o.reference
)
SELECT id::text, format('operation %s of wallet %s is a top-up of %s legs, not of one', id, wallet, legs)
FROM top_up WHERE legs <> 1
UNION ALL
SELECT r.id::text,
       CASE WHEN t.id IS NULL
            THEN format('operation %s takes back operation %s, which is no top-up of wallet %s', r.id,
                        coalesce(r.reference::text, '(none)'), r.wallet)
            WHEN r.cents = 0 THEN format('operation %s takes back nothing of operation %s', r.id, r.reference)
            ELSE format('operation %s goes to account %s, and operation %s came from account %s', r.id,
                        CASE WHEN r.least <> t.source THEN r.least ELSE r.greatest END, t.id, t.source) END
FROM reversal AS r LEFT JOIN top_up AS t ON t.id = r.reference AND t.wallet = r.wallet
WHERE t.id IS NULL OR r.cents = 0 OR r.least <> t.source OR r.greatest <> t.source
UNION ALL
SELECT t.id::text, format('of operation %s, a top-up of %s cents, %s were taken back', t.id, t.cents, r.cents)
FROM top_up AS t JOIN (SELECT reference, sum(cents) AS cents FROM reversal GROUP BY reference) AS r ON r.reference = t.id
WHERE r.cents > t.cents
