-- Each leg of a sale, and of a refund, has its line, which was not left out; it credits (a refund: debits) the account
-- of the line's kind, in euros or in the wallet's unit. Own money pays no care and nothing that is included.
SELECT t.id::text,
       format('leg %s of operation %s: %s', t.leg, t.id,
              CASE WHEN l.id IS NULL THEN format('there is no line %s', t.line)
                   WHEN l.left_out IS NOT NULL THEN format('line %s was left out', t.line)
                   WHEN (CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END) & 255 IS DISTINCT FROM 31 + l.kind
                   THEN format('line %s is %s, and account %s is not for that', t.line,
                               coalesce((ARRAY['care', 'included', 'activity', 'extra', 'own'])[l.kind], 'of no kind'),
                               CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END)
                   WHEN l.kind IN (1, 2) AND 4 IN (t.debit & 255, t.credit & 255)
                   THEN format('own money pays line %s, which is %s', t.line, (ARRAY['care', 'included'])[l.kind])
                   ELSE format('account %s is neither in euros nor in unit %s of wallet %s', t.debit, w.unit, w.id) END)
FROM ledger.transfer AS t
JOIN ledger.operation AS o ON o.id = t.id
LEFT JOIN ledger.line AS l ON l.id = t.id AND l.line = t.line
LEFT JOIN wallet AS w ON w.id = o.wallet
WHERE t.line IS NOT NULL
  AND (l.id IS NULL OR l.left_out IS NOT NULL
       OR (CASE WHEN t.flow = 4 THEN t.debit ELSE t.credit END) & 255 IS DISTINCT FROM 31 + l.kind
       OR l.kind IN (1, 2) AND 4 IN (t.debit & 255, t.credit & 255)
       OR (t.debit >> 8) & 255 NOT IN (1, w.unit))
