-- Legs, entries and the lines of a sale or hold are numbered from 0 without a gap: one that was taken away leaves one.
-- (A refund, and a capture of a card's hold, have the numbers of the lines that they are parts of.)
SELECT id::text, format('operation %s has %s legs, and the last is numbered %s', id, count(*), max(leg))
FROM ledger.transfer GROUP BY id HAVING min(leg) <> 0 OR max(leg) + 1 <> count(*)
UNION ALL
SELECT id::text, format('operation %s has %s hold entries, and the last is numbered %s', id, count(*), max(entry))
FROM ledger.hold_entry GROUP BY id HAVING min(entry) <> 0 OR max(entry) + 1 <> count(*)
UNION ALL
SELECT l.id::text, format('operation %s has %s lines, and the last is numbered %s', l.id, count(*), max(l.line))
FROM ledger.line AS l JOIN ledger.operation AS o ON o.id = l.id
WHERE o.kind IN (1, 8, 22) OR o.kind = 9 AND o.card IS NULL GROUP BY l.id HAVING min(l.line) <> 0 OR max(l.line) + 1 <> count(*)
