-- An operation moves money of its own wallet and of its own organisation, and sets aside on its own wallet.
SELECT t.id::text, format('leg %s of operation %s, of wallet %s, moves money from account %s to account %s', t.leg, t.id,
                          o.wallet, t.debit, t.credit)
FROM ledger.transfer AS t JOIN ledger.operation AS o ON o.id = t.id
WHERE t.debit >> 48 <> o.wallet >> 32 OR t.credit >> 48 <> o.wallet >> 32
   OR (t.debit >> 16) & 4294967295 <> 0 AND t.debit >> 16 <> o.wallet
   OR (t.credit >> 16) & 4294967295 <> 0 AND t.credit >> 16 <> o.wallet
UNION ALL
SELECT e.id::text, format('entry %s of operation %s, of wallet %s, is on account %s', e.entry, e.id, o.wallet, e.account)
FROM ledger.hold_entry AS e JOIN ledger.operation AS o ON o.id = e.id
WHERE e.account >> 16 <> o.wallet
