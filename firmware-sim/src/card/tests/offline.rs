//! What the card approves by itself.

use super::*;

const LIMITS: OfflineLimits = OfflineLimits { tap_cents: 2500, total_cents: 5000, count: 3 };

fn with_limits(state: CardState) -> Card<Fleeting> {
    let mut card = card_with(CardState { limits: LIMITS, ..state });
    status_of(&mut card, select().as_bytes());
    card
}

fn offline(amount_cents: u64) -> Authorise {
    Authorise { is_online: false, amount_cents, ..asked() }
}

#[test]
fn a_card_that_was_given_no_limits_approves_nothing_offline() {
    let mut card = selected();
    for amount_cents in [0, 560] {
        let tap = authorise(&mut card, &offline(amount_cents));
        assert_eq!((tap.decision, tap.terminal_mac), (Decision::Declined, [0; 16]), "{amount_cents}");
    }
    assert_eq!((card.state().counter, card.state().offline_count), (2, 0), "a decline uses a counter up, no limit");
}

#[test]
fn each_limit_is_reached_and_not_passed() {
    for (name, total_cents, count, amount_cents, expected) in [
        ("the tap limit", 0, 0, 2500, Decision::ApprovedOffline),
        ("a cent above the tap limit", 0, 0, 2501, Decision::Declined),
        ("the total limit", 3000, 1, 2000, Decision::ApprovedOffline),
        ("a cent above the total limit", 3000, 1, 2001, Decision::Declined),
        ("the count limit", 0, 2, 1, Decision::ApprovedOffline),
        ("a tap above the count limit", 0, 3, 0, Decision::Declined),
        ("nothing, though the total is spent", 5000, 1, 0, Decision::ApprovedOffline),
        ("more than any limit can say", 0, 0, (1 << 32) + 1, Decision::Declined),
    ] {
        let state = CardState { offline_total_cents: total_cents, offline_count: count, ..CardState::new(1) };
        let mut card = with_limits(state);
        let tap = authorise(&mut card, &offline(amount_cents));
        assert_eq!(tap.decision, expected, "{name}");
        let added = u32::from(expected == Decision::ApprovedOffline);
        let total_cents = total_cents + added * u32::try_from(amount_cents).unwrap_or_default();
        let now = (total_cents, count + u8::try_from(added).unwrap());
        assert_eq!((tap.offline_total_cents, tap.offline_count), now, "{name}");
        assert_eq!((card.state().offline_total_cents, card.state().offline_count), now, "{name}");
    }
}

#[test]
fn limits_at_their_greatest_do_not_overflow() {
    let limits = OfflineLimits { tap_cents: u32::MAX, total_cents: u32::MAX, count: u8::MAX };
    for (offline_total_cents, offline_count) in [(u32::MAX, 0), (0, u8::MAX)] {
        let mut card = card_with(CardState { limits, offline_total_cents, offline_count, ..CardState::new(1) });
        status_of(&mut card, select().as_bytes());
        assert_eq!(authorise(&mut card, &offline(1)).decision, Decision::Declined);
    }
}

#[test]
fn a_hold_and_a_blocked_card_are_never_approved_offline() {
    let hold = Authorise { kind: TransactionKind::Hold, ..offline(1) };
    assert_eq!(authorise(&mut with_limits(CardState::new(1)), &hold).decision, Decision::Declined);
    let mut blocked = with_limits(CardState { is_blocked: true, ..CardState::new(1) });
    assert_eq!(authorise(&mut blocked, &offline(1)).decision, Decision::Declined);
}

#[test]
fn the_terminal_and_the_service_can_check_what_was_approved_offline() {
    let mut card = with_limits(CardState { script_number: 3, ..CardState::new(1) });
    let asked = offline(560);
    let tap = authorise(&mut card, &asked);
    let transaction = Transaction {
        card: ID,
        generation: 1,
        counter: 1,
        terminal: asked.terminal,
        location: asked.location,
        terminal_sequence: asked.terminal_sequence,
        terminal_nonce: asked.terminal_nonce,
        kind: asked.kind,
        decision: Decision::ApprovedOffline,
        holder_verification: HolderVerification::None,
        currency: EURO,
        amount_cents: 560,
        time_ms: asked.time_ms,
        basket_digest: asked.basket_digest,
        offline_total_cents: 560,
        offline_count: 1,
        script_number: 3,
    };
    let keys = master().card_keys(&ID, 1);
    let key = keys.offline_verify.terminal_key(&asked.terminal, &asked.location);
    assert!(transaction.is_signed_for_terminal(&key, &tap.terminal_mac));
    assert!(transaction.is_signed(&keys.transaction, &tap.mac));
    let elsewhere = keys.offline_verify.terminal_key(&[9; 16], &asked.location);
    assert!(!transaction.is_signed_for_terminal(&elsewhere, &tap.terminal_mac));
}

#[test]
fn a_script_gives_limits_and_a_reset_makes_them_free_again() {
    let mut card = selected();
    assert_eq!(authorise(&mut card, &offline(100)).decision, Decision::Declined);
    let limits = script(1, Change::Limits { tap_cents: 100, total_cents: 100, count: 1 });
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Declined, 0), limits), Status::OK);
    assert_eq!(authorise(&mut card, &offline(100)).decision, Decision::ApprovedOffline);
    let full = authorise(&mut card, &offline(0));
    assert_eq!((full.decision, full.script_number), (Decision::Declined, 1));
    assert_eq!(
        completes(&mut card, answered(3, CardOutcome::Declined, 0), script(2, Change::ResetOffline)),
        Status::OK
    );
    let tap = authorise(&mut card, &offline(100));
    assert_eq!((tap.decision, tap.offline_total_cents, tap.script_number), (Decision::ApprovedOffline, 100, 2));
}
