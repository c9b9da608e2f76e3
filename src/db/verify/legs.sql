-- Each leg of a sale, and of a refund, has its line, which was not left out; it credits (a refund: debits) the account
-- of the line's kind, in euros or in the wallet's unit.
SELECT t.id::text,
       format('leg %s of operation %s: %s', t.leg, t.id,
              CASE WHEN l.id IS NULL THEN format('there is no line %s', t.line)
                   WHEN l.left_out IS NOT NULL THEN format('line %s was left out', t.line)
                   WHEN (CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END) & 255 IS DISTINCT FROM 31 + l.kind
                   THEN format('line %s is %s, and account %s is not for that', t.line,
                               coalesce((ARRAY['care', 'included', 'activity', 'extra', 'own'])[l.kind], 'of no kind'),
                               CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END)
                   ELSE format('account %s is neither in euros nor in unit %s of wallet %s', t.debit, w.unit, w.id) END)
FROM ledger.transfer AS t
JOIN ledger.operation AS o ON o.id = t.id
LEFT JOIN ledger.line AS l ON l.id = t.id AND l.line = t.line
LEFT JOIN wallet AS w ON w.id = o.wallet
WHERE t.line IS NOT NULL
  AND (l.id IS NULL OR l.left_out IS NOT NULL
       OR (CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END) & 255 IS DISTINCT FROM 31 + l.kind
       OR (t.debit >> 8) & 255 NOT IN (1, w.unit))
