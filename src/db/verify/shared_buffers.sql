-- A shared buffer is what its transfers leave.
SELECT format('%s %s', lpad(organisation::text, 5, '0'), unit),
       format('the shared buffer of organisation %s in unit %s holds %s, and its transfers leave %s', organisation, unit,
              coalesce(kept.balance::text, 'nothing (it has no row)'), coalesce(moved.balance, 0))
FROM (SELECT account >> 48 AS organisation, (account >> 8) & 255 AS unit, sum(amount) AS balance
      FROM (SELECT credit AS account, amount FROM ledger.transfer WHERE credit & 255 = 5
            UNION ALL
            SELECT debit, -amount FROM ledger.transfer WHERE debit & 255 = 5) AS side
      GROUP BY 1, 2) AS moved
FULL JOIN (SELECT organisation::bigint, unit::bigint, balance FROM shared_buffer) AS kept USING (organisation, unit)
WHERE coalesce(kept.balance, 0) <> coalesce(moved.balance, 0)
