//! Against the Python package http-message-signatures, both ways. `interoperate.py` describes the jobs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firmware_sim::signature::{Parameters, TAG};
use pasje::http::signature::Policy;
use serde_json::{Value, json};

use super::{Arrived, Change, KEYID, SECRET, key, parameters, signed_with};

pub fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("PASJE_TEST_PYTHON").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let python = named.unwrap_or_else(|| root.join(target).join("python/bin/python"));
    assert!(python.exists(), "{} is not there: run ./dev test, which makes it", python.display());
    python
}

/// What Python makes of the jobs, in their order.
fn results(jobs: &[Value]) -> Vec<Value> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/interoperate.py");
    let mut child = Command::new(python())
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(jobs).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Python failed; ./dev test makes its packages right.\n{errors}");
    let results: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results.len(), jobs.len());
    results
}

/// Python's verifier has its own clock.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

const BODIES: [Option<&[u8]>; 3] = [None, Some(br#"{"lines":[]}"#), Some(b"")];
const QUERIES: [Option<&str>; 3] = [None, Some("a=1&b=%20%C3%A9&c"), Some("")];

fn method(body: Option<&[u8]>) -> &'static str {
    if body.is_some() { "POST" } else { "GET" }
}

fn verify_job(arrived: &Arrived) -> Value {
    let headers: serde_json::Map<String, Value> = arrived
        .headers
        .0
        .iter()
        .map(|(name, value)| (name.clone(), json!(String::from_utf8(value.clone()).unwrap())))
        .collect();
    json!({
        "do": "verify",
        "method": arrived.method,
        "url": arrived.url(),
        "headers": headers,
        "body": arrived.body.as_ref().map(|body| STANDARD.encode(body)),
        "keyid": KEYID,
        "key": STANDARD.encode(SECRET),
        "tag": TAG,
        "components": arrived.policy().components,
    })
}

#[test]
fn what_the_terminal_signs_is_believed_by_python() {
    let odd = Parameters { nonce: r#"a"b\c"#, created: now(), expires: now() + 60, ..parameters() };
    let mut jobs = Vec::new();
    for body in BODIES {
        for query in QUERIES {
            jobs.push(verify_job(&signed_with(method(body), "/v1/sales", query, body, &odd)));
        }
    }
    for (job, result) in jobs.iter().zip(results(&jobs)) {
        let covered = result["covered"].as_array().unwrap_or_else(|| panic!("{job}\n{result}"));
        // and @signature-params
        assert_eq!(covered.len(), job["components"].as_array().unwrap().len() + 1, "{result}");
    }
}

#[test]
fn what_is_changed_after_the_terminal_signed_is_refused_by_python() {
    let now = Parameters { created: now(), expires: now() + 60, ..parameters() };
    let changes: [(&str, Change); 5] = [
        ("method", |arrived| "PUT".clone_into(&mut arrived.method)),
        ("path", |arrived| arrived.path.push('s')),
        ("query", |arrived| arrived.query = Some("b".to_owned())),
        ("idempotency-key", |arrived| arrived.set("idempotency-key", "\"another\"")),
        ("body", |arrived| arrived.body = Some(b"{ }".to_vec())),
    ];
    let jobs = changes.map(|(_, change)| {
        let mut arrived = signed_with("POST", "/v1/sales", Some("a"), Some(b"{}"), &now);
        change(&mut arrived);
        verify_job(&arrived)
    });
    for ((what, _), result) in changes.iter().zip(results(&jobs)) {
        assert!(result["refused"].is_string(), "{what}: {result}");
    }
}

#[test]
fn what_python_signs_is_believed_whatever_its_order() {
    let orders: [&[&str]; 4] = [
        &["created", "expires", "nonce", "keyid", "tag"],
        &["tag", "keyid", "nonce", "expires", "created"],
        &["keyid", "alg", "tag", "created", "nonce", "expires"],
        &["nonce", "tag", "expires", "created", "keyid", "alg"],
    ];
    let mut arrivals = Vec::new();
    let mut jobs = Vec::new();
    for body in BODIES {
        for query in QUERIES {
            for (turn, order) in orders.iter().enumerate() {
                let mut arrived = signed_with(method(body), "/v1/sales", query, body, &parameters());
                for name in ["signature-input", "signature", "content-digest"] {
                    arrived.headers.0.retain(|(other, _)| other != name);
                }
                let mut job = verify_job(&arrived);
                let mut components = arrived.policy().components.to_vec();
                components.rotate_left(turn);
                if turn % 2 == 1 {
                    components.reverse();
                }
                let more = json!({
                    "do": "sign",
                    "components": components,
                    "parameters": order,
                    "created": super::NOW - 59,
                    "expires": super::NOW,
                    "nonce": r#"n"\"#,
                    "label": format!("label-{turn}"),
                });
                job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                arrivals.push(arrived);
                jobs.push(job);
            }
        }
    }
    for ((mut arrived, job), result) in arrivals.into_iter().zip(&jobs).zip(results(&jobs)) {
        for (name, value) in result["headers"].as_object().unwrap_or_else(|| panic!("{job}\n{result}")) {
            arrived.set(&name.to_lowercase(), value.as_str().unwrap());
        }
        let input = arrived.header("signature-input");
        let signed = arrived.check().unwrap_or_else(|error| panic!("{error}\n{input}"));
        assert_eq!((signed.keyid(), signed.nonce()), (KEYID, Some(r#"n"\"#)), "{input}");
        // that the order was the one asked for
        let order: Vec<&str> =
            job["parameters"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let at: Vec<usize> = order.iter().map(|name| input.find(&format!(";{name}=")).unwrap()).collect();
        assert!(at.is_sorted(), "{input}");
        assert!(arrived.check_at(&key(), super::NOW + 1).is_err(), "{input}");
        assert_eq!(arrived.policy().tag, Policy::TERMINAL_WITH_BODY.tag);
    }
}
