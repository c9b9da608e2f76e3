-- What a card is told is numbered from 1 in the order in which it was queued. What waits is the last word on its subject, a
-- block before the rest, and lies above all that came. What goes out no more was said again by a later one. A card is told
-- to sign with generations that were activated and whose keys it has.
WITH script AS MATERIALIZED (
    SELECT card, number, version, change, get_byte(parameters, 0) AS generation, confirmed_at IS NOT NULL AS came, replaced_by,
           confirmed_at IS NULL AND replaced_by IS NULL AS waits,
           CASE change WHEN 4 THEN 3 ELSE change END AS subject,
           CASE change WHEN 3 THEN 0 WHEN 4 THEN 0 WHEN 2 THEN 1 ELSE 2 END AS rank
    FROM card_script
), queued AS (
    SELECT card, number, lag(number, 1, 0) OVER (PARTITION BY card ORDER BY version) AS before FROM script
), waiting AS (
    SELECT card, number, subject, rank, lag(number) OVER (PARTITION BY card, subject ORDER BY number) AS same,
           max(rank) OVER (PARTITION BY card ORDER BY number) AS highest
    FROM script WHERE waits
), came AS (
    SELECT card, max(number) AS number FROM script WHERE came GROUP BY card
)
SELECT card::text, format('script %s of card %s was queued after script %s', number, card, before)
FROM queued WHERE number <> before + 1
UNION ALL
SELECT card::text, CASE WHEN same IS NOT NULL THEN format('scripts %s and %s wait for card %s, and are about the same', same, number, card)
                        ELSE format('script %s waits for card %s behind others that it goes before', number, card) END
FROM waiting WHERE same IS NOT NULL OR rank < highest
UNION ALL
SELECT w.card::text, format('script %s waits for card %s, and script %s came', w.number, w.card, c.number)
FROM waiting AS w JOIN came AS c ON c.card = w.card WHERE w.number < c.number
UNION ALL
SELECT s.card::text, format('script %s of card %s was replaced by script %s, which says something else', s.number, s.card, s.replaced_by)
FROM script AS s LEFT JOIN script AS n ON n.card = s.card AND n.number = s.replaced_by
WHERE s.replaced_by IS NOT NULL AND n.subject IS DISTINCT FROM s.subject
UNION ALL
SELECT s.card::text, format('script %s tells card %s to sign with generation %s, %s', s.number, s.card, s.generation,
                            CASE WHEN g.generation IS NULL THEN 'which was never activated' ELSE 'whose keys it does not have' END)
FROM script AS s
LEFT JOIN key_generation AS g ON g.generation = s.generation
JOIN card AS c ON c.id = s.card
WHERE s.change = 5 AND (g.generation IS NULL OR s.generation > c.generations_to)
