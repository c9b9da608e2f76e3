//! Journals, attempts, reviews and settlements.

use super::{Planted, row};

pub const FORWARDS: &[Planted] = &[
    row(
        "UPDATE forward SET previous = sha256('x'), hash = sha256(sha256('x') || int8send(5) || sale) WHERE sequence = 5",
        &["forwards"],
        "record 5 of terminal {terminal} follows another record",
    ),
    row(
        "DELETE FROM forward WHERE sequence = 1",
        &["forwards"],
        "before record 2 of terminal {terminal} 1 records are missing",
    ),
    row("UPDATE forward SET outcome = 2 WHERE sequence = 1", &["forwards"], "operation {forward} has outcome 1"),
    row(
        "UPDATE forward SET operation = '{nobody}' WHERE sequence = 2",
        &["forwards"],
        "{nobody}, which does not exist",
    ),
    row(
        "UPDATE forward SET operation = '{top_up}', outcome = 3 WHERE sequence = 2",
        &["forwards"],
        "{top_up}, which is no sale of this terminal",
    ),
    row(
        "UPDATE ledger.operation SET terminal = NULL WHERE id = '{forward_again}'",
        &["forwards"],
        "{forward_again}, which is no sale of this terminal",
    ),
    row("ALTER TABLE forward DROP CONSTRAINT forward_hash", &["constraints"], "forward_hash is missing"),
    row("UPDATE forward SET judged_at = now() WHERE sequence = 5", &["reviews"], "record 5 of terminal {terminal}"),
    row("DELETE FROM review WHERE why = 4", &["reviews"], "record 4 of terminal {terminal} was judged and not booked"),
    row(
        "DELETE FROM review WHERE operation = '{forward}'",
        &["reviews"],
        "record 1 of terminal {terminal} was judged to operation {forward}",
    ),
    row(
        "UPDATE ledger.operation SET outcome = 24, counter = NULL, card_generation = NULL WHERE id = '{forward_again}'; \
         UPDATE forward SET outcome = 24 WHERE operation = '{forward_again}'",
        &["reviews"],
        "outcome 24 (card_mac_wrong), and nobody was told",
    ),
    row("UPDATE review SET loss_cents = loss_cents + 1 WHERE operation = '{forward}'", &["reviews"], "is of a loss of"),
    row(
        "UPDATE review SET settled_with = '{settlement_again}' WHERE settled_with IS NOT NULL",
        &["reviews"],
        "operation {settlement} settles operation {forward_alone}, and no review says",
    ),
    row(
        "DELETE FROM review WHERE why = 13",
        &["reviews"],
        "operation {card_capture_late} captured what came out for hold {card_hold_open}, and has outcome 61 (hold_expired)",
    ),
    row("UPDATE review SET operation = '{save}' WHERE why = 13", &["reviews"], "{card_capture_late}"),
    row(
        "INSERT INTO review (organisation, terminal, why, operation, record) VALUES (1, '{terminal}', 13, '{card_capture}', '')",
        &["reviews"],
        "is of a capture that was declined, and operation {card_capture} is none",
    ),
];

pub const SETTLEMENTS: &[Planted] = &[
    row(
        "UPDATE ledger.operation SET reference = '{sale}' WHERE id = '{settlement}'",
        &["settlements", "reviews"],
        "operation {settlement} settles operation {sale}, which is no sale",
    ),
    row(
        "UPDATE ledger.transfer SET amount = 321 WHERE id = '{settlement}'; \
         UPDATE wallet SET credit_cents = credit_cents - 21 WHERE id = {w3}",
        &["settlements"],
        "operation {settlement} takes 321 cents over, and operation {forward_alone} lost 320",
    ),
    row(
        "DELETE FROM ledger.transfer WHERE id = '{settlement}'; \
         UPDATE wallet SET credit_cents = credit_cents + 300 WHERE id = {w3}",
        &["settlements"],
        "operation {settlement} settles with 0 legs",
    ),
    row(
        "UPDATE ledger.operation SET outcome = 3 WHERE id = '{settlement_again}'; \
         INSERT INTO ledger.transfer (id, leg, flow, why, debit, credit, amount, book_date, batch) \
         SELECT o.id, 0, t.flow, t.why, t.debit, t.credit, 20, o.book_date, o.batch \
         FROM ledger.transfer AS t, ledger.operation AS o WHERE t.id = '{settlement}' AND o.id = '{settlement_again}'; \
         UPDATE wallet SET credit_cents = credit_cents - 20 WHERE id = {w3}",
        &["settlements", "reviews"],
        "operation {forward_alone} was settled 2 times",
    ),
    row(
        "UPDATE ledger.transfer SET credit = {o1.receivable.EUR} WHERE id = '{settlement}'",
        &["bookings"],
        "leg 0 of operation {settlement}",
    ),
];

pub const ATTEMPTS: &[Planted] = &[
    row(
        "DELETE FROM ledger.operation WHERE id = '{void_of_attempt}'; DELETE FROM ledger.line WHERE id = '{void_of_attempt}'; \
         DELETE FROM ledger.transfer WHERE id = '{void_of_attempt}'",
        &["attempts"],
        "operation {forward_voided} was voided, and of line 0 of its attempt {attempt_sold}, 2 of 2 are charged still",
    ),
    row(
        "DELETE FROM ledger.operation WHERE id = '{void_of_attempt_undone}'; \
         DELETE FROM ledger.line WHERE id = '{void_of_attempt_undone}'; \
         DELETE FROM ledger.transfer WHERE id = '{void_of_attempt_undone}'",
        &["attempts"],
        "operation {voided_beforehand} was voided, and of line 0 of its attempt {attempt_undone}",
    ),
];
