-- A card remembers its highest counter and exactly which of the 256 up to it are used: bit i of its window, the lowest
-- bit of a byte first, is counter `last - i`.
SELECT c.id::text,
       CASE WHEN c.last_counter <> coalesce(used.highest, 0)
            THEN format('card %s remembers counter %s, and the highest used is %s', c.id, c.last_counter, coalesce(used.highest, 0))
            WHEN used.forgotten IS NOT NULL
            THEN format('card %s has forgotten that counter %s was used', c.id, used.forgotten)
            ELSE format('card %s remembers %s used counters in its window, and %s were', c.id, bit_count(c.counter_window),
                        coalesce(used.counters, 0)) END
FROM card AS c
LEFT JOIN (SELECT c.id, max(o.counter) AS highest,
                  count(DISTINCT o.counter) FILTER (WHERE o.counter > c.last_counter - 256) AS counters,
                  min(o.counter) FILTER (WHERE CASE WHEN c.last_counter - o.counter BETWEEN 0 AND 255
                                                    THEN get_bit(c.counter_window, c.last_counter - o.counter) = 0 END) AS forgotten
           FROM ledger.operation AS o JOIN card AS c ON c.id = o.card
           WHERE o.counter IS NOT NULL GROUP BY c.id) AS used ON used.id = c.id
WHERE c.last_counter <> coalesce(used.highest, 0) OR used.forgotten IS NOT NULL
   OR bit_count(c.counter_window) <> coalesce(used.counters, 0)
