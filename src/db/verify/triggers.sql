-- UPDATE, DELETE and TRUNCATE are refused on each table and each partition, by triggers that fire, and by a function
-- that still refuses. Nothing else sits on these tables and changes what is written.
WITH ledger AS (
    SELECT c.oid, c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname ~ '^(operation|line|transfer|hold_entry)(_[0-9]{4}_[0-9]{2})*$'
), wanted (name, type, verbs) AS (
    -- pg_trigger.tgtype: 1 row, 2 before, 8 delete, 16 update, 32 truncate
    VALUES ('is_append_only', 27, 'UPDATE and DELETE'), ('is_never_truncated', 34, 'TRUNCATE')
)
SELECT l.relname::text, format('ledger.%s does not refuse %s: its trigger %s is %s', l.relname, w.verbs, w.name,
                               CASE WHEN t.oid IS NULL THEN 'missing' WHEN t.tgenabled NOT IN ('O', 'A') THEN 'disabled' ELSE 'another one' END)
FROM ledger AS l CROSS JOIN wanted AS w
LEFT JOIN pg_trigger AS t ON t.tgrelid = l.oid AND t.tgname = w.name
WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A') OR t.tgtype <> w.type OR t.tgqual IS NOT NULL OR t.tgattr::text <> ''
   OR t.tgfoid <> 'ledger.refuse_change'::regproc
UNION ALL
SELECT l.relname::text, format('ledger.%s has a trigger that is not ours: %s', l.relname, t.tgname)
FROM ledger AS l JOIN pg_trigger AS t ON t.tgrelid = l.oid
WHERE NOT t.tgisinternal AND t.tgname NOT IN (SELECT name FROM wanted)
UNION ALL
SELECT l.relname::text, format('ledger.%s has a rule that is not ours: %s', l.relname, r.rulename)
FROM ledger AS l JOIN pg_rewrite AS r ON r.ev_class = l.oid
UNION ALL
SELECT p.proname::text, 'ledger.refuse_change() does not always refuse'
FROM pg_proc AS p
WHERE p.oid = 'ledger.refuse_change'::regproc AND (p.prosrc !~ 'RAISE EXCEPTION' OR p.prosrc ~* '\m(RETURN|IF|EXCEPTION WHEN)\M')
UNION ALL
SELECT 'session_replication_role', format('session_replication_role is %s for this login: triggers do not fire',
                                          current_setting('session_replication_role'))
WHERE current_setting('session_replication_role') <> 'origin'
