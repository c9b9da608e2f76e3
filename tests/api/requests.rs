//! Requests that are wrong before anybody reads their body: too large, too slow, to another host, no HTTP at all.

use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use crate::card::{Card, Terminal};
use crate::service::{COFFEE, House, RESTAURANT, Serving};
use crate::wire::{Connection, Draft};

const SALES: &str = "/api/v1/sales";

struct Scene {
    house: House,
    terminal: Terminal,
    card: Card,
    serving: Serving,
}

impl Scene {
    async fn open() -> Scene {
        let house = House::open().await;
        let client = house.client(0, 5000).await;
        let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
        let serving = house.serve();
        Scene { house, terminal, card, serving }
    }

    fn sale(&self) -> Value {
        self.card.tap(&self.terminal, &[(COFFEE, 1)]).sale()
    }

    fn draft(&self) -> Draft {
        Draft::post(&self.serving, &self.terminal, SALES, &self.sale())
    }

    async fn still_sells(&self, before: &str) {
        assert_eq!(self.house.books().await, before);
        assert_eq!(self.serving.sell(&self.terminal, &self.sale()).decided()["outcome"], "approved");
        self.house.verify().await;
    }
}

fn chunked(draft: &Draft, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}Transfer-Encoding: chunked\r\n\r\n", draft.head()).into_bytes();
    for chunk in body.chunks(1000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let scene = Scene::open().await;
    let before = scene.house.books().await;
    let sale = scene.sale().to_string();
    for size in [64 * 1024 + 1, 1_000_000] {
        let large = format!("{sale}{}", " ".repeat(size - sale.len())).into_bytes();
        let mut draft = scene.draft();
        draft.set("Content-Digest", &firmware_sim::signature::content_digest(&large));
        draft.body.clone_from(&large);
        scene.serving.ask(&draft.signed()).is_problem(413, "body-too-large");
        scene.serving.ask(&chunked(&draft, &large)).is_problem(413, "body-too-large");
        // announced, and without a signature
        let unsigned =
            format!("POST {SALES} HTTP/1.1\r\nHost: {}\r\nContent-Length: {size}\r\n\r\n", scene.serving.authority());
        scene.serving.ask(unsigned.as_bytes()).is_problem(413, "body-too-large");
    }
    assert_eq!(scene.house.books().await, before);
    // what fits exactly is read, in chunks too
    let fits = format!("{sale}{}", " ".repeat(64 * 1024 - sale.len())).into_bytes();
    let mut draft = Draft::post(&scene.serving, &scene.terminal, SALES, &sale.parse().unwrap());
    draft.set("Content-Digest", &firmware_sim::signature::content_digest(&fits));
    draft.body.clone_from(&fits);
    let whole = scene.serving.ask(&draft.signed());
    assert_eq!(whole.decided()["outcome"], "approved");
    assert_eq!(scene.serving.ask(&chunked(&draft, &fits)).text(), whole.text());
    scene.house.verify().await;
}

#[tokio::test]
async fn who_sends_too_slowly_is_told_so_and_holds_nobody_else_up() {
    let scene = Scene::open().await;
    let before = scene.house.books().await;
    let bytes = scene.draft().signed();
    let body_at = bytes.len() - scene.sale().to_string().len();
    let address = scene.serving.address;
    let trickle = move |bytes: Vec<u8>, at: usize| {
        std::thread::spawn(move || {
            let mut connection = Connection::open(address);
            connection.write(&bytes[..at]).unwrap();
            let began = Instant::now();
            for byte in bytes[at..].iter().take(60) {
                std::thread::sleep(Duration::from_millis(250));
                if connection.write(&[*byte]).is_err() || began.elapsed() > Duration::from_millis(10_500) {
                    break;
                }
            }
            (connection.reply().unwrap(), began.elapsed())
        })
    };
    let slow_body = trickle(bytes.clone(), body_at);
    let slow_head = trickle(bytes.clone(), 40);
    let silent = trickle(bytes[..40].to_vec(), 40);
    // meanwhile others are served
    let began = Instant::now();
    assert_eq!(scene.serving.get_unsigned("/healthz").status, 200);
    assert!(began.elapsed() < Duration::from_secs(1));

    let (reply, after) = slow_body.join().unwrap();
    reply.unwrap().is_problem(408, "body-timeout");
    assert!((9..16).contains(&after.as_secs()), "{after:?}");
    for slow in [slow_head, silent] {
        let (reply, after) = slow.join().unwrap();
        assert!(reply.is_none_or(|reply| reply.status == 408), "a head that came too slowly is answered");
        assert!(after < Duration::from_secs(16), "{after:?}");
    }
    scene.still_sells(&before).await;
}

#[tokio::test]
async fn a_request_for_another_host_is_not_taken() {
    let scene = Scene::open().await;
    let before = scene.house.books().await;
    let port = scene.serving.address.port();
    for host in [
        "pasje.example",
        "127.0.0.1",
        "127.0.0.1:1",
        &format!("127.0.0.1.example:{port}"),
        "",
        &format!("localhost:{port}x"),
    ] {
        let mut draft = scene.draft();
        draft.set("Host", host);
        scene.serving.ask(&draft.signed()).is_problem(421, "authority-unknown");
    }
    let mut without = scene.draft();
    without.sign().remove("Host");
    assert!((400..500).contains(&scene.serving.ask(&without.bytes()).status));
    // the name was changed on its way: it is ours, and was not signed
    let mut draft = scene.draft();
    draft.sign().set("Host", &format!("localhost:{port}"));
    scene.serving.ask(&draft.bytes()).is_problem(401, "signature-wrong");
    assert_eq!(scene.house.books().await, before);
    // names that it was told, and any case of them
    let named = scene.house.serve_with(&["--authorities", "kassa.example, pasje.example:8443"], &[]);
    for host in ["kassa.example", "PASJE.example:8443", &format!("LOCALHOST:{}", named.address.port())] {
        let mut draft = Draft::post(&named, &scene.terminal, SALES, &scene.sale());
        draft.set("Host", host);
        assert_eq!(named.ask(&draft.signed()).decided()["outcome"], "approved", "{host}");
    }
    scene.house.verify().await;
}

#[tokio::test]
async fn an_address_where_nothing_is_and_a_method_that_it_does_not_take_are_told_apart() {
    let scene = Scene::open().await;
    let before = scene.house.books().await;
    let id = Uuid::now_v7();
    let send = |method: &str, target: &str| {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", scene.serving.authority());
        scene.serving.ask(head.as_bytes())
    };
    for target in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/sales",
        "/API/v1/sales",
        "//api/v1/sales",
        "/api/v1/sales/",
        "/x%00",
        "/.env",
        "/metrics",
    ] {
        send("GET", target).is_problem(404, "not-found");
        send("POST", target).is_problem(404, "not-found");
    }
    for (method, target) in [
        ("GET", SALES),
        ("PUT", SALES),
        ("DELETE", SALES),
        ("OPTIONS", SALES),
        ("DELETE", &format!("{SALES}/{id}")),
        ("GET", &format!("{SALES}/{id}/refunds")),
        ("PATCH", &format!("{SALES}/{id}/void")),
        ("POST", "/api/v1/catalogue"),
        ("POST", "/api/v1/price-list"),
        ("POST", "/api/v1/hotlist"),
        ("POST", "/healthz"),
        ("XYZZY", "/readyz"),
    ] {
        send(method, target).is_problem(405, "method-not-allowed");
    }
    scene.still_sells(&before).await;
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_service_lives_on() {
    let scene = Scene::open().await;
    let before = scene.house.books().await;
    let host = scene.serving.authority();
    let mut draft = scene.draft();
    let good = String::from_utf8(draft.signed()).unwrap();
    let length = draft.body.len();
    let large = format!("X-Large: {}\r\n", "x".repeat(300_000));
    let many: String = (0..300).map(|number| format!("X-{number}: 1\r\n")).collect();
    let wrong: Vec<(&str, Vec<u8>)> = vec![
        ("a huge header", good.replacen("Host:", &format!("{large}Host:"), 1).into_bytes()),
        ("many headers", good.replacen("Host:", &format!("{many}Host:"), 1).into_bytes()),
        ("a huge path", format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(300_000)).into_bytes()),
        ("NUL in the path", good.replacen("/api", "/a\0pi", 1).into_bytes()),
        ("NUL in a header", good.replacen("sig=", "si\0g=", 1).into_bytes()),
        ("a line feed in a header", good.replacen("sig=", "si\ng=", 1).into_bytes()),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("another version", good.replacen("HTTP/1.1", "HTTP/9.9", 1).into_bytes()),
        ("a length of words", good.replacen(&format!("Length: {length}"), "Length: many", 1).into_bytes()),
        ("a length below zero", good.replacen(&format!("Length: {length}"), "Length: -1", 1).into_bytes()),
        ("two lengths", good.replacen("Content-Length:", "Content-Length: 5\r\nContent-Length:", 1).into_bytes()),
        (
            "a length and chunks",
            good.replacen("Content-Length:", "Transfer-Encoding: chunked\r\nContent-Length:", 1).into_bytes(),
        ),
        (
            "chunks of no size",
            good.replacen(&format!("Content-Length: {length}"), "Transfer-Encoding: chunked", 1).into_bytes(),
        ),
        (
            "an encoding of its own",
            good.replacen("Content-Length:", "Transfer-Encoding: x\r\nContent-Length:", 1).into_bytes(),
        ),
    ];
    for (what, bytes) in wrong {
        let mut connection = Connection::open(scene.serving.address);
        let _ = connection.write(&bytes);
        // closed without an answer is an answer to what is no HTTP
        if let Ok(Some(reply)) = connection.reply() {
            assert!(
                (400..=505).contains(&reply.status) && reply.status != 500,
                "{what}: {} {}",
                reply.status,
                reply.text()
            );
        }
        assert_eq!(scene.house.books().await, before, "{what}");
        assert_eq!(scene.serving.get_unsigned("/healthz").status, 200, "{what}");
    }
    // a body is never read as the next request
    let smuggled = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let head = format!("POST {SALES} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len());
    let mut connection = Connection::open(scene.serving.address);
    connection.ask(format!("{head}{smuggled}").as_bytes()).is_problem(401, "signature-missing");
    let _ = connection.write(format!("GET /nowhere HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    if let Ok(Some(reply)) = connection.reply() {
        reply.is_problem(404, "not-found");
    }
    scene.still_sells(&before).await;
}

#[tokio::test]
async fn requests_that_follow_each_other_on_one_connection_are_answered_in_their_order() {
    let scene = Scene::open().await;
    let lines = [(COFFEE, 1)];
    let taps: Vec<_> = (0..5).map(|_| scene.card.tap(&scene.terminal, &lines)).collect();
    let mut connection = Connection::open(scene.serving.address);
    let all: Vec<u8> = taps.iter().flat_map(|tap| scene.serving.posting(&scene.terminal, SALES, &tap.sale())).collect();
    connection.write(&all).unwrap();
    for tap in &taps {
        let answer = connection.reply().unwrap().unwrap().decided();
        assert_eq!((&answer["id"], &answer["outcome"]), (&serde_json::json!(tap.id), &serde_json::json!("approved")));
    }
    // who hangs up after asking is booked all the same, and can ask what became of it
    let tap = scene.card.tap(&scene.terminal, &lines);
    let mut hasty = Connection::open(scene.serving.address);
    hasty.write(&scene.serving.posting(&scene.terminal, SALES, &tap.sale())).unwrap();
    drop(hasty);
    let answer = scene.serving.sell(&scene.terminal, &tap.sale());
    assert_eq!(scene.serving.ask_sale(&scene.terminal, tap.id).text(), answer.text());
    scene.house.verify().await;
}
