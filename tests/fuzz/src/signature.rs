//! HTTP signatures: any headers are read or refused; what the terminal's own code signs is right, and nothing else is.

use firmware_sim::signature::{Body, Parameters, Request, SigningKey, TAG, sign};
use pasje::http::signature::{Headers, Key, Message, Policy, Signed, content_digest_is_right};
use uuid::Uuid;

const SECRET: [u8; 32] = [0x5e; 32];
const NOW: i64 = 1_790_000_000;

pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    if kind % 2 == 0 { read(data) } else { round_trip(data) }
}

struct Lines<'a>(Vec<(String, &'a [u8])>);

impl Headers for Lines<'_> {
    fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| *value)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The first line is the request line; each other one a header.
fn read(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = text(lines.next().unwrap_or_default());
    let mut parts = first.splitn(4, ' ');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (method, authority, path, query) = (part(), part(), part(), part());
    let header = |line: &'_ [u8]| {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        (text(&line[..at]).to_ascii_lowercase(), at)
    };
    let headers = Lines(
        lines
            .map(|line| {
                let (name, at) = header(line);
                (name, line.get(at + 1..).unwrap_or_default())
            })
            .collect(),
    );
    let message = Message {
        method: &method,
        authority: &authority,
        path: &path,
        query: (!query.is_empty()).then_some(query.as_str()),
        headers: &headers,
    };
    let everything = Policy { components: &[], parameters: &[], tag: None, age_s_max: u64::MAX };
    for policy in [Policy::TERMINAL_WITH_BODY, Policy::TERMINAL_WITHOUT_BODY, everything] {
        if let Ok(signed) = Signed::parse(&message, &policy, NOW) {
            // nobody knows the key, so nobody signed
            assert!(signed.verify(&Key::new(&[0x17; 32]).unwrap()).is_err());
            if let (Some(created), true) = (signed.created(), policy.tag.is_some()) {
                assert!(created.abs_diff(NOW) <= 60);
            }
        }
    }
}

/// Signed by the terminal's code from the parts that the lines are, and read by the service's.
fn round_trip(data: &[u8]) {
    let mut parts = data.splitn(6, |byte| *byte == b'\n').map(text);
    let mut part = || parts.next().unwrap_or_default();
    let (method, authority, path, query, nonce, body) = (part(), part(), part(), part(), part(), part());
    let id = Uuid::from_u128(7);
    let carried = Body { content_type: "application/json", bytes: body.as_bytes(), idempotency_key: id };
    let request = Request {
        method: &method,
        authority: &authority,
        path: &path,
        query: (!query.is_empty()).then_some(query.as_str()),
        body: Some(carried),
    };
    let keyid = id.to_string();
    let parameters = Parameters { created: NOW, expires: NOW + 30, nonce: &nonce, keyid: &keyid, tag: TAG };
    let Ok(signed) = sign(&request, &parameters, &SigningKey::new(&SECRET)) else { return };
    let digest = signed.content_digest.unwrap();
    let key = signed.idempotency_key.unwrap();
    let headers = |digest: &'_ str| -> Vec<(String, Vec<u8>)> {
        [
            ("signature-input", signed.signature_input.as_str()),
            ("signature", signed.signature.as_str()),
            ("content-digest", digest),
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .to_vec()
    };
    let verify = |method: &str, path: &str, owned: &[(String, Vec<u8>)]| {
        let headers = Lines(owned.iter().map(|(name, value)| (name.clone(), value.as_slice())).collect());
        let message = Message { method, authority: &authority, path, query: request.query, headers: &headers };
        let read = Signed::parse(&message, &Policy::TERMINAL_WITH_BODY, NOW)?;
        assert_eq!((read.keyid(), read.created(), read.expires()), (keyid.as_str(), Some(NOW), Some(NOW + 30)));
        assert_eq!(read.nonce(), Some(nonce.as_str()));
        read.verify(&Key::new(&SECRET).unwrap())
    };
    // a header longer than the service reads is refused, whoever signed
    if signed.signature_input.len() > 4096 {
        return;
    }
    assert_eq!(verify(&method, &path, &headers(&digest)), Ok(()));
    assert_eq!(content_digest_is_right(&digest, body.as_bytes()), Ok(()));
    // nothing of it can be changed
    assert!(verify(&format!("{method}X"), &path, &headers(&digest)).is_err());
    assert!(verify(&method, &format!("{path}/x"), &headers(&digest)).is_err());
    assert!(
        verify(&method, &path, &headers(&format!("{digest} "))).is_ok(),
        "white space around a value is not signed"
    );
    assert!(verify(&method, &path, &headers(&format!("{digest}x"))).is_err());
    assert!(content_digest_is_right(&digest, format!("{body} ").as_bytes()).is_err());
}
