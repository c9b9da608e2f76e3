//! Every input of the fuzz targets' corpora, once: what broke a promise once is kept and must not again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::TARGETS;

/// Of all corpora together: they are seeds, and not a store.
const CORPORA_BYTES_MAX: u64 = 1024 * 1024;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

#[test]
fn every_input_of_the_corpora_keeps_the_promises() {
    for (name, run) in TARGETS {
        let inputs = files(&corpora().join(name));
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            let kept = std::panic::catch_unwind(|| run(&bytes));
            assert!(kept.is_ok(), "{} breaks a promise of target {name}: see above", input.display());
        }
    }
}

#[test]
fn each_target_has_a_program_and_a_corpus_and_no_other_is_there() {
    let names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = corpora();
    assert_eq!(files(&folder).iter().map(stem).collect::<Vec<_>>(), names);
    assert_eq!(files(&folder.with_file_name("fuzz_targets")).iter().map(stem).collect::<Vec<_>>(), names);
    let bytes: u64 =
        names.iter().flat_map(|name| files(&folder.join(name))).map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= CORPORA_BYTES_MAX, "the corpora have {bytes} bytes: minimise them (cargo fuzz cmin)");
}
