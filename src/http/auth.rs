//! Who asks: a terminal that signed the request, and what it sent.
//!
//! The order, each step answered by a problem of its own: the address's rate (of every route, see `rate_limit`), the host, the announced length, the
//! signature as far as it can be read, the terminal's key (of a terminal that is not there: the same answer after the same
//! work), revoked, the terminal's rate, the body (length, time, digest), its type, `Idempotency-Key`, its JSON.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, web};
use card_protocol::Secret;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Service;
use super::json::Object;
use super::problem::{
    AUTHORITY_UNKNOWN, BODY_TIMEOUT, BODY_TOO_LARGE, CONTENT_TYPE_WRONG, DIGEST_MALFORMED, ID_MISMATCH, JSON_MALFORMED,
    Problem, REQUEST_MALFORMED, SIGNATURE_WRONG, TERMINAL_REVOKED,
};
use super::signature::{Headers, Key, Message, Policy, Signed as Signature, content_digest_is_right};
use crate::domain::operation::OperationId;
use crate::domain::sale::Terminal;
use crate::services::book::BookError;
use crate::services::terminals::KnownTerminal;

/// Bytes of a body, at most.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a body of forwarded sales, at most.
pub const JOURNAL_BYTES_MAX: usize = 256 * 1024;

/// What a route takes.
struct Taken {
    bytes_max: usize,
    /// Whether a terminal that was revoked may ask it.
    of_revoked: bool,
}

const REQUEST: Taken = Taken { bytes_max: BODY_BYTES_MAX, of_revoked: false };
const JOURNAL: Taken = Taken { bytes_max: JOURNAL_BYTES_MAX, of_revoked: true };

/// A body that takes longer is not sent in good faith, or by a line that will not carry the answer either.
const BODY_TIMEOUT_AFTER: Duration = Duration::from_secs(10);

/// A request without a body, signed by this terminal.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Asked {
    pub terminal: Terminal,
}

/// A request with a body, signed by this terminal.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Sent<T> {
    pub terminal: Terminal,
    pub body: T,
    idempotency_key: String,
}

/// What a terminal delivers of its journal: larger, and of one that was revoked too, as what it sold is sold.
#[derive(Debug)]
pub struct Delivered<T>(pub Sent<T>);

impl<T> Sent<T> {
    /// The id of the body, which `Idempotency-Key` must repeat.
    ///
    /// # Errors
    /// `id-mismatch`; `request-malformed` for an id that is no UUIDv7.
    pub fn id(&self, id: Uuid) -> Result<OperationId, Problem> {
        if repeated_id(&self.idempotency_key) != Some(id) {
            return Err(Problem::new(&ID_MISMATCH));
        }
        Ok(OperationId::new(id)?)
    }
}

pub(super) type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Asked {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let terminal = authenticate(&request, &Policy::TERMINAL_WITHOUT_BODY, &REQUEST).await?;
            Ok(Self { terminal })
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Sent<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload).into_inner());
        Box::pin(receive(request, payload, &REQUEST))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Delivered<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload).into_inner());
        Box::pin(async move { receive(request, payload, &JOURNAL).await.map(Self) })
    }
}

async fn receive<T: DeserializeOwned>(
    request: HttpRequest,
    payload: Result<web::Payload, actix_web::Error>,
    taken: &'static Taken,
) -> Result<Sent<T>, Problem> {
    let terminal = authenticate(&request, &Policy::TERMINAL_WITH_BODY, taken).await?;
    let (body, idempotency_key) = receive_body(&request, payload, taken.bytes_max).await?;
    Ok(Sent { terminal, body: parse(&body)?, idempotency_key })
}

/// Headers as they came.
struct Lines<'a>(&'a HeaderMap);

impl Headers for Lines<'_> {
    fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.get_all(name).map(header::HeaderValue::as_bytes)
    }
}

async fn authenticate(request: &HttpRequest, policy: &Policy, taken: &Taken) -> Result<Terminal, Problem> {
    let service = service_of(request)?;
    let known = signed_by(request, policy, taken.bytes_max, async |id| service.terminals.get(id).await).await?;
    if known.is_revoked && !taken.of_revoked {
        return Err(Problem::new(&TERMINAL_REVOKED));
    }
    service.rates.count_terminal(known.terminal.id)?;
    Ok(known.terminal)
}

pub(super) fn service_of(request: &HttpRequest) -> Result<&Data<Service>, Problem> {
    request.app_data::<Data<Service>>().ok_or_else(|| Problem::new(&super::problem::INTERNAL))
}

/// Whoever signs requests.
pub(super) trait Signer {
    fn key(&self) -> &Secret;
}

impl Signer for KnownTerminal {
    fn key(&self) -> &Secret {
        &self.key
    }
}

/// Who signed the request, looked up by the signature's keyid.
pub(super) async fn signed_by<S: Signer>(
    request: &HttpRequest,
    policy: &Policy,
    bytes_max: usize,
    look_up: impl AsyncFnOnce(Uuid) -> Result<Option<Arc<S>>, BookError>,
) -> Result<Arc<S>, Problem> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !service_of(request)?.is_known_as(host) {
        return Err(Problem::new(&AUTHORITY_UNKNOWN));
    }
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > bytes_max as u64) {
        return Err(Problem::new(&BODY_TOO_LARGE));
    }
    let headers = Lines(request.headers());
    let message = Message {
        method: request.method().as_str(),
        authority: host,
        path: request.uri().path(),
        query: request.uri().query(),
        headers: &headers,
    };
    let signature = Signature::parse(&message, policy, chrono::Utc::now().timestamp())?;
    let known = match Uuid::try_parse(signature.keyid()) {
        Ok(id) => look_up(id).await?,
        Err(_) => None,
    };
    // Of one that is not there: the same work, the same answer.
    let nobody = [0; 32];
    let secret = known.as_ref().map_or(&nobody, |known| known.key().expose());
    let key = Key::new(secret).ok_or_else(|| Problem::new(&SIGNATURE_WRONG))?;
    let verified = signature.verify(&key);
    let known = known.ok_or_else(|| Problem::from(super::signature::SignatureError::Wrong))?;
    verified?;
    Ok(known)
}

/// The body, held to its digest and type.
pub(super) async fn receive_body(
    request: &HttpRequest,
    payload: Result<web::Payload, actix_web::Error>,
    bytes_max: usize,
) -> Result<(Bytes, String), Problem> {
    let payload = payload.map_err(|_| Problem::with(&JSON_MALFORMED, "there is no body"))?;
    let body = read(payload, bytes_max).await?;
    content_digest_is_right(&joined(request.headers(), "content-digest")?, &body)?;
    if !is_json(request.headers()) {
        return Err(Problem::new(&CONTENT_TYPE_WRONG));
    }
    let key = request.headers().get("idempotency-key").and_then(|value| value.to_str().ok());
    let idempotency_key = key.ok_or_else(|| Problem::new(&ID_MISMATCH))?.trim().to_owned();
    Ok((body, idempotency_key))
}

/// The id that an `Idempotency-Key` holds.
pub(super) fn repeated_id(idempotency_key: &str) -> Option<Uuid> {
    let id = idempotency_key.strip_prefix('"').and_then(|key| key.strip_suffix('"'))?;
    Uuid::try_parse(id).ok()
}

pub(super) async fn read(payload: web::Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT_AFTER, payload.to_bytes_limited(bytes_max)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(Problem::with(&JSON_MALFORMED, "the body broke off")),
        Ok(Err(_)) => Err(Problem::new(&BODY_TOO_LARGE)),
        Err(_) => Err(Problem::new(&BODY_TIMEOUT)),
    }
}

/// All lines of a header as one value, as a signature covers them.
fn joined(headers: &HeaderMap, name: &str) -> Result<String, Problem> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        let line = value.to_str().map_err(|_| Problem::with(&DIGEST_MALFORMED, "it is not ASCII"))?;
        lines.push(line.trim());
    }
    Ok(lines.join(", "))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads JSON; only when that fails, once more to tell where.
///
/// # Errors
/// `json-malformed`, `request-malformed`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Ok(Object(parsed)) = serde_json::from_slice(body) {
        return Ok(parsed);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut json) {
        Err(error) if !error.inner().is_data() && !is_one_json_value(body) => {
            Err(Problem::with(&JSON_MALFORMED, error.inner().to_string()))
        }
        Err(error) => Err(Problem::with(&REQUEST_MALFORMED, format!("{}: {}", error.path(), error.inner()))),
        Ok(_) => Err(Problem::with(&JSON_MALFORMED, "something follows the JSON value")),
    }
}

/// Where a name is expected, the parser calls any other value a mistake of syntax.
fn is_one_json_value(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}
