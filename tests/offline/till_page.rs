//! A till that serves its page: the built program, its folder and its tray, and how a test asks it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::service::{Client, House, RESTAURANT, Serving, wait_until};

/// Nobody listens there.
pub const NOWHERE: &str = "http://127.0.0.1:9";

/// `firmware-sim`, which is built beside `pasje`.
pub fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_pasje")).with_file_name("firmware-sim");
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}

pub fn url(serving: &Serving) -> String {
    format!("http://{}", serving.address)
}

/// A till that serves its page, and one virtual card in its tray.
pub struct Till {
    pub house: House,
    pub clients: Vec<Client>,
    pub child: Child,
    pub address: String,
}

impl Till {
    /// Each client has this budget and own money, and a card in the tray.
    pub async fn open(house: House, purses: &[(i64, i64)], service: &str, card: &[&str]) -> Till {
        let (folder, tray) = (house.path("till"), house.path("tray"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::create_dir(&tray).unwrap();
        let (file, place) = (folder.join("terminal.json"), RESTAURANT.to_string());
        house.run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", file.to_str().unwrap()]);
        let mut clients = Vec::new();
        for (budget_cents, own_cents) in purses {
            let client = house.client(*budget_cents, *own_cents).await;
            let (path, number) = (tray.join(format!("{}.json", client.number)), client.number.to_string());
            house.run(&[&["card", "issue", "--wallet", &number, "--out", path.to_str().unwrap()], card].concat());
            clients.push(client);
        }
        let (child, address) = start(&house, service, &[]);
        Till { house, clients, child, address }
    }

    pub fn stop(&mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success() && self.child.wait().unwrap().success());
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        ask(&self.address, &format!("host: {}\r\n{headers}", self.address), method, path, body)
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.ask("POST", path, "content-type: application/json\r\nx-pasje: till\r\n", &body.to_string())
    }

    pub fn done(&self, path: &str, body: &Value) {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 202, "{path}: {answer}");
    }

    pub fn view(&self) -> Value {
        let (status, view) = self.ask("GET", "/api/view", "", "");
        assert_eq!(status, 200);
        serde_json::from_str(&view).unwrap()
    }

    pub fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        wait_until(what, || {
            seen = self.view();
            is(&seen)
        });
        seen
    }

    /// Rings up, holds the card to it, and shows how it ended.
    pub fn sell(&self, lines: &Value) -> Value {
        self.done("/api/sale", &json!({ "lines": lines }));
        self.until("the card is asked for", |view| stage(view).starts_with("tap"));
        self.done("/api/tap", &json!({ "card": self.clients[0].name }));
        self.until("it ended", |view| stage(view) == "ended")["sale"].take()
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn start(house: &House, service: &str, options: &[&str]) -> (Child, String) {
    let (folder, tray) = (house.path("till"), house.path("tray"));
    let mut child = Command::new(program())
        .args(["till", "--folder", folder.to_str().unwrap(), "--service", service, "--page", "127.0.0.1:0"])
        .args(["--tray", tray.to_str().unwrap(), "--timeout-ms", "2000", "--patience-ms", "2000"])
        .args(options)
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

pub fn stage(view: &Value) -> &str {
    view["sale"]["stage"].as_str().unwrap_or_default()
}

pub fn ask(address: &str, headers: &str, method: &str, path: &str, body: &str) -> (u16, String) {
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
