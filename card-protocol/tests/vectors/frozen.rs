//! The bytes of version 1 never change.

use sha2::{Digest, Sha256};

use super::file;

#[path = "../../examples/make_vectors/main.rs"]
mod make_vectors;

/// Do not change this test: make version 2. Cards with these bytes are in people's pockets, and other makers' terminals
/// were checked with them.
#[test]
fn the_vectors_of_version_1_are_the_ones_that_were_frozen() {
    let text = std::fs::read(file()).expect("the vectors can be read");
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "8cc44c34d84888174bada4b5ed258a6c25db0c579b2e41677e4a6294d49cb01c");
}

#[test]
fn the_generator_prints_the_vectors_that_were_frozen() {
    let text = std::fs::read_to_string(file()).expect("the vectors can be read");
    assert!(make_vectors::printed() == text, "make_vectors prints something else than vectors/v1.json");
}
