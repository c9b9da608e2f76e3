-- The statement of a closed month says what was booked into it: each purse closed with what it was opened with and what came and
-- went, and the next month opens where it closed. A month is closed once it has a statement, and its wallet has left it.
WITH said AS MATERIALIZED (
    SELECT s.wallet, s.month, m.place, s.opening[m.place] AS opening, s.closing[m.place] AS closing
    FROM month_statement AS s CROSS JOIN generate_series(1, 5) AS m (place)
), written AS MATERIALIZED (
    SELECT s.wallet, s.month, s.moved[4 * n + 1] AS flow, s.moved[4 * n + 2] AS place, s.moved[4 * n + 3] AS came, s.moved[4 * n + 4] AS went
    FROM month_statement AS s CROSS JOIN LATERAL generate_series(0, cardinality(s.moved) / 4 - 1) AS n
), booked AS MATERIALIZED (
    SELECT o.wallet, o.month, t.flow::bigint AS flow,
           CASE WHEN v.account & 255 < 4 THEN v.account & 255 WHEN (v.account >> 8) & 255 = 1 THEN 5 ELSE 4 END AS place,
           sum(v.came) AS came, sum(v.went) AS went
    FROM month_statement AS s JOIN ledger.operation AS o ON o.wallet = s.wallet AND o.month = s.month
    JOIN ledger.transfer AS t ON t.id = o.id
    CROSS JOIN LATERAL (VALUES (t.credit, t.amount, 0), (t.debit, 0, t.amount)) AS v (account, came, went)
    WHERE v.account >> 16 = o.wallet GROUP BY 1, 2, 3, 4
)
SELECT lpad(wallet::text, 19, '0'),
       format('the statement of month %s of wallet %s says of flow %s and purse %s that %s came and %s went, and %s and %s were booked',
              month, wallet, flow, place, coalesce(w.came, 0), coalesce(w.went, 0), coalesce(b.came, 0), coalesce(b.went, 0))
FROM written AS w FULL JOIN booked AS b USING (wallet, month, flow, place)
WHERE (coalesce(w.came, 0), coalesce(w.went, 0)) <> (coalesce(b.came, 0), coalesce(b.went, 0))
UNION ALL
SELECT lpad(wallet::text, 19, '0'),
       format('the statement of month %s of wallet %s opens purse %s with %s and closes it with %s, and %s came in all', month, wallet, place,
              s.opening, s.closing, coalesce(m.net, 0))
FROM said AS s
LEFT JOIN (SELECT wallet, month, place, sum(came - went) AS net FROM written GROUP BY 1, 2, 3) AS m USING (wallet, month, place)
WHERE s.closing <> s.opening + coalesce(m.net, 0)
UNION ALL
SELECT lpad(n.wallet::text, 19, '0'),
       format('month %s of wallet %s closed purse %s with %s, and the next opened it with %s', s.month, s.wallet, s.place, s.closing, n.opening)
FROM said AS s JOIN said AS n ON n.wallet = s.wallet AND n.month = (s.month + interval '1 month')::date AND n.place = s.place
WHERE n.opening <> s.closing
UNION ALL
SELECT lpad(wallet::text, 19, '0'),
       CASE WHEN s.wallet IS NULL THEN format('month %s of wallet %s is closed, and has no statement', month, wallet)
            WHEN p.wallet IS NULL THEN format('month %s of wallet %s has a statement, and is not closed', month, wallet)
            WHEN p.operation IS DISTINCT FROM s.operation
            THEN format('month %s of wallet %s was closed by operation %s, and its statement names %s', month, wallet,
                        coalesce(p.operation::text, '(none)'), coalesce(s.operation::text, '(none)'))
            ELSE format('month %s of wallet %s is closed, and the wallet is in it', month, wallet) END
FROM (SELECT wallet, month, operation FROM month_statement) AS s
FULL JOIN (SELECT wallet, month, operation FROM month_phase WHERE phase = 3) AS p USING (wallet, month)
JOIN (SELECT id AS wallet, month AS now, status FROM wallet) AS w USING (wallet)
WHERE s.wallet IS NULL OR p.wallet IS NULL OR p.operation IS DISTINCT FROM s.operation OR w.status = 1 AND w.now <= month
