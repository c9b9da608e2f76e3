-- What a month was granted and corrected adds up to what its last revision says: gross out of what the Wlz pays, deductions,
-- collective part and rounding to the organisation, and the three parts to budget, reserve and shared buffer; what they could not
-- give back any more is the organisation's overrun. A revision's parts add up to its gross by themselves.
WITH revision AS MATERIALIZED (
    SELECT g.wallet, g.month, g.revision, g.operation, g.gross, g.collective, g.rounding, g.reserve + g.buffer + g.budget AS units,
           (SELECT coalesce(sum(amount), 0) FROM unnest(g.deductions) AS amount) AS deductions,
           g.reserve_part + g.buffer_part + g.budget_part AS parts,
           row_number() OVER (PARTITION BY g.wallet, g.month ORDER BY g.revision) AS place,
           count(*) OVER (PARTITION BY g.wallet, g.month) AS revisions
    FROM month_grant AS g
), side AS MATERIALIZED (
    SELECT r.wallet, r.month, v.account & 255 AS kind, v.amount
    FROM revision AS r JOIN ledger.transfer AS t ON t.id = r.operation
    CROSS JOIN LATERAL (VALUES (t.credit, t.amount), (t.debit, -t.amount)) AS v (account, amount)
), booked AS MATERIALIZED (
    SELECT wallet, month, -coalesce(sum(amount) FILTER (WHERE kind = 16), 0) AS gross,
           coalesce(sum(amount) FILTER (WHERE kind = 17), 0) AS deductions,
           coalesce(sum(amount) FILTER (WHERE kind = 18), 0) AS collective,
           coalesce(sum(amount) FILTER (WHERE kind = 19), 0) AS rounding,
           coalesce(sum(amount) FILTER (WHERE kind IN (1, 2, 5, 48)), 0) AS units
    FROM side GROUP BY wallet, month
)
SELECT lpad(wallet::text, 19, '0'),
       format('month %s of wallet %s is granted %s with deductions of %s, collective %s, rounding %s and %s units, and what was booked '
              'of it is %s, %s, %s, %s and %s', month, wallet, r.gross, r.deductions, r.collective, r.rounding, r.units,
              coalesce(b.gross, 0), coalesce(b.deductions, 0), coalesce(b.collective, 0), coalesce(b.rounding, 0), coalesce(b.units, 0))
FROM (SELECT * FROM revision WHERE place = revisions) AS r LEFT JOIN booked AS b USING (wallet, month)
WHERE (r.gross, r.deductions, r.collective, r.rounding, r.units)
   <> (coalesce(b.gross, 0), coalesce(b.deductions, 0), coalesce(b.collective, 0), coalesce(b.rounding, 0), coalesce(b.units, 0))
UNION ALL
SELECT lpad(wallet::text, 19, '0'),
       CASE WHEN revision <> place - 1 THEN format('month %s of wallet %s has revision %s in place %s', month, wallet, revision, place - 1)
            ELSE format('revision %s of month %s of wallet %s has a gross of %s, and its parts add up to %s', revision, month, wallet, gross,
                        deductions + collective + parts) END
FROM revision WHERE revision <> place - 1 OR gross <> deductions + collective + parts
UNION ALL
SELECT lpad(coalesce(r.wallet, o.wallet)::text, 19, '0'),
       CASE WHEN o.id IS NULL THEN format('revision %s of month %s of wallet %s names operation %s, which granted and corrected nothing',
                                          r.revision, r.month, r.wallet, r.id)
            WHEN r.id IS NULL THEN format('operation %s corrects a month of wallet %s, and no revision names it', o.id, o.wallet)
            WHEN r.named > 1 THEN format('operation %s is named by %s revisions', r.id, r.named)
            ELSE format('revision %s of month %s of wallet %s names operation %s of wallet %s and kind %s', r.revision, r.month, r.wallet,
                        r.id, o.wallet, o.kind) END
FROM (SELECT operation AS id, min(wallet) AS wallet, min(month) AS month, min(revision) AS revision, count(*) AS named
      FROM revision WHERE operation IS NOT NULL GROUP BY operation) AS r
FULL JOIN (SELECT id, wallet, kind FROM ledger.operation WHERE kind IN (12, 21) AND outcome = 3) AS o ON o.id = r.id
WHERE o.id IS NULL OR r.id IS NULL AND o.kind = 21 OR r.named > 1
   OR r.id IS NOT NULL AND (r.wallet <> o.wallet OR (r.revision = 0) <> (o.kind = 12))
