-- What draws let a wallet take from the shared buffer, its sales took; a refund gives to the buffer, not to the draw.
-- Each draw has the operation that approved it, and each such operation its draw.
SELECT lpad(wallet::text, 19, '0'),
       format('the buffer draws of wallet %s are used for %s, and its sales took %s', wallet, coalesce(draws.used, 0),
              coalesce(taken.used, 0))
FROM (SELECT wallet, sum(used) AS used FROM buffer_draw GROUP BY wallet) AS draws
FULL JOIN (SELECT o.wallet, sum(t.amount) AS used
           FROM ledger.transfer AS t JOIN ledger.operation AS o ON o.id = t.id
           WHERE t.flow = 3 AND t.debit & 255 = 5 GROUP BY o.wallet) AS taken USING (wallet)
WHERE coalesce(draws.used, 0) <> coalesce(taken.used, 0)
UNION ALL
SELECT id::text,
       CASE WHEN o.wallet IS NULL THEN format('buffer draw %s of wallet %s was approved by no operation', id, d.wallet)
            WHEN d.wallet IS NULL THEN format('operation %s of wallet %s approved a buffer draw that is not there', id, o.wallet)
            ELSE format('buffer draw %s is for wallet %s, and was approved for wallet %s', id, d.wallet, o.wallet) END
FROM (SELECT id, wallet FROM buffer_draw) AS d
FULL JOIN (SELECT id, wallet FROM ledger.operation WHERE kind = 19 AND outcome = 3) AS o USING (id)
WHERE d.wallet IS DISTINCT FROM o.wallet
