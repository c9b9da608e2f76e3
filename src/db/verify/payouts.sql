-- A payout was asked by an operation that holds its amount; two people, neither of them who asked, approve it; then it
-- is owed, and paid once. Nothing else moves own money out.
WITH step AS MATERIALIZED (
    SELECT o.reference AS id, o.wallet, count(*) FILTER (WHERE o.kind = 16) AS approvals,
           count(*) FILTER (WHERE o.kind = 17) AS payments, count(*) FILTER (WHERE o.kind = 18) AS withdrawals,
           coalesce(sum(t.cents) FILTER (WHERE o.kind = 16), 0) AS owed, coalesce(sum(t.cents) FILTER (WHERE o.kind = 17), 0) AS paid
    FROM ledger.operation AS o
    LEFT JOIN (SELECT id, sum(amount) AS cents FROM ledger.transfer WHERE flow = 10 GROUP BY id) AS t ON t.id = o.id
    WHERE o.kind IN (16, 17, 18) AND o.outcome = 3 GROUP BY o.reference, o.wallet
), approval AS MATERIALIZED (
    SELECT a.payout AS id, count(DISTINCT a.staff) AS people, bool_or(a.staff = p.requested_by) AS by_asker
    FROM payout_approval AS a JOIN payout AS p ON p.id = a.payout GROUP BY a.payout
), asked AS MATERIALIZED (
    SELECT o.id, o.wallet, o.staff, sum(e.amount) AS cents
    FROM ledger.operation AS o LEFT JOIN ledger.hold_entry AS e ON e.id = o.id AND e.hold = o.id
    WHERE o.kind = 15 AND o.outcome = 3 GROUP BY o.id, o.wallet, o.staff
)
SELECT coalesce(p.id, asked.id)::text,
       CASE WHEN asked.id IS NULL THEN format('payout %s of wallet %s was asked by no operation', p.id, p.wallet)
            WHEN p.id IS NULL THEN format('operation %s of wallet %s asked for a payout that is not there', asked.id, asked.wallet)
            ELSE format('payout %s is %s cents of wallet %s, and operation %s asked for %s cents of wallet %s by the staff member %s',
                        p.id, p.amount_cents, p.wallet, asked.id, coalesce(asked.cents, 0), asked.wallet, coalesce(asked.staff, p.requested_by)) END
FROM payout AS p FULL JOIN asked ON asked.id = p.id
WHERE asked.id IS NULL OR p.id IS NULL OR asked.wallet <> p.wallet OR asked.cents IS DISTINCT FROM p.amount_cents
   OR asked.staff <> p.requested_by
UNION ALL
SELECT coalesce(p.id::text, step.id::text, ''),
       CASE WHEN p.id IS NULL
            THEN format('wallet %s has steps of payout %s, which is no payout of that wallet', step.wallet, coalesce(step.id::text, '(none)'))
            WHEN approval.by_asker THEN format('payout %s was approved by who asked for it', p.id)
            WHEN coalesce(approval.people, 0) <> coalesce(step.approvals, 0)
            THEN format('payout %s has %s approvers and %s operations that approved it', p.id, coalesce(approval.people, 0), coalesce(step.approvals, 0))
            WHEN coalesce(step.owed, 0) <> CASE WHEN p.status IN (2, 3) THEN p.amount_cents ELSE 0 END
            THEN format('payout %s of %s cents with status %s made %s cents payable', p.id, p.amount_cents, p.status, coalesce(step.owed, 0))
            WHEN coalesce(step.paid, 0) <> CASE WHEN p.status = 3 THEN p.amount_cents ELSE 0 END
            THEN format('payout %s of %s cents with status %s was paid %s cents', p.id, p.amount_cents, p.status, coalesce(step.paid, 0))
            ELSE format('payout %s has status %s, %s approvers, %s payments and %s withdrawals', p.id, p.status, coalesce(approval.people, 0),
                        coalesce(step.payments, 0), coalesce(step.withdrawals, 0)) END
FROM payout AS p
FULL JOIN step ON step.id = p.id AND step.wallet = p.wallet
LEFT JOIN approval ON approval.id = p.id
WHERE p.id IS NULL OR approval.by_asker
   OR coalesce(approval.people, 0) <> coalesce(step.approvals, 0)
   OR coalesce(step.owed, 0) <> CASE WHEN p.status IN (2, 3) THEN p.amount_cents ELSE 0 END
   OR coalesce(step.paid, 0) <> CASE WHEN p.status = 3 THEN p.amount_cents ELSE 0 END
   OR NOT CASE WHEN p.status IN (2, 3) THEN coalesce(approval.people, 0) = 2 ELSE coalesce(approval.people, 0) < 2 END
   OR coalesce(step.payments, 0) <> CASE WHEN p.status = 3 THEN 1 ELSE 0 END
   OR coalesce(step.withdrawals, 0) <> CASE WHEN p.status = 4 THEN 1 ELSE 0 END
UNION ALL
SELECT a.payout::text,
       format('payout %s: its approval by %s names operation %s, which is no approval of it by that person', a.payout, a.staff, a.operation)
FROM payout_approval AS a
LEFT JOIN ledger.operation AS o ON o.id = a.operation AND o.kind = 16 AND o.outcome = 3 AND o.reference = a.payout
WHERE o.id IS NULL OR o.staff <> a.staff
UNION ALL
SELECT p.id::text, format('payout %s of %s cents has status %s, and %s cents of it are held', p.id, p.amount_cents, p.status, coalesce(h.held, 0))
FROM payout AS p LEFT JOIN (SELECT id, sum(remaining) AS held FROM hold GROUP BY id) AS h ON h.id = p.id
WHERE coalesce(h.held, 0) <> CASE WHEN p.status = 1 THEN p.amount_cents ELSE 0 END
