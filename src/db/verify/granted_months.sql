-- A month of a wallet is granted once: each key has its grant, each grant its key, and no grant two.
SELECT id::text,
       CASE WHEN o.wallet IS NULL THEN format('month %s of wallet %s names operation %s, which is no grant', m.month, m.wallet, id)
            WHEN m.wallet IS NULL THEN format('operation %s grants wallet %s a month that is not marked as granted', id, o.wallet)
            WHEN m.wallet <> o.wallet THEN format('operation %s grants wallet %s, and month %s of wallet %s names it', id, o.wallet, m.month, m.wallet)
            ELSE format('operation %s of wallet %s is named by %s months', id, o.wallet, m.months) END
FROM (SELECT operation AS id, min(wallet) AS wallet, min(month) AS month, count(*) AS months FROM month_phase
      WHERE phase = 1 AND operation IS NOT NULL GROUP BY operation) AS m
FULL JOIN (SELECT id, wallet FROM ledger.operation WHERE kind = 12 AND outcome = 3) AS o USING (id)
WHERE o.wallet IS DISTINCT FROM m.wallet OR m.months > 1
