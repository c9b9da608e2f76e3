//! How a terminal gets its key: with ours and with a Python terminal, at the real service; and whoever tries otherwise.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use firmware_sim::client::Client;
use firmware_sim::enrolment::{CheckNumber, Code, EnrolError, Watcher, enrol};
use firmware_sim::files::{TERMINAL_FILE, TerminalOnFile};
use firmware_sim::heartbeat::{Heard, Journal, beat};
use pasje::domain::hex::to_hex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::service::{House, RESTAURANT, Serving};
use crate::signatures::interoperate::python;
use crate::wire::{Connection, Reply};

const ENROLMENTS: &str = "/api/v1/enrolments";

/// Tells the test which code is shown.
struct Showing(mpsc::UnboundedSender<String>);

impl Watcher for Showing {
    fn code(&mut self, code: &Code, _: Duration, is_new: bool) {
        if is_new {
            let _ = self.0.send(code.to_string());
        }
    }

    fn trouble(&mut self, why: &EnrolError) {
        eprintln!("trouble: {why}");
    }
}

type Enrolling = tokio::task::JoinHandle<Result<(TerminalOnFile, CheckNumber), EnrolError>>;

/// A terminal of ours that shows codes; the first of them, and what comes of it.
pub async fn enrolling(folder: PathBuf, service: String) -> (String, mpsc::UnboundedReceiver<String>, Enrolling) {
    let (sender, mut codes) = mpsc::unbounded_channel();
    std::fs::create_dir_all(&folder).unwrap();
    let work =
        tokio::spawn(async move { enrol(&folder, &service, Duration::from_secs(5), &mut Showing(sender)).await });
    let code = codes.recv().await.expect("a code");
    (code, codes, work)
}

/// A terminal of ours, let in at a location; with what the command printed.
pub async fn enrolled(house: &House, folder: &str, service: String, location: &str) -> (TerminalOnFile, String) {
    let (code, _codes, work) = enrolling(house.path(folder), service).await;
    let printed = house.run(&["terminal", "accept", &code, "--location", location, "--name", "Restaurant 1"]);
    let (file, check) = work.await.unwrap().unwrap();
    assert!(printed.contains(&format!("check number {check}\n")), "{check}: {printed}");
    (file, printed)
}

/// A heartbeat of a terminal's file.
pub async fn beats(file: &TerminalOnFile) -> Heard {
    beat(&mut Client::of(file, None, Duration::from_secs(5)).unwrap(), Journal::default()).await.unwrap()
}

fn program(job: &Value) -> (Child, BufReader<ChildStdout>) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/enrol.py");
    let mut child = Command::new(python()).arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

fn line(said: &mut BufReader<ChildStdout>) -> Value {
    let mut text = String::new();
    said.read_line(&mut text).unwrap();
    serde_json::from_str(&text).expect("Python failed; ./dev test makes its packages right")
}

fn post(serving: &Serving, body: &str) -> Reply {
    let request = format!(
        "POST {ENROLMENTS} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        serving.authority(),
        body.len()
    );
    Connection::open(serving.address).ask(request.as_bytes())
}

fn get(serving: &Serving, code: &str) -> Reply {
    let request = format!("GET {ENROLMENTS}/{code} HTTP/1.1\r\nHost: {}\r\n\r\n", serving.authority());
    Connection::open(serving.address).ask(request.as_bytes())
}

fn offer(serving: &Serving, key: &[u8; 32]) -> Reply {
    post(serving, &json!({"public_key": to_hex(key)}).to_string())
}

fn accept(house: &House, code: &str) -> Result<String, String> {
    let command = ["terminal", "accept", code, "--location", "restaurant", "--name", "Kassa"];
    let output = house.command(&command).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test]
async fn a_terminal_that_others_wrote_enrols_plainly_and_over_tls_and_signs() {
    let house = House::open().await;
    let serving = house.serve_with(&["--listen-tls", "127.0.0.1:0"], &[]);
    let ca = std::fs::read_to_string(house.path("data/tls/ca.pem")).unwrap();
    for (service, ca, tls) in [
        (format!("http://{}", serving.address), None, json!(null)),
        (format!("https://localhost:{}", serving.tls.unwrap().port()), Some(&ca), json!("TLSv1.3")),
    ] {
        let (mut child, mut said) = program(&json!({"do": "enrol", "service": service, "ca": ca}));
        let code = line(&mut said)["code"].as_str().unwrap().to_owned();
        let printed = accept(&house, &code.to_lowercase()).unwrap();
        let got = line(&mut said);
        assert!(child.wait().unwrap().success());
        assert!(printed.contains(got["check"].as_str().unwrap()), "{printed} {got}");
        assert_eq!((&got["status"], &got["tls"]), (&json!(200), &tls), "{got}");
        assert_eq!((&got["plain"]["name"], &got["plain"]["location"]), (&json!("Kassa"), &json!(RESTAURANT)));
        assert!(printed.contains(got["plain"]["terminal"].as_str().unwrap()));
    }
}

/// A service that others wrote: seals with Python what the terminal is to get.
fn foreign_service(plain: Value) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let work = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = |stream: &mut std::net::TcpStream| {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes[..count]).into_owned()
        };
        let mut request = read(&mut stream);
        while !request.contains('}') {
            request += &read(&mut stream);
        }
        let body: Value = serde_json::from_str(&request[request.find('{').unwrap()..]).unwrap();
        let key = body["public_key"].as_str().unwrap().to_owned();
        let code = pasje::domain::enrolment::EnrolmentCode::of(&pasje::domain::hex::from_hex(&key).unwrap());
        let answer = |status: u16, body: Value| {
            let body = body.to_string();
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        let offered = json!({"code": code.as_str(), "expires_at": "2026-11-25T03:00:00Z", "ca": null});
        stream.write_all(answer(201, offered).as_bytes()).unwrap();
        read(&mut stream);
        let (mut child, mut said) = program(&json!({"do": "seal", "public_key": key, "plain": plain.to_string()}));
        let mut sealed = line(&mut said);
        assert!(child.wait().unwrap().success());
        let check = sealed.as_object_mut().unwrap().remove("check").unwrap();
        stream.write_all(answer(200, sealed).as_bytes()).unwrap();
        check.as_str().unwrap().to_owned()
    });
    (url, work)
}

#[tokio::test]
async fn what_others_seal_to_our_terminal_opens_and_has_their_check_number() {
    let folder = tempfile("foreign");
    let id = uuid::Uuid::new_v4();
    let plain = json!({"terminal": id, "location": RESTAURANT, "name": "Kassa", "key": "0d".repeat(32), "ca": null});
    let (url, work) = foreign_service(plain);
    let (_, _codes, enrolling) = enrolling(folder.clone(), url).await;
    let (file, check) = enrolling.await.unwrap().unwrap();
    assert_eq!(work.join().unwrap(), check.to_string());
    assert_eq!((file.document.terminal, file.key().expose()), (id, &[0x0d; 32]));
    std::fs::remove_dir_all(folder).unwrap();
}

fn tempfile(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("pasje-{name}-{}", uuid::Uuid::new_v4().simple()))
}

#[tokio::test]
async fn our_terminal_enrols_over_tls_and_keeps_its_key_sealed() {
    let house = House::open().await;
    let serving = house.serve_with(&["--listen-tls", "127.0.0.1:0"], &[]);
    let service = format!("https://localhost:{}", serving.tls.unwrap().port());
    let (mut file, _) = enrolled(&house, "till", service, "restaurant").await;
    let heard = beats(&file).await;
    assert_eq!((heard.name.as_str(), heard.location_name.as_str()), ("Restaurant 1", "Restaurant"));
    file.take_sequence(1).unwrap();
    let key = to_hex(file.key().expose());
    drop(file);
    for name in ["till/terminal.json", "till/seal"] {
        assert!(!std::fs::read_to_string(house.path(name)).unwrap().contains(&key));
    }
    // and from its folder alone it goes on
    let again = TerminalOnFile::open(&house.path("till").join(TERMINAL_FILE)).unwrap();
    assert_eq!(beats(&again).await.terminal, again.document.terminal);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let house = House::open().await;
    let serving = house.serve();
    let first = offer(&serving, &[9; 32]);
    assert_eq!(first.status, 201, "{}", first.text());
    let code = first.json()["code"].as_str().unwrap().to_owned();
    // an answer that did not arrive is given again, and the code lives no longer by it
    assert_eq!(offer(&serving, &[9; 32]).json(), first.json());
    assert_eq!((get(&serving, &code).status, get(&serving, &code).body), (202, Vec::new()));
    accept(&house, &code).unwrap();
    let answer = get(&serving, &code);
    assert_eq!((answer.status, answer.json().as_object().unwrap().len()), (200, 2));
    assert_eq!(get(&serving, &code).json(), answer.json());
    assert!(accept(&house, &code).unwrap_err().contains("was accepted before"));
    offer(&serving, &[9; 32]).is_problem(409, "enrolment-used");
    // a second later than ten minutes
    let late = offer(&serving, &[10; 32]).json()["code"].as_str().unwrap().to_owned();
    house.sql("UPDATE enrolment SET expires_at = expires_at - interval '600 seconds'").await;
    get(&serving, &late).is_problem(404, "enrolment-unknown");
    assert!(accept(&house, &late).unwrap_err().contains("no terminal waits"));
    assert_eq!(house.text("SELECT count(*)::text FROM terminal").await, "1");
}

#[tokio::test]
async fn a_guess_gives_nothing_and_nonsense_is_refused() {
    let house = House::open().await;
    let serving = house.serve();
    for code in ["00000-00000", "ABCDE-FGHJK", "x", "ABCDE-FGHJU", "%00", "ABCDE-FGHJK-ABCDE"] {
        get(&serving, code).is_problem(404, "enrolment-unknown");
    }
    for code in ["ABCDE-FGHJK", "nonsense"] {
        let error = accept(&house, code).unwrap_err();
        assert!(error.contains("no terminal waits") || error.contains("ten letters"), "{error}");
    }
    let low_order = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    for key in ["", "00", &"00".repeat(31), &"00".repeat(33), &"zz".repeat(32), &"00".repeat(32), low_order] {
        post(&serving, &json!({"public_key": key}).to_string()).is_problem(422, "request-malformed");
    }
    for body in [r#"{"public_key":1}"#, r#"{"public_key":null}"#, "{}", "[]", r#"{"public_key":"","a":1}"#] {
        post(&serving, body).is_problem(422, "request-malformed");
    }
    post(&serving, "{").is_problem(400, "json-malformed");
    let elsewhere = format!(
        "POST {ENROLMENTS} HTTP/1.1\r\nHost: elsewhere\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    serving.ask(elsewhere.as_bytes()).is_problem(421, "authority-unknown");
    assert_eq!(house.text("SELECT count(*)::text FROM enrolment").await, "0");
}

#[tokio::test]
async fn a_flood_is_slowed_by_address_and_keeps_a_real_terminal_out_for_a_minute_at_most() {
    let house = House::open().await;
    let serving = house.serve_with(&[], &[]);
    let key = |number: u8| std::array::from_fn(|place| if place == 0 { number } else { 9 });
    let statuses: Vec<u16> = (1..=40).map(|number| offer(&serving, &key(number)).status).collect();
    let taken = statuses.iter().filter(|status| **status == 201).count();
    assert!((20..=21).contains(&taken), "{statuses:?}");
    offer(&serving, &key(41)).is_problem(429, "too-many-requests");
    // many addresses fill the table
    drop(serving);
    let serving = house.serve();
    house
        .sql(
            "INSERT INTO enrolment (code, public_key, expires_at)
             SELECT translate(left(upper(encode(h, 'hex')), 5) || '-' || substr(upper(encode(h, 'hex')), 6, 5), 'ILOU', 'XXXX'), h,
                    now() + interval '10 minutes'
             FROM generate_series(1, 1100) AS n, sha256(n::text::bytea) AS h",
        )
        .await;
    offer(&serving, &key(42)).is_problem(429, "enrolments-full");
    house.sql("UPDATE enrolment SET began_at = began_at - interval '61 seconds' WHERE code IN (SELECT code FROM enrolment LIMIT 5)").await;
    assert_eq!(offer(&serving, &key(42)).status, 201);
    // what expired is forgotten, and the number stays bounded
    house
        .sql("UPDATE enrolment SET expires_at = now() WHERE public_key <> decode('2a' || repeat('09', 31), 'hex')")
        .await;
    assert_eq!(offer(&serving, &key(43)).status, 201);
    assert_eq!(house.text("SELECT count(*)::text FROM enrolment").await, "2");
}

#[tokio::test]
async fn who_stands_between_is_seen_by_the_check_number() {
    // he hands the terminal's key on, has it accepted, and gives the terminal an answer of his own
    let house = House::open().await;
    let serving = house.serve();
    let keys = firmware_sim::enrolment::KeyPair::generate().unwrap();
    let code = offer(&serving, keys.public()).json()["code"].as_str().unwrap().to_owned();
    let printed = accept(&house, &code).unwrap();
    let id = uuid::Uuid::new_v4();
    let plain = json!({"terminal": id, "location": id, "name": "Kassa", "key": "0e".repeat(32), "ca": null});
    let (mut child, mut said) =
        program(&json!({"do": "seal", "public_key": to_hex(keys.public()), "plain": plain.to_string()}));
    let sealed = line(&mut said);
    assert!(child.wait().unwrap().success());
    let bytes = |name: &str| -> Vec<u8> {
        let text = sealed[name].as_str().unwrap().as_bytes();
        let digits = text.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let his = keys.open(&bytes("encapsulated"), &bytes("sealed")).unwrap();
    assert!(!printed.contains(&his.check.to_string()), "one chance in a million: {printed}");
}
