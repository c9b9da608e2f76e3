//! Where the program finds its database: the environment and the command line.
//!
//! Addresses come from the environment alone: a command line, with the password in it, is for every user to see.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use pasje::app::Listen;
use pasje::db::url::{DatabaseUrl, UrlError};
use pasje::http::rate_limit::Rates;
use pasje::services::authorise::Settings;
use pasje::services::certificates::CertificatePlaces;
use pasje::services::key_store::{KeyPlaces, SealPlace};
use zeroize::Zeroizing;

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the embedded database keeps its files, when DATABASE_URL is not set
    #[arg(long, env = "PASJE_DATA", default_value = "./pasje-data", global = true, value_name = "FOLDER")]
    pub(crate) data: PathBuf,
}

/// How `pasje serve` listens.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenOptions {
    /// Where terminals ask
    #[arg(long, env = "PASJE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Where terminals ask over TLS; unset: nowhere
    #[arg(long, env = "PASJE_LISTEN_TLS", value_name = "ADDRESS:PORT")]
    pub(crate) listen_tls: Option<SocketAddr>,
    /// Where metrics are read, for whoever watches the service
    #[arg(long, env = "PASJE_METRICS", default_value = "127.0.0.1:9464", value_name = "ADDRESS:PORT")]
    pub(crate) metrics: SocketAddr,
    /// Hosts (and ports) that terminals know the service by, separated by commas, beside the address itself: what
    /// stands in their requests' Host
    #[arg(long, env = "PASJE_AUTHORITIES", value_delimiter = ',', value_name = "HOST[:PORT]")]
    pub(crate) authorities: Vec<String>,
    /// Requests a second that one address may make; 0 is no limit
    #[arg(long, env = "PASJE_ADDRESS_RATE", default_value_t = 500, value_name = "NUMBER")]
    pub(crate) address_rate: u32,
    /// Requests a second that one terminal may make; 0 is no limit
    #[arg(long, env = "PASJE_TERMINAL_RATE", default_value_t = 50, value_name = "NUMBER")]
    pub(crate) terminal_rate: u32,
    /// Requests a second that one key of another system may make; 0 is no limit
    #[arg(long, env = "PASJE_KEY_RATE", default_value_t = 20, value_name = "NUMBER")]
    pub(crate) key_rate: u32,
    /// Lanes that sales are booked in; more only for more cores
    #[arg(long, env = "PASJE_LANES", default_value_t = Settings::default().lanes, value_name = "NUMBER")]
    pub(crate) lanes: usize,
}

impl ListenOptions {
    /// With TLS: `PASJE_TLS_CERTIFICATE`, `PASJE_TLS_KEY` and `PASJE_TLS_CA`, or a CA of its own in the data folder.
    pub(crate) fn listen(&self, options: &Options) -> Result<Listen, ConfigError> {
        let tls = self.listen_tls.map(|address| Ok((address, certificate_places(options)?))).transpose()?;
        let filled =
            self.authorities.iter().map(|authority| authority.trim()).filter(|authority| !authority.is_empty());
        Ok(Listen {
            address: self.listen,
            tls,
            metrics: self.metrics,
            lanes: self.lanes.clamp(1, 64),
            authorities: filled.map(str::to_owned).collect(),
            rates: Rates {
                per_address: NonZeroU32::new(self.address_rate),
                per_terminal: NonZeroU32::new(self.terminal_rate),
                per_key: NonZeroU32::new(self.key_rate),
            },
        })
    }
}

/// Where the key store is: `PASJE_KEYS`, or `keys.sealed` in the data folder. What seals it: `PASJE_KEYS_SEAL` or
/// `PASJE_KEYS_PASSPHRASE`, a systemd credential `pasje-keys-seal` or `pasje-keys-passphrase`, or `keys.seal` in the data
/// folder.
pub(crate) fn key_places(options: &Options) -> Result<KeyPlaces, ConfigError> {
    let file = match text("PASJE_KEYS")? {
        Some(path) => PathBuf::from(path),
        None => options.data.join("keys.sealed"),
    };
    let given = (text(SEAL)?.map(Zeroizing::new), text(PASSPHRASE)?.map(Zeroizing::new));
    let folder = text("CREDENTIALS_DIRECTORY")?.map(PathBuf::from);
    let credential = |name| folder.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists());
    let seal = match given {
        (Some(_), Some(_)) => return Err(ConfigError::TwoSeals),
        (Some(key), None) => SealPlace::Given(SEAL.to_owned(), key),
        (None, Some(passphrase)) => SealPlace::Passphrase(PASSPHRASE.to_owned(), passphrase),
        (None, None) => match (credential("pasje-keys-seal"), credential("pasje-keys-passphrase")) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoSeals),
            (Some(path), None) => SealPlace::File(path),
            (None, Some(path)) => SealPlace::PassphraseFile(path),
            (None, None) => SealPlace::File(options.data.join("keys.seal")),
        },
    };
    Ok(KeyPlaces { file, seal })
}

const SEAL: &str = "PASJE_KEYS_SEAL";
const PASSPHRASE: &str = "PASJE_KEYS_PASSPHRASE";

fn certificate_places(options: &Options) -> Result<CertificatePlaces, ConfigError> {
    let path = |variable| text(variable).map(|found| found.map(PathBuf::from));
    match (path("PASJE_TLS_CERTIFICATE")?, path("PASJE_TLS_KEY")?, path("PASJE_TLS_CA")?) {
        (Some(certificate), Some(key), Some(ca)) => Ok(CertificatePlaces::Given { certificate, key, ca }),
        (None, None, None) => Ok(CertificatePlaces::Own { folder: options.data.join("tls") }),
        _ => Err(ConfigError::CertificateInPart),
    }
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
    /// Which of them sealed the keys?
    #[error(
        "a key and a passphrase for the key file are both given (PASJE_KEYS_SEAL and PASJE_KEYS_PASSPHRASE, or the \
         credentials pasje-keys-seal and pasje-keys-passphrase): give the one that it was sealed with"
    )]
    TwoSeals,
    /// Only a part is known.
    #[error(
        "PASJE_TLS_CERTIFICATE, PASJE_TLS_KEY and PASJE_TLS_CA belong together: set all three (the certificate's chain, its \
         key, and the CA that terminals are to believe), or none for a CA of the service's own"
    )]
    CertificateInPart,
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
    let parse = |text: String| text.parse().map_err(|source| ConfigError::Address { variable, source });
    text(variable)?.map(parse).transpose()
}

/// A variable's text; an empty one counts as absent.
fn text(variable: &'static str) -> Result<Option<String>, ConfigError> {
    match std::env::var(variable) {
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(ConfigError::NotText(variable)),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
    }
}
