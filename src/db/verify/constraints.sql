-- The constraints that refuse wrong rows are there, on each partition too, validated and enforced. The parameters are
-- tables and the names of their constraints. (conenforced is of PostgreSQL 18; before it, there is no such key.)
WITH RECURSIVE wanted (relation, name) AS (
    SELECT to_regclass(relation)::oid, name FROM unnest(?, ?) AS listed (relation, name)
    UNION ALL
    SELECT i.inhrelid, w.name FROM wanted AS w JOIN pg_inherits AS i ON i.inhparent = w.relation
), found AS (
    SELECT w.relation, w.name, c.oid, c.convalidated AND to_jsonb(c) ->> 'conenforced' IS DISTINCT FROM 'false' AS holds
    FROM wanted AS w LEFT JOIN pg_constraint AS c ON c.conrelid = w.relation AND c.conname = w.name AND c.contype = 'c'
)
SELECT format('%s %s', relation::regclass, name),
       format('%s: constraint %s is %s', relation::regclass, name, CASE WHEN oid IS NULL THEN 'missing' ELSE 'not validated' END)
FROM found WHERE holds IS NOT TRUE
UNION ALL
SELECT c.relname::text, format('ledger.%s has no valid primary key', c.relname)
FROM pg_class AS c
LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary AND i.indisvalid
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname ~ '^(operation|line|transfer|hold_entry)(_[0-9]{4}_[0-9]{2})*$' AND i.indexrelid IS NULL
