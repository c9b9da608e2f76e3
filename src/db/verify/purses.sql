-- Every purse is what its transfers leave, and no transfer touches a purse that no wallet has.
SELECT lpad(account::text, 19, '0'),
       CASE WHEN kept.account IS NULL
            THEN format('account %s has transfers that leave %s, and no wallet has this purse', account, moved.balance)
            ELSE format('account %s holds %s, and its transfers leave %s', account, kept.balance, coalesce(moved.balance, 0))
       END
FROM (SELECT account, sum(amount) AS balance
      FROM (SELECT credit AS account, amount FROM ledger.transfer WHERE credit & 255 BETWEEN 1 AND 4
            UNION ALL
            SELECT debit, -amount FROM ledger.transfer WHERE debit & 255 BETWEEN 1 AND 4) AS side
      GROUP BY account) AS moved
FULL JOIN (SELECT (id << 16) | (unit::bigint << 8) | 1 AS account, budget AS balance FROM wallet
           UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 2, reserve FROM wallet
           UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 3, savings FROM wallet
           UNION ALL SELECT (id << 16) | (3 << 8) | 4, credit FROM wallet WHERE unit = 3
           UNION ALL SELECT (id << 16) | (1 << 8) | 4, credit_cents FROM wallet) AS kept USING (account)
WHERE kept.account IS NULL OR kept.balance <> coalesce(moved.balance, 0)
