-- A refund or void gives back lines of a sale or capture of the same wallet that was sold, never more than was sold, as
-- the same service and kind; a void is of the same terminal and day, and leaves nothing.
WITH refund AS MATERIALIZED (
    SELECT id, kind, wallet, reference, terminal, book_date FROM ledger.operation WHERE kind IN (2, 3) AND outcome = 3
), part AS MATERIALIZED (
    SELECT r.id, r.reference, l.line, l.quantity, l.service, l.kind
    FROM refund AS r JOIN ledger.line AS l ON l.id = r.id
), total AS MATERIALIZED (
    SELECT reference, line, sum(quantity) AS quantity FROM part GROUP BY reference, line
)
SELECT r.id::text,
       format('operation %s gives back %s: %s', r.id, coalesce(r.reference::text, 'nothing that it names'),
              CASE WHEN s.id IS NULL THEN 'there is no such operation'
                   WHEN s.kind NOT IN (1, 9, 22) OR s.outcome NOT IN (1, 2) THEN 'that sold nothing'
                   WHEN s.wallet <> r.wallet THEN format('that is of wallet %s, and the refund of wallet %s', s.wallet, r.wallet)
                   ELSE 'a void is of the same terminal and the same day' END)
FROM refund AS r LEFT JOIN ledger.operation AS s ON s.id = r.reference
WHERE s.id IS NULL OR s.kind NOT IN (1, 9, 22) OR s.outcome NOT IN (1, 2) OR s.wallet <> r.wallet
   OR r.kind = 3 AND (s.terminal IS DISTINCT FROM r.terminal OR s.book_date <> r.book_date)
UNION ALL
SELECT p.id::text,
       format('operation %s gives back line %s of operation %s: %s', p.id, p.line, p.reference,
              CASE WHEN l.id IS NULL THEN 'there is no such line'
                   WHEN l.left_out IS NOT NULL THEN 'that line was left out'
                   ELSE 'that line was of another service or kind' END)
FROM part AS p
JOIN ledger.operation AS s ON s.id = p.reference
LEFT JOIN ledger.line AS l ON l.id = p.reference AND l.line = p.line
WHERE l.id IS NULL OR l.left_out IS NOT NULL OR l.service <> p.service OR l.kind IS DISTINCT FROM p.kind
UNION ALL
SELECT t.reference::text,
       format('of line %s of operation %s %s were given back, and %s were sold', t.line, t.reference, t.quantity, l.quantity)
FROM total AS t JOIN ledger.line AS l ON l.id = t.reference AND l.line = t.line
WHERE t.quantity > l.quantity
UNION ALL
SELECT r.id::text,
       format('operation %s voids operation %s, and of its line %s %s of %s were given back', r.id, r.reference, l.line,
              coalesce(t.quantity, 0), l.quantity)
FROM refund AS r
JOIN ledger.line AS l ON l.id = r.reference
LEFT JOIN total AS t ON t.reference = l.id AND t.line = l.line
WHERE r.kind = 3 AND l.left_out IS NULL AND coalesce(t.quantity, 0) < l.quantity
UNION ALL
SELECT r.id::text, format('operation %s gives back no line of operation %s', r.id, r.reference)
FROM refund AS r WHERE r.kind = 2 AND NOT EXISTS (SELECT FROM part AS p WHERE p.id = r.id)
