-- A wallet follows a scheme of its organisation, counts in that scheme's unit, and has no purse below what is held.
SELECT lpad(w.id::text, 19, '0'),
       CASE WHEN s.id IS NULL THEN format('wallet %s follows scheme %s, which does not exist', w.id, w.scheme)
            WHEN s.organisation <> w.id >> 32 THEN format('wallet %s follows scheme %s of organisation %s', w.id, s.id, s.organisation)
            WHEN s.unit <> w.unit THEN format('wallet %s counts in unit %s, and its scheme %s in unit %s', w.id, w.unit, s.id, s.unit)
            WHEN w.credit <> 0 AND w.unit <> 3 THEN format('wallet %s has %s bought points, and counts in unit %s', w.id, w.credit, w.unit)
            ELSE format('wallet %s has a purse with less in it than is held, or holds less than nothing', w.id) END
FROM wallet AS w LEFT JOIN scheme AS s ON s.id = w.scheme
WHERE s.id IS NULL OR s.organisation <> w.id >> 32 OR s.unit <> w.unit OR w.credit <> 0 AND w.unit <> 3
   OR NOT (w.budget_held BETWEEN 0 AND w.budget AND w.reserve_held BETWEEN 0 AND w.reserve
           AND w.savings_held BETWEEN 0 AND w.savings AND w.credit_held BETWEEN 0 AND w.credit
           AND w.credit_cents_held BETWEEN 0 AND w.credit_cents)
