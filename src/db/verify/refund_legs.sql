-- Each leg of a sale has given back floor(leg x refunded so far / sold), to who paid it; in a closed wallet what the
-- client's purses paid lapses, and own money is owed. An offline loss is never given back. Price and units likewise.
-- `pot` is where a leg's money goes in a closed wallet: there the purses' legs can only be added up.
WITH refund AS MATERIALIZED (
    SELECT o.id, o.reference, w.status FROM ledger.operation AS o JOIN wallet AS w ON w.id = o.wallet
    WHERE o.kind IN (2, 3) AND o.outcome = 3
), total AS MATERIALIZED (
    SELECT r.reference AS sale, l.line, sum(l.quantity) AS quantity, sum(l.price_cents) AS price_cents, sum(l.units) AS units
    FROM refund AS r JOIN ledger.line AS l ON l.id = r.id GROUP BY r.reference, l.line
), expected AS (
    SELECT t.id AS sale, t.line, t.debit AS account, sum(div(t.amount * q.quantity, l.quantity)) AS amount
    FROM total AS q
    JOIN ledger.line AS l ON l.id = q.sale AND l.line = q.line
    JOIN ledger.transfer AS t ON t.id = q.sale AND t.line = q.line
    WHERE t.flow = 3
    GROUP BY t.id, t.line, t.debit
), given AS (
    SELECT r.reference AS sale, t.line, t.credit AS account, sum(t.amount) AS amount,
           bool_or(t.credit & 255 IN (51, 66) AND r.status = 1) AS taken
    FROM refund AS r JOIN ledger.transfer AS t ON t.id = r.id
    GROUP BY r.reference, t.line, t.credit
), leg AS (
    SELECT sale, line, account, coalesce(e.amount, 0) AS due, coalesce(g.amount, 0) AS given, coalesce(g.taken, false) AS taken,
           account & 255 IN (51, 66) AS closed,
           CASE WHEN account & 255 BETWEEN 1 AND 3 THEN ((account >> 48) << 48) | (account & 65280) | 51
                WHEN account & 255 = 4 THEN ((account >> 48) << 48) | (account & 65280) | 66
                ELSE account END AS pot
    FROM expected AS e FULL JOIN given AS g USING (sale, line, account)
), pot AS (
    SELECT sale, line,
           bool_or(taken) AS taken,
           sum(due) <> sum(given) OR bool_or(given > due AND NOT closed) AS wrong,
           (array_agg(format('account %s was given back %s instead of %s', account, given, due) ORDER BY closed, account)
                FILTER (WHERE given <> due))[1] AS what
    FROM leg GROUP BY sale, line, pot
)
SELECT coalesce(sale::text, ''),
       format('of line %s of operation %s %s', line, coalesce(sale::text, '(none)'),
              CASE WHEN wrong THEN what ELSE 'a refund was kept from a wallet that is open' END)
FROM pot WHERE wrong OR taken
UNION ALL
SELECT q.sale::text,
       format('of line %s of operation %s refunds of %s of %s give back %s of %s cents and %s of %s units', q.line, q.sale,
              q.quantity, l.quantity, q.price_cents, l.price_cents, coalesce(q.units::text, 'no'), coalesce(l.units::text, 'no'))
FROM total AS q JOIN ledger.line AS l ON l.id = q.sale AND l.line = q.line
WHERE q.price_cents <> div(l.price_cents * q.quantity, l.quantity)
   OR q.units IS DISTINCT FROM div(l.units * q.quantity, l.quantity)
