//! What the journal promises.

use super::*;

const TERMINAL: Uuid = Uuid::from_bytes([1; 16]);

fn open(disk: &MemoryDisk) -> Journal {
    Journal::open(disk.backend(), TERMINAL).unwrap()
}

fn sale(number: u64) -> String {
    format!("{{\"number\":{number}}}")
}

#[test]
fn records_are_numbered_from_one_and_chained() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    let first = journal.append(&sale(1)).unwrap();
    let second = journal.append(&sale(2)).unwrap();
    assert_eq!((first.sequence, first.previous), (1, NO_HASH));
    assert_eq!((second.sequence, second.previous), (2, first.hash));
    assert_eq!(second.hash, hash_of(&first.hash, 2, sale(2).as_bytes()));
    drop(journal);
    assert_eq!(open(&disk).after(0, 50).unwrap(), [first, second]);
}

#[test]
fn only_what_was_delivered_is_pruned_and_the_chain_goes_on() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    for number in 1..=4 {
        journal.append(&sale(number)).unwrap();
    }
    journal.delivered(2).unwrap();
    assert!(matches!(journal.prune(3), Err(JournalError::NotDelivered(3))));
    journal.prune(2).unwrap();
    drop(journal);
    let mut journal = open(&disk);
    assert_eq!(journal.damage(), None);
    let left = journal.after(0, 50).unwrap();
    assert_eq!(left.iter().map(|record| record.sequence).collect::<Vec<_>>(), [3, 4]);
    journal.delivered(4).unwrap();
    journal.prune(4).unwrap();
    drop(journal);
    let fifth = open(&disk).append(&sale(5)).unwrap();
    assert_eq!((fifth.sequence, fifth.previous), (5, left[1].hash));
}

#[test]
fn a_changed_record_is_found_when_the_journal_is_opened() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    for number in 1..=3 {
        journal.append(&sale(number)).unwrap();
    }
    journal.break_record(2);
    drop(journal);
    let mut journal = open(&disk);
    assert_eq!(journal.damage(), Some("record 2 was changed"));
    assert!(matches!(journal.append(&sale(4)), Err(JournalError::Damaged(_))));
    // what stands before the damage can still be delivered, and online sales go on
    assert_eq!(journal.extent().last, 1);
    assert!(journal.next_sequence().is_ok());
}

#[test]
fn a_record_that_is_missing_anywhere_is_found() {
    for missing in 1..=3 {
        let disk = MemoryDisk::default();
        let mut journal = open(&disk);
        for number in 1..=3 {
            journal.append(&sale(number)).unwrap();
        }
        let write = journal.begin().unwrap();
        write.open_table(RECORDS).unwrap().remove(missing).unwrap();
        write.commit().unwrap();
        drop(journal);
        assert!(open(&disk).damage().is_some(), "{missing}");
    }
}

#[test]
fn a_journal_of_another_terminal_is_refused() {
    let disk = MemoryDisk::default();
    drop(open(&disk));
    let other = Journal::open(disk.backend(), Uuid::nil());
    assert!(matches!(other, Err(JournalError::OtherTerminal { .. })));
}

#[test]
fn whenever_the_power_fails_what_was_appended_is_there_and_nothing_else() {
    // the writes of an append vary a little with its place in the tree
    for dies_after in 1..60 {
        for seed in 0..4 {
            let disk = MemoryDisk::default();
            let mut journal = open(&disk);
            for number in 1..=3 {
                journal.append(&sale(number)).unwrap();
            }
            disk.set_broken(Some(Broken::DeadAfter(dies_after)));
            let mut appended = 3;
            while journal.append(&sale(appended + 1)).is_ok() {
                appended += 1;
            }
            drop(journal);
            disk.power_lost(seed);
            let journal = open(&disk);
            assert_eq!(journal.damage(), None);
            let there = journal.extent().last;
            // the one that failed may be there: it was never said to be
            assert!(there == appended || there == appended + 1, "{there} of {appended}, {dies_after}, {seed}");
            for record in journal.after(0, 1000).unwrap() {
                assert_eq!(record.sale, sale(record.sequence));
            }
        }
    }
}

#[test]
fn a_journal_that_does_not_sync_loses_what_it_appended() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    journal.forget_to_sync();
    journal.append(&sale(1)).unwrap();
    disk.set_broken(Some(Broken::DeadAfter(1)));
    drop(journal);
    disk.power_lost(1);
    assert_eq!(open(&disk).extent().last, 0);
}

#[test]
fn a_full_disk_refuses_records_and_leaves_those_that_are_there() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    journal.append(&sale(1)).unwrap();
    disk.set_broken(Some(Broken::FullAfter(0)));
    assert!(matches!(journal.append(&sale(2)), Err(JournalError::Disk(_))));
    assert!(journal.next_sequence().is_ok_and(|sequence| sequence == 1));
    disk.set_broken(None);
    drop(journal);
    let mut journal = open(&disk);
    assert_eq!(journal.extent().last, 1);
    assert_eq!(journal.append(&sale(2)).unwrap().sequence, 2);
}

#[test]
fn a_terminal_sequence_never_comes_twice_whenever_the_power_fails() {
    let disk = MemoryDisk::default();
    let mut last = 0;
    for dies_after in 1..80 {
        let mut journal = open(&disk);
        disk.set_broken(Some(Broken::DeadAfter(dies_after)));
        for _ in 0..300 {
            let Ok(sequence) = journal.next_sequence() else { break };
            assert!(sequence > last, "{sequence} after {last}");
            last = sequence;
        }
        drop(journal);
        disk.power_lost(dies_after);
    }
    let mut journal = open(&disk);
    journal.skip_sequences(last + 1_000_000).unwrap();
    assert_eq!(journal.next_sequence().unwrap(), last + 1_000_001);
}

#[test]
fn notes_outlive_the_program_until_they_are_forgotten() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    journal.note(TERMINAL, b"asking").unwrap();
    journal.note(Uuid::nil(), b"undo").unwrap();
    journal.note(TERMINAL, b"undo").unwrap();
    disk.power_lost(0);
    let mut journal = open(&disk);
    assert_eq!(journal.notes().unwrap(), [(Uuid::nil(), b"undo".to_vec()), (TERMINAL, b"undo".to_vec())]);
    journal.forget(TERMINAL).unwrap();
    assert_eq!(journal.notes().unwrap().len(), 1);
}
