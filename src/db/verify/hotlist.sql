-- What terminals are told of a card is what the card is: its last event says whether it pays.
SELECT c.id::text,
       format('card %s has status %s, and the last that terminals heard of it is event %s', c.id, c.status, last.event)
FROM card AS c JOIN (SELECT DISTINCT ON (card) card, event FROM card_event ORDER BY card, version DESC) AS last ON last.card = c.id
WHERE c.status <> CASE last.event WHEN 2 THEN 2 WHEN 4 THEN 3 ELSE 1 END
