-- A terminal's journal has no gap and no break in its chain of hashes (that each hash is of its record is a constraint);
-- and what a record was judged to stands in the ledger, as a sale of this terminal.
WITH chained AS (
    SELECT terminal, sequence, previous, lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER journal AS before,
           sequence - lag(sequence, 1, 0) OVER journal AS step
    FROM forward WINDOW journal AS (PARTITION BY terminal ORDER BY sequence)
)
SELECT terminal::text,
       CASE WHEN step <> 1 THEN format('before record %s of terminal %s %s records are missing', sequence, terminal, step - 1)
            ELSE format('record %s of terminal %s follows another record than the one before it', sequence, terminal) END
FROM chained WHERE step <> 1 OR previous <> before
UNION ALL
SELECT f.terminal::text,
       CASE WHEN o.id IS NULL
            THEN format('record %s of terminal %s was judged to operation %s, which does not exist', f.sequence, f.terminal, f.operation)
            WHEN o.kind <> 1 OR o.terminal IS DISTINCT FROM f.terminal
            THEN format('record %s of terminal %s was judged to operation %s, which is no sale of this terminal', f.sequence,
                        f.terminal, f.operation)
            ELSE format('record %s of terminal %s was judged to outcome %s, and operation %s has outcome %s', f.sequence,
                        f.terminal, f.outcome, o.id, o.outcome) END
FROM forward AS f LEFT JOIN ledger.operation AS o ON o.id = f.operation
WHERE f.outcome IS NOT NULL AND (o.id IS NULL OR o.kind <> 1 OR o.terminal IS DISTINCT FROM f.terminal OR o.outcome <> f.outcome)
