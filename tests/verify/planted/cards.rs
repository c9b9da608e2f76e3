//! Cards: counters, holds, scripts.

use super::{Planted, row};

pub const CARDS: &[Planted] = &[
    row(
        "UPDATE ledger.operation SET card = '{nobody}' WHERE id = '{save}'",
        &["cards"],
        "{save} was paid with card {nobody}",
    ),
    row("UPDATE ledger.operation SET card = '{card4}' WHERE id = '{save}'", &["cards"], "card {card4} of wallet {w4}"),
    // the early taps of card 1 have left its window
    row("UPDATE ledger.operation SET counter = NULL, card_generation = NULL WHERE id = '{sale}'", &["cards"], "{sale}"),
    row("UPDATE ledger.operation SET outcome = 21 WHERE id = '{unknown_service}'", &["cards"], "{unknown_service}"),
    row(
        "UPDATE ledger.operation SET counter = 1 WHERE id = '{unknown_service}'",
        &["counters"],
        "counter 1 of card {card1}",
    ),
    row(
        "INSERT INTO card_event (card, organisation, event) VALUES ('{card1}', 1, 2)",
        &["hotlist"],
        "card {card1} has status 1",
    ),
    row("UPDATE card SET last_counter = last_counter + 1 WHERE id = '{card1}'", &["counter_windows"], "card {card1}"),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 255, 1) WHERE id = '{card1}'",
        &["counter_windows"],
        "card {card1}",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 1, 0) WHERE id = '{card1}'",
        &["counter_windows"],
        "card {card1} has forgotten that counter 502",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(set_bit(counter_window, 1, 0), 9, 1) WHERE id = '{card1}'",
        &["counter_windows"],
        "502",
    ),
    row(
        "UPDATE card SET counter_window = set_bit(counter_window, 0, 1) WHERE id = '{card5}'",
        &["counter_windows"],
        "card {card5}",
    ),
    row(
        "UPDATE ledger.operation SET counter = 600 WHERE id = '{unknown_service}'",
        &["counter_windows"],
        "card {card1} remembers counter",
    ),
];

pub const CARD_HOLDS: &[Planted] = &[
    row(
        "UPDATE hold SET expires_at = expires_at + interval '4 hours' WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open}",
    ),
    row("UPDATE hold SET expires_at = '2020-01-01' WHERE id = '{card_hold_open}'", &["card_holds"], "{card_hold_open}"),
    row(
        "UPDATE hold SET purpose = 1 WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open} set aside for a card",
    ),
    row(
        "UPDATE hold SET purpose = 3, expires_at = now() WHERE id = '{hold4}'",
        &["card_holds"],
        "{hold4} is kept as a card's",
    ),
    row(
        "INSERT INTO hold (id, account, remaining, purpose, expires_at) VALUES ('{nobody}', {w4.budget.EUR}, 0, 3, now())",
        &["card_holds"],
        "{nobody}",
    ),
    // more lines than were set aside for, or fewer
    row(
        "UPDATE ledger.line SET price_cents = price_cents * 2, units = units * 2 WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open} set aside",
    ),
    row("DELETE FROM ledger.line WHERE id = '{card_hold_open}'", &["card_holds"], "{card_hold_open} set aside"),
    row("UPDATE ledger.line SET left_out = 5 WHERE id = '{card_hold_open}'", &["card_holds"], "1 left out"),
    row(
        "UPDATE ledger.operation SET location = NULL WHERE id = '{card_hold_open}'",
        &["card_holds"],
        "{card_hold_open}",
    ),
    row("UPDATE ledger.line SET units = units - 1 WHERE id = '{card_hold_open}'", &["prices"], "{card_hold_open}"),
    row(
        "UPDATE ledger.line SET line = 5 WHERE id = '{card_hold}' AND line = 1",
        &["numbering", "card_holds"],
        "{card_hold} has 2 lines",
    ),
    // a card's counter
    row(
        "UPDATE ledger.operation SET counter = NULL, card_generation = NULL WHERE id = '{card_hold_open}'",
        &["cards", "counter_windows"],
        "{card_hold_open} with outcome 3 (booked) used up no counter",
    ),
    row(
        "UPDATE ledger.operation SET counter = 9 WHERE id = '{card_capture}'",
        &["cards", "counter_windows"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.operation SET card = '{card1}' WHERE id = '{card_capture}'",
        &["card_holds", "cards"],
        "{card_capture}",
    ),
    // captures
    row(
        "UPDATE ledger.operation SET location = gen_random_uuid() WHERE id = '{card_capture}'",
        &["card_holds"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.line SET quantity = 2 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "{card_capture} captures 2",
    ),
    row(
        "UPDATE ledger.line SET service = gen_random_uuid() WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "another service",
    ),
    row(
        "UPDATE ledger.line SET vat_basis_points = 1 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "another service",
    ),
    row(
        "UPDATE ledger.line SET hold = NULL WHERE id = '{card_capture}' AND line = 0",
        &["card_holds"],
        "{card_capture}",
    ),
    row(
        "UPDATE ledger.line SET line = 7 WHERE id = '{card_capture}' AND line = 1; \
         UPDATE ledger.transfer SET line = 7 WHERE id = '{card_capture}' AND line = 1",
        &["card_holds"],
        "it has no such line",
    ),
    row(
        "UPDATE ledger.line SET quantity = 4, price_cents = price_cents * 4, units = units * 4 WHERE id = '{card_capture}' AND line = 0",
        &["card_holds", "lines"],
        "4 were captured, and 3 set aside",
    ),
    row(
        "UPDATE ledger.operation SET reference = '{hold4}' WHERE id = '{card_capture}'",
        &["card_holds"],
        "no card made that hold",
    ),
    // given back twice
    row(
        "UPDATE ledger.operation SET reference = '{card_hold}' WHERE id = '{release}'",
        &["card_holds"],
        "{card_hold} of a card was given back by 2",
    ),
    // lines that the office's hold does not have
    row(
        "INSERT INTO ledger.line SELECT '{hold4}', line, service, quantity, kind, price_cents, units, vat_basis_points, planned, from_savings, \
         left_out, hold, book_date, (SELECT batch FROM ledger.operation WHERE id = '{hold4}') FROM ledger.line WHERE id = '{card_hold_open}'",
        &["bookings"],
        "operation kind 8 (hold) has no lines",
    ),
];

pub const CARD_SCRIPTS: &[Planted] = &[
    row(
        "DELETE FROM card_script WHERE card = '{card1}' AND number = 2",
        &["card_scripts"],
        "script 3 of card {card1} was queued after script 1",
    ),
    row("UPDATE card_script SET number = 9 WHERE card = '{card1}' AND number = 8", &["card_scripts"], "card {card1}"),
    row(
        "INSERT INTO card_script (card, number, change, parameters) VALUES ('{card2}', 2, 4, decode(repeat('00', 16), 'hex'))",
        &["card_scripts"],
        "scripts 1 and 2 wait for card {card2}, and are about the same",
    ),
    row(
        "INSERT INTO card_script (card, number, change, parameters) \
         SELECT '{card3}', change / 2 + 1, change, decode(repeat('00', 16), 'hex') FROM (VALUES (1), (3)) AS c (change)",
        &["card_scripts"],
        "script 2 waits for card {card3} behind others",
    ),
    row(
        "UPDATE card_script SET confirmed_at = NULL WHERE card = '{card1}' AND number = 2",
        &["card_scripts"],
        "script 2 waits for card {card1}, and script 3 came",
    ),
    row(
        "UPDATE card_script SET replaced_by = 7 WHERE card = '{card1}' AND number = 5",
        &["card_scripts"],
        "script 5 of card {card1} was replaced by script 7",
    ),
    row(
        "UPDATE card_script SET parameters = set_byte(parameters, 0, 9) WHERE card = '{card1}' AND change = 5",
        &["card_scripts"],
        "tells card {card1} to sign with generation 9, which was never activated",
    ),
    row("UPDATE card SET generations_to = 1 WHERE id = '{card1}'", &["card_scripts"], "whose keys it does not have"),
];
