-- A record that was judged and not booked, in whole or without a loss, was put to review: nothing is dropped. A review names
-- what the sale lost; one that own money settled has its settlement, and each settlement its review. So was each capture of a
-- card's hold that was declined though goods had come out, as often as the hold has pieces.
WITH loss AS MATERIALIZED (
    SELECT id, sum(amount) AS cents FROM ledger.transfer WHERE flow = 14 GROUP BY id
), left_out AS MATERIALIZED (
    SELECT DISTINCT id FROM ledger.line WHERE left_out <> 6
), review_of AS MATERIALIZED (
    SELECT terminal, sequence, bool_or(why = 1) AS of_loss, bool_or(why = 2) AS of_lines, bool_or(why BETWEEN 3 AND 9) AS of_decline
    FROM review GROUP BY terminal, sequence
), unpaid AS MATERIALIZED (
    SELECT c.id, c.reference, c.outcome, r.id AS review FROM ledger.operation AS c
    JOIN ledger.operation AS h ON h.id = c.reference AND h.kind = 8 AND h.outcome = 3 AND h.card IS NOT NULL
    LEFT JOIN review AS r ON r.operation = c.id AND r.why = 13
    WHERE c.kind = 9 AND c.outcome IN (23, 34, 61) AND c.terminal IS NOT NULL
), pieces AS MATERIALIZED (
    SELECT u.reference, sum(l.quantity) AS of_hold FROM (SELECT DISTINCT reference FROM unpaid) AS u
    JOIN ledger.line AS l ON l.id = u.reference GROUP BY u.reference
), told AS MATERIALIZED (
    SELECT reference, count(review) AS times FROM unpaid GROUP BY reference
)
SELECT f.terminal::text, format('record %s of terminal %s was judged%s, and nobody was told', f.sequence, f.terminal,
                                CASE WHEN f.outcome IS NULL THEN ' and not booked'
                                     ELSE format(' to operation %s with outcome %s', f.operation, f.outcome) END)
FROM forward AS f
LEFT JOIN review_of AS r ON r.terminal = f.terminal AND r.sequence = f.sequence
LEFT JOIN loss AS l ON l.id = f.operation
LEFT JOIN left_out AS o ON o.id = f.operation
WHERE f.judged_at IS NOT NULL
  AND NOT CASE WHEN f.outcome IS NULL OR f.outcome >= 20 THEN coalesce(r.of_decline, false)
               WHEN f.outcome NOT IN (1, 2) THEN true
               ELSE (l.id IS NULL OR coalesce(r.of_loss, false)) AND (o.id IS NULL OR coalesce(r.of_lines, false)) END
UNION ALL
SELECT r.id::text, format('review %s is of a loss of %s cents, and operation %s lost %s', r.id, r.loss_cents, r.operation,
                          coalesce(l.cents, 0))
FROM review AS r LEFT JOIN loss AS l ON l.id = r.operation
WHERE r.why = 1 AND r.loss_cents IS DISTINCT FROM l.cents
UNION ALL
SELECT r.id::text, format('review %s was settled with operation %s, which settles no loss of operation %s', r.id, r.settled_with, r.operation)
FROM review AS r LEFT JOIN ledger.operation AS o
  ON o.id = r.settled_with AND o.kind = 20 AND o.outcome = 3 AND o.reference = r.operation
WHERE r.settled_with IS NOT NULL AND o.id IS NULL
UNION ALL
SELECT o.id::text, format('operation %s settles operation %s, and no review says with whose consent', o.id, o.reference)
FROM ledger.operation AS o LEFT JOIN review AS r ON r.settled_with = o.id
WHERE o.kind = 20 AND o.outcome = 3 AND r.id IS NULL
UNION ALL
SELECT f.terminal::text, format('record %s of terminal %s was sold for attempt %s, which another client or terminal was sold, and nobody was told',
                                f.sequence, f.terminal, a.id)
FROM forward AS f
JOIN ledger.operation AS o ON o.id = f.operation
JOIN ledger.operation AS a ON a.id = o.reference AND a.kind = 1 AND a.outcome IN (1, 2)
LEFT JOIN review AS r ON r.terminal = f.terminal AND r.sequence = f.sequence AND r.why = 11
WHERE f.outcome IN (1, 2) AND (a.wallet <> o.wallet OR a.terminal IS DISTINCT FROM o.terminal) AND r.id IS NULL
UNION ALL
SELECT u.id::text, format('operation %s captured what came out for hold %s, and has outcome %s: nobody was told', u.id, u.reference, u.outcome)
FROM unpaid AS u JOIN told AS t ON t.reference = u.reference JOIN pieces AS p ON p.reference = u.reference
WHERE u.review IS NULL AND t.times < p.of_hold
UNION ALL
SELECT r.id::text, format('review %s is of a capture that was declined, and operation %s is none', r.id, r.operation)
FROM review AS r LEFT JOIN unpaid AS u ON u.id = r.operation
WHERE r.why = 13 AND u.id IS NULL
