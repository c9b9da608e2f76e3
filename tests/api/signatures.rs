//! Signed requests: RFC 9421 and RFC 9530, against the RFC's vector, the terminal's signer and a Python implementation.

mod hostile;
pub mod interoperate;
mod refused;
mod vector;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firmware_sim::signature::{Body, Parameters, Request, SigningKey, TAG, sign};
use pasje::http::signature::{Headers, Key, Message, Policy, SignatureError, Signed, content_digest_is_right};
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

/// Printable, so that a leak would be seen.
const SECRET: &[u8; 32] = b"this secret is printed nowhere!!";
const NOW: i64 = 1_790_000_000;
const KEYID: &str = "0198c0de-0000-7000-8000-00000000002a";

fn key() -> Key {
    Key::new(SECRET).unwrap()
}

struct Lines(Vec<(String, Vec<u8>)>);

impl Headers for Lines {
    fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_slice())
    }
}

/// A request as it arrives.
struct Arrived {
    method: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Lines,
    body: Option<Vec<u8>>,
}

impl Arrived {
    fn message(&self) -> Message<'_, Lines> {
        Message {
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
        }
    }

    fn policy(&self) -> Policy {
        if self.body.is_some() { Policy::TERMINAL_WITH_BODY } else { Policy::TERMINAL_WITHOUT_BODY }
    }

    fn parse(&self) -> Result<Signed, SignatureError> {
        Signed::parse(&self.message(), &self.policy(), NOW)
    }

    /// All that the edge does with a request.
    fn check(&self) -> Result<Signed, SignatureError> {
        self.check_at(&key(), NOW)
    }

    fn check_at(&self, key: &Key, now_unix_s: i64) -> Result<Signed, SignatureError> {
        let signed = Signed::parse(&self.message(), &self.policy(), now_unix_s)?;
        signed.verify(key)?;
        if let Some(body) = &self.body {
            content_digest_is_right(&self.header("content-digest"), body)?;
        }
        Ok(signed)
    }

    fn header(&self, name: &str) -> String {
        String::from_utf8(self.headers.lines(name).next().unwrap_or_default().to_vec()).unwrap()
    }

    fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.0.retain(|(other, _)| other != name);
        self.add(name, value);
    }

    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.0.push((name.to_owned(), value.as_ref().to_vec()));
    }

    fn url(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("https://{}{}{query}", self.authority, self.path)
    }
}

/// What happens to a request on its way.
type Change = fn(&mut Arrived);

fn parameters() -> Parameters<'static> {
    Parameters { created: NOW, expires: NOW + 60, nonce: "bm9uY2U", keyid: KEYID, tag: TAG }
}

/// What the terminal's signer makes of a sale.
fn sale() -> Arrived {
    signed("POST", "/v1/sales", Some("dry=1&x=%20y"), Some(br#"{"lines":[{"service":"coffee","quantity":1}]}"#))
}

/// What the terminal's signer makes of a request without body and query.
fn hotlist() -> Arrived {
    signed("GET", "/v1/hotlist", None, None)
}

fn signed(method: &str, path: &str, query: Option<&str>, bytes: Option<&[u8]>) -> Arrived {
    signed_with(method, path, query, bytes, &parameters())
}

fn signed_with(
    method: &str,
    path: &str,
    query: Option<&str>,
    bytes: Option<&[u8]>,
    parameters: &Parameters<'_>,
) -> Arrived {
    let authority = "Pasje.example:8443";
    let idempotency_key = Uuid::from_u128(7);
    let body = bytes.map(|bytes| Body { content_type: "application/json", bytes, idempotency_key });
    let request = Request { method, authority, path, query, body };
    let headers = sign(&request, parameters, &SigningKey::new(SECRET)).unwrap();
    let mut lines = vec![("signature-input", headers.signature_input), ("signature", headers.signature)];
    if let Some(body) = body {
        lines.push(("content-type", body.content_type.to_owned()));
        lines.push(("content-digest", headers.content_digest.unwrap()));
        lines.push(("idempotency-key", headers.idempotency_key.unwrap()));
    }
    let lines = lines.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    Arrived {
        method: method.to_owned(),
        authority: authority.to_owned(),
        path: path.to_owned(),
        query: query.map(str::to_owned),
        headers: Lines(lines),
        body: bytes.map(<[u8]>::to_vec),
    }
}

#[test]
fn what_the_terminal_signs_is_believed_and_tells_who_and_when() {
    for arrived in [sale(), hotlist(), signed("GET", "/", Some(""), None), signed("POST", "", None, Some(b""))] {
        let signed = arrived.check().unwrap();
        assert_eq!(signed.keyid(), KEYID);
        assert_eq!(signed.created(), Some(NOW));
        assert_eq!(signed.expires(), Some(NOW + 60));
        assert_eq!(signed.nonce(), Some("bm9uY2U"));
    }
}

#[test]
fn the_same_request_is_signed_with_the_same_bytes() {
    assert_eq!(sale().headers.0, sale().headers.0);
}

#[test]
fn a_nonce_or_keyid_with_quotes_and_backslashes_is_signed_as_it_is() {
    let odd = Parameters { nonce: r#"a"b\c"#, keyid: r"\\", ..parameters() };
    let signed = signed_with("GET", "/", None, None, &odd).check().unwrap();
    assert_eq!((signed.nonce(), signed.keyid()), (Some(r#"a"b\c"#), r"\\"));
}

#[test]
fn the_terminal_refuses_to_sign_what_the_service_would_refuse() {
    let request = Request { method: "GET", authority: "a", path: "/", query: None, body: None };
    let key = SigningKey::new(SECRET);
    let path = Request { path: "/\n\"@method\": POST", ..request };
    assert_eq!(sign(&path, &parameters(), &key).unwrap_err().to_string().split('`').nth(1), Some("@path"));
    let nonce = Parameters { nonce: "é", ..parameters() };
    assert_eq!(sign(&request, &nonce, &key).unwrap_err().to_string().split('`').nth(1), Some("nonce"));
    let space = Request { path: "/a b", ..request };
    assert_eq!(sign(&space, &parameters(), &key).unwrap_err().to_string().split('`').nth(1), Some("@path"));
}

#[test]
fn a_key_that_is_shorter_than_the_hash_is_no_key() {
    assert!(Key::new(b"").is_none());
    assert!(Key::new(&[1; 31]).is_none());
    assert!(Key::new(&[1; 32]).is_some());
}

#[test]
fn nothing_prints_a_key_or_what_could_be_sent_again() {
    let arrived = sale();
    let signed = arrived.check().unwrap();
    let signature = arrived.header("signature").split(':').nth(1).unwrap().to_owned();
    let mut texts = vec![
        format!("{:?} {:#?}", key(), key()),
        format!("{:?} {:#?}", SigningKey::new(SECRET), SigningKey::new(SECRET)),
        format!("{signed:?} {signed:#?}"),
    ];
    let errors = refused::one_of_each();
    texts.extend(errors.iter().map(|error| format!("{error} {error:?}")));
    let bytes = STANDARD.decode(&signature).unwrap();
    for text in texts {
        assert!(!text.contains("secret"), "{text}");
        assert!(!text.contains(&STANDARD.encode(SECRET)), "{text}");
        assert!(!text.contains(&signature), "{text}");
        assert!(!text.contains("@method\":"), "{text}");
        for start in [&SECRET[..3], &bytes[..3]] {
            assert!(!text.contains(format!("{start:?}").trim_end_matches(']')), "{text}");
        }
    }
}

#[test]
fn keys_are_wiped_when_dropped() {
    // a keyed HMAC is two states of the hash, which wipe themselves where sha2 is built with its feature `zeroize`
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<sha2::Sha256>();
}
