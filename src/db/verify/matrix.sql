-- The database's own rules are the program's: which flow joins which kinds, and which account numbers can be. The
-- parameters are as in `transfers`.
SELECT lpad(flow::text, 3, '0'),
       format('ledger.flow_allows(%s, %s, %s) is %s in the database and %s in the program', flow, debit, credit,
              ledger.flow_allows(flow, debit, credit), (flow << 16) | (debit << 8) | credit = ANY (?))
FROM generate_series(0::bigint, 20) AS flow, generate_series(0::bigint, 80) AS debit, generate_series(0::bigint, 80) AS credit
WHERE ledger.flow_allows(flow, debit, credit) IS DISTINCT FROM ((flow << 16) | (debit << 8) | credit = ANY (?))
UNION ALL
SELECT 'account', format('ledger.account_is_valid(%s) is %s in the database', account, ledger.account_is_valid(account))
FROM (SELECT (organisation << 48) | (wallet << 16) | (unit << 8) | kind AS account, organisation > 0
             AND (kind << 8) | unit = ANY (?) AND (kind BETWEEN 1 AND 4) = (wallet > 0) AS can_be
      FROM generate_series(0::bigint, 1) AS organisation, generate_series(0::bigint, 1) AS wallet,
           generate_series(0::bigint, 4) AS unit, unnest(?) AS kind) AS number
WHERE ledger.account_is_valid(account) IS DISTINCT FROM can_be
