//! A database's address.
//!
//! Invariant: the password in it never shows in `Debug`, `Display` or an error; only [`DatabaseUrl::secret`] gives it.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::config::Host;

/// A parsed PostgreSQL address, a URL or libpq's `key=value` form.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: String,
    config: tokio_postgres::Config,
}

/// The address could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// `sslmode` asks for an encrypted connection.
    #[error(
        "the database address asks for TLS (sslmode), which pasje does not speak yet: \
         use a local socket, a private network or a TLS tunnel, and leave sslmode out"
    )]
    TlsUnsupported,
    /// Not an address; the reason names the option, never its value.
    #[error("the database address is not valid ({0}): write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")]
    Malformed(String),
    /// Without a host nothing can be reached.
    #[error("the database address names no host: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")]
    NoHost,
    /// The login decides what may be done, so it is never guessed.
    #[error("the database address names no user: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")]
    NoUser,
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        // the driver knows no sslmode above `require` and would call these malformed
        if text.contains("sslmode=verify") {
            return Err(UrlError::TlsUnsupported);
        }
        let config = text.parse::<tokio_postgres::Config>().map_err(|error| UrlError::Malformed(cause(&error)))?;
        if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
            return Err(UrlError::TlsUnsupported);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(UrlError::NoHost);
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err(UrlError::NoUser);
        }
        Ok(Self { text: text.to_owned(), config })
    }
}

impl DatabaseUrl {
    /// The address of a database behind a Unix socket, without password.
    ///
    /// # Errors
    /// As parsing does; a path that is not UTF-8 is malformed.
    pub fn on_socket(user: &str, directory: &std::path::Path, port: u16, database: &str) -> Result<Self, UrlError> {
        let directory = directory.to_str().ok_or_else(|| UrlError::Malformed("the path is not UTF-8".into()))?;
        format!("postgresql://{user}@/{database}?host={}&port={port}", percent_encode(directory)).parse()
    }

    /// The address as given, password included: for a child's environment or a connection, never for a message.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// The login it names.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// What libpq's programs (psql, pg_dump, pgbench) read from their environment.
    #[must_use]
    pub fn libpq_environment(&self) -> Vec<(&'static str, String)> {
        let hosts: Vec<String> = self.hosts();
        let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let mut environment = vec![
            ("PGHOST", hosts.join(",")),
            ("PGPORT", if ports.is_empty() { "5432".to_owned() } else { ports.join(",") }),
            ("PGUSER", self.user().to_owned()),
            ("PGDATABASE", self.database().to_owned()),
        ];
        if let Some(password) = self.config.get_password() {
            environment.push(("PGPASSWORD", String::from_utf8_lossy(password).into_owned()));
        }
        environment
    }

    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    fn hosts(&self) -> Vec<String> {
        let names = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let addresses = self.config.get_hostaddrs().iter().map(ToString::to_string);
        if self.config.get_hosts().is_empty() { addresses.collect() } else { names.collect() }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
        write!(f, "database {} on {} port {port} as {}", self.database(), self.hosts().join(","), self.user())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The driver's own words say only "db error" or "error connecting to server": what matters lies below.
pub(crate) fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return refusal.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

fn percent_encode(path: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_with_any_character_survives() {
        let url = DatabaseUrl::on_socket("pasje_service", "/tmp/a b&c%d?é".as_ref(), 5433, "pasje").unwrap();
        assert_eq!(url.hosts(), ["/tmp/a b&c%d?é"]);
        assert_eq!(url.config().get_ports(), [5433]);
        assert_eq!((url.user(), url.database()), ("pasje_service", "pasje"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let url: DatabaseUrl = "postgresql://ann:hunter2@db.example:5433/pasje".parse().unwrap();
        assert_eq!(url.to_string(), "database pasje on db.example port 5433 as ann");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_password() {
        for (text, expected) in [
            ("postgresql://ann:hunter2@db/pasje?sslmode=require", "asks for TLS"),
            ("postgresql://ann:hunter2@db/pasje?sslmode=verify-full", "asks for TLS"),
            ("postgresql://ann:hunter2@db/pasje?colour=hunter2", "not valid"),
            ("postgresql://ann:hunter2@db:port/pasje", "not valid"),
            ("hunter2", "not valid"),
            ("", "names no host"),
            ("postgresql://ann:hunter2@/pasje", "names no host"),
            ("postgresql://db/pasje", "names no user"),
        ] {
            let message = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{text}: {message}");
        }
    }
}
