-- What a wallet says is held in a purse is what is left of its holds.
SELECT lpad(account::text, 19, '0'),
       CASE WHEN kept.account IS NULL
            THEN format('holds set aside %s on account %s, and no wallet has this purse', holds.held, account)
            ELSE format('account %s has %s held, and what is left of its holds is %s', account, kept.held,
                        coalesce(holds.held, 0))
       END
FROM (SELECT account, sum(remaining) AS held FROM hold GROUP BY account) AS holds
FULL JOIN (SELECT (id << 16) | (unit::bigint << 8) | 1 AS account, budget_held AS held FROM wallet
           UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 2, reserve_held FROM wallet
           UNION ALL SELECT (id << 16) | (unit::bigint << 8) | 3, savings_held FROM wallet
           UNION ALL SELECT (id << 16) | (3 << 8) | 4, credit_held FROM wallet WHERE unit = 3
           UNION ALL SELECT (id << 16) | (1 << 8) | 4, credit_cents_held FROM wallet) AS kept USING (account)
WHERE kept.account IS NULL OR kept.held <> coalesce(holds.held, 0)
