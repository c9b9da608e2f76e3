//! Signs the terminal's requests: HTTP Message Signatures (RFC 9421) with hmac-sha256, and Content-Digest (RFC 9530).
//!
//! Written from the RFCs alone, apart from the service's verifier, so that each proves the other. The same request, key and
//! parameters always give the same bytes: what is sent again after a lost answer is the same request.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The tag of terminals' signatures.
pub const TAG: &str = "pasje-terminal";

/// The label under which both headers name the signature.
const LABEL: &str = "terminal";

/// A terminal's key. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// A key of the secret that the service gave.
    pub fn new(secret: &[u8; 32]) -> SigningKey {
        // HMAC pads a secret with zeros to the hash's block; done here, the length cannot be a wrong one
        let mut block = Zeroizing::new([0; 64]);
        block[..secret.len()].copy_from_slice(secret);
        SigningKey(Hmac::new((&*block).into()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A request that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Host, and port unless it is the scheme's default: what the request's `Host` says.
    pub authority: &'a str,
    /// Percent-encoded, from `/`.
    pub path: &'a str,
    /// Percent-encoded, without `?`.
    pub query: Option<&'a str>,
    /// What is sent along, if anything is.
    pub body: Option<Body<'a>>,
}

/// What a request carries.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The value of `Content-Type`.
    pub content_type: &'a str,
    /// The bytes, exactly as they are sent.
    pub bytes: &'a [u8],
    /// The request's own id, kept when it is sent again.
    pub idempotency_key: Uuid,
}

/// What the signature says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Unix time in seconds.
    pub created: i64,
    /// Unix time in seconds.
    pub expires: i64,
    /// Unlike any other of this key.
    pub nonce: &'a str,
    /// Whose key it is.
    pub keyid: &'a str,
    /// Whom it is meant for: [`TAG`].
    pub tag: &'a str,
}

/// The values of the headers that make the request a signed one, beside `Host` and `Content-Type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `Content-Digest`, with a body.
    pub content_digest: Option<String>,
    /// `Idempotency-Key`, with a body.
    pub idempotency_key: Option<String>,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

/// The request or the parameters hold a character that a signature cannot cover: anything but printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` holds a character that cannot be signed: only printable ASCII can")]
pub struct Unsignable(pub &'static str);

/// Signs a request. With a body the signature covers method, authority, path, query, digest, content type and idempotency
/// key; without one, the first four.
///
/// # Errors
/// [`Unsignable`] names the part that cannot be signed.
pub fn sign(request: &Request<'_>, parameters: &Parameters<'_>, key: &SigningKey) -> Result<SignedHeaders, Unsignable> {
    let mut input = String::with_capacity(384);
    let mut base = String::with_capacity(1024);
    input.push_str(LABEL);
    input.push_str("=(");
    let params_start = input.len() - 1;

    let mut cover = |name: &'static str, value: &[&str]| -> Result<(), Unsignable> {
        if !input.ends_with('(') {
            input.push(' ');
        }
        for text in [&mut input, &mut base] {
            text.push('"');
            text.push_str(name);
            text.push('"');
        }
        base.push_str(": ");
        for part in value {
            // a header's value may hold spaces; a request line's parts may not
            let first = if name.starts_with('@') { b'!' } else { b' ' };
            if part.bytes().any(|c| !(first..=b'~').contains(&c)) {
                return Err(Unsignable(name));
            }
            base.push_str(part);
        }
        base.push('\n');
        Ok(())
    };
    cover("@method", &[request.method])?;
    cover("@authority", &[&request.authority.to_ascii_lowercase()])?;
    cover("@path", &[if request.path.is_empty() { "/" } else { request.path }])?;
    cover("@query", &["?", request.query.unwrap_or_default()])?;
    let content_digest = request.body.map(|body| content_digest(body.bytes));
    let idempotency_key = request.body.map(|body| format!("\"{}\"", body.idempotency_key));
    if let (Some(body), Some(digest), Some(key)) = (request.body, &content_digest, &idempotency_key) {
        cover("content-digest", &[digest])?;
        cover("content-type", &[body.content_type.trim_matches([' ', '\t'])])?;
        cover("idempotency-key", &[key])?;
    }
    input.push(')');
    // writing to a String cannot fail
    let _ = write!(input, ";created={};expires={}", parameters.created, parameters.expires);
    string_parameter(&mut input, "nonce", parameters.nonce)?;
    string_parameter(&mut input, "keyid", parameters.keyid)?;
    string_parameter(&mut input, "tag", parameters.tag)?;

    base.push_str("\"@signature-params\": ");
    base.push_str(&input[params_start..]);
    let mac = key.0.clone().chain_update(&base).finalize().into_bytes();
    let mut signature = String::with_capacity(LABEL.len() + 48);
    signature.push_str(LABEL);
    signature.push_str("=:");
    STANDARD.encode_string(mac, &mut signature);
    signature.push(':');
    Ok(SignedHeaders { content_digest, idempotency_key, signature_input: input, signature })
}

/// The value of `Content-Digest` for a body.
pub fn content_digest(body: &[u8]) -> String {
    let mut value = String::with_capacity(56);
    value.push_str("sha-256=:");
    STANDARD.encode_string(Sha256::digest(body), &mut value);
    value.push(':');
    value
}

fn string_parameter(input: &mut String, name: &'static str, value: &str) -> Result<(), Unsignable> {
    input.push(';');
    input.push_str(name);
    input.push_str("=\"");
    for c in value.chars() {
        if !matches!(c, ' '..='~') {
            return Err(Unsignable(name));
        }
        if matches!(c, '"' | '\\') {
            input.push('\\');
        }
        input.push(c);
    }
    input.push('"');
    Ok(())
}
