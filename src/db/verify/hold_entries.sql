-- A hold is set aside by the operation whose id it has, and given back by others; both on the wallet of the hold.
SELECT e.id::text,
       CASE WHEN e.hold = e.id
            THEN format('entry %s of operation %s sets aside %s on account %s: a hold or a payout request sets aside more '
                        'than nothing', e.entry, e.id, e.amount, e.account)
            WHEN made.id IS NULL
            THEN format('entry %s of operation %s is of hold %s, which no operation made', e.entry, e.id, e.hold)
            WHEN made.wallet <> e.account >> 16
            THEN format('entry %s of operation %s is on account %s, and hold %s belongs to wallet %s', e.entry, e.id,
                        e.account, e.hold, made.wallet)
            ELSE format('entry %s of operation %s adds %s to hold %s: others than its maker only give back', e.entry, e.id,
                        e.amount, e.hold)
       END
FROM ledger.hold_entry AS e
LEFT JOIN (SELECT id, wallet, kind FROM ledger.operation WHERE kind IN (8, 15) AND outcome = 3) AS made ON made.id = e.hold
WHERE CASE WHEN e.hold = e.id THEN e.amount <= 0 OR made.id IS NULL
           ELSE e.amount >= 0 OR made.id IS NULL OR made.wallet <> e.account >> 16 END
