//! Forwarded records: a terminal's journal as it arrives, chained by its hashes.
//!
//! A record is stored before anything is made of it, whatever it says. So nothing here looks into its sale.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// What stands before the first record.
pub const NOTHING_BEFORE: [u8; 32] = [0; 32];

/// Records in one request, at most.
pub const RECORDS_MAX: usize = 50;

/// Bytes of a record's sale, at most: one of a hundred lines has twelve thousand.
pub const SALE_BYTES_MAX: usize = 20_000;

/// A record of a terminal's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Record {
    /// From 1, and never again from 1.
    pub sequence: i64,
    /// The hash of the record before.
    pub previous: [u8; 32],
    pub hash: [u8; 32],
    /// The sale as the terminal wrote it, byte for byte.
    pub sale: Vec<u8>,
}

impl Record {
    /// SHA-256 of the hash before, the sequence (8 bytes, big-endian) and the sale's bytes.
    pub fn hash_of(previous: &[u8; 32], sequence: i64, sale: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(sequence.to_be_bytes());
        hash.update(sale);
        hash.finalize().into()
    }

    /// Whether the hash is of these bytes.
    pub fn is_whole(&self) -> bool {
        self.hash == Record::hash_of(&self.previous, self.sequence, &self.sale)
    }
}

/// Why a request's records are not the continuation of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Misfit {
    /// A record is missing before this one, or it follows another one than the last.
    #[error("record {sequence} does not follow what is stored")]
    Gap { sequence: i64 },
    /// Another record is stored under this sequence.
    #[error("another record is stored under sequence {sequence}")]
    Conflict { sequence: i64 },
}

/// Which records are new: those that follow the last one, each chained to the one before. `last` is the last that is
/// stored, `stored` the hashes under the sequences that the records name.
///
/// # Errors
/// [`Misfit`], for the first that does not fit: then none is stored.
pub fn continuation(
    last: Option<(i64, [u8; 32])>,
    mut stored: HashMap<i64, [u8; 32]>,
    records: &[Record],
) -> Result<Vec<&Record>, Misfit> {
    let (mut last, mut chained) = last.unwrap_or((0, NOTHING_BEFORE));
    let mut new = Vec::with_capacity(records.len());
    for record in records {
        let sequence = record.sequence;
        if sequence <= last {
            if stored.get(&sequence) != Some(&record.hash) {
                return Err(Misfit::Conflict { sequence });
            }
        } else if sequence == last + 1 && record.previous == chained {
            (last, chained) = (sequence, record.hash);
            stored.insert(sequence, record.hash);
            new.push(record);
        } else {
            return Err(Misfit::Gap { sequence });
        }
    }
    Ok(new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A journal of `count` records.
    fn journal(count: i64) -> Vec<Record> {
        let mut previous = NOTHING_BEFORE;
        (1..=count)
            .map(|sequence| {
                let sale = format!("sale {sequence}").into_bytes();
                let hash = Record::hash_of(&previous, sequence, &sale);
                let record = Record { sequence, previous, hash, sale };
                previous = hash;
                record
            })
            .collect()
    }

    #[test]
    fn a_journal_is_taken_up_where_it_ended_and_nowhere_else() {
        let journal = journal(6);
        assert!(journal.iter().all(Record::is_whole));
        assert!(!Record { sale: b"another".to_vec(), ..journal[0].clone() }.is_whole());
        assert!(!Record { sequence: 2, ..journal[0].clone() }.is_whole());
        let forged = |at: usize| Record { hash: [9; 32], ..journal[at].clone() };
        let elsewhere = |at: usize| Record { previous: [9; 32], ..journal[at].clone() };
        let sequences = |wanted: &[i64]| wanted.to_vec();
        // stored so far, what is sent, what is new of it
        for (stored, sent, wanted) in [
            (0, journal[..3].to_vec(), Ok(sequences(&[1, 2, 3]))),
            (0, journal[1..3].to_vec(), Err(Misfit::Gap { sequence: 2 })),
            (3, journal[3..].to_vec(), Ok(sequences(&[4, 5, 6]))),
            (3, journal[4..].to_vec(), Err(Misfit::Gap { sequence: 5 })),
            (3, journal.clone(), Ok(sequences(&[4, 5, 6]))),
            (6, journal[2..4].to_vec(), Ok(sequences(&[]))),
            (3, vec![forged(1)], Err(Misfit::Conflict { sequence: 2 })),
            (3, vec![journal[1].clone(), forged(2), journal[3].clone()], Err(Misfit::Conflict { sequence: 3 })),
            (3, vec![elsewhere(3)], Err(Misfit::Gap { sequence: 4 })),
            (0, vec![elsewhere(0)], Err(Misfit::Gap { sequence: 1 })),
            (3, vec![journal[3].clone(), journal[3].clone()], Ok(sequences(&[4]))),
            (3, vec![journal[3].clone(), forged(3)], Err(Misfit::Conflict { sequence: 4 })),
            (3, vec![journal[3].clone(), journal[5].clone()], Err(Misfit::Gap { sequence: 6 })),
        ] {
            let known: HashMap<_, _> = journal[..stored].iter().map(|record| (record.sequence, record.hash)).collect();
            let last = journal[..stored].last().map(|record| (record.sequence, record.hash));
            let new = continuation(last, known, &sent);
            assert_eq!(new.map(|new| new.iter().map(|record| record.sequence).collect()), wanted, "{stored} {sent:?}");
        }
    }
}
