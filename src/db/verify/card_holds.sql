-- A hold that a card made has lines, none left out, of a terminal; a row with its end, at most 240 minutes away; and sets
-- aside all that its activity, extra and own lines cost, and no more than all its lines (in euros: other units have shares).
-- It is released or expires once. Its captures are of its location, card and lines, at its prices, and no more than it has.
WITH made AS MATERIALIZED (
    SELECT id, wallet, card, location, terminal, booked_at FROM ledger.operation WHERE kind = 8 AND outcome = 3 AND card IS NOT NULL
), kept AS MATERIALIZED (
    SELECT id, min(expires_at) AS first, max(expires_at) AS last FROM hold WHERE purpose = 3 GROUP BY id
), line AS MATERIALIZED (
    SELECT m.id, count(*) AS lines, count(l.left_out) AS left_out, sum(l.price_cents) AS cents,
           coalesce(sum(l.price_cents) FILTER (WHERE l.kind > 2), 0) AS counted
    FROM made AS m JOIN ledger.line AS l ON l.id = m.id GROUP BY m.id
), aside AS MATERIALIZED (
    SELECT m.id, sum(e.amount) AS cents FROM made AS m JOIN ledger.hold_entry AS e ON e.id = m.id GROUP BY m.id
), part AS MATERIALIZED (
    SELECT c.id, c.reference, c.wallet, c.card, c.location, l.line, l.service, l.quantity, l.kind, l.price_cents, l.units,
           l.vat_basis_points, l.hold
    FROM ledger.operation AS c JOIN ledger.line AS l ON l.id = c.id
    WHERE c.kind = 9 AND c.outcome = 1 AND c.card IS NOT NULL
)
SELECT id::text,
       CASE WHEN m.id IS NULL THEN format('hold %s is kept as a card''s, and no card made it', id)
            WHEN kept.id IS NULL THEN format('operation %s set aside for a card, and the hold has no end', id)
            ELSE format('hold %s of a card ends at %s, and was made at %s', id, kept.last, m.booked_at) END
FROM (SELECT * FROM made) AS m FULL JOIN kept USING (id)
WHERE m.id IS NULL OR kept.id IS NULL OR kept.first <> kept.last OR kept.last <= m.booked_at
   OR kept.last > m.booked_at + interval '240 minutes'
UNION ALL
SELECT m.id::text,
       format('operation %s set aside %s cents for a card, for %s lines of %s cents, of which %s left out', m.id,
              coalesce(aside.cents, 0), coalesce(line.lines, 0), coalesce(line.cents, 0), coalesce(line.left_out, 0))
FROM made AS m JOIN wallet AS w ON w.id = m.wallet LEFT JOIN line ON line.id = m.id LEFT JOIN aside ON aside.id = m.id
WHERE line.id IS NULL OR line.left_out > 0 OR m.terminal IS NULL OR m.location IS NULL
   OR w.unit = 1 AND coalesce(aside.cents, 0) NOT BETWEEN line.counted AND line.cents
UNION ALL
SELECT reference::text, format('hold %s of a card was given back by %s operations, the last of them %s', reference, count(*), max(o.id::text))
FROM ledger.operation AS o JOIN made AS m ON m.id = o.reference
WHERE o.kind IN (10, 11) AND o.outcome = 3 GROUP BY reference HAVING count(*) > 1
UNION ALL
SELECT p.id::text,
       format('operation %s captures %s of line %s of hold %s: %s', p.id, p.quantity, p.line, coalesce(p.reference::text, '(none)'),
              CASE WHEN m.id IS NULL THEN 'no card made that hold'
                   WHEN l.id IS NULL THEN 'it has no such line'
                   WHEN p.wallet <> m.wallet OR p.card <> m.card OR p.location IS DISTINCT FROM m.location
                   THEN 'it is of another wallet, card or location'
                   WHEN p.hold IS DISTINCT FROM p.reference OR p.service <> l.service OR p.kind IS DISTINCT FROM l.kind
                        OR p.vat_basis_points <> l.vat_basis_points
                   THEN 'that line is of another service, kind or VAT'
                   ELSE format('%s cents and %s units, and the whole line of %s costs %s and %s', p.price_cents,
                               coalesce(p.units::text, 'no'), l.quantity, l.price_cents, coalesce(l.units::text, 'no')) END)
FROM part AS p
LEFT JOIN made AS m ON m.id = p.reference
LEFT JOIN ledger.line AS l ON l.id = p.reference AND l.line = p.line
WHERE m.id IS NULL OR l.id IS NULL OR p.wallet <> m.wallet OR p.card <> m.card OR p.location IS DISTINCT FROM m.location
   OR p.hold IS DISTINCT FROM p.reference OR p.service <> l.service OR p.kind IS DISTINCT FROM l.kind
   OR p.vat_basis_points <> l.vat_basis_points OR p.price_cents * l.quantity <> l.price_cents * p.quantity
   OR (p.units * l.quantity) IS DISTINCT FROM (l.units * p.quantity)
UNION ALL
SELECT p.reference::text, format('of line %s of hold %s %s were captured, and %s set aside', p.line, p.reference, sum(p.quantity), min(l.quantity))
FROM part AS p JOIN ledger.line AS l ON l.id = p.reference AND l.line = p.line
GROUP BY p.reference, p.line HAVING sum(p.quantity) > min(l.quantity)
