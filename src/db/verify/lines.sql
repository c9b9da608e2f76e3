-- What was sold was paid, to the cent: units by purses that pay units, and the share of the price that no units were
-- left for by euros, rounded up. Care and included lines are paid in units to the end.
SELECT l.id::text,
       format('line %s of operation %s costs %s cents%s, and its legs pay %s%s', l.line, l.id, l.price_cents,
              CASE WHEN w.unit = 1 THEN '' WHEN l.units IS NULL THEN ' and has no price in units'
                   ELSE format(' or %s units', l.units) END,
              CASE WHEN w.unit = 1 THEN '' ELSE format('%s units and ', coalesce(paid.units, 0)) END,
              format('%s cents', coalesce(paid.cents, 0)))
FROM ledger.line AS l
JOIN ledger.operation AS o ON o.id = l.id
JOIN wallet AS w ON w.id = o.wallet
LEFT JOIN (SELECT id, line, sum(amount) FILTER (WHERE (debit >> 8) & 255 = 1) AS cents,
                  sum(amount) FILTER (WHERE (debit >> 8) & 255 <> 1) AS units
           FROM ledger.transfer WHERE flow IN (3, 14) GROUP BY id, line) AS paid ON paid.id = l.id AND paid.line = l.line
WHERE o.kind IN (1, 9, 22) AND o.outcome IN (1, 2) AND l.left_out IS NULL
  AND NOT CASE WHEN w.unit = 1 OR l.units IS NULL THEN coalesce(paid.cents, 0) = l.price_cents AND coalesce(paid.units, 0) = 0
               WHEN l.kind IN (1, 2) OR l.units = 0 THEN coalesce(paid.units, 0) = l.units AND coalesce(paid.cents, 0) = 0
               WHEN coalesce(paid.units, 0) > l.units THEN false
               -- div of integers is exact; a numeric quotient is rounded
               ELSE coalesce(paid.cents, 0)
                    = div(l.price_cents * (l.units - coalesce(paid.units, 0)) + l.units - 1, l.units)
          END
