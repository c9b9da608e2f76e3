//! What stands in the ledger under an id that a sale names.

use uuid::Uuid;

use crate::domain::operation::{Operation, OperationKind, Outcome, Owner};

/// An id that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Known {
    pub owner: Owner,
    pub kind: OperationKind,
    pub outcome: Outcome,
    pub terminal: Option<Uuid>,
    /// None: a tombstone.
    pub request_hash: Option<[u8; 32]>,
}

impl Known {
    /// What an operation will be known by.
    pub fn of(operation: &Operation) -> Known {
        Known {
            owner: operation.owner,
            kind: operation.kind,
            outcome: operation.outcome,
            terminal: operation.terminal,
            request_hash: operation.request_hash,
        }
    }

    /// Whether this is the answer to a request with this hash. A tombstone answers every request under its id.
    pub fn answers(&self, request_hash: &[u8; 32]) -> bool {
        self.request_hash.is_none_or(|hash| hash == *request_hash)
    }
}
