-- A card's counter is used once.
SELECT min(id::text), format('counter %s of card %s was used by %s operations, first by operation %s', counter, card, count(*), min(id::text))
FROM ledger.operation WHERE counter IS NOT NULL GROUP BY card, counter HAVING count(*) > 1
