//! TLS as a terminal speaks it: version 1.3, one CA and no other root.
//!
//! Both ends are this project's, so there is no older peer to be kind to: TLS 1.2 is refused.
//!
//! A terminal that just started may have no idea what time it is. As long as its clock is unconfirmed it does not judge the
//! *dates* of the service's certificate, everything else of it; what it learns from that service must then lie within
//! those dates ([`PinnedCa::holds_at`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version::TLS13,
};

use crate::clock::Clock;

/// What a service showed, to be looked at again.
#[derive(Debug)]
struct Shown {
    end_entity: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
}

/// Believes certificates of one CA.
#[derive(Debug)]
pub struct PinnedCa {
    inner: Arc<WebPkiServerVerifier>,
    clock: Clock,
    shown: Mutex<Option<Shown>>,
}

impl PinnedCa {
    /// Of a CA as PEM.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(ca: &str, clock: Clock) -> Result<Arc<Self>, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
        let inner = inner.build().map_err(|error| error.to_string())?;
        Ok(Arc::new(Self { inner, clock, shown: Mutex::default() }))
    }

    /// A connection's settings.
    ///
    /// # Errors
    /// Never in practice.
    pub fn settings(self: &Arc<Self>) -> Result<Arc<ClientConfig>, String> {
        settings(Arc::<Self>::clone(self))
    }

    /// Whether the certificate that the service showed last is good at this time, in milliseconds since 1970.
    pub fn holds_at(&self, unix_ms: u64) -> bool {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().is_some_and(|shown| {
            let at = UnixTime::since_unix_epoch(Duration::from_millis(unix_ms));
            self.inner.verify_server_cert(&shown.end_entity, &shown.intermediates, &shown.name, &[], at).is_ok()
        })
    }
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |at| self.inner.verify_server_cert(end_entity, intermediates, name, ocsp, at);
        let is_confirmed = self.clock.is_confirmed();
        let verified = match verify(UnixTime::since_unix_epoch(Duration::from_millis(self.clock.now_ms()))) {
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))
                if !is_confirmed =>
            {
                verify(not_before)
            }
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) if !is_confirmed => {
                verify(not_after)
            }
            other => other,
        }?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown {
            end_entity: end_entity.clone().into_owned(),
            intermediates: intermediates.iter().map(|one| one.clone().into_owned()).collect(),
            name: name.to_owned(),
        });
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Takes any certificate: of a terminal that enrols, which knows no CA yet. What it then gets is sealed to its key and
/// compared by two people (`crate::enrolment`).
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection's settings before a CA is known.
///
/// # Errors
/// Never in practice.
pub(crate) fn before_enrolment() -> Result<Arc<ClientConfig>, String> {
    settings(Arc::new(AnyCertificate(ring::default_provider())))
}

fn settings(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).map_err(|error| error.to_string())?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // a session that is taken up again would skip the certificate, and with it what the clock is judged by
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// A failed handshake, in words for who keeps the terminal.
pub(crate) fn refusal(error: &std::io::Error) -> Option<String> {
    let tls = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match tls {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "the service's certificate is not of the CA that this terminal was enrolled with. If the service was given \
              another CA, enrol this terminal again; if not, somebody stands between"
            .to_owned(),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the service's certificate is for another name: add the name that this terminal asks for to PASJE_AUTHORITIES \
              of the service"
            .to_owned(),
        Error::InvalidCertificate(what) => format!("the service's certificate is refused: {what}"),
        other => format!("no TLS with the service: {other}"),
    })
}
