-- A card's operation is of the card's wallet; its counter is used up by every sale and hold decided after the MAC was
-- verified, and by nothing before.
SELECT o.id::text,
       CASE WHEN c.id IS NULL THEN format('operation %s was paid with card %s, which does not exist', o.id, o.card)
            WHEN c.wallet <> o.wallet
            THEN format('operation %s of wallet %s was paid with card %s of wallet %s', o.id, o.wallet, o.card, c.wallet)
            WHEN o.counter IS NULL THEN format('operation %s with outcome %s used up no counter of card %s', o.id, o.outcome, o.card)
            ELSE format('operation %s of kind %s with outcome %s used up counter %s of card %s', o.id, o.kind, o.outcome, o.counter, o.card)
       END
FROM ledger.operation AS o LEFT JOIN card AS c ON c.id = o.card
WHERE (o.card IS NOT NULL OR o.counter IS NOT NULL OR o.kind IN (1, 8) AND o.authority IN (1, 2) AND o.outcome NOT IN (10, 11, 20))
  AND (o.outcome <> 20 AND (c.id IS NULL OR c.wallet <> o.wallet)
       OR (o.counter IS NOT NULL)
          <> (o.kind = 1 AND o.authority IN (1, 2) AND (o.outcome IN (1, 2, 4, 27) OR o.outcome BETWEEN 30 AND 35)
              OR o.kind = 8 AND o.authority = 1 AND (o.outcome IN (3, 27) OR o.outcome BETWEEN 30 AND 35)))
