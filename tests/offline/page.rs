//! The till's page: the built program, a real service, and whoever speaks HTTP to it. The browser has tests of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{NOWHERE, program, url};
use crate::service::{COFFEE, Client, House, RESTAURANT, WINE, wait_until};

/// A till that serves its page, and one virtual card in its tray.
struct Till {
    house: House,
    client: Client,
    child: Child,
    address: String,
}

impl Till {
    async fn open(house: House, budget_cents: i64, own_cents: i64, service: &str, card: &[&str]) -> Till {
        let folder = house.path("till");
        std::fs::create_dir(&folder).unwrap();
        let (file, place) = (folder.join("terminal.json"), RESTAURANT.to_string());
        house.run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", file.to_str().unwrap()]);
        let client = house.client(budget_cents, own_cents).await;
        let path = house.card_file(&client, card);
        let tray = house.path("tray");
        std::fs::create_dir(&tray).unwrap();
        std::fs::rename(path, tray.join("card.json")).unwrap();
        let (child, address) = start(&house, service);
        Till { house, client, child, address }
    }

    fn stop(&mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success() && self.child.wait().unwrap().success());
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        ask(&self.address, &format!("host: {}\r\n{headers}", self.address), method, path, body)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.ask("POST", path, "content-type: application/json\r\nx-pasje: till\r\n", &body.to_string())
    }

    fn done(&self, path: &str, body: &Value) {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 202, "{path}: {answer}");
    }

    fn view(&self) -> Value {
        let (status, view) = self.ask("GET", "/api/view", "", "");
        assert_eq!(status, 200);
        serde_json::from_str(&view).unwrap()
    }

    fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        wait_until(what, || {
            seen = self.view();
            is(&seen)
        });
        seen
    }

    fn label(&self) -> String {
        self.view()["tray"][0].as_str().unwrap().to_owned()
    }

    /// Rings up, holds the card to it, and shows how it ended.
    fn sell(&self, lines: &Value) -> Value {
        self.done("/api/sale", &json!({ "lines": lines }));
        self.until("the card is asked for", |view| stage(view).starts_with("tap"));
        self.done("/api/tap", &json!({ "card": self.label() }));
        self.until("it ended", |view| stage(view) == "ended")["sale"].take()
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(house: &House, service: &str) -> (Child, String) {
    let (folder, tray) = (house.path("till"), house.path("tray"));
    let mut child = Command::new(program())
        .args(["till", "--folder", folder.to_str().unwrap(), "--service", service, "--page", "127.0.0.1:0"])
        .args(["--tray", tray.to_str().unwrap(), "--timeout-ms", "2000", "--patience-ms", "2000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("http://") {
        line.clear();
        assert!(printed.read_line(&mut line).unwrap() > 0, "the till ended");
    }
    let address = line.trim().split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
    std::thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
    (child, address)
}

fn stage(view: &Value) -> &str {
    view["sale"]["stage"].as_str().unwrap_or_default()
}

fn ask(address: &str, headers: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    // what is refused unread may be closed while it is written
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[tokio::test]
async fn a_sale_is_rung_up_tapped_shown_and_voided_on_the_page() {
    let house = House::open().await;
    let serving = house.serve();
    let mut till = Till::open(house, 1_000, 0, &url(&serving), &[]).await;
    let (_, assortment) = till.ask("GET", "/api/assortment", "", "");
    let assortment: Value = serde_json::from_str(&assortment).unwrap();
    assert!(assortment["services"].as_array().unwrap().iter().any(|it| it["id"] == json!(COFFEE)), "{assortment}");

    let sale = till.sell(&json!([{ "service": COFFEE, "quantity": 2 }]));
    assert_eq!(sale["client"]["headline"], "Betaald");
    assert_eq!((&sale["total"], &sale["lines"][0]["paid"]), (&json!("€ 5,00"), &json!("€ 5,00")));
    assert_eq!(sale["lines"][0]["legs"][0]["purse"], "Budget");
    assert_eq!(till.house.purses(&till.client).await, [500, 0]);

    let past = till.view()["history"][0].take();
    assert_eq!((&past["outcome"], &past["can_void"]), (&json!("approved"), &json!(true)));
    till.done("/api/void", &json!({ "sale": past["id"] }));
    till.until("it is voided", |view| view["history"][0]["outcome"] == "voided");
    assert_eq!(till.house.purses(&till.client).await, [1_000, 0]);
    till.stop();
    till.house.verify().await;
}

#[tokio::test]
async fn what_is_left_out_is_named_to_the_client_and_why_to_staff_alone() {
    let house = House::open().await;
    let serving = house.serve();
    let till = Till::open(house, 250, 0, &url(&serving), &[]).await;
    let sale = till.sell(&json!([{ "service": COFFEE, "quantity": 1 }, { "service": WINE, "quantity": 1 }]));
    let wine = &sale["lines"][1];
    assert_eq!((&sale["client"]["headline"], &wine["state"]), (&json!("Een deel is betaald"), &json!("left_out")));
    assert_eq!(sale["client"]["left_out"], json!([wine["name"]]));
    assert_eq!(wine["reason"], "er is niet genoeg saldo");
    assert!(!sale["client"].to_string().contains("saldo"), "{sale}");

    let (status, words) = till.post("/api/void", &json!({ "sale": COFFEE }));
    assert_eq!((status, words.contains("staat niet op deze kassa")), (404, true), "{words}");
    let sale = till.sell(&json!([{ "service": WINE, "quantity": 1 }]));
    assert_eq!(sale["client"]["headline"], "Dit kan nu niet met uw pasje");
    assert_eq!(sale["words"][0], "Er is niet genoeg saldo");
    assert_eq!(till.house.purses(&till.client).await, [0, 0]);
}

#[tokio::test]
async fn the_page_sells_without_the_service_and_delivers_when_it_is_back() {
    let house = House::open().await;
    let serving = house.serve();
    let address = url(&serving);
    let mut till = Till::open(house, 1_000, 0, &address, &["--offline-tap", "1000", "--offline-total", "2000"]).await;
    till.until("it knows its cards", |view| view["till"]["link"] == "here");
    till.stop();
    (till.child, till.address) = start(&till.house, NOWHERE);
    till.until("it knows that nobody is there", |view| view["till"]["link"] == "away");
    let sale = till.sell(&json!([{ "service": COFFEE, "quantity": 1 }]));
    assert_eq!((&sale["client"]["headline"], &sale["is_offline"]), (&json!("Betaald"), &json!(true)));
    let view = till.view();
    assert_eq!((&view["till"]["waiting"], &view["history"][0]["outcome"]), (&json!(1), &json!("offline")));
    assert_eq!(till.house.purses(&till.client).await, [1_000, 0]);
    // what was shown as paid outlives the program
    till.child.kill().unwrap();
    till.child.wait().unwrap();
    (till.child, till.address) = start(&till.house, &address);
    till.until("nothing waits", |view| view["till"]["waiting"] == 0);
    till.house.all_judged().await;
    assert_eq!(till.house.purses(&till.client).await, [750, 0]);
    till.house.verify().await;
}

#[tokio::test]
async fn nobody_but_the_tills_own_page_is_answered() {
    let till = Till::open(House::open().await, 1_000, 0, NOWHERE, &[]).await;
    let own = "content-type: application/json\r\nx-pasje: till\r\n";
    let sale = json!({ "lines": [{ "service": COFFEE, "quantity": 1 }] }).to_string();
    // a name that was made to point here, and a page from elsewhere
    let (status, _) = ask(&till.address, "host: evil.example\r\n", "GET", "/api/view", "");
    assert_eq!(status, 421);
    for (headers, expected) in [
        (format!("{own}origin: http://evil.example\r\n"), 421),
        ("content-type: text/plain\r\nx-pasje: till\r\n".to_owned(), 403),
        ("content-type: application/json\r\n".to_owned(), 403),
    ] {
        let (status, answer) = till.ask("POST", "/api/sale", &headers, &sale);
        assert_eq!(status, expected, "{headers}: {answer}");
    }
    for (path, body, expected) in [
        ("/api/sale", "{".to_owned(), 422),
        ("/api/sale", r#"{"lines":[],"price_cents":1}"#.to_owned(), 422),
        ("/api/sale", format!(r#"{{"lines":[{}]}}"#, " ".repeat(70_000)), 422),
        ("/api/pin", r#"{"digits":"12"}"#.to_owned(), 422),
        ("/api/tap", r#"{"card":"nobody"}"#.to_owned(), 409),
        ("/api/sale", r#"{"lines":[],"wallet":7}"#.to_owned(), 403),
        ("/api/nothing", "{}".to_owned(), 404),
    ] {
        let (status, answer) = till.ask("POST", path, own, &body);
        assert_eq!(status, expected, "{path} {}: {answer}", &body[..body.len().min(60)]);
    }
    assert_eq!(till.view()["sale"], Value::Null);
    let (status, _) = till.ask("GET", "/api/clients?search=a", "", "");
    assert_eq!(status, 403);
    let (status, _) = till.ask("GET", "/static/../../Cargo.toml", "", "");
    assert_eq!(status, 404);
    let mut taken = Command::new(program());
    let elsewhere = taken.args(["till", "--folder", till.house.path("till").to_str().unwrap(), "--page", "0.0.0.0:0"]);
    let output = elsewhere.args(["--tray", till.house.path("tray").to_str().unwrap()]).output().unwrap();
    assert!(!output.status.success());
}
