-- Each line, transfer and hold entry has its header, and carries the header's book date and batch: what was closed by
-- date or by batch was closed whole.
SELECT r.id::text,
       CASE WHEN o.id IS NULL THEN format('line %s of operation %s: there is no such operation', r.line, r.id)
            WHEN o.book_date <> r.book_date
            THEN format('line %s of operation %s has book date %s, and the operation %s', r.line, r.id, r.book_date, o.book_date)
            ELSE format('line %s of operation %s has batch %s, and the operation %s', r.line, r.id, r.batch, o.batch) END
FROM ledger.line AS r LEFT JOIN ledger.operation AS o ON o.id = r.id
WHERE o.id IS NULL OR o.book_date <> r.book_date OR o.batch <> r.batch
UNION ALL
SELECT r.id::text,
       CASE WHEN o.id IS NULL THEN format('leg %s of operation %s: there is no such operation', r.leg, r.id)
            WHEN o.book_date <> r.book_date
            THEN format('leg %s of operation %s has book date %s, and the operation %s', r.leg, r.id, r.book_date, o.book_date)
            ELSE format('leg %s of operation %s has batch %s, and the operation %s', r.leg, r.id, r.batch, o.batch) END
FROM ledger.transfer AS r LEFT JOIN ledger.operation AS o ON o.id = r.id
WHERE o.id IS NULL OR o.book_date <> r.book_date OR o.batch <> r.batch
UNION ALL
SELECT r.id::text,
       CASE WHEN o.id IS NULL THEN format('entry %s of operation %s: there is no such operation', r.entry, r.id)
            WHEN o.book_date <> r.book_date
            THEN format('entry %s of operation %s has book date %s, and the operation %s', r.entry, r.id, r.book_date, o.book_date)
            ELSE format('entry %s of operation %s has batch %s, and the operation %s', r.entry, r.id, r.batch, o.batch) END
FROM ledger.hold_entry AS r LEFT JOIN ledger.operation AS o ON o.id = r.id
WHERE o.id IS NULL OR o.book_date <> r.book_date OR o.batch <> r.batch
