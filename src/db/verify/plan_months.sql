-- What is left of a month's hold is what its planned days need that were held, and neither delivered nor given up.
WITH need AS MATERIALIZED (
    SELECT p.wallet, p.month,
           sum(bit_count((p.held & ~p.done & ~p.released)::bit(32)) * CASE WHEN w.unit = 1 THEN l.price_cents ELSE coalesce(l.units, 0) END) AS units
    FROM plan_month AS p JOIN plan_line AS l ON l.id = p.line JOIN wallet AS w ON w.id = p.wallet GROUP BY p.wallet, p.month
), hold_of_month AS MATERIALIZED (
    SELECT m.wallet, m.month, m.operation, coalesce(sum(h.remaining), 0) AS units
    FROM month_phase AS m LEFT JOIN hold AS h ON h.id = m.operation AND h.purpose = 4
    WHERE m.phase = 2 GROUP BY m.wallet, m.month, m.operation
)
SELECT lpad(wallet::text, 19, '0'),
       format('month %s of wallet %s has %s left of its hold %s, and its open days that are held need %s', month, wallet,
              coalesce(h.units, 0), coalesce(h.operation::text, '(none)'), coalesce(n.units, 0))
FROM need AS n FULL JOIN hold_of_month AS h USING (wallet, month)
WHERE coalesce(n.units, 0) <> coalesce(h.units, 0)
UNION ALL
SELECT lpad(p.wallet::text, 19, '0'), format('line %s is planned in a month of wallet %s, and is of %s', p.line, p.wallet,
                                             coalesce('wallet ' || l.wallet, 'nobody'))
FROM plan_month AS p LEFT JOIN plan_line AS l ON l.id = p.line WHERE l.wallet IS DISTINCT FROM p.wallet
UNION ALL
SELECT id::text, format('hold %s is kept as a month''s, and no month of its wallet names it', id)
FROM (SELECT DISTINCT id, account >> 16 AS wallet FROM hold WHERE purpose = 4) AS kept
LEFT JOIN (SELECT operation AS id, wallet FROM month_phase WHERE phase = 2 AND operation IS NOT NULL) AS m USING (id, wallet)
WHERE m.id IS NULL
