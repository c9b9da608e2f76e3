-- The login that verifies is the service's: it may add to the ledger and read it, and change nothing that stands there.
SELECT c.relname::text, format('the login %s may %s ledger.%s', current_user, lower(r), c.relname)
FROM pg_class AS c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS r
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')
  AND CASE WHEN r = 'UPDATE' THEN has_any_column_privilege(c.oid, r) ELSE has_table_privilege(c.oid, r) END
UNION ALL
SELECT '', format('the login %s may create in schema ledger', current_user) WHERE has_schema_privilege('ledger', 'CREATE')
UNION ALL
SELECT c.relname::text, format('the login %s owns ledger.%s, or belongs to who owns it', current_user, c.relname)
FROM pg_class AS c
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') AND pg_has_role(current_user, c.relowner, 'MEMBER')
