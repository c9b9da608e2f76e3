//! What waits goes to the service in order, and stays until it is there.

use super::*;

/// A till with so many records that wait, the service there again.
fn with_waiting(count: u64) -> (World, Vec<Uuid>) {
    let mut world = World::cut_off_and_known();
    let ids = (0..count).map(|_| offline_id(&world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5))));
    let ids = ids.collect();
    world.network = Network::Up;
    (world, ids)
}

#[test]
fn records_go_in_order_at_most_fifty_at_a_time() {
    let (mut world, ids) = with_waiting(120);
    world.rest(70_000);
    assert_eq!(world.till.state().waiting, 0);
    assert_eq!(world.posts("/api/v1/forwards"), 3);
    let journal = world.book.journal.lock().unwrap();
    assert_eq!(journal.values().map(|record| record.id.unwrap()).collect::<Vec<_>>(), ids);
    assert!(journal.values().all(|record| record.booked == Some(200)));
}

#[test]
fn a_batch_whose_answer_was_lost_is_sent_again_and_booked_once() {
    let (mut world, ids) = with_waiting(60);
    world.network = Network::AnswerLost;
    world.rest(30_000);
    assert_eq!(world.till.state().waiting, 60);
    world.network = Network::Up;
    world.rest(120_000);
    assert_eq!(world.till.state().waiting, 0);
    assert!(ids.iter().all(|id| world.book.forwarded(*id) == Some(200)));
}

#[test]
fn pauses_grow_while_the_service_is_away_and_do_not_end() {
    let (mut world, _) = with_waiting(1);
    world.network = Network::Refused;
    let before = world.sent.len();
    world.rest(3_600_000);
    let tries = world.sent.len() - before;
    assert!((55..=140).contains(&tries), "{tries} tries in an hour");
    world.network = Network::Up;
    world.rest(61_000);
    assert_eq!(world.till.state().waiting, 0);
}

#[test]
fn a_service_that_was_put_back_gets_again_what_it_lost() {
    let (mut world, ids) = with_waiting(60);
    world.rest(70_000);
    world.book.journal.lock().unwrap().split_off(&41);
    world.network = Network::Refused;
    let next = offline_id(&world.sell_by_card(5, &[line(1, 1)]));
    world.network = Network::Up;
    world.rest(70_000);
    assert_eq!(world.till.state().stuck, None);
    let journal = world.book.journal.lock().unwrap();
    let stored: Vec<Uuid> = journal.values().map(|record| record.id.unwrap()).collect();
    assert_eq!(stored, [ids, vec![next]].concat());
}

#[test]
fn another_record_under_a_known_sequence_stops_and_nothing_is_dropped() {
    let (mut world, _) = with_waiting(3);
    let other = crate::fake_service::StoredRecord { hash: "00".repeat(32), id: None, booked: None, reason: "" };
    world.book.journal.lock().unwrap().insert(1, other);
    world.rest(600_000);
    assert!(matches!(world.till.state().stuck, Some(Stuck::Conflict(_))));
    assert_eq!((world.till.state().waiting, world.posts("/api/v1/forwards")), (3, 1));
    // online sales go on
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");
}

#[test]
fn a_journal_that_was_put_back_is_seen_by_the_heartbeat_before_it_forwards() {
    let (mut world, _) = with_waiting(3);
    world.rest(70_000);
    world.disk = MemoryDisk::default();
    world.till = open(&world.disk, &world.store, world.now_ms);
    world.rest(70_000);
    let stuck = world.till.state().stuck;
    assert!(matches!(&stuck, Some(Stuck::Conflict(what)) if what.contains("record 3")), "{stuck:?}");
}

#[test]
fn whatever_problem_answers_a_forward_the_records_stay_and_go_later() {
    for status in [400, 401, 403, 404, 409, 413, 422, 429, 500, 503] {
        let (mut world, ids) = with_waiting(3);
        world.book.refuses_forwards.store(status, Ordering::Relaxed);
        world.rest(600_000);
        assert_eq!(world.till.state().waiting, 3, "{status}");
        assert!(world.posts("/api/v1/forwards") < 40, "{status}: {}", world.posts("/api/v1/forwards"));
        world.book.refuses_forwards.store(0, Ordering::Relaxed);
        world.rest(130_000);
        assert_eq!(world.till.state().waiting, 0, "{status}");
        assert!(ids.iter().all(|id| world.book.forwarded(*id) == Some(200)), "{status}");
    }
}

#[test]
fn a_withdrawn_terminal_delivers_what_is_left_and_only_then_says_so() {
    let (mut world, ids) = with_waiting(60);
    world.book.is_revoked.store(true, Ordering::Relaxed);
    world.network = Network::Refused;
    world.rest(100_000);
    world.network = Network::Up;
    world.rest(200_000);
    assert!(matches!(world.till.step(world.now_ms), Next::Revoked));
    assert!(ids.iter().all(|id| world.book.forwarded(*id) == Some(200)));
    assert_eq!(world.till.sell(wanted(Buyer::Card, &[line(1, 1)]), world.now_ms), Err(TillError::Revoked));
}

#[test]
fn a_damaged_journal_is_said_and_what_stands_before_the_damage_is_delivered() {
    let (mut world, ids) = with_waiting(3);
    world.till.journal.break_record(2);
    world.restart();
    assert!(world.till.state().journal_fault.is_some());
    world.network = Network::Refused;
    assert!(matches!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::Journal(_)));
    world.network = Network::Up;
    world.rest(70_000);
    assert_eq!(world.book.forwarded(ids[0]), Some(200));
    let ended = world.sell_by_card(5, &[line(1, 1)]);
    assert!(matches!(ended, Ended::Answered { .. }), "{ended:?}");
}

#[test]
fn a_disk_that_cannot_be_written_does_not_have_the_same_records_sent_over_and_over() {
    let (mut world, _) = with_waiting(3);
    world.disk.set_broken(Some(Broken::FullAfter(0)));
    world.rest(300_000);
    assert!(world.posts("/api/v1/forwards") <= 6, "{}", world.posts("/api/v1/forwards"));
}

#[test]
fn a_service_that_was_put_back_gets_what_it_lacks_before_anything_more_is_sold() {
    let (mut world, ids) = with_waiting(4);
    world.rest(70_000);
    world.book.journal.lock().unwrap().retain(|sequence, _| *sequence <= 2);
    world.rest(70_000);
    assert!(ids.iter().all(|id| world.book.forwarded(*id) == Some(200)));
    assert_eq!((world.till.state().waiting, world.till.state().stuck), (0, None));
}

#[test]
fn while_the_journal_contradicts_the_service_nothing_is_sold_without_it_also_after_a_new_try() {
    let (mut world, _) = with_waiting(3);
    let other = crate::fake_service::StoredRecord { hash: "00".repeat(32), id: None, booked: None, reason: "" };
    world.book.journal.lock().unwrap().insert(1, other);
    world.rest(70_000);
    world.network = Network::Refused;
    for _ in 0..2 {
        assert_eq!(refusal(world.sell_by_card(5, &[line(1, 1)])), Refusal::JournalConflict);
        let by_name = world.sell(wanted(Buyer::Wallet(17), &[line(2, 1)]), &mut card(5));
        assert_eq!(refusal(by_name), Refusal::JournalConflict);
        world.till.try_now();
        world.rest(10_000);
    }
    assert_eq!(world.till.journal().extent().last, 3);
    // the office put it right, and staff try again
    world.book.journal.lock().unwrap().clear();
    world.network = Network::Up;
    world.till.try_now();
    world.rest(70_000);
    assert_eq!((world.till.state().stuck, world.till.state().waiting), (None, 0));
}

#[test]
fn a_journal_that_was_behind_and_is_put_right_sells_again() {
    let (mut world, _) = with_waiting(3);
    world.rest(70_000);
    world.disk = MemoryDisk::default();
    world.till = open(&world.disk, &world.store, world.now_ms);
    world.rest(70_000);
    assert!(matches!(world.till.state().stuck, Some(Stuck::Conflict(_))));
    world.till.try_now();
    world.rest(70_000);
    assert!(matches!(world.till.state().stuck, Some(Stuck::Conflict(_))));
    world.book.journal.lock().unwrap().clear();
    world.till.try_now();
    world.rest(70_000);
    assert_eq!(world.till.state().stuck, None);
}
