//! One terminal's connection to the service: signed requests, one at a time, over HTTP/1.1 that is kept open.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, DATE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::random::{NoRandomness, Random, now_ms};
use crate::signature::{Body, Parameters, Request, SigningKey, TAG, Unsignable, sign};

/// The longest answer that is read. The catalogue is the longest of all.
const ANSWER_LENGTH_MAX: usize = 8 * 1024 * 1024;

/// How long a signature is good for, in seconds.
const EXPIRES_AFTER: i64 = 60;

const JSON: &str = "application/json";

/// How long a request may take, unless said otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum AddressError {
    #[error("`{0}` is no address of a service; one looks like http://127.0.0.1:8080")]
    NotUnderstood(String),
    #[error("`{0}` is not on this machine or not http: TLS comes with enrolment, until then only http:// to localhost")]
    NeedsTls(String),
}

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As in `Host`.
    authority: String,
    host: String,
    port: u16,
}

impl Address {
    /// Reads an address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let not_understood = || AddressError::NotUnderstood(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(not_understood)?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(AddressError::NeedsTls(url.to_owned()));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        if !scheme.eq_ignore_ascii_case("http") || authority.contains(['/', '?', '#', '@']) {
            return Err(not_understood());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| not_understood())?),
            _ => (authority.as_str(), 80),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match (host.is_empty(), is_here) {
            (true, _) => Err(not_understood()),
            (false, false) => Err(AddressError::NeedsTls(url.to_owned())),
            (false, true) => Ok(Self { authority, host, port }),
        }
    }
}

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
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All of it.
    pub body: Bytes,
    headers: HeaderMap,
}

impl Reply {
    /// A reply that came in another way than over a connection.
    pub fn new(status: u16, body: impl Into<Bytes>, headers: HeaderMap) -> Self {
        Self { status, body: body.into(), headers }
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version of what came.
    pub fn etag(&self) -> Option<&str> {
        self.header(&ETAG)
    }

    /// The service's clock.
    pub fn date(&self) -> Option<&str> {
        self.header(&DATE)
    }

    /// What the card is to change, in hexadecimal digits.
    pub fn card_script(&self) -> Option<&str> {
        self.headers.get("pasje-card-script")?.to_str().ok()
    }

    /// How long the service wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header(&RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
    }
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum NoAnswer {
    #[error("the service cannot be reached: {0}")]
    NotSent(String),
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
    address: Address,
    host: HeaderValue,
    keyid: String,
    key: SigningKey,
    timeout: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
    connections: u64,
    random: Random,
}

impl Client {
    /// Of the terminal with this id and key. Connects when something is sent.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn new(service: &str, terminal: Uuid, key: &[u8; 32], timeout: Duration) -> Result<Self, AddressError> {
        let address = Address::parse(service)?;
        let host = HeaderValue::from_str(&address.authority);
        let host = host.map_err(|_| AddressError::NotUnderstood(service.to_owned()))?;
        Ok(Self {
            address,
            host,
            keyid: terminal.to_string(),
            key: SigningKey::new(key),
            timeout,
            sender: None,
            connections: 0,
            random: Random::default(),
        })
    }

    /// How often it connected again after the first time.
    pub const fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    /// Random bytes, for whoever needs more of them.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Signs and sends a request, and reads the answer.
    ///
    /// # Errors
    /// [`NoAnswer`]. The connection is made anew the next time.
    pub async fn send(&mut self, outgoing: Outgoing<'_>) -> Result<Reply, NoAnswer> {
        let span = self.timeout;
        // out of `self` while it is used: whatever goes wrong, a connection in the middle of an answer is never used again
        let mut sender = self.sender.take();
        let exchange = async {
            let kept = match sender.take() {
                Some(mut kept) => kept.ready().await.ok().map(|()| kept),
                None => None,
            };
            let mut connection = match kept {
                Some(kept) => kept,
                None => self.connect().await?,
            };
            let reply = match connection.send_request(self.request(outgoing)?).await {
                // the service closed it before it read anything
                Err(error) if error.is_canceled() => {
                    connection = self.connect().await?;
                    connection.send_request(self.request(outgoing)?).await
                }
                other => other,
            };
            let reply = read(reply.map_err(|error| NoAnswer::Lost(error.to_string()))?).await?;
            Ok::<_, NoAnswer>((connection, reply))
        };
        let (connection, reply) = timeout(span, exchange).await.map_err(|_| NoAnswer::TimedOut(span))??;
        self.sender = Some(connection);
        Ok(reply)
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let not_sent = |error: &dyn std::error::Error| NoAnswer::NotSent(error.to_string());
        let stream = TcpStream::connect((self.address.host.as_str(), self.address.port)).await;
        let stream = stream.map_err(|error| not_sent(&error))?;
        stream.set_nodelay(true).map_err(|error| not_sent(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| not_sent(&error))?;
        // its end is seen by who sends next
        tokio::spawn(async move { drop(connection.await) });
        self.connections += 1;
        Ok(sender)
    }

    fn request(&mut self, outgoing: Outgoing<'_>) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
        let method = if outgoing.post.is_some() { hyper::Method::POST } else { hyper::Method::GET };
        let created = i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX);
        let nonce = u64::from_be_bytes(self.random.bytes()?);
        let mut nonce_text = String::with_capacity(16);
        // writing to a String cannot fail
        let _ = write!(nonce_text, "{nonce:016x}");
        let body = outgoing.post.map(|(bytes, id)| Body { content_type: JSON, bytes, idempotency_key: id });
        let signed = sign(
            &Request {
                method: method.as_str(),
                authority: &self.address.authority,
                path: outgoing.path,
                query: outgoing.query,
                body,
            },
            &Parameters {
                created,
                expires: created.saturating_add(EXPIRES_AFTER),
                nonce: &nonce_text,
                keyid: &self.keyid,
                tag: TAG,
            },
            &self.key,
        )?;
        let target = match outgoing.query {
            None => hyper::Uri::try_from(outgoing.path),
            Some(query) => hyper::Uri::try_from(format!("{}?{query}", outgoing.path)),
        };
        let mut request =
            hyper::Request::new(Full::new(outgoing.post.map_or_else(Bytes::new, |(body, _)| body.clone())));
        *request.method_mut() = method;
        *request.uri_mut() = target.map_err(|error| NoAnswer::NotMade(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        if outgoing.post.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        let optional = [
            ("content-digest", signed.content_digest),
            ("idempotency-key", signed.idempotency_key),
            ("signature-input", Some(signed.signature_input)),
            ("signature", Some(signed.signature)),
            (IF_NONE_MATCH.as_str(), outgoing.if_none_match.map(str::to_owned)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                let value = HeaderValue::try_from(value).map_err(|error| NoAnswer::NotMade(error.to_string()))?;
                headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap_or(HOST), value);
            }
        }
        Ok(request)
    }
}

async fn read(response: hyper::Response<Incoming>) -> Result<Reply, NoAnswer> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_LENGTH_MAX).collect().await;
    let body = body.map_err(|error| NoAnswer::Lost(error.to_string()))?.to_bytes();
    Ok(Reply { status: head.status.as_u16(), body, headers: head.headers })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_on_this_machine_are_understood() {
        for (url, host, port) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://localhost:8080/", "localhost", 8080),
            ("HTTP://LOCALHOST", "localhost", 80),
            ("http://[::1]:9", "::1", 9),
            ("http://[::1]", "::1", 80),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{url}");
        }
    }

    #[test]
    fn an_address_elsewhere_waits_for_tls() {
        for url in ["https://127.0.0.1", "http://till.example", "http://192.0.2.1:80", "http://localhost.example"] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.to_string().contains("TLS comes with enrolment"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for url in ["", "127.0.0.1:8080", "ftp://localhost", "http://", "http://localhost/api", "http://localhost:x"] {
            assert!(matches!(Address::parse(url), Err(AddressError::NotUnderstood(_))), "{url}");
        }
    }
}
