-- A sale is approved when no line was left out, approved in part when some were, and nothing else is sold.
SELECT o.id::text,
       format('operation %s with outcome %s has %s lines, of which %s left out', o.id, o.outcome, coalesce(l.lines, 0), coalesce(l.left_out, 0))
FROM ledger.operation AS o
LEFT JOIN (SELECT id, count(*) AS lines, count(left_out) AS left_out FROM ledger.line GROUP BY id) AS l ON l.id = o.id
WHERE o.kind IN (1, 9, 22)
  AND CASE o.outcome WHEN 1 THEN l.lines IS NULL OR l.left_out > 0
                     WHEN 2 THEN l.lines IS NULL OR l.left_out = 0 OR l.left_out = l.lines
                     WHEN 3 THEN true
                     ELSE false END
