-- What was undone of a forward was undone of the online attempt that it took the place of, where that was sold: to the same
-- wallet, at the same terminal, by then. A forward that was voided before it came names its attempt in its record alone. Of
-- what could not be undone any more a human was told.
WITH voided AS MATERIALIZED (
    SELECT f.id, f.wallet, f.terminal, f.reference AS attempt, v.booked_at AS undone_at FROM ledger.operation AS f
    JOIN ledger.operation AS v ON v.reference = f.id AND v.kind = 3 AND v.outcome IN (3, 44)
    WHERE f.kind = 1 AND f.outcome IN (1, 2) AND f.request_hash IS NOT NULL AND f.reference IS NOT NULL
    UNION ALL
    SELECT t.id, t.wallet, t.terminal, f.attempt, f.judged_at FROM ledger.operation AS t
    JOIN (SELECT operation, judged_at,
                 CASE WHEN outcome = 10
                      THEN replace(convert_from(sale, 'UTF8')::json ->> 'instead_of', 'urn:uuid:', '')::uuid END AS attempt
          FROM forward WHERE outcome = 10) AS f ON f.operation = t.id
    WHERE t.kind = 1 AND t.outcome = 10
), sold AS MATERIALIZED (
    SELECT DISTINCT v.id, a.id AS attempt FROM voided AS v
    JOIN ledger.operation AS a ON a.id = v.attempt AND a.wallet = v.wallet AND a.terminal = v.terminal
    WHERE a.kind = 1 AND a.outcome IN (1, 2) AND a.booked_at <= v.undone_at
), back AS MATERIALIZED (
    SELECT r.reference, l.line, sum(l.quantity) AS quantity
    FROM ledger.operation AS r JOIN ledger.line AS l ON l.id = r.id
    WHERE r.kind IN (2, 3) AND r.outcome = 3 AND r.reference IN (SELECT attempt FROM sold) GROUP BY r.reference, l.line
)
SELECT s.id::text, format('operation %s was voided, and of line %s of its attempt %s, %s of %s are charged still: nobody was told',
                          s.id, l.line, s.attempt, l.quantity - coalesce(b.quantity, 0), l.quantity)
FROM sold AS s
JOIN ledger.line AS l ON l.id = s.attempt AND l.left_out IS NULL
LEFT JOIN back AS b ON b.reference = l.id AND b.line = l.line
LEFT JOIN review AS r ON r.operation = s.id AND r.why = 12
WHERE coalesce(b.quantity, 0) < l.quantity AND r.id IS NULL
