-- An id that was taken before its sale came has no request, no lines, and names the void or the forward that took it,
-- which names it in turn. Everything else has the hash of its request.
SELECT o.id::text,
       CASE WHEN o.request_hash IS NULL AND NOT (o.kind = 1 AND o.outcome IN (10, 11))
            THEN format('operation %s of kind %s with outcome %s has no request hash', o.id, o.kind, o.outcome)
            WHEN o.request_hash IS NOT NULL
            THEN format('operation %s with outcome %s has a request hash: only an id whose request never came ends so', o.id, o.outcome)
            WHEN EXISTS (SELECT FROM ledger.line AS l WHERE l.id = o.id)
            THEN format('operation %s with outcome %s has lines', o.id, o.outcome)
            ELSE format('operation %s with outcome %s: no operation of wallet %s has taken its id', o.id, o.outcome, o.wallet)
       END
FROM ledger.operation AS o
LEFT JOIN ledger.operation AS cause
       ON cause.id = o.reference AND cause.reference = o.id AND cause.wallet = o.wallet
      AND CASE o.outcome WHEN 10 THEN cause.kind = 3 AND cause.outcome = 5
                         WHEN 11 THEN cause.kind = 1 AND cause.outcome IN (1, 2) END
WHERE (o.request_hash IS NULL OR o.kind = 1 AND o.outcome IN (10, 11))
  AND (o.request_hash IS NOT NULL OR o.kind <> 1 OR o.outcome NOT IN (10, 11) OR cause.id IS NULL
       OR EXISTS (SELECT FROM ledger.line AS l WHERE l.id = o.id))
