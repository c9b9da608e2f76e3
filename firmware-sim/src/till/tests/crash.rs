//! The power fails at every write, the program is killed at every request: what was called approved is booked once.

use super::*;

/// Sells and forwards until the machine dies; answers what was called approved.
fn live(world: &mut World, shown: &mut Vec<Uuid>) {
    let mut cards = [5, 6].map(card);
    for number in 0..6 {
        world.network = [Network::Refused, Network::AnswerLost, Network::Silent][number % 3];
        let lines = [line(1, u32::try_from(number).unwrap() + 1)];
        if let Ended::Offline { id, .. } = world.sell(wanted(Buyer::Card, &lines), &mut cards[number % 2]) {
            shown.push(id);
        }
        if number == 3 {
            world.network = Network::Up;
            world.rest(3_000);
        }
    }
}

fn all_booked_once(world: &mut World, shown: &[Uuid], what: &str) {
    world.network = Network::Up;
    world.rest(300_000);
    assert_eq!(world.till.state().waiting, 0, "{what}");
    assert_eq!((world.till.state().stuck, world.till.state().journal_fault), (None, None), "{what}");
    let journal = world.book.journal.lock().unwrap();
    for id in shown {
        let records: Vec<_> = journal.values().filter(|record| record.id == Some(*id)).collect();
        assert_eq!(records.len(), 1, "{what}: {id} was called approved");
        let is_settled = records[0].booked.is_some() || records[0].reason == "already_booked";
        assert!(is_settled, "{what}: {id}: {}", records[0].reason);
    }
    // beyond what was shown at most the one that was being written
    assert!(journal.len() <= shown.len() + 1, "{what}: {} of {}", journal.len(), shown.len());
}

#[test]
fn a_power_loss_at_any_write_loses_nothing_that_was_called_approved_and_books_nothing_twice() {
    let mut whole = World::new();
    let before = whole.disk.writes();
    let mut all = Vec::new();
    live(&mut whole, &mut all);
    assert_eq!(all.len(), 6);
    let writes = whole.disk.writes() - before;
    for dies_after in 1..=writes {
        let mut world = World::new();
        let mut shown = Vec::new();
        world.disk.set_broken(Some(Broken::DeadAfter(dies_after)));
        live(&mut world, &mut shown);
        world.disk.power_lost(dies_after);
        world.till = open(&world.disk, &world.store, world.now_ms);
        all_booked_once(&mut world, &shown, &format!("write {dies_after} of {writes}"));
    }
}

#[test]
fn a_program_that_is_killed_at_any_step_goes_on_where_it_was() {
    let mut killed_at = 1;
    loop {
        let mut world = World::cut_off_and_known();
        let mut shown = Vec::new();
        for number in 1..=60 {
            let ended = world.sell(wanted(Buyer::Wallet(17), &[line(2, number)]), &mut card(5));
            shown.push(offline_id(&ended));
        }
        // while it forwards: before a request, and between its arrival and its answer
        let mut steps = 0;
        let mut is_over = true;
        world.network = Network::Up;
        world.till.try_now();
        for _ in 0..200 {
            match world.till.step(world.now_ms) {
                Next::Send(request) => {
                    steps += 1;
                    if steps == killed_at {
                        world.restart();
                        is_over = false;
                        break;
                    }
                    steps += 1;
                    if steps == killed_at {
                        world.book.reply(&request);
                        world.restart();
                        is_over = false;
                        break;
                    }
                    world.carry(&request);
                }
                Next::Rest { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        all_booked_once(&mut world, &shown, &format!("step {killed_at}"));
        if is_over {
            break;
        }
        killed_at += 1;
    }
    assert!(killed_at > 8, "{killed_at} steps");
}

#[test]
fn planted_faults_are_found_by_these_tests() {
    let fails = |name: &str, run: fn(&mut World)| {
        // without the fault all is well
        run(&mut World::new());
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new();
            world.till.plant(Faults::named(name).unwrap());
            run(&mut world);
        });
        assert!(outcome.is_err(), "nobody sees {name}");
    };
    let power_loss: fn(&mut World) = |world| {
        let mut shown = Vec::new();
        world.network = Network::Refused;
        shown.push(offline_id(&world.sell_by_card(5, &[line(1, 1)])));
        world.disk.set_broken(Some(Broken::DeadAfter(1)));
        world.disk.power_lost(1);
        world.till = open(&world.disk, &world.store, world.now_ms);
        all_booked_once(world, &shown, "power loss");
    };
    fails("journal-after-approval", power_loss);
    fails("no-fsync", power_loss);
    let answer_lost: fn(&mut World) = |world| {
        world.network = Network::Refused;
        let shown = [offline_id(&world.sell_by_card(5, &[line(1, 1)]))];
        world.network = Network::AnswerLost;
        world.rest(65_000);
        all_booked_once(world, &shown, "answers lost");
    };
    fails("forward-under-new-id", answer_lost);
    fails("delivered-when-sent", |world| {
        world.network = Network::Refused;
        let shown = [offline_id(&world.sell_by_card(5, &[line(1, 1)]))];
        world.network = Network::Up;
        world.till.try_now();
        while let Next::Send(request) = world.till.step(world.now_ms) {
            if request.path == "/api/v1/forwards" {
                world.network = Network::Silent;
                world.carry(&request);
                break;
            }
            world.carry(&request);
        }
        all_booked_once(world, &shown, "lost on its way");
    });
    fails("dropped-on-problem", |world| {
        world.network = Network::Refused;
        let shown = [offline_id(&world.sell_by_card(5, &[line(1, 1)]))];
        world.network = Network::Up;
        world.book.refuses_forwards.store(503, Ordering::Relaxed);
        world.rest(70_000);
        world.book.refuses_forwards.store(0, Ordering::Relaxed);
        all_booked_once(world, &shown, "problem");
    });
    fails("forwards-out-of-order", |world| {
        world.network = Network::Refused;
        let shown = [1, 2].map(|quantity| offline_id(&world.sell_by_card(5, &[line(1, quantity)])));
        all_booked_once(world, &shown, "order");
    });
    fails("online-tap-forwarded", |world| {
        world.network = Network::Silent;
        let shown = [offline_id(&world.sell_by_card(5, &[line(1, 1)]))];
        all_booked_once(world, &shown, "tap");
    });
    fails("instead-of-not-named", |world| {
        world.network = Network::AnswerLost;
        let id = offline_id(&world.sell_by_card(5, &[line(1, 1)]));
        world.network = Network::Up;
        world.rest(70_000);
        assert_eq!(world.book.forwarded(id), None, "booked twice");
    });
    for name in ["timeout-is-decline", "timeout-is-approval", "cancel-undoes-nothing"] {
        fails(name, |world| {
            world.network = Network::AnswerLost;
            world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms).unwrap();
            world.till.tap(&mut card(5), None, world.now_ms);
            let Next::Send(request) = world.till.step(world.now_ms) else { panic!() };
            world.carry(&request);
            world.till.cancel(world.now_ms);
            let ended = world.till.step(world.now_ms);
            assert!(matches!(ended, Next::Ended(Ended::Cancelled { undoes: Some(_) })), "{ended:?}");
        });
    }
    fails("hotlist-ignored", |world| {
        world.book.blocked.lock().unwrap().push(Uuid::from_bytes([6; 16]));
        world.rest(70_000);
        world.network = Network::Refused;
        assert_eq!(refusal(world.sell_by_card(6, &[line(1, 1)])), Refusal::CardBlocked);
    });
    fails("terminal-mac-not-verified", |world| {
        world.network = Network::Refused;
        let json = card_json(5)
            .replace("0b0b", "0d0d")
            .replace("\"state\"", r#""limits":{"tap_cents":9000,"total_cents":9000,"count":9},"state""#);
        let file: CardFile = serde_json::from_str(&json).unwrap();
        let ended = world.sell(wanted(Buyer::Card, &[line(1, 1)]), &mut file.fleeting().unwrap());
        assert_eq!(refusal(ended), Refusal::CardNotGenuine);
    });
}

/// Card 5 pays with the service, whose answer is lost, and then without it.
fn attempt_and_record(world: &mut World) -> (Uuid, Uuid) {
    world.network = Network::AnswerLost;
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    let Ended::Offline { id, instead_of: Some(attempt), .. } = ended else { panic!("{ended:?}") };
    world.network = Network::Up;
    (id, attempt)
}

#[test]
fn a_record_whose_attempt_was_booked_is_undone_with_its_attempt_and_said_once() {
    let client = request::Client::Card(Uuid::from_bytes([5; 16]));
    for restarts in [false, true] {
        let mut world = World::new();
        let (sale, attempt) = attempt_and_record(&mut world);
        world.rest(70_000);
        world.till.undo(sale, client, None, world.now_ms).unwrap();
        if restarts {
            world.restart();
        }
        assert_eq!(world.till.state().undoing, 1);
        world.rest(70_000);
        let closed = world.book.closed.lock().unwrap().clone();
        assert!(closed.contains(&sale) && closed.contains(&attempt));
        // the record was judged "already booked": its own void undoes nothing, and its attempt's does
        assert_eq!(world.till.take_recovered(), [Recovered::Undone { sale }]);
        assert_eq!(world.till.state().undoing, 0);
    }
}

#[test]
fn a_journalled_sale_that_the_service_did_not_book_is_not_passed_over_in_silence() {
    let client = request::Client::Card(Uuid::from_bytes([5; 16]));
    let mut world = World::cut_off_and_known();
    let sale = offline_id(&world.sell_by_card(5, &[line(1, 1)]));
    // its counter was used: the forward is not booked
    world.book.used.lock().unwrap().insert((Uuid::from_bytes([5; 16]), 1));
    world.network = Network::Up;
    world.till.undo(sale, client, None, world.now_ms).unwrap();
    world.rest(70_000);
    let recovered = world.till.take_recovered();
    assert_eq!(recovered, [Recovered::NotUndone { sale, reason: Some("not_approved".to_owned()) }]);
    let words = crate::till_words::recovered(&recovered[0], &|_| None, crate::phrases::Language::Dutch);
    assert!(words.contains("niets betaald") && words.contains("vraag de balie"), "{words}");
}
