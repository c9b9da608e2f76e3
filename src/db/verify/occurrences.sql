-- An occurrence of a plan is delivered once: each line that was sold or captured for one, and not voided, has the day's bit, no day
-- two, and each day that is done of what costs something was sold or captured (and may have been voided after its month). (An occurrence's id is its line's with the days since
-- 2000-01-01 in the last two bytes.)
WITH voided AS MATERIALIZED (
    SELECT reference AS id FROM ledger.operation WHERE kind = 3 AND outcome = 3
), sold AS MATERIALIZED (
    SELECT encode(set_byte(set_byte(uuid_send(l.hold), 14, 0), 15, 0), 'hex')::uuid AS line,
           date '2000-01-01' + (get_byte(uuid_send(l.hold), 14) * 256 + get_byte(uuid_send(l.hold), 15)) AS day, l.id, v.id IS NOT NULL AS is_voided
    FROM ledger.line AS l JOIN ledger.operation AS o ON o.id = l.id LEFT JOIN voided AS v ON v.id = l.id
    WHERE l.hold IS NOT NULL AND l.left_out IS NULL AND l.planned AND o.kind IN (1, 22) AND o.outcome IN (1, 2)
), delivered AS MATERIALIZED (
    SELECT s.line, s.day, count(*) FILTER (WHERE NOT s.is_voided) AS times, min(s.id::text) FILTER (WHERE NOT s.is_voided) AS first
    FROM sold AS s JOIN plan_line AS p ON p.id = s.line GROUP BY s.line, s.day
), done AS MATERIALIZED (
    SELECT p.line, p.month + place AS day, l.price_cents FROM plan_month AS p JOIN plan_line AS l ON l.id = p.line
    CROSS JOIN generate_series(0, 30) AS place WHERE p.done & (1 << place) <> 0
)
SELECT line::text,
       CASE WHEN d.times > 1 THEN format('%s of plan line %s was delivered %s times, first by operation %s', day, line, d.times, d.first)
            WHEN b.line IS NULL THEN format('%s of plan line %s was delivered by operation %s, and is not done', day, line, d.first)
            ELSE format('%s of plan line %s is done, and nothing was sold or captured for it', day, line) END
FROM delivered AS d FULL JOIN done AS b USING (line, day)
WHERE d.times > 1 OR b.line IS NULL AND d.times > 0 OR d.line IS NULL AND b.price_cents > 0
