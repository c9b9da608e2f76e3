//! Requests as bytes on a connection, signed as a terminal signs them or wrongly on purpose; and answers as they come.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use firmware_sim::signature::{Body, Parameters, Request, SigningKey, TAG, content_digest, sign};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use crate::card::{Terminal, uuid};
use crate::service::Serving;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The answer to what was decided.
    pub fn decided(&self) -> Value {
        assert_eq!((self.status, self.header("content-type")), (200, Some("application/json")), "{}", self.text());
        self.json()
    }

    /// It must be this problem.
    pub fn is_problem(&self, status: u16, slug: &str) {
        let text = format!("{} {}", self.status, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "wanted {slug}, got {text}");
        let body = self.json();
        assert_eq!((self.status, body["type"].as_str()), (status, Some(&*format!("/problems/{slug}"))), "{text}");
        assert_eq!(body["status"], status, "{text}");
        assert!(
            ["title", "detail"].iter().all(|name| body[name].as_str().is_some_and(|said| !said.is_empty())),
            "{text}"
        );
        assert_eq!(body.get("request_id").is_some(), status >= 500, "{text}");
        assert!(status != 401 || self.header("date").is_some(), "a 401 without Date: {:?}", self.headers);
    }
}

/// A connection to the service.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    pub fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn ask(&mut self, bytes: &[u8]) -> Reply {
        // a service that refuses early may close before all is written; its answer is there all the same
        let _ = self.write(bytes);
        self.reply().unwrap().expect("an answer")
    }

    /// The next answer; none where the connection was closed before it began.
    pub fn reply(&mut self) -> std::io::Result<Option<Reply>> {
        let head_end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at;
            }
            if !self.fill()? {
                let cut = std::io::Error::new(ErrorKind::UnexpectedEof, format!("cut: {:?}", self.unread));
                return if self.unread.is_empty() { Ok(None) } else { Err(cut) };
            }
        };
        let head = String::from_utf8(self.unread.drain(..head_end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        let mut reply = Reply { status, headers: lines.map(|line| header(line).unwrap()).collect(), body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        if status != 304 && reply.header("transfer-encoding").is_none() {
            reply.body = self.take(length)?;
        } else if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                while find(&self.unread, b"\r\n").is_none() {
                    self.must_fill()?;
                }
                let line = self.take(find(&self.unread, b"\r\n").unwrap() + 2)?;
                let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
                let chunk = self.take(size + 2)?;
                reply.body.extend(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        Ok(Some(reply))
    }

    fn take(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.must_fill()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn must_fill(&mut self) -> std::io::Result<()> {
        if self.fill()? { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn fill(&mut self) -> std::io::Result<bool> {
        let mut bytes = [0; 16 * 1024];
        let count = self.stream.read(&mut bytes)?;
        self.unread.extend(&bytes[..count]);
        Ok(count > 0)
    }
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

impl Serving {
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Sends bytes on a connection of their own.
    pub fn ask(&self, bytes: &[u8]) -> Reply {
        Connection::open(self.address).ask(bytes)
    }

    /// Without any signature.
    pub fn get_unsigned(&self, target: &str) -> Reply {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority()).as_bytes())
    }

    pub fn get(&self, terminal: &Terminal, target: &str) -> Reply {
        self.ask(&self.getting(terminal, target, &[]))
    }

    pub fn getting(&self, terminal: &Terminal, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        as_terminal(terminal, &self.authority(), "GET", target, headers, None)
    }

    /// What a terminal sends, with the body's own id as its key.
    pub fn post(&self, terminal: &Terminal, target: &str, body: &Value) -> Reply {
        self.ask(&self.posting(terminal, target, body))
    }

    pub fn posting(&self, terminal: &Terminal, target: &str, body: &Value) -> Vec<u8> {
        self.posting_bytes(terminal, target, uuid(&body["id"]), body.to_string().as_bytes())
    }

    pub fn posting_bytes(&self, terminal: &Terminal, target: &str, id: Uuid, bytes: &[u8]) -> Vec<u8> {
        let body = Body { content_type: "application/json", bytes, idempotency_key: id };
        as_terminal(terminal, &self.authority(), "POST", target, &[], Some(body))
    }

    pub fn sell(&self, terminal: &Terminal, sale: &Value) -> Reply {
        self.post(terminal, "/api/v1/sales", sale)
    }

    pub fn ask_sale(&self, terminal: &Terminal, id: Uuid) -> Reply {
        self.get(terminal, &format!("/api/v1/sales/{id}"))
    }
}

/// The request of a terminal, signed by the terminal's own code.
fn as_terminal(
    terminal: &Terminal,
    authority: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<Body<'_>>,
) -> Vec<u8> {
    let (path, query) = split(target);
    let (now, nonce, keyid) = (Utc::now().timestamp(), Uuid::new_v4().to_string(), terminal.id.to_string());
    let parameters = Parameters { created: now, expires: now + 60, nonce: &nonce, keyid: &keyid, tag: TAG };
    let request = Request { method, authority, path, query, body };
    let signed = sign(&request, &parameters, &SigningKey::new(&terminal.key)).unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let (Some(body), Some(digest), Some(key)) = (body, signed.content_digest, signed.idempotency_key) {
        head += &format!("Content-Type: {}\r\nContent-Length: {}\r\n", body.content_type, body.bytes.len());
        head += &format!("Content-Digest: {digest}\r\nIdempotency-Key: {key}\r\n");
    }
    head += &format!("Signature-Input: {}\r\nSignature: {}\r\n\r\n", signed.signature_input, signed.signature);
    [head.as_bytes(), body.map_or(&[][..], |body| body.bytes)].concat()
}

fn split(target: &str) -> (&str, Option<&str>) {
    target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
}

/// A request of which each part can be wrong before and after it is signed.
#[derive(Clone)]
pub struct Draft {
    pub method: String,
    pub target: String,
    /// In the order sent; Content-Length comes by itself.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub covered: Vec<&'static str>,
    /// Name and value, as they stand in Signature-Input.
    pub parameters: Vec<(&'static str, String)>,
    pub key: [u8; 32],
}

pub const COVERED_WITH_BODY: [&str; 7] =
    ["@method", "@authority", "@path", "@query", "content-digest", "content-type", "idempotency-key"];

impl Draft {
    pub fn new(serving: &Serving, terminal: &Terminal, method: &str, target: &str) -> Draft {
        let now = Utc::now().timestamp();
        Draft {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("Host".to_owned(), serving.authority())],
            body: Vec::new(),
            covered: COVERED_WITH_BODY[..4].to_vec(),
            parameters: vec![
                ("created", now.to_string()),
                ("expires", (now + 60).to_string()),
                ("nonce", format!("\"{}\"", Uuid::new_v4())),
                ("keyid", format!("\"{}\"", terminal.id)),
                ("tag", "\"pasje-terminal\"".to_owned()),
            ],
            key: terminal.key,
        }
    }

    pub fn post(serving: &Serving, terminal: &Terminal, target: &str, body: &Value) -> Draft {
        let mut draft = Draft::new(serving, terminal, "POST", target);
        draft.body = body.to_string().into_bytes();
        draft.covered = COVERED_WITH_BODY.to_vec();
        draft.set("Content-Type", "application/json");
        draft.set("Content-Digest", &content_digest(&draft.body));
        draft.set("Idempotency-Key", &format!("\"{}\"", body["id"].as_str().unwrap_or_default()));
        draft
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    pub fn cover(&mut self, without: &str) {
        self.covered.retain(|name| *name != without);
    }

    pub fn parameter(&mut self, name: &'static str, value: &str) {
        for (other, old) in &mut self.parameters {
            if *other == name {
                value.clone_into(old);
            }
        }
    }

    fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Signs what stands there now.
    pub fn sign(&mut self) -> &mut Self {
        let (path, query) = split(&self.target);
        let mut base = String::new();
        for name in &self.covered {
            let value = match *name {
                "@method" => self.method.clone(),
                "@authority" => self.header("host").to_ascii_lowercase(),
                "@path" => path.to_owned(),
                "@query" => format!("?{}", query.unwrap_or_default()),
                name => self.header(name),
            };
            base += &format!("\"{name}\": {value}\n");
        }
        let covered: Vec<String> = self.covered.iter().map(|name| format!("\"{name}\"")).collect();
        let parameters: String = self.parameters.iter().map(|(name, value)| format!(";{name}={value}")).collect();
        let input = format!("({}){parameters}", covered.join(" "));
        base += &format!("\"@signature-params\": {input}");
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        hmac.update(base.as_bytes());
        let signature = STANDARD.encode(hmac.finalize().into_bytes());
        self.set("Signature-Input", &format!("sig={input}"));
        self.set("Signature", &format!("sig=:{signature}:"));
        self
    }

    /// The request line and the headers, without what tells the body's length, and without the empty line.
    pub fn head(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{} {} HTTP/1.1\r\n{headers}", self.method, self.target)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [self.head().as_bytes(), length.as_bytes(), &self.body].concat()
    }

    pub fn signed(&mut self) -> Vec<u8> {
        self.sign().bytes()
    }
}
