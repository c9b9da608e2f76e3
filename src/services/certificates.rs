//! The service's certificate: its own CA and what that signs, made and renewed by itself; or files that were given.
//!
//! The CA is what terminals pin, so it is made once and kept: terminals that were enrolled with another one refuse the
//! service until they are enrolled again. Its key is needed for a new server certificate alone, and lies, like the server's, in
//! the data folder for the service's own user (0600). TLS 1.3 alone: both ends are this project's.

use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, version::TLS13};
use uuid::Uuid;
use zeroize::Zeroizing;

const CA_DAYS: i64 = 3652;
const SERVER_DAYS: i64 = 90;
/// A server certificate is made anew when less than this is left.
const RENEW_DAYS: i64 = 30;

/// Where the certificate comes from.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum CertificatePlaces {
    /// Its own CA, in this folder.
    Own { folder: PathBuf },
    /// Files that somebody else keeps up to date, as PEM; they are read again each hour.
    Given { certificate: PathBuf, key: PathBuf, ca: PathBuf },
}

/// Why there is no certificate, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file system.
    #[error("{}: {source}", path.display())]
    #[allow(missing_docs)]
    File { path: PathBuf, source: std::io::Error },
    /// A file holds something else.
    #[error("{}: {what}", path.display())]
    #[allow(missing_docs)]
    Content { path: PathBuf, what: String },
    /// Half a CA.
    #[error(
        "{} is there and {} is not: restore it from a backup. Without both, remove both: a new CA is made then, and every \
         terminal must be enrolled again",
        here.display(), missing.display()
    )]
    #[allow(missing_docs)]
    HalfCa { here: PathBuf, missing: PathBuf },
    /// Terminals could not believe it.
    #[error("{} is not good for {name} by the CA in {}: {what}", certificate.display(), ca.display())]
    #[allow(missing_docs)]
    NotGood { certificate: PathBuf, ca: PathBuf, name: String, what: String },
    /// A key or certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Made(#[from] rcgen::Error),
    /// TLS itself.
    #[error("TLS cannot be spoken: {0}")]
    Tls(#[from] rustls::Error),
}

/// The certificate in use, and the CA that terminals are given.
pub struct Certificates {
    places: CertificatePlaces,
    names: Vec<ServerName<'static>>,
    ca: String,
    shown: Arc<Shown>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("places", &self.places).field("names", &self.names).finish_non_exhaustive()
    }
}

/// What connections are shown: it changes while the service runs.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A certificate with its key, as PEM.
struct Pair {
    certificate: String,
    key: Zeroizing<String>,
}

impl Certificates {
    /// Reads the certificate, or makes it where there is none or its names or days are not enough.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn open(
        places: CertificatePlaces,
        names: Vec<ServerName<'static>>,
        now: DateTime<Utc>,
    ) -> Result<Self, CertificateError> {
        let (ca, pair) = load(&places, &names, now)?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(certified(&places, &pair)?))));
        Ok(Self { places, names, ca, shown })
    }

    /// The CA, as PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// How connections are answered.
    ///
    /// # Errors
    /// [`CertificateError::Tls`].
    pub fn settings(&self) -> Result<ServerConfig, CertificateError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&TLS13])?.with_no_client_auth();
        Ok(config.with_cert_resolver(self.shown.clone()))
    }

    /// Makes the certificate anew if its days run out, or reads files that changed; new connections are shown the new one.
    /// Answers whether it is another than before.
    ///
    /// # Errors
    /// [`CertificateError`]; the one in use stays in use.
    pub fn renew(&self, now: DateTime<Utc>) -> Result<bool, CertificateError> {
        let (_, pair) = load(&self.places, &self.names, now)?;
        let new = certified(&self.places, &pair)?;
        let mut shown = self.shown.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_other = shown.cert != new.cert;
        *shown = Arc::new(new);
        Ok(is_other)
    }
}

/// The names that terminals know the service by: hosts of the authorities, and the address.
pub fn names(authorities: &[String], address: SocketAddr) -> Vec<ServerName<'static>> {
    let mut hosts: Vec<String> = authorities.iter().map(|authority| host(authority).to_owned()).collect();
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    }
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        hosts.push("localhost".to_owned());
    }
    let mut names: Vec<ServerName<'static>> = Vec::new();
    for host in hosts {
        match ServerName::try_from(host) {
            Ok(name) if !names.contains(&name) => names.push(name),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a host of PASJE_AUTHORITIES is no name for a certificate"),
        }
    }
    names
}

/// Without the port, and without the brackets of IPv6.
fn host(authority: &str) -> &str {
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => authority,
    };
    without_port.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(without_port)
}

fn load(
    places: &CertificatePlaces,
    names: &[ServerName<'static>],
    now: DateTime<Utc>,
) -> Result<(String, Pair), CertificateError> {
    match places {
        CertificatePlaces::Own { folder } => own(folder, names, now),
        CertificatePlaces::Given { certificate, key, ca } => {
            let pair = Pair { certificate: read(certificate)?, key: Zeroizing::new(read(key)?) };
            let ca_text = read(ca)?;
            let good = is_good(&ca_text, &pair.certificate, names, now);
            let (name, what) = match good {
                Ok(()) => return Ok((ca_text, pair)),
                Err(why) => why,
            };
            Err(CertificateError::NotGood { certificate: certificate.clone(), ca: ca.clone(), name, what })
        }
    }
}

fn own(folder: &Path, names: &[ServerName<'static>], now: DateTime<Utc>) -> Result<(String, Pair), CertificateError> {
    let file = |name: &str| folder.join(name);
    let (ca_file, ca_key_file) = (file("ca.pem"), file("ca.key"));
    match (ca_file.exists(), ca_key_file.exists()) {
        (true, true) => {}
        (false, false) => {
            let pair = make_ca(now)?;
            // the key first: a certificate without it would be half a CA that nobody missed yet
            write(&ca_key_file, pair.key.as_bytes())?;
            write(&ca_file, pair.certificate.as_bytes())?;
            tracing::info!(folder = %folder.display(), "made a CA that terminals know this service by: keep it in a backup");
        }
        (true, false) => return Err(CertificateError::HalfCa { here: ca_file, missing: ca_key_file }),
        (false, true) => return Err(CertificateError::HalfCa { here: ca_key_file, missing: ca_file }),
    }
    let ca = Pair { certificate: read(&ca_file)?, key: Zeroizing::new(read(&ca_key_file)?) };
    let (certificate_file, key_file) = (file("server.pem"), file("server.key"));
    if certificate_file.exists() && key_file.exists() {
        let pair = Pair { certificate: read(&certificate_file)?, key: Zeroizing::new(read(&key_file)?) };
        let is_good_at = |at| is_good(&ca.certificate, &pair.certificate, names, at).is_ok();
        if is_good_at(now) && is_good_at(now + TimeDelta::days(RENEW_DAYS)) && certified_pair(&pair).is_ok() {
            return Ok((ca.certificate, pair));
        }
    }
    let pair = make_server(&ca, names, now)?;
    write(&key_file, pair.key.as_bytes())?;
    write(&certificate_file, pair.certificate.as_bytes())?;
    tracing::info!(folder = %folder.display(), ?names, days = SERVER_DAYS, "made a certificate for the service");
    Ok((ca.certificate, pair))
}

/// Its name is made of its key, so that the same issuer comes out of the key alone.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let tag: String = crate::domain::hex::to_hex(key.public_key_raw()).chars().rev().take(16).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Pasje CA {tag}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn make_ca(now: DateTime<Utc>) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = ca_params(&key);
    set_days(&mut params, now, CA_DAYS);
    let certificate = params.self_signed(&key)?.pem();
    Ok(Pair { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

fn make_server(ca: &Pair, names: &[ServerName<'static>], now: DateTime<Utc>) -> Result<Pair, CertificateError> {
    let ca_key = KeyPair::from_pem(&ca.key)?;
    let issuer = Issuer::new(ca_params(&ca_key), ca_key);
    let key = KeyPair::generate()?;
    let hosts: Vec<String> = names.iter().map(|name| name.to_str().into_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Pasje");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_days(&mut params, now, SERVER_DAYS);
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok(Pair { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

/// From a day ago, as clocks differ, for this many days.
fn set_days(params: &mut CertificateParams, now: DateTime<Utc>, days: i64) {
    // rcgen wants moments of the crate `time`
    let moment = |at: DateTime<Utc>| {
        let (month, day) = (at.month().to_le_bytes()[0], at.day().to_le_bytes()[0]);
        let seconds = u64::try_from(at.timestamp().rem_euclid(86_400)).unwrap_or_default();
        date_time_ymd(at.year(), month, day) + Duration::from_secs(seconds)
    };
    params.not_before = moment(now - TimeDelta::days(1));
    params.not_after = moment(now + TimeDelta::days(days));
}

/// Whether a terminal would believe the certificate for each name; or for which not, and why.
fn is_good(
    ca: &str,
    certificate: &str,
    names: &[ServerName<'static>],
    at: DateTime<Utc>,
) -> Result<(), (String, String)> {
    let said = |what: &dyn fmt::Display| (String::new(), what.to_string());
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(root.map_err(|error| said(&error))?).map_err(|error| said(&error))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let verifier = verifier.build().map_err(|error| said(&error))?;
    let chain = chain(certificate).map_err(|error| said(&error))?;
    let Some((end_entity, intermediates)) = chain.split_first() else { return Err(said(&"no certificate")) };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or_default()));
    for name in names {
        let verified = verifier.verify_server_cert(end_entity, intermediates, name, &[], at);
        verified.map_err(|error| (name.to_str().into_owned(), error.to_string()))?;
    }
    Ok(())
}

fn chain(certificate: &str) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(certificate.as_bytes()).collect()
}

fn certified_pair(pair: &Pair) -> Result<CertifiedKey, String> {
    let chain = chain(&pair.certificate).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| error.to_string())
}

fn certified(places: &CertificatePlaces, pair: &Pair) -> Result<CertifiedKey, CertificateError> {
    let path = match places {
        CertificatePlaces::Own { folder } => folder.join("server.key"),
        CertificatePlaces::Given { key, .. } => key.clone(),
    };
    certified_pair(pair).map_err(|what| CertificateError::Content { path, what })
}

fn read(path: &Path) -> Result<String, CertificateError> {
    std::fs::read_to_string(path).map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

/// Writes a file whole, for its owner alone, in a folder of the same sort.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CertificateError> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let beside = folder.join(format!(".{}.new", Uuid::new_v4()));
    let written = || {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    let written: std::io::Result<()> = written();
    written.map_err(|source| {
        // the error that counts is the first one
        if let Err(error) = std::fs::remove_file(&beside)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %beside.display(), "a half-written file stays");
        }
        CertificateError::File { path: path.to_owned(), source }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("pasje-certificates-{}", Uuid::new_v4().simple()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn open(&self, hosts: &[&str], now: DateTime<Utc>) -> Result<Certificates, CertificateError> {
            let names = hosts.iter().map(|host| ServerName::try_from((*host).to_owned()).unwrap()).collect();
            Certificates::open(CertificatePlaces::Own { folder: self.0.join("tls") }, names, now)
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.0.join("tls").join(name)).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn ca_and_certificate_are_made_once_and_for_their_owner_alone() {
        let (folder, now) = (Folder::new(), Utc::now());
        let ca = folder.open(&["pasje.example"], now).unwrap().ca().to_owned();
        let server = folder.read("server.pem");
        for name in ["ca.pem", "ca.key", "server.pem", "server.key"] {
            assert_eq!(std::fs::metadata(folder.0.join("tls").join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.0.join("tls")).unwrap().count(), 4);
        assert_eq!(folder.open(&["pasje.example"], now).unwrap().ca(), ca);
        assert_eq!(folder.read("server.pem"), server);
    }

    #[test]
    fn a_certificate_is_made_anew_when_days_or_names_are_not_enough_and_the_ca_stays() {
        let (folder, now) = (Folder::new(), Utc::now());
        let opened = folder.open(&["pasje.example"], now).unwrap();
        let first = folder.read("server.pem");
        assert!(!opened.renew(now + TimeDelta::days(SERVER_DAYS - RENEW_DAYS - 1)).unwrap());
        assert_eq!(folder.read("server.pem"), first);
        assert!(opened.renew(now + TimeDelta::days(SERVER_DAYS - RENEW_DAYS + 1)).unwrap());
        let second = folder.read("server.pem");
        assert_ne!(second, first);
        let other = folder.open(&["pasje.example", "192.0.2.1"], now).unwrap();
        assert_ne!(folder.read("server.pem"), second);
        assert_eq!(other.ca(), opened.ca());
    }

    #[test]
    fn half_a_ca_is_never_made_whole_by_itself() {
        for name in ["ca.pem", "ca.key"] {
            let folder = Folder::new();
            folder.open(&["pasje.example"], Utc::now()).unwrap();
            std::fs::remove_file(folder.0.join("tls").join(name)).unwrap();
            let error = folder.open(&["pasje.example"], Utc::now()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("enrolled again"), "{error}");
        }
    }

    #[test]
    fn given_files_must_fit_each_other_and_the_names() {
        let (folder, now) = (Folder::new(), Utc::now());
        folder.open(&["pasje.example"], now).unwrap();
        let other = Folder::new();
        other.open(&["pasje.example"], now).unwrap();
        let file = |folder: &Folder, name: &str| folder.0.join("tls").join(name);
        let given = |certificate: &Folder, key: &Folder, ca: &Folder, name: &str| {
            let places = CertificatePlaces::Given {
                certificate: file(certificate, "server.pem"),
                key: file(key, "server.key"),
                ca: file(ca, "ca.pem"),
            };
            Certificates::open(places, vec![ServerName::try_from(name.to_owned()).unwrap()], now)
        };
        assert!(given(&folder, &folder, &folder, "pasje.example").is_ok());
        for wrong in [
            given(&folder, &folder, &folder, "other.example"),
            given(&folder, &folder, &other, "pasje.example"),
            given(&folder, &other, &folder, "pasje.example"),
        ] {
            assert!(wrong.is_err());
        }
    }

    #[test]
    fn names_are_those_of_the_authorities_and_the_address() {
        let authorities = ["pasje.example:8443", "192.0.2.1", "[2001:db8::1]:8443", "pasje.example"].map(str::to_owned);
        let of = |address: &str| -> Vec<String> {
            names(&authorities, address.parse().unwrap()).iter().map(|name| name.to_str().into_owned()).collect()
        };
        assert_eq!(of("0.0.0.0:8443"), ["pasje.example", "192.0.2.1", "2001:db8::1", "localhost"]);
        assert_eq!(of("127.0.0.1:8443")[3..], ["127.0.0.1", "localhost"]);
        assert_eq!(of("[::1]:8443")[3..], ["::1", "localhost"]);
        assert_eq!(of("192.0.2.1:8443").len(), 3);
    }

    #[test]
    fn no_key_is_printed() {
        let folder = Folder::new();
        let opened = folder.open(&["pasje.example"], Utc::now()).unwrap();
        let printed = format!("{opened:?} {:?}", opened.settings().unwrap());
        assert!(!printed.contains("PRIVATE") && !printed.contains("key:"), "{printed}");
    }
}
