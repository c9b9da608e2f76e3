-- A grant with a value a unit books into grant_exchange what its units are worth, each part rounded up to a cent; one
-- without has no grant_exchange. What it grants is in the wallet's unit.
SELECT o.id::text,
       CASE WHEN g.id IS NULL THEN format('operation %s of wallet %s granted nothing', o.id, o.wallet)
            WHEN g.other > 0 THEN format('operation %s of wallet %s grants in another unit than the wallet''s', o.id, o.wallet)
            WHEN o.unit_value_cents IS NULL THEN format('operation %s uses grant_exchange without the value of a unit', o.id)
            WHEN o.unit_value_cents <= 0 OR g.direct > 0
            THEN format('operation %s has a unit value of %s cents, and grants past grant_exchange', o.id, o.unit_value_cents)
            ELSE format('operation %s books %s cents into grant_exchange, and its units are worth %s at %s cents', o.id, g.cents,
                        g.worth, o.unit_value_cents) END
FROM ledger.operation AS o
LEFT JOIN (SELECT t.id,
                  coalesce(sum(t.amount) FILTER (WHERE t.credit & 255 = 20), 0) AS cents,
                  coalesce(sum(div(t.amount::numeric * h.unit_value_cents + per.units - 1, per.units))
                               FILTER (WHERE t.debit & 255 = 20), 0) AS worth,
                  count(*) FILTER (WHERE 20 IN (t.debit & 255, t.credit & 255)) AS exchanged,
                  count(*) FILTER (WHERE t.debit & 255 = 16 AND t.credit & 255 IN (1, 2, 5)) AS direct,
                  count(*) FILTER (WHERE t.credit & 255 IN (1, 2, 5) AND (t.credit >> 8) & 255 <> w.unit) AS other
           FROM ledger.transfer AS t
           JOIN ledger.operation AS h ON h.id = t.id
           JOIN wallet AS w ON w.id = h.wallet
           JOIN (VALUES (1, 100), (2, 60), (3, 100)) AS per (unit, units) ON per.unit = w.unit
           WHERE t.flow = 1 GROUP BY t.id) AS g ON g.id = o.id
WHERE o.kind = 12 AND o.outcome = 3
  AND (g.id IS NULL OR g.other > 0
       OR CASE WHEN o.unit_value_cents IS NULL THEN g.exchanged > 0
               ELSE o.unit_value_cents <= 0 OR g.direct > 0 OR g.cents <> g.worth END)
