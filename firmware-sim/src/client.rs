//! One terminal's requests: signed, one at a time, at the time that its clock tells.
//!
//! Where the service refuses a signature for its time, and is known for certain (the pinned CA, or this machine), the clock
//! learns the time from that answer and the request is signed once more.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH};
use uuid::Uuid;

use crate::address::Address;
pub use crate::address::AddressError;
use crate::answer::Problem;
use crate::clock::{Clock, Learnt, parse_date};
use crate::files::TerminalOnFile;
use crate::random::{NoRandomness, Random};
use crate::signature::{Body, Parameters, Request, SigningKey, TAG, Unsignable, sign};
use crate::tls::PinnedCa;
pub use crate::wire::Reply;
use crate::wire::Wire;

/// How long a signature is good for, in seconds.
const EXPIRES_AFTER: i64 = 60;

const JSON: &str = "application/json";

/// How long a request may take, unless said otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Percent-encoded, from `/`.
    pub path: &'a str,
    /// Without `?`.
    pub query: Option<&'a str>,
    /// A POST's JSON, and the id in it.
    pub post: Option<(&'a Bytes, Uuid)>,
    /// The version that is known already.
    pub if_none_match: Option<&'a str>,
}

impl<'a> Outgoing<'a> {
    /// A GET of this path.
    pub const fn get(path: &'a str) -> Self {
        Self { path, query: None, post: None, if_none_match: None }
    }

    /// A POST of this JSON, whose id this is.
    pub const fn post(path: &'a str, body: &'a Bytes, id: Uuid) -> Self {
        Self { path, query: None, post: Some((body, id)), if_none_match: None }
    }
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum NoAnswer {
    #[error("the service cannot be reached: {0}")]
    NotSent(String),
    #[error("{0}")]
    Untrusted(String),
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("the request cannot be made: {0}")]
    NotMade(String),
}

impl NoAnswer {
    /// Whether the service may have got the request.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Lost(_))
    }
}

impl From<NoRandomness> for NoAnswer {
    fn from(error: NoRandomness) -> Self {
        Self::NotMade(error.to_string())
    }
}

impl From<Unsignable> for NoAnswer {
    fn from(error: Unsignable) -> Self {
        Self::NotMade(error.to_string())
    }
}

/// A terminal's connection.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    ca: Option<Arc<PinnedCa>>,
    clock: Clock,
    keyid: String,
    key: SigningKey,
    random: Random,
}

impl Client {
    /// Of the terminal with this id and key, with a service on this machine. Connects when something is sent.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn new(service: &str, terminal: Uuid, key: &[u8; 32], timeout: Duration) -> Result<Self, AddressError> {
        Self::pinned(service, None, terminal, key, timeout, Clock::default())
    }

    /// The same with a service whose certificate is of this CA (PEM), and a clock.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn pinned(
        service: &str,
        ca: Option<&str>,
        terminal: Uuid,
        key: &[u8; 32],
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self, AddressError> {
        let address = Address::parse(service)?;
        let ca = match (address.is_https, ca) {
            (false, _) => None,
            (true, None) => return Err(AddressError::NeedsCa(service.to_owned())),
            (true, Some(ca)) => Some(PinnedCa::new(ca, clock.clone()).map_err(AddressError::Ca)?),
        };
        let tls = ca.as_ref().map(PinnedCa::settings).transpose().map_err(AddressError::Ca)?;
        Ok(Self {
            wire: Wire::new(address, tls, timeout),
            ca,
            clock,
            keyid: terminal.to_string(),
            key: SigningKey::new(key),
            random: Random::default(),
        })
    }

    /// Of a terminal's file; `service` instead of the address in it, if given.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn of(file: &TerminalOnFile, service: Option<&str>, timeout: Duration) -> Result<Self, AddressError> {
        let document = &file.document;
        Self::pinned(
            service.unwrap_or(&document.service),
            document.ca.as_deref(),
            document.terminal,
            file.key().expose(),
            timeout,
            Clock::after(document.clock_confirmed_ms),
        )
    }

    /// How often it connected again after the first time.
    pub const fn reconnects(&self) -> u64 {
        self.wire.connections.saturating_sub(1)
    }

    /// Random bytes, for whoever needs more of them.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The terminal's clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A new UUIDv7 of now, by the terminal's clock.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn uuid7(&mut self) -> Result<Uuid, NoRandomness> {
        self.random.uuid7_at(self.clock.now_ms())
    }

    /// Signs and sends a request, and reads the answer.
    ///
    /// # Errors
    /// [`NoAnswer`]. The connection is made anew the next time.
    pub async fn send(&mut self, outgoing: Outgoing<'_>) -> Result<Reply, NoAnswer> {
        let reply = self.send_once(outgoing).await?;
        if reply.status < 400 {
            self.clock.confirm();
        }
        if reply.status == 401 && self.learn_time(&reply) {
            return self.send_once(outgoing).await;
        }
        Ok(reply)
    }

    /// Whether the clock was moved by what the service says.
    fn learn_time(&self, reply: &Reply) -> bool {
        let is_about_time = Problem::read(reply.status, &reply.body).slug == "signature-expired";
        let Some(said_ms) = reply.date().filter(|_| is_about_time).and_then(parse_date) else { return false };
        // a time at which its own certificate would not be good is none
        let is_possible = self.ca.as_ref().is_none_or(|ca| ca.holds_at(said_ms));
        is_possible && self.clock.learn(said_ms) == Learnt::Set
    }

    async fn send_once(&mut self, outgoing: Outgoing<'_>) -> Result<Reply, NoAnswer> {
        let Self { wire, clock, keyid, key, random, .. } = self;
        let authority = wire.address.authority.clone();
        wire.exchange(|| signed(outgoing, &authority, clock, keyid, key, random)).await
    }
}

fn signed(
    outgoing: Outgoing<'_>,
    authority: &str,
    clock: &Clock,
    keyid: &str,
    key: &SigningKey,
    random: &mut Random,
) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
    let method = if outgoing.post.is_some() { hyper::Method::POST } else { hyper::Method::GET };
    let created = i64::try_from(clock.now_ms() / 1000).unwrap_or(i64::MAX);
    let nonce = u64::from_be_bytes(random.bytes()?);
    let mut nonce_text = String::with_capacity(16);
    // writing to a String cannot fail
    let _ = write!(nonce_text, "{nonce:016x}");
    let body = outgoing.post.map(|(bytes, id)| Body { content_type: JSON, bytes, idempotency_key: id });
    let signed = sign(
        &Request { method: method.as_str(), authority, path: outgoing.path, query: outgoing.query, body },
        &Parameters { created, expires: created.saturating_add(EXPIRES_AFTER), nonce: &nonce_text, keyid, tag: TAG },
        key,
    )?;
    let target = match outgoing.query {
        None => hyper::Uri::try_from(outgoing.path),
        Some(query) => hyper::Uri::try_from(format!("{}?{query}", outgoing.path)),
    };
    let mut request = hyper::Request::new(Full::new(outgoing.post.map_or_else(Bytes::new, |(body, _)| body.clone())));
    *request.method_mut() = method;
    *request.uri_mut() = target.map_err(|error| NoAnswer::NotMade(error.to_string()))?;
    let headers = request.headers_mut();
    if outgoing.post.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    let optional = [
        (HeaderName::from_static("content-digest"), signed.content_digest),
        (HeaderName::from_static("idempotency-key"), signed.idempotency_key),
        (HeaderName::from_static("signature-input"), Some(signed.signature_input)),
        (HeaderName::from_static("signature"), Some(signed.signature)),
        (IF_NONE_MATCH, outgoing.if_none_match.map(str::to_owned)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::try_from(value).map_err(|error| NoAnswer::NotMade(error.to_string()))?);
        }
    }
    Ok(request)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const FAR_AHEAD: &str = "Sat, 01 Jan 2050 00:00:00 GMT";
    const FAR_AHEAD_MS: u64 = 2_524_608_000_000;

    /// Answers each request with the next of these (the last one from then on); what came is counted.
    async fn service(answers: &'static [(u16, &'static str, &'static str)]) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).await.unwrap() > 0 {
                let at = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
                let (status, date, slug) = answers[at];
                let body = format!("{{\"type\":\"/problems/{slug}\"}}");
                let reply =
                    format!("HTTP/1.1 {status} X\r\ndate: {date}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        (url, count)
    }

    fn client(url: &str, clock: &Clock) -> Client {
        Client::pinned(url, None, Uuid::nil(), &[1; 32], TIMEOUT, clock.clone()).unwrap()
    }

    #[tokio::test]
    async fn a_refused_time_is_learnt_once_and_the_request_signed_again() {
        let (url, count) = service(&[(401, FAR_AHEAD, "signature-expired"), (200, FAR_AHEAD, "")]).await;
        let clock = Clock::default();
        let reply = client(&url, &clock).send(Outgoing::get("/")).await.unwrap();
        assert_eq!((reply.status, count.load(Ordering::SeqCst)), (200, 2));
        assert!(clock.now_ms().abs_diff(FAR_AHEAD_MS) < 5_000);
    }

    #[tokio::test]
    async fn no_other_answer_moves_the_clock() {
        for answers in [
            &[(401, FAR_AHEAD, "signature-wrong")][..],
            &[(400, FAR_AHEAD, "signature-expired")],
            &[(401, "soon", "signature-expired")],
            &[(200, FAR_AHEAD, "")],
        ] {
            let (url, count) = service(answers).await;
            let clock = Clock::default();
            client(&url, &clock).send(Outgoing::get("/")).await.unwrap();
            assert_eq!((clock.offset_ms(), count.load(Ordering::SeqCst)), (0, 1), "{answers:?}");
        }
    }

    #[tokio::test]
    async fn a_service_that_comes_back_with_a_wrong_clock_moves_nobody() {
        let (url, count) = service(&[(200, FAR_AHEAD, ""), (401, FAR_AHEAD, "signature-expired")]).await;
        let clock = Clock::default();
        let mut client = client(&url, &clock);
        assert_eq!(client.send(Outgoing::get("/")).await.unwrap().status, 200);
        for _ in 0..3 {
            assert_eq!(client.send(Outgoing::get("/")).await.unwrap().status, 401);
        }
        assert_eq!((clock.offset_ms(), count.load(Ordering::SeqCst)), (0, 4));
    }

    #[test]
    fn https_without_a_ca_and_a_ca_that_is_none_are_refused() {
        let make = |ca| Client::pinned("https://pasje.example", ca, Uuid::nil(), &[1; 32], TIMEOUT, Clock::default());
        assert!(matches!(make(None).unwrap_err(), AddressError::NeedsCa(_)));
        for ca in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(make(Some(ca)).unwrap_err(), AddressError::Ca(_)), "{ca}");
        }
    }
}
