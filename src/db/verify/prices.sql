-- Price and units of a line are both 0 or neither is, and are equal in euros; what has no kind has no price.
-- (Not of refunds: the shares of price and units are rounded by themselves.)
SELECT l.id::text,
       format('line %s of operation %s has a price of %s cents and %s units, in a wallet of unit %s', l.line, l.id, l.price_cents,
              coalesce(l.units::text, 'no'), w.unit)
FROM ledger.line AS l
JOIN ledger.operation AS o ON o.id = l.id
JOIN wallet AS w ON w.id = o.wallet
WHERE o.kind IN (1, 8, 9, 22)
  AND CASE WHEN l.price_cents < 0 OR l.units < 0 THEN true
           WHEN l.kind IS NULL THEN l.left_out IS NULL OR l.price_cents <> 0 OR l.units IS NOT NULL
           WHEN w.unit = 1 THEN l.units IS DISTINCT FROM l.price_cents
           ELSE (l.units = 0) <> (l.price_cents = 0) END
