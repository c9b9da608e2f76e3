//! Where the program finds its database: the environment and the command line.
//!
//! Addresses come from the environment alone: a command line, with the password in it, is for every user to see.

use std::path::PathBuf;

use pasje::db::url::{DatabaseUrl, UrlError};

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the embedded database keeps its files, when DATABASE_URL is not set
    #[arg(long, env = "PASJE_DATA", default_value = "./pasje-data", global = true, value_name = "FOLDER")]
    pub(crate) data: PathBuf,
}

/// A variable of the environment is wrong or missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It is no address.
    #[error("{variable}: {source}")]
    Address {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it.
        source: UrlError,
    },
    /// Bytes that are no text.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    /// Only half is known.
    #[error(
        "DATABASE_OWNER_URL is set and DATABASE_URL is not: set both (the login that migrates and the login of the \
         service), or neither for the embedded database"
    )]
    OwnerAlone,
}

/// The server that the environment names, if it names one.
#[derive(Debug)]
pub(crate) struct External {
    pub(crate) service: DatabaseUrl,
    pub(crate) owner: Option<DatabaseUrl>,
}

/// DATABASE_URL and DATABASE_OWNER_URL. An empty variable counts as absent.
pub(crate) fn external() -> Result<Option<External>, ConfigError> {
    match (address("DATABASE_URL")?, address("DATABASE_OWNER_URL")?) {
        (Some(service), owner) => Ok(Some(External { service, owner })),
        (None, Some(_)) => Err(ConfigError::OwnerAlone),
        (None, None) => Ok(None),
    }
}

fn address(variable: &'static str) -> Result<Option<DatabaseUrl>, ConfigError> {
    match std::env::var(variable) {
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(ConfigError::NotText(variable)),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => text.parse().map(Some).map_err(|source| ConfigError::Address { variable, source }),
    }
}
