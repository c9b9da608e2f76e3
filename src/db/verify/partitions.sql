-- Each month has a partition of all four tables, named after it and bounded by it; a month that was taken off its table
-- is not overlooked.
WITH parent AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'ledger'::regnamespace AND relname IN ('operation', 'line', 'transfer', 'hold_entry')
), part AS (
    SELECT c.relname, p.relname AS parent, pg_get_expr(c.relpartbound, c.oid) AS bounds,
           CASE WHEN c.relname ~ ('^' || p.relname || '_[0-9]{4}_(0[1-9]|1[0-2])$')
                THEN to_date(right(c.relname, 7), 'YYYY_MM') END AS month
    FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid JOIN parent AS p ON p.oid = i.inhparent
)
SELECT relname::text,
       CASE WHEN month IS NULL THEN format('ledger.%s is a partition of %s, and not named after a month', relname, parent)
            ELSE format('ledger.%s holds ids %s', relname, bounds) END
FROM part
WHERE month IS NULL OR bounds <> format('FOR VALUES FROM (%L) TO (%L)', ledger.month_floor(month),
                                        ledger.month_floor((month + interval '1 month')::date))
UNION ALL
SELECT to_char(month, 'YYYY_MM'), format('month %s has a partition of %s only', to_char(month, 'YYYY-MM'), string_agg(parent::text, ', ' ORDER BY parent))
FROM part WHERE month IS NOT NULL GROUP BY month HAVING count(DISTINCT parent) <> 4
UNION ALL
SELECT c.relname::text, format('ledger.%s is no partition of its table any more', c.relname)
FROM pg_class AS c
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
  AND c.relname ~ '^(operation|line|transfer|hold_entry)_[0-9]{4}_[0-9]{2}$'
UNION ALL
SELECT parent.relname::text, format('ledger.%s is not partitioned by the range of its ids', parent.relname)
FROM parent WHERE pg_get_partkeydef(parent.oid) IS DISTINCT FROM 'RANGE (id)'
