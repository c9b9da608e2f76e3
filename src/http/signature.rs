//! HTTP Message Signatures (RFC 9421) of requests, with hmac-sha256, and Content-Digest (RFC 9530).
//!
//! Pure: a message, a policy and the time go in; who signed it, or why not, comes out. Three steps, because the caller
//! looks the key up in between:
//!
//! 1. [`Signed::parse`] reads the signature and the components that it covers;
//! 2. [`Signed::verify`] compares it under the key of [`Signed::keyid`];
//! 3. [`content_digest_is_right`] ties the body to the `content-digest` header that the signature covers.
//!
//! Nothing of a message may be believed before all three said yes, its `keyid` included. Whether the signer's policy is the
//! one for bodies is decided by whether a body came, never by what headers say.
//!
//! The decisions, in this order; the first that fails is the answer:
//!
//! 1. [`Missing`](SignatureError::Missing): a header is absent, or no signature carries the policy's tag;
//! 2. [`Malformed`](SignatureError::Malformed): the headers cannot be read, or what they say cannot be rebuilt;
//! 3. [`Incomplete`](SignatureError::Incomplete): first parameters, then components that the policy asks for;
//! 4. [`Expired`](SignatureError::Expired): `created`, then `expires`;
//! 5. [`Wrong`](SignatureError::Wrong): the signature;
//! 6. `DigestMissing`, `DigestMalformed`, `DigestWrong`: the body. `DigestMalformed` goes before `DigestMissing`, as a
//!    header that cannot be read cannot be searched.
//!
//! Invariants: parameters stand in the signature base in the order in which the sender wrote them; the algorithm belongs to
//! the key, so that `alg` is at most a repetition; signatures are compared in constant time; no message tells an expected
//! signature or digest.

mod base;
mod digest;
mod input;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use digest::content_digest_is_right;
use input::Input;

/// Where a message's headers are read. An implementation must give every line of a header, in the order received and with
/// the bytes received: a line left out could mean something to a handler that the signature does not cover.
pub trait Headers {
    /// The lines of a header, by its lower-case name.
    fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]>;
}

/// A request, as far as it can be signed. Not printed: whoever holds its headers could send it again.
#[derive(Clone, Copy)]
pub struct Message<'a, H: ?Sized> {
    /// As in the request line; methods are case-sensitive.
    pub method: &'a str,
    /// Host and port as in `Host`. The port is left out by the caller where it is the scheme's default, which only the
    /// caller knows; case is settled here.
    pub authority: &'a str,
    /// As in the request line, not decoded.
    pub path: &'a str,
    /// As in the request line, not decoded, without `?`.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a H,
}

/// What is asked of a signature.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Components that it must cover; it may cover more.
    pub components: &'static [&'static str],
    /// Parameters that it must carry, beside the tag; it may carry more.
    pub parameters: &'static [&'static str],
    /// The tag by which it is told from signatures that are meant for others. None: any tag or none.
    pub tag: Option<&'static str>,
    /// How far `created` may lie from now, in the past and in the future, in seconds.
    pub age_s_max: u64,
}

impl Policy {
    /// A terminal's request that carries a body.
    pub const TERMINAL_WITH_BODY: Policy = Policy {
        components: &["@method", "@authority", "@path", "@query", "content-digest", "content-type", "idempotency-key"],
        ..Policy::TERMINAL_WITHOUT_BODY
    };

    /// A terminal's request without a body.
    pub const TERMINAL_WITHOUT_BODY: Policy = Policy {
        components: &["@method", "@authority", "@path", "@query"],
        parameters: &["created", "expires", "nonce", "keyid"],
        tag: Some("pasje-terminal"),
        age_s_max: 60,
    };

    /// Another system's request that carries a body: as a terminal's, with a tag of its own, so that neither passes for the
    /// other.
    pub const INTEGRATION_WITH_BODY: Policy = Policy { tag: Some("pasje-integration"), ..Policy::TERMINAL_WITH_BODY };

    /// Another system's request without a body.
    pub const INTEGRATION_WITHOUT_BODY: Policy =
        Policy { tag: Some("pasje-integration"), ..Policy::TERMINAL_WITHOUT_BODY };
}

/// Why a request is not believed. The texts are for whoever makes terminals, and reveal nothing of what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is nothing to verify.
    #[error("the request is not signed: {0}")]
    Missing(String),
    /// What is there cannot be read, or covers what cannot be rebuilt.
    #[error("the signature cannot be read: {0}")]
    Malformed(String),
    /// It leaves out something that must be signed: the name of a component or a parameter.
    #[error("the signature must also cover `{0}`")]
    Incomplete(&'static str),
    /// Its time is not now.
    #[error("the signature is not valid at this time: {0}")]
    Expired(&'static str),
    /// It is not this request's under this key.
    #[error(
        "the signature does not fit the request: compare the signature base and the key with RFC 9421 sections 2.5 and 3.3.3"
    )]
    Wrong,
    /// No digest of the body that counts.
    #[error("send Content-Digest with a sha-256 digest of the body (RFC 9530)")]
    DigestMissing,
    /// `Content-Digest` cannot be read.
    #[error("Content-Digest cannot be read: {0}")]
    DigestMalformed(String),
    /// The body is not the one that was signed.
    #[error("the sha-256 digest in Content-Digest is not that of the body as it arrived")]
    DigestWrong,
}

/// A key of hmac-sha256, ready for use. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The shortest secret that is taken, in bytes: the length of the hash, as RFC 2104 section 3 advises.
    pub const BYTES_MIN: usize = 32;

    /// None if the secret is too short to be one.
    pub fn new(secret: &[u8]) -> Option<Key> {
        if secret.len() < Key::BYTES_MIN {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A signature that was read and is not believed yet.
#[derive(Clone)]
pub struct Signed {
    /// What was signed: RFC 9421 section 2.5.
    base: Vec<u8>,
    signature: Vec<u8>,
    parameters: input::Parameters,
}

impl Signed {
    /// Reads the one signature that carries the policy's tag, checks it against the policy and rebuilds what it signs.
    ///
    /// # Errors
    /// `Missing`, `Malformed`, `Incomplete` or `Expired`, in that order.
    pub fn parse<H: Headers + ?Sized>(
        message: &Message<'_, H>,
        policy: &Policy,
        now_unix_s: i64,
    ) -> Result<Signed, SignatureError> {
        let inputs = input::joined(message.headers, "signature-input")?;
        let signatures = input::joined(message.headers, "signature")?;
        let (Some(inputs), Some(signatures)) = (inputs, signatures) else {
            return Err(SignatureError::Missing("send both Signature-Input and Signature (RFC 9421)".to_owned()));
        };
        let chosen = Input::choose(&inputs, policy.tag)?;
        let signature = input::signature(&signatures, chosen.label)?;
        let base = base::build(message, &chosen)?;

        let lacks = policy.parameters.iter().find(|name| !chosen.names.contains(*name));
        let lacks = lacks.or_else(|| policy.components.iter().find(|name| !chosen.components.contains(*name)));
        if let Some(name) = lacks {
            return Err(SignatureError::Incomplete(name));
        }
        is_of_now(&chosen.parameters, policy, now_unix_s).map_err(SignatureError::Expired)?;
        Ok(Signed { base, signature, parameters: chosen.parameters })
    }

    /// Whether the key made this signature over this request; takes as long whether or how much of it is right.
    ///
    /// # Errors
    /// `Wrong`.
    pub fn verify(&self, key: &Key) -> Result<(), SignatureError> {
        key.0.clone().chain_update(&self.base).verify_slice(&self.signature).map_err(|_| SignatureError::Wrong)
    }

    /// Whose key it claims; empty if the policy asks for none and none is there.
    pub fn keyid(&self) -> &str {
        self.parameters.keyid.as_deref().unwrap_or_default()
    }

    /// When it was made, as Unix time in seconds, if it tells.
    pub fn created(&self) -> Option<i64> {
        self.parameters.created
    }

    /// When it ends, as Unix time in seconds, if it tells.
    pub fn expires(&self) -> Option<i64> {
        self.parameters.expires
    }

    /// What makes it unlike others, if it tells.
    pub fn nonce(&self) -> Option<&str> {
        self.parameters.nonce.as_deref()
    }
}

impl fmt::Debug for Signed {
    /// Without what is signed and the signature: a log needs neither, and whoever holds both could send the request again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Signed");
        debug.field("keyid", &self.keyid()).field("created", &self.created()).finish_non_exhaustive()
    }
}

fn is_of_now(parameters: &input::Parameters, policy: &Policy, now_unix_s: i64) -> Result<(), &'static str> {
    if let Some(created) = parameters.created
        && created.abs_diff(now_unix_s) > policy.age_s_max
    {
        return Err(
            "`created` is too far from the server's clock: set yours by the Date of this answer, and sign again",
        );
    }
    if let Some(expires) = parameters.expires {
        if parameters.created.is_some_and(|created| expires < created) {
            return Err("`expires` lies before `created`");
        }
        if expires < now_unix_s {
            return Err("`expires` has passed: sign the request again");
        }
    }
    Ok(())
}
