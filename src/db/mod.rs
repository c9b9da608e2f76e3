//! PostgreSQL: one file an aggregate; functions take a connection.

pub mod absences;
pub mod agendas;
pub mod buffers;
pub mod card_events;
pub mod card_scripts;
pub mod cards;
pub mod catalogue;
pub mod client_records;
pub mod clients;
pub mod cluster;
pub mod connect;
pub mod enrolments;
pub mod entitlements;
pub mod forwards;
pub mod holds;
pub mod imports;
pub mod integration_keys;
pub mod key_checks;
pub mod key_generations;
pub mod ledger;
pub mod locations;
pub mod migrate;
pub mod month_grants;
pub mod month_phases;
pub mod months;
pub mod organisations;
pub mod paid;
pub mod partitions;
pub mod payouts;
pub mod plan_months;
pub mod plan_reviews;
pub mod plans;
pub mod price_lists;
pub mod productions;
pub mod reports;
pub mod reviews;
pub mod schemes;
pub mod statement;
pub mod statements;
pub mod task_lists;
pub mod tasks;
pub mod terminals;
pub mod url;
pub mod verify;
pub mod wallets;

use diesel::result::{DatabaseErrorKind, Error};

/// What the database, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// PostgreSQL refused or could not be reached.
    #[error(transparent)]
    Diesel(#[from] Error),
    /// No connection could be had.
    #[error("{0}")]
    Unreachable(String),
    /// What was read before the lock was not so any more after it; trying again reads it anew.
    #[error("the rows moved before they were locked")]
    Moved,
    /// A stored value that no version of this program writes.
    #[error("a stored value cannot be read: {0}; run `pasje verify`")]
    Corrupt(&'static str),
}

/// A stored value that cannot be read.
pub(crate) const fn corrupt(what: &'static str) -> DbError {
    DbError::Corrupt(what)
}

impl DbError {
    /// Whether the connection is gone. Before COMMIT that books nothing; after it was sent, nobody knows.
    pub const fn is_connection_lost(&self) -> bool {
        matches!(
            self,
            DbError::Unreachable(_)
                | DbError::Diesel(
                    Error::DatabaseError(
                        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                        _
                    ) | Error::BrokenTransactionManager
                )
        )
    }

    /// Whether a row names another that is not there.
    pub const fn is_foreign_key(&self) -> bool {
        matches!(self, DbError::Diesel(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)))
    }

    /// Whether a row broke a constraint: trying the same again will not help.
    pub const fn is_constraint(&self) -> bool {
        use DatabaseErrorKind::*;
        matches!(
            self,
            DbError::Diesel(Error::DatabaseError(
                UniqueViolation
                    | ForeignKeyViolation
                    | NotNullViolation
                    | CheckViolation
                    | ExclusionViolation
                    | RestrictViolation,
                _
            ))
        )
    }
}
