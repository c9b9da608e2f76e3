-- An operation books what its kind books, and only when it was done: a decline moves nothing.
SELECT t.id::text, format('leg %s of operation %s is of flow %s%s, and operation kind %s with outcome %s books no such leg',
                          t.leg, t.id, t.flow, CASE WHEN t.line IS NULL THEN '' ELSE ' for a line' END, o.kind, o.outcome)
FROM ledger.transfer AS t JOIN ledger.operation AS o ON o.id = t.id
WHERE NOT CASE WHEN o.kind = 1 THEN o.outcome IN (1, 2) AND t.flow IN (3, 14)
               WHEN o.kind IN (9, 22) THEN o.outcome = 1 AND t.flow = 3
               WHEN o.outcome <> 3 THEN false
               WHEN o.kind IN (2, 3) THEN t.flow = 4
               WHEN o.kind = 4 THEN t.flow = 7
               WHEN o.kind = 5 THEN t.flow = 8
               WHEN o.kind IN (6, 7) THEN t.flow = 11
               WHEN o.kind = 12 THEN t.flow = 1
               WHEN o.kind = 13 THEN t.flow = 12
               WHEN o.kind = 14 THEN t.flow = 13
               WHEN o.kind = 16 THEN t.flow = 10 AND t.credit & 255 = 66
               WHEN o.kind = 17 THEN t.flow = 10 AND t.debit & 255 = 66
               WHEN o.kind = 21 THEN t.flow = 2
               WHEN o.kind = 23 THEN t.flow IN (12, 13)
               WHEN o.kind = 20 THEN t.flow = 9 AND t.credit & 255 = 50
               ELSE false
          END
   OR (t.line IS NULL) = (o.kind IN (1, 2, 3, 9, 22))
UNION ALL
SELECT e.id::text, format('entry %s of operation %s: operation kind %s with outcome %s neither sets aside nor gives back', e.entry, e.id,
                          o.kind, o.outcome)
FROM ledger.hold_entry AS e JOIN ledger.operation AS o ON o.id = e.id
WHERE NOT CASE WHEN o.kind = 1 THEN o.outcome IN (1, 2)
               WHEN o.kind IN (9, 22) THEN o.outcome = 1
               ELSE o.outcome = 3 AND o.kind IN (8, 10, 11, 15, 16, 18) END
UNION ALL
SELECT l.id::text, format('line %s of operation %s: operation kind %s has no lines', l.line, l.id, o.kind)
FROM ledger.line AS l JOIN ledger.operation AS o ON o.id = l.id
WHERE o.kind NOT IN (1, 2, 3, 9, 22) AND NOT (o.kind = 8 AND o.outcome = 3 AND o.card IS NOT NULL)
