-- A header by itself: a UUIDv7, codes that mean something, a wallet that exists, a batch that was given out, and the
-- day on which it was booked. (One day of leeway: the organisation's clock is not UTC.)
SELECT o.id::text,
       CASE WHEN get_byte(uuid_send(o.id), 6) >> 4 <> 7 OR get_byte(uuid_send(o.id), 8) >> 6 <> 2
            THEN format('operation %s: the id is no UUIDv7', o.id)
            WHEN NOT (o.kind = ANY (?) AND o.outcome = ANY (?) AND o.authority = ANY (?))
            THEN format('operation %s: kind %s, outcome %s or authority %s is no code of ours', o.id, o.kind, o.outcome, o.authority)
            WHEN g.id IS NULL
            THEN format('operation %s: wallet %s belongs to an organisation that does not exist', o.id, o.wallet)
            WHEN w.id IS NULL AND o.wallet & 4294967295 <> 0
            THEN format('operation %s: wallet %s does not exist', o.id, o.wallet)
            WHEN w.id IS NULL AND o.outcome BETWEEN 1 AND 3
            THEN format('operation %s has outcome %s, and belongs to no client', o.id, o.outcome)
            WHEN o.batch < 1 OR o.batch > coalesce(pg_sequence_last_value('ledger.batch'), 0)
            THEN format('operation %s has batch %s, and the last one given out is %s', o.id, o.batch,
                        coalesce(pg_sequence_last_value('ledger.batch'), 0))
            WHEN abs(o.book_date - (o.booked_at AT TIME ZONE 'UTC')::date) > 1
            THEN format('operation %s has book date %s, and was booked at %s', o.id, o.book_date, o.booked_at)
            WHEN octet_length(o.request_hash) <> 32
            THEN format('operation %s has a request hash of %s bytes, not 32', o.id, octet_length(o.request_hash))
       END
FROM ledger.operation AS o
LEFT JOIN wallet AS w ON w.id = o.wallet
LEFT JOIN organisation AS g ON g.id = o.wallet >> 32
WHERE get_byte(uuid_send(o.id), 6) >> 4 <> 7 OR get_byte(uuid_send(o.id), 8) >> 6 <> 2
   OR NOT (o.kind = ANY (?) AND o.outcome = ANY (?) AND o.authority = ANY (?))
   OR g.id IS NULL OR w.id IS NULL AND (o.wallet & 4294967295 <> 0 OR o.outcome BETWEEN 1 AND 3)
   OR o.batch < 1 OR o.batch > coalesce(pg_sequence_last_value('ledger.batch'), 0)
   OR abs(o.book_date - (o.booked_at AT TIME ZONE 'UTC')::date) > 1
   OR octet_length(o.request_hash) <> 32
