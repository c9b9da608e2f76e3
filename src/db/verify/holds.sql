-- What is left of a hold is what its entries leave. (A card's hold has a row also where nothing was set aside.)
SELECT id::text,
       CASE WHEN kept.remaining IS NULL
            THEN format('hold %s has entries on account %s that leave %s, and no row', id, account, booked.remaining)
            WHEN booked.remaining IS NULL
            THEN format('hold %s has %s left on account %s, and no entry set it aside', id, kept.remaining, account)
            ELSE format('hold %s has %s left on account %s, and its entries leave %s', id, kept.remaining, account,
                        booked.remaining)
       END
FROM (SELECT hold AS id, account, sum(amount) AS remaining FROM ledger.hold_entry GROUP BY hold, account) AS booked
FULL JOIN (SELECT id, account, remaining, purpose FROM hold) AS kept USING (id, account)
WHERE kept.remaining IS DISTINCT FROM booked.remaining AND NOT (kept.purpose = 3 AND kept.remaining = 0 AND booked.remaining IS NULL)
   OR kept.remaining < 0
