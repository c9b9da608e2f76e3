//! The rules without the service.

use super::*;

#[test]
fn a_card_is_refused_for_each_rule_and_nothing_is_journalled() {
    for (tag, lines, expected) in [
        (9, vec![line(1, 1)], Refusal::CardUnknown),
        (6, vec![line(1, 1)], Refusal::CardBlocked),
        (7, vec![line(1, 1)], Refusal::CardExpired),
        (5, vec![line(1, 26)], Refusal::TapLimit),
        (5, vec![line(1, 201)], Refusal::TerminalLimit),
        (5, vec![], Refusal::Basket),
    ] {
        let mut world = World::new();
        world.book.blocked.lock().unwrap().push(Uuid::from_bytes([6; 16]));
        world.rest(70_000);
        world.network = Network::Refused;
        let mut card = card(tag);
        let ended = world.sell(wanted(Buyer::Card, &lines), &mut card);
        assert_eq!(refusal(ended), expected);
        assert_eq!(world.till.journal().extent().last, 0);
        // what the till refuses by itself costs the card nothing; the tap for the service came before
        assert_eq!(card.state().offline_count, 0);
    }
}

#[test]
fn a_card_that_has_no_limits_left_declines_and_the_till_says_so() {
    let mut world = World::cut_off_and_known();
    let file: CardFile = serde_json::from_str(&card_json(5)).unwrap();
    let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut file.fleeting().unwrap());
    assert_eq!(refusal(ended), Refusal::CardDeclined);
    assert_eq!(world.till.journal().extent().last, 0);
}

#[test]
fn a_card_with_wrong_keys_is_not_believed() {
    let mut world = World::cut_off_and_known();
    let json = card_json(5)
        .replace("0b0b", "0d0d")
        .replace("\"state\"", r#""limits":{"tap_cents":9000,"total_cents":9000,"count":9},"state""#);
    let file: CardFile = serde_json::from_str(&json).unwrap();
    let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut file.fleeting().unwrap());
    assert_eq!(refusal(ended), Refusal::CardNotGenuine);
    assert_eq!(world.till.journal().extent().last, 0);
}

#[test]
fn a_cards_total_and_taps_count_until_the_service_has_them_also_after_a_restart() {
    let mut world = World::cut_off_and_known();
    let mut card = card(5);
    for _ in 0..2 {
        let ended = world.sell(wanted(Buyer::Card, &[line(1, 20)]), &mut card);
        assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
        world.restart();
    }
    let sells = |world: &mut World, card: &mut Card<Fleeting>, quantity| {
        world.sell(wanted(Buyer::Card, &[line(1, quantity)]), card)
    };
    assert_eq!(refusal(sells(&mut world, &mut card, 11)), Refusal::CardLimit);
    for _ in 0..3 {
        assert!(matches!(sells(&mut world, &mut card, 1), Ended::Offline { .. }));
    }
    assert_eq!(refusal(sells(&mut world, &mut card, 1)), Refusal::CardLimit);
    world.network = Network::Up;
    world.rest(70_000);
    world.network = Network::Refused;
    assert!(matches!(sells(&mut world, &mut card, 20), Ended::Offline { .. }));
}

#[test]
fn a_terminals_total_and_records_count_also_after_a_restart() {
    let mut world = World::cut_off_and_known();
    // 30 records, 200 euro: by name no money counts, and each is a record
    for _ in 0..30 {
        let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
        assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
    }
    world.restart();
    assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::TerminalLimit);
    // care and meals are never refused
    let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
}

#[test]
fn after_too_many_hours_without_the_service_cards_wait_and_meals_do_not() {
    let mut world = World::cut_off_and_known();
    world.now_ms += 24 * 3_600_000;
    assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::TooLongAway);
    let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
    // a clock that is set back gives no more hours
    world.now_ms -= 20 * 3_600_000;
    assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::TooLongAway);
}

#[test]
fn by_name_only_care_and_meals_are_registered_without_the_service() {
    let mut world = World::cut_off_and_known();
    let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1), line(1, 1)]), &mut card(5));
    assert_eq!(refusal(ended), Refusal::NeedsCard);
    let id = offline_id(&world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5)));
    world.network = Network::Up;
    world.rest(70_000);
    assert_eq!(world.book.forwarded(id), Some(200));
}

#[test]
fn a_till_that_never_heard_the_service_sells_nothing_and_one_that_did_sells_after_a_restart() {
    let (disk, store) = (MemoryDisk::default(), MemoryCache::default());
    let till = open(&disk, &store, NOON_MS);
    let book = Book::default();
    let mut world = World { book, disk, store, till, network: Network::Refused, now_ms: NOON_MS, sent: Vec::new() };
    assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::NothingKnown);
    world.book.price_list.store(3, Ordering::Relaxed);
    world.network = Network::Up;
    world.rest(70_000);
    world.network = Network::Refused;
    world.restart();
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
}

#[test]
fn a_pin_is_asked_without_the_service_too() {
    let mut world = World::cut_off_and_known();
    let right = PinBlock::of_digits(b"1234").unwrap();
    let mut card = pin_card(5);
    world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
    let id = offline_id(&world.go_on(&mut card, Some(&right)));
    world.network = Network::Up;
    world.rest(70_000);
    assert_eq!(world.book.forwarded(id), Some(100));
}

#[test]
fn a_torn_tap_without_the_service_is_journalled_once() {
    for (left, after) in [(1, false), (1, true)] {
        let mut world = World::cut_off_and_known();
        let mut card = card(5);
        world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
        world.till.tap(&mut Torn { card: &mut card, left, after }, None, world.now_ms);
        assert!(matches!(world.till.step(world.now_ms), Next::Tap(TapFor::Again)));
        let id = offline_id(&world.go_on(&mut card, None));
        assert_eq!((card.state().counter, card.state().offline_count), (1, 1));
        world.network = Network::Up;
        world.rest(70_000);
        assert_eq!(world.book.forwarded(id), Some(100));
    }
}

#[test]
fn on_a_full_disk_nothing_is_sold_without_the_service_and_with_it_all_is() {
    let mut world = World::cut_off_and_known();
    world.disk.set_broken(Some(Broken::FullAfter(0)));
    let refused = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(refusal(refused), Refusal::Journal(_)));
    assert!(world.till.wants_new_journal());
    assert!(matches!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::Journal(_)));
    world.network = Network::Up;
    world.rest(120_000);
    let ended = world.sell_by_card(6, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");
    // room again: the journal is opened anew
    world.disk.set_broken(None);
    world.disk.program_killed();
    let journal = Journal::open(world.disk.backend(), HERE).unwrap();
    world.till.replace_journal(journal, world.now_ms).unwrap();
    world.network = Network::Refused;
    let ended = world.sell_by_card(6, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
}

#[test]
fn a_sale_that_was_refused_for_its_disk_and_is_on_it_all_the_same_is_undone() {
    let mut found = 0;
    for full_after in 0..40 {
        let mut world = World::cut_off_and_known();
        world.disk.set_broken(Some(Broken::FullAfter(full_after)));
        let mut shown = Vec::new();
        loop {
            match world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5)) {
                Ended::Offline { id, .. } => shown.push(id),
                Ended::Refused { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        world.disk.set_broken(None);
        world.disk.program_killed();
        let journal = Journal::open(world.disk.backend(), HERE).unwrap();
        world.till.replace_journal(journal, world.now_ms).unwrap();
        let last = usize::try_from(world.till.journal().extent().last).unwrap();
        world.network = Network::Up;
        world.rest(120_000);
        let closed = world.book.closed.lock().unwrap().clone();
        assert!(shown.iter().all(|id| !closed.contains(id)));
        assert_eq!(last, shown.len() + closed.len(), "{full_after}");
        found += closed.len();
    }
    assert!(found > 0, "no write is the last one of a commit");
}

#[test]
fn a_sale_that_was_refused_for_its_disk_and_is_on_it_all_the_same_is_shown_after_a_restart() {
    let mut found = 0;
    for full_after in 0..40 {
        let mut world = World::cut_off_and_known();
        world.disk.set_broken(Some(Broken::FullAfter(full_after)));
        let mut shown = Vec::new();
        loop {
            match world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5)) {
                Ended::Offline { id, .. } => shown.push(id),
                Ended::Refused { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        world.disk.set_broken(None);
        // so long that nothing is shown for being the last alone
        world.now_ms += 3_600_000;
        world.restart();
        let last = usize::try_from(world.till.journal().extent().last).unwrap();
        let recovered = world.till.take_recovered();
        let hidden: Vec<_> = recovered
            .iter()
            .filter(|one| matches!(one, Recovered::Journalled { sale, .. } if !shown.contains(sale)))
            .collect();
        assert_eq!(last, shown.len() + hidden.len(), "{full_after}: {recovered:?}");
        found += hidden.len();
    }
    assert!(found > 0, "no write is the last one of a commit");
}

#[test]
fn of_sales_that_were_called_approved_at_most_the_last_is_shown_again_hours_later() {
    let mut world = World::cut_off_and_known();
    let shown =
        [1, 2, 3].map(|count| offline_id(&world.sell(wanted(Buyer::Wallet(17), &[line(2, count)]), &mut card(5))));
    world.now_ms += 3_600_000;
    world.restart();
    // whose note was forgotten just before the program was killed
    let recovered = world.till.take_recovered();
    assert!(matches!(recovered[..], [] | [Recovered::Journalled { .. }]), "{recovered:?}");
    let is_earlier = |one: &Recovered| matches!(one, Recovered::Journalled { sale, .. } if shown[..2].contains(sale));
    assert!(!recovered.iter().any(is_earlier), "{recovered:?}");
    world.rest(1_000);
    world.restart();
    assert!(world.till.take_recovered().len() <= 1);
}

#[test]
fn by_name_nothing_is_registered_without_staff() {
    for is_away in [false, true] {
        let mut world = if is_away { World::cut_off_and_known() } else { World::new() };
        let order = Wanted { staff: None, ..wanted(Buyer::Wallet(17), &[line(2, 1)]) };
        let sent = world.sent.len();
        let refused = refusal(world.sell(order, &mut card(5)));
        assert_eq!((refused, world.till.journal().extent().last), (Refusal::NeedsStaff, 0));
        assert_eq!(world.sent.len(), sent);
        // a card needs none
        let order = Wanted { staff: None, ..wanted(Buyer::Card, &[line(1, 1)]) };
        let ended = world.sell(order, &mut card(5));
        assert!(matches!(ended, Ended::Offline { .. } | Ended::Answered { .. }), "{ended:?}");
    }
}

#[test]
fn a_basket_is_as_large_as_the_service_takes_it() {
    for (lines, is_taken) in [
        (vec![line(2, 1); 100], true),
        (vec![line(2, 1); 101], false),
        (vec![line(2, 1000)], true),
        (vec![line(2, 1001)], false),
        (vec![line(2, 1), line(2, 0)], false),
    ] {
        let mut world = World::cut_off_and_known();
        let ended = world.sell(wanted(Buyer::Wallet(17), &lines), &mut card(5));
        assert_eq!(matches!(ended, Ended::Offline { .. }), is_taken, "{} lines: {ended:?}", lines.len());
        assert!(is_taken || refusal(ended) == Refusal::Basket);
    }
}

#[test]
fn a_clock_that_was_set_back_before_the_last_contact_lets_no_card_pay() {
    let mut world = World::cut_off_and_known();
    world.now_ms -= 4 * 60_000;
    assert!(matches!(world.sell_by_card(5, &[line(1, 1)]), Ended::Offline { .. }));
    world.now_ms -= 3 * 60_000;
    assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::ClockBack);
    // by name all goes on, and with the service too: it sets the clock
    let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
    assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
}

#[test]
fn a_card_that_has_expired_by_the_newest_time_known_does_not_pay_because_a_clock_was_set_back() {
    // card 7 is good until 24 November; it is noon of the 25th, and the clock is set back by a day and a half
    let world = World::cut_off_and_known();
    let rules = super::super::offline::Rules {
        cache: world.till.cache(),
        tally: &super::super::offline::Tally::default(),
        faults: Faults::default(),
        now_ms: NOON_MS - 36 * 3_600_000,
    };
    assert_eq!(rules.card(Uuid::from_bytes([7; 16]), &[line(1, 1)]).unwrap_err(), Refusal::CardExpired);
}

#[test]
fn care_and_what_is_included_count_against_no_limit_of_the_terminal_or_its_location() {
    let mut world = World::cut_off_and_known();
    let sells = |world: &mut World, tag: u8, lines: &[SaleLine]| world.sell_by_card(tag, lines);
    // service 2 is included for everybody: 30 euro of it is more than a tap may cost, and 90 more than a card may
    for _ in 0..3 {
        let ended = sells(&mut world, 5, &[line(2, 15), line(1, 1)]);
        assert!(matches!(ended, Ended::Offline { amount_cents: 3100, .. }), "{ended:?}");
        world.restart();
    }
    assert_eq!(world.till.state().waiting_cents, 9300);
    assert_eq!(refusal(sells(&mut world, 6, &[line(2, 1), line(1, 26)])), Refusal::TapLimit);
    // the location's card total is 50 euro: 3 are used
    for quantity in [24, 23] {
        let ended = sells(&mut world, 5, &[line(1, quantity)]);
        assert!(matches!(ended, Ended::Offline { .. }), "{ended:?}");
    }
    assert_eq!(refusal(sells(&mut world, 5, &[line(1, 1)])), Refusal::CardLimit);
}

#[test]
fn what_is_included_for_some_buyers_and_not_for_others_counts() {
    let mut world = World::new();
    world.book.price_list.store(4, Ordering::Relaxed);
    world.book.sells_to_others.store(true, Ordering::Relaxed);
    world.rest(310_000);
    world.network = Network::Refused;
    assert_eq!(refusal(world.sell_by_card(5, &[line(2, 15)])), Refusal::TapLimit);
}

#[test]
fn a_refusal_of_the_card_or_a_limit_says_where_all_could_go_by_name() {
    use crate::phrases::Language;
    let world = World::cut_off_and_known();
    for (lines, may) in [(vec![line(2, 1)], true), (vec![line(2, 1), line(1, 1)], false)] {
        for refusal in [Refusal::CardDeclined, Refusal::TerminalLimit, Refusal::CardExpired] {
            let said = crate::till_words::refusal_of(&refusal, world.till.may_go_by_name(&lines), Language::Dutch);
            assert_eq!(said.contains("Deze bon kan op naam"), may, "{said}");
        }
        let said = crate::till_words::refusal_of(&Refusal::Basket, world.till.may_go_by_name(&lines), Language::Dutch);
        assert!(!said.contains("Deze bon kan op naam"), "{said}");
    }
}
