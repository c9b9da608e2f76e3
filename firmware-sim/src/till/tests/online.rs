//! While the service answers, and while it is being found out that it does not.

use super::*;

#[test]
fn a_sale_is_answered_by_the_service_and_the_card_is_told() {
    let mut world = World::new();
    let ended = world.sell_by_card(5, &[line(1, 2)]);
    let Ended::Answered { answered, card, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((answered.outcome, card, answered.nonsense), (Outcome::Approved, CardTold::Told, None));
    assert_eq!(world.till.state().undoing, 0);
    assert_eq!(world.till.journal().extent().last, 0);
}

#[test]
fn a_script_reaches_the_card_with_the_answer() {
    let mut world = World::new();
    let mut card = card(5);
    let key = ScriptKey::new(Secret::new([0x0b; 32]));
    let script = Script::sign(&key, &[5; 16], 1, 4, Change::Block);
    *world.book.script.lock().unwrap() = Some(hex::encode(&script.encode()));
    let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut card);
    assert!(
        matches!(ended, Ended::Answered { card: CardTold::ToldWithScript(Script { number: 4, .. }), .. }),
        "{ended:?}"
    );
    assert!(card.state().is_blocked);
    // the card now declines by itself; the script that unblocks it is asked for
    let script = Script::sign(&key, &[5; 16], 1, 5, Change::Unblock);
    *world.book.script.lock().unwrap() = Some(hex::encode(&script.encode()));
    let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut card);
    let Ended::Refused { refusal, card: told, undoes } = ended else { panic!("{ended:?}") };
    assert_eq!((refusal, told, undoes), (Refusal::CardBlocked, CardTold::ToldWithScript(script), None));
    assert!(!card.state().is_blocked);
}

#[test]
fn a_sale_whose_answer_was_lost_is_asked_for_and_not_made_twice() {
    let mut world = World::new();
    let mut card = card(5);
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card, None, world.now_ms);
    let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
    world.network = Network::AnswerLost;
    world.carry(&request);
    assert!(matches!(world.till.step(world.now_ms), Next::Asking { .. }));
    world.network = Network::Up;
    let ended = world.go_on(&mut card, None);
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");
    assert_eq!(world.posts("/api/v1/sales"), 1);
}

#[test]
fn without_an_answer_in_time_a_new_tap_is_forwarded_in_place_of_the_attempt() {
    for network in [Network::Silent, Network::AnswerLost] {
        let mut world = World::cut_off(network);
        let mut card = card(5);
        let before_ms = world.now_ms;
        let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut card);
        let Ended::Offline { id, instead_of: Some(attempt), sequence: 1, .. } = ended else { panic!("{ended:?}") };
        assert!(world.now_ms - before_ms <= 21_000, "{}", world.now_ms - before_ms);
        // two taps: the one that was signed for the service is not what is forwarded
        assert_eq!(card.state().counter, 2);
        assert_eq!(world.till.state().undoing, 0);
        world.network = Network::Up;
        world.rest(120_000);
        assert_eq!(world.till.state().waiting, 0);
        let booked = world.book.forwarded(id);
        assert_eq!(booked.is_some(), network == Network::Silent);
        // a late copy of the attempt books nothing
        assert!(world.book.answers.lock().unwrap().contains_key(&attempt) == booked.is_none());
    }
}

#[test]
fn a_service_that_refuses_the_connection_is_away_at_once_and_nothing_is_named() {
    let mut world = World::cut_off(Network::Refused);
    let before_ms = world.now_ms;
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { instead_of: None, .. }), "{ended:?}");
    assert!(world.now_ms - before_ms < 100);
    assert_eq!(world.till.state().undoing, 0);
}

#[test]
fn while_the_service_is_known_to_be_away_a_sale_does_not_wait_for_it() {
    let mut world = World::cut_off_and_known();
    let sent = world.sent.len();
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
    assert_eq!(world.sent.len(), sent);
}

#[test]
fn a_sale_that_staff_cancel_while_its_end_is_unknown_is_undone() {
    for network in [Network::Silent, Network::AnswerLost] {
        let mut world = World::new();
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut card(5), None, world.now_ms);
        let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
        world.network = network;
        world.carry(&request);
        world.till.cancel(world.now_ms);
        let ended = world.till.step(world.now_ms);
        let Next::Ended(Ended::Cancelled { undoes: Some(sale) }) = ended else { panic!("{ended:?}") };
        // the program ends before the service is there again
        world.restart();
        assert_eq!(world.till.state().undoing, 1);
        world.network = Network::Up;
        world.rest(60_000);
        assert!(world.book.closed.lock().unwrap().contains(&sale));
        assert_eq!(world.till.take_recovered(), [Recovered::Undone { sale }]);
        assert_eq!(world.till.state().undoing, 0);
    }
}

#[test]
fn a_program_that_dies_while_it_asks_finds_out_afterwards() {
    for network in [Network::Silent, Network::AnswerLost] {
        let mut world = World::new();
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut card(5), None, world.now_ms);
        let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
        world.network = network;
        world.carry(&request);
        world.disk.power_lost(3);
        world.till = open(&world.disk, &world.store, world.now_ms);
        world.network = Network::Up;
        world.rest(60_000);
        let sale = request.post.unwrap().1;
        let client = request::Client::Card(Uuid::from_bytes([5; 16]));
        let (expected, is_closed) = match network {
            // staff are told, and know whether it was handed over
            Network::AnswerLost => (Recovered::Approved { sale, client }, false),
            _ => (Recovered::Undone { sale }, true),
        };
        assert_eq!(world.till.take_recovered(), [expected]);
        assert_eq!(world.book.closed.lock().unwrap().contains(&sale), is_closed);
    }
}

#[test]
fn what_was_not_there_to_be_asked_for_is_asked_for_again_before_it_is_voided() {
    // the terminal was moved, and is moved back: the sale is not known at the one place, and approved at the other
    for is_killed in [true, false] {
        let mut world = World::new();
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut card(5), None, world.now_ms);
        let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
        world.network = Network::AnswerLost;
        world.carry(&request);
        world.restart();
        let (sale, path) = (request.post.unwrap().1, "/api/v1/sales/");
        world.network = Network::Up;
        let answer = world.book.answers.lock().unwrap().remove(&sale).unwrap();
        let void = loop {
            match world.till.step(world.now_ms) {
                Next::Send(request) if request.path.starts_with(path) && request.post.is_some() => break request,
                Next::Send(request) => world.carry(&request),
                other => panic!("{other:?}"),
            }
        };
        world.book.answers.lock().unwrap().insert(sale, answer);
        if is_killed {
            world.restart();
        } else {
            world.network = Network::Refused;
            world.carry(&void);
            world.network = Network::Up;
        }
        world.rest(600_000);
        let client = request::Client::Card(Uuid::from_bytes([5; 16]));
        assert_eq!(world.till.take_recovered(), [Recovered::Approved { sale, client }], "{is_killed}");
        assert!(!world.book.closed.lock().unwrap().contains(&sale));
    }
}

#[test]
fn a_torn_tap_goes_on_with_what_the_card_signed() {
    for (left, after) in [(0, false), (1, false), (1, true)] {
        let mut world = World::new();
        let mut card = card(5);
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut Torn { card: &mut card, left, after }, None, world.now_ms);
        let again = matches!(world.till.step(world.now_ms), Next::Tap(TapFor::Again));
        assert_eq!(again, left == 1);
        if left == 1 {
            // another card is not the one that was pulled away
            world.till.tap(&mut super::card(6), None, world.now_ms);
            assert!(matches!(world.till.step(world.now_ms), Next::Tap(TapFor::Again)));
        }
        let ended = world.go_on(&mut card, None);
        assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");
        assert_eq!(card.state().counter, 1);
    }
}

#[test]
fn a_pin_is_asked_where_the_card_has_one_and_after_three_wrong_ones_the_service_decides() {
    let mut world = World::new();
    let (right, wrong) = (PinBlock::of_digits(b"1234").unwrap(), PinBlock::of_digits(b"4321").unwrap());
    let mut card = pin_card(5);
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card, None, world.now_ms);
    assert!(matches!(world.till.step(world.now_ms), Next::Pin { tries_left: None }));
    world.till.tap(&mut card, Some(&wrong), world.now_ms);
    assert!(matches!(world.till.step(world.now_ms), Next::Pin { tries_left: Some(2) }));
    let ended = world.go_on(&mut card, Some(&right));
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");

    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    let key = ScriptKey::new(Secret::new([0x0b; 32]));
    let script = Script::sign(&key, &[5; 16], 1, 1, Change::Unblock);
    *world.book.script.lock().unwrap() = Some(hex::encode(&script.encode()));
    let ended = world.go_on(&mut card, Some(&wrong));
    let Ended::Answered { card: told, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((told, card.state().pin_tries_left), (CardTold::ToldWithScript(script), 3));
}

#[test]
fn a_clock_that_is_hours_off_is_set_by_the_service_and_kept() {
    for ahead_ms in [-5 * 3_600_000_i64, 3 * 3_600_000] {
        let (disk, store) = (MemoryDisk::default(), MemoryCache::default());
        // the fake's clock in a 401 says noon
        let now_ms = NOON_MS.saturating_add_signed(-ahead_ms);
        let till = open(&disk, &store, now_ms);
        let book = Book::default();
        book.price_list.store(3, Ordering::Relaxed);
        book.clock_ahead_ms.store(ahead_ms, Ordering::Relaxed);
        let mut world = World { book, disk, store, till, network: Network::Up, now_ms, sent: Vec::new() };
        world.rest(1_000);
        assert!(world.till.stamp(now_ms).abs_diff(NOON_MS) < 5_000, "{ahead_ms}");
        world.network = Network::Refused;
        world.restart();
        let Ended::Offline { id, .. } = world.sell_by_card(5, &[line(1, 1)]) else { panic!() };
        assert!(id.get_timestamp().unwrap().to_unix().0.abs_diff(NOON_MS / 1000) < 5);
    }
}

#[test]
fn a_terminal_that_was_moved_signs_where_it_stands_now_also_after_a_restart() {
    let mut world = World::new();
    world.book.moved_to.store(2, Ordering::Relaxed);
    world.rest(70_000);
    assert_eq!(world.till.location(), Uuid::from_bytes([2; 16]));
    world.restart();
    assert_eq!(world.till.location(), Uuid::from_bytes([2; 16]));
    world.network = Network::Refused;
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
}

#[test]
fn another_card_that_pays_without_the_service_takes_no_attempts_place_and_the_attempt_is_undone() {
    for network in [Network::Silent, Network::AnswerLost] {
        let mut world = World::cut_off(network);
        let (mut first, mut second) = (card(5), card(6));
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut first, None, world.now_ms);
        let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
        world.carry(&request);
        let ended = world.go_on(&mut second, None);
        let Ended::Offline { id, instead_of: None, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(world.till.state().undoing, 1);
        world.network = Network::Up;
        world.rest(120_000);
        assert_eq!(world.book.forwarded(id), Some(100));
        let sale = request.post.unwrap().1;
        assert!(world.book.closed.lock().unwrap().contains(&sale));
        assert_eq!(world.till.take_recovered(), [Recovered::Undone { sale }]);
    }
}

#[test]
fn an_attempt_that_the_service_put_off_and_nothing_booked_is_not_undone_after_a_restart() {
    let mut world = World::new();
    world.book.refuses_sales.store(503, Ordering::Relaxed);
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { instead_of: None, .. }), "{ended:?}");
    world.book.refuses_sales.store(0, Ordering::Relaxed);
    world.restart();
    world.rest(70_000);
    let recovered = world.till.take_recovered();
    assert!(!recovered.iter().any(|one| matches!(one, Recovered::Undone { .. })), "{recovered:?}");
}

#[test]
fn an_answer_that_says_nothing_about_the_sale_ends_no_sale() {
    for status in [400, 401, 403, 404, 405, 408, 415, 421, 425] {
        let mut world = World::new();
        world.book.refuses_sales.store(status, Ordering::Relaxed);
        let by_card = world.sell_by_card(5, &[line(1, 1)]);
        assert!(matches!(by_card, Ended::Offline { .. }), "{status}: {by_card:?}");
        let state = world.till.state();
        let words = crate::till_words::state(&state, world.now_ms, crate::phrases::Language::Dutch);
        assert!(words.contains("De centrale antwoordt niet zoals het hoort"), "{words}");
        let by_name = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
        assert!(matches!(by_name, Ended::Offline { .. }), "{status}: {by_name:?}");
        world.book.refuses_sales.store(0, Ordering::Relaxed);
        world.rest(70_000);
        assert_eq!((world.till.state().waiting, world.till.state().problem), (0, None), "{status}");
    }
}

#[test]
fn an_answer_about_the_sale_ends_it_as_a_problem() {
    for status in [409, 422] {
        let mut world = World::new();
        world.book.refuses_sales.store(status, Ordering::Relaxed);
        let ended = world.sell_by_card(5, &[line(1, 1)]);
        assert!(matches!(ended, Ended::Problem { .. }), "{status}: {ended:?}");
    }
}

#[test]
fn what_a_proxy_says_undoes_nothing_and_forgets_nothing() {
    for status in [404, 405, 421] {
        let mut world = World::new();
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut card(5), None, world.now_ms);
        let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
        world.network = Network::AnswerLost;
        world.carry(&request);
        world.network = Network::Up;
        // it is asked for after the restart, and undone when staff say so: neither gets a word of the service at first
        world.restart();
        world.book.refuses_sales.store(status, Ordering::Relaxed);
        world.rest(70_000);
        assert_eq!((world.till.state().undoing, world.till.take_recovered()), (1, vec![]), "{status}");
        world.book.refuses_sales.store(0, Ordering::Relaxed);
        world.rest(70_000);
        let sale = request.post.unwrap().1;
        let client = request::Client::Card(Uuid::from_bytes([5; 16]));
        assert_eq!(world.till.take_recovered(), [Recovered::Approved { sale, client }]);
        world.till.undo(sale, client, None, world.now_ms).unwrap();
        world.book.refuses_sales.store(status, Ordering::Relaxed);
        world.rest(70_000);
        assert_eq!((world.till.state().undoing, world.till.take_recovered()), (1, vec![]), "{status}");
        world.book.refuses_sales.store(0, Ordering::Relaxed);
        world.rest(70_000);
        assert_eq!(world.till.take_recovered(), [Recovered::Undone { sale }], "{status}");
    }
}

#[test]
fn what_a_proxy_says_is_no_sign_of_the_service() {
    let mut world = World::new();
    let contact_ms = world.till.state().contact_ms;
    world.book.refuses_all.store(404, Ordering::Relaxed);
    world.rest(600_000);
    assert_eq!(world.till.state().contact_ms, contact_ms);
}

#[test]
fn a_clock_that_was_confirmed_follows_the_service_an_hour_and_no_further() {
    const HOUR_MS: u64 = 3_600_000;
    let mut world = World::new();
    let now_ms = world.now_ms;
    // nor in small steps
    for (said_ms, shown_ms) in [
        (now_ms + HOUR_MS / 2, now_ms + HOUR_MS / 2),
        (now_ms + 3 * HOUR_MS, now_ms + HOUR_MS / 2),
        (now_ms + HOUR_MS / 2 * 3, now_ms + HOUR_MS / 2),
        (now_ms - 2 * HOUR_MS, now_ms + HOUR_MS / 2),
        (now_ms - HOUR_MS / 2, now_ms - HOUR_MS / 2),
    ] {
        world.till.set_clock_to(said_ms, now_ms);
        assert_eq!(world.till.stamp(now_ms), shown_ms);
    }
    // of a machine whose clock was set nobody knows: it is led anywhere once more, but not far before what was confirmed
    world.till.clock_was_set();
    world.till.set_clock_to(now_ms - 48 * HOUR_MS, now_ms);
    assert_eq!(world.till.stamp(now_ms), now_ms - HOUR_MS / 2);
    world.till.set_clock_to(now_ms + 30 * HOUR_MS, now_ms);
    assert_eq!(world.till.stamp(now_ms), now_ms + 30 * HOUR_MS);
}

#[test]
fn who_types_no_pin_goes_on_where_the_service_decides_and_nowhere_else() {
    let mut world = World::new();
    let mut card = pin_card(5);
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card, None, world.now_ms);
    assert!(world.till.may_go_without_pin());
    world.till.go_without_pin();
    let ended = world.go_on(&mut card, None);
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");

    let mut world = World::cut_off_and_known();
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card, None, world.now_ms);
    assert!(!world.till.may_go_without_pin());
    world.till.go_without_pin();
    assert!(matches!(world.till.step(world.now_ms), Next::Pin { .. }));
}

#[test]
fn staff_who_stop_while_a_script_is_asked_for_end_the_sale_as_it_was_decided() {
    let mut world = World::new();
    let mut card = card(5);
    let key = ScriptKey::new(Secret::new([0x0b; 32]));
    let script = Script::sign(&key, &[5; 16], 1, 4, Change::Block);
    *world.book.script.lock().unwrap() = Some(hex::encode(&script.encode()));
    world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut card);
    // the card now declines by itself
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card, None, world.now_ms);
    let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
    assert_eq!(request.path, "/api/v1/card-scripts");
    world.till.cancel(world.now_ms);
    let next = world.till.step(world.now_ms);
    let Next::Ended(Ended::Refused { refusal, card: told, .. }) = next else { panic!("{next:?}") };
    assert_eq!((refusal, told), (Refusal::CardBlocked, CardTold::Nothing));
    // its reply comes too late, and what is due between sales goes on
    world.carry(&request);
    world.rest(70_000);
    assert_eq!(world.till.state().link, Link::Here);
}

#[test]
fn staff_who_stop_while_the_card_is_to_hear_how_it_ended_end_the_sale() {
    let mut world = World::new();
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    world.till.tap(&mut card(5), None, world.now_ms);
    let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
    world.carry(&request);
    assert!(matches!(world.till.step(world.now_ms), Next::Tap(TapFor::Complete)));
    world.till.cancel(world.now_ms);
    let next = world.till.step(world.now_ms);
    assert!(matches!(next, Next::Ended(Ended::Answered { card: CardTold::Gone, .. })), "{next:?}");
}
