//! A folder of terminals and cards that one fleet uses at a time.
//!
//! Before its first tap a fleet writes its counters raised by a reserve, and the true ones at its end: a fleet that is
//! killed between the two has lost numbers and used none twice.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{CardFile, Document, FileError, TerminalFile, parse, read_text, replace, to_text};

/// How many counters of each card, and sequence numbers of each terminal, a fleet takes at once.
pub const RESERVE: u32 = 1_000_000;

/// Threads that write files.
const WRITERS: usize = 16;

/// Documents of one kind, and where they came from.
#[derive(Debug)]
enum Shelf {
    /// All in one file.
    Array(PathBuf),
    /// Each in its own, in this order.
    Files(Vec<PathBuf>),
}

impl Shelf {
    fn read<D: Document>(folder: &Path, name: &str) -> Result<(Self, Vec<D>), FileError> {
        let array = folder.join(format!("{name}.json"));
        let own = folder.join(name);
        if array.exists() && own.exists() {
            return Err(FileError::content(folder, format!("has both `{name}.json` and `{name}/`; one must go")));
        }
        if array.exists() {
            let text = read_text(&array, &File::open(&array).map_err(FileError::io(&array))?)?;
            let documents: Vec<D> =
                serde_json::from_str(&text).map_err(|error| FileError::content(&array, error.to_string()))?;
            for (number, document) in documents.iter().enumerate() {
                if let Some(fault) = document.fault() {
                    return Err(FileError::content(&array, format!("object {number}: {fault}")));
                }
            }
            return Ok((Self::Array(array), documents));
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(&own).map_err(FileError::io(&own))? {
            let path = entry.map_err(FileError::io(&own))?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden && path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        let read = |path: &PathBuf| parse(path, &read_text(path, &File::open(path).map_err(FileError::io(path))?)?);
        let documents = paths.iter().map(read).collect::<Result<_, _>>()?;
        Ok((Self::Files(paths), documents))
    }

    /// Writes the first `used` documents; an array is written whole.
    fn write<D: Document + Sync>(&self, documents: &[D], used: usize) -> Result<(), FileError> {
        match self {
            Self::Array(path) => {
                let text = to_text(&documents).map_err(FileError::io(path))?;
                replace(path, &text, false).map(drop).map_err(FileError::io(path))
            }
            Self::Files(paths) => {
                let pairs: Vec<_> = paths.iter().zip(documents).take(used).collect();
                let share = pairs.len().div_ceil(WRITERS).max(1);
                // a disk syncs many files at once in little more time than one
                std::thread::scope(|scope| {
                    let writers: Vec<_> = pairs.chunks(share).map(|pairs| scope.spawn(|| write_each(pairs))).collect();
                    writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|_| Err(ended_early())))
                })
            }
        }
    }
}

fn write_each<D: Document + Sync>(pairs: &[(&PathBuf, &D)]) -> Result<(), FileError> {
    pairs.iter().try_for_each(|(path, document)| {
        let text = to_text(document).map_err(FileError::io(path))?;
        replace(path, &text, false).map(drop).map_err(FileError::io(path))
    })
}

fn ended_early() -> FileError {
    FileError::content(Path::new("."), "a thread that wrote files ended early")
}

/// A fleet's folder, locked.
#[derive(Debug)]
pub struct FleetFolder {
    _locks: Vec<File>,
    path: PathBuf,
    terminal_shelf: Shelf,
    card_shelf: Shelf,
    /// Its terminals.
    pub terminals: Vec<TerminalFile>,
    /// Its cards.
    pub cards: Vec<CardFile>,
}

impl FleetFolder {
    /// Locks and reads a folder.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(folder: &Path) -> Result<Self, FileError> {
        let mut locks = Vec::new();
        for place in [folder.to_owned(), folder.join("terminals"), folder.join("cards")] {
            if place == folder || place.is_dir() {
                let lock = File::open(&place).map_err(FileError::io(&place))?;
                match lock.try_lock() {
                    Ok(()) => locks.push(lock),
                    Err(TryLockError::WouldBlock) => return Err(FileError::InUse { path: place }),
                    Err(TryLockError::Error(source)) => return Err(FileError::Io { path: place, source }),
                }
            }
        }
        let (terminal_shelf, terminals) = Shelf::read::<TerminalFile>(folder, "terminals")?;
        let (card_shelf, cards) = Shelf::read::<CardFile>(folder, "cards")?;
        let twice = |ids: Vec<Uuid>| {
            let mut seen = HashSet::new();
            ids.into_iter().find(|id| !seen.insert(*id))
        };
        if let Some(id) = twice(terminals.iter().map(|file| file.terminal).collect()) {
            return Err(FileError::content(folder, format!("terminal {id} is here twice")));
        }
        if let Some(id) = twice(cards.iter().map(|file| file.card).collect()) {
            return Err(FileError::content(folder, format!("card {id} is here twice")));
        }
        Ok(Self { _locks: locks, path: folder.to_owned(), terminal_shelf, card_shelf, terminals, cards })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Raises the counters of the first cards and terminals by the reserve, and writes them. Who was given the counters
    /// before may use those up to the ones that stand here now.
    ///
    /// # Errors
    /// [`FileError`]. None of them may be used.
    pub fn reserve(&mut self, terminals: usize, cards: usize) -> Result<(), FileError> {
        for terminal in self.terminals.iter_mut().take(terminals) {
            terminal.sequence = terminal.sequence.saturating_add(RESERVE.into());
        }
        for card in self.cards.iter_mut().take(cards) {
            let mut state = card.current_state();
            state.counter = state.counter.saturating_add(RESERVE);
            card.state = Some(state);
        }
        self.write(terminals, cards)
    }

    /// Writes the first cards and terminals as they are in memory.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, terminals: usize, cards: usize) -> Result<(), FileError> {
        self.terminal_shelf.write(&self.terminals, terminals)?;
        self.card_shelf.write(&self.cards, cards)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::files::LockedFile;
    use crate::files::tests::{Folder, card_json, terminal_json};

    fn in_files(name: &str) -> Folder {
        let folder = Folder::new(name);
        for tag in 1..=3 {
            folder.file(&format!("cards/{tag}.json"), &card_json(tag));
        }
        folder.file("terminals/1.json", &terminal_json(1));
        folder
    }

    fn in_arrays(name: &str) -> Folder {
        let folder = Folder::new(name);
        folder.file("cards.json", &format!("[{},{},{}]", card_json(1), card_json(2), card_json(3)));
        folder.file("terminals.json", &format!("[{}]", terminal_json(1)));
        folder
    }

    #[test]
    fn a_killed_fleet_has_used_no_counter_that_the_next_one_uses() {
        for folder in [in_files("reserve"), in_arrays("reserve-array")] {
            let mut first = FleetFolder::open(&folder.0).unwrap();
            first.reserve(1, 2).unwrap();
            drop(first);
            let next = FleetFolder::open(&folder.0).unwrap();
            let counters: Vec<u32> = next.cards.iter().map(|card| card.current_state().counter).collect();
            assert_eq!(counters, [RESERVE, RESERVE, 0]);
            assert_eq!(next.terminals[0].sequence, u64::from(RESERVE));
        }
    }

    #[test]
    fn the_true_counters_are_written_at_the_end() {
        let folder = in_arrays("end");
        let mut fleet = FleetFolder::open(&folder.0).unwrap();
        fleet.reserve(1, 3).unwrap();
        let mut state = fleet.cards[0].current_state();
        state.counter = 17;
        fleet.cards[0].state = Some(state);
        fleet.write(1, 3).unwrap();
        drop(fleet);
        assert_eq!(FleetFolder::open(&folder.0).unwrap().cards[0].current_state().counter, 17);
    }

    #[test]
    fn a_folder_in_use_is_refused_to_another_fleet_and_to_a_single_tap() {
        let folder = in_files("use");
        let fleet = FleetFolder::open(&folder.0).unwrap();
        assert!(matches!(FleetFolder::open(&folder.0), Err(FileError::InUse { .. })));
        assert!(matches!(LockedFile::open(&folder.0.join("cards/1.json")), Err(FileError::InUse { .. })));
        drop(fleet);
        let single = LockedFile::open(&folder.0.join("cards/1.json")).unwrap();
        assert!(matches!(FleetFolder::open(&folder.0), Err(FileError::InUse { .. })));
        drop(single);
        assert!(FleetFolder::open(&folder.0).is_ok());
    }

    #[test]
    fn the_same_card_twice_is_refused() {
        let folder = in_files("twice");
        folder.file("cards/4.json", &card_json(2));
        let error = FleetFolder::open(&folder.0).unwrap_err().to_string();
        assert!(error.contains("twice"), "{error}");
    }
}
