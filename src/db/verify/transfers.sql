-- What the table's CHECKs say, again and from the program's own matrix: neither a dropped constraint nor a replaced
-- function hides a row. The parameters are the pairs kind << 8 | unit and flow << 16 | debit << 8 | credit that may be.
SELECT id::text,
       format('leg %s of operation %s: %s', leg, id,
              CASE WHEN amount <= 0 THEN format('an amount of %s, not above 0', amount)
                   WHEN (debit >> 48) <> (credit >> 48) THEN format('from account %s to account %s of another organisation', debit, credit)
                   WHEN (debit >> 8) & 255 <> (credit >> 8) & 255 THEN format('from account %s to account %s in another unit', debit, credit)
                   WHEN (debit >> 16) & 4294967295 <> 0 AND (credit >> 16) & 4294967295 <> 0 AND debit >> 16 <> credit >> 16
                   THEN format('from account %s to account %s of another wallet', debit, credit)
                   WHEN NOT ((flow::bigint << 16) | ((debit & 255) << 8) | (credit & 255) = ANY (?))
                   THEN format('flow %s may not move money from account %s to account %s', flow, debit, credit)
                   ELSE format('account %s or account %s cannot be', debit, credit) END)
FROM ledger.transfer
WHERE amount <= 0
   OR (debit >> 48) <> (credit >> 48)
   OR (debit >> 8) & 255 <> (credit >> 8) & 255
   OR (debit >> 16) & 4294967295 <> 0 AND (credit >> 16) & 4294967295 <> 0 AND debit >> 16 <> credit >> 16
   OR NOT ((flow::bigint << 16) | ((debit & 255) << 8) | (credit & 255) = ANY (?))
   OR debit <= 0 OR debit >> 48 = 0 OR credit <= 0 OR credit >> 48 = 0
   OR NOT (((debit & 255) << 8) | ((debit >> 8) & 255) = ANY (?))
   OR NOT (((credit & 255) << 8) | ((credit >> 8) & 255) = ANY (?))
   OR (debit & 255 BETWEEN 1 AND 4) <> ((debit >> 16) & 4294967295 <> 0)
   OR (credit & 255 BETWEEN 1 AND 4) <> ((credit >> 16) & 4294967295 <> 0)
