//! Whatever another system sends, to any route: an answer that says what is wrong, never a fault of ours, and no name in a log.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::integration::{Key, draft_with, target};
use crate::service::{House, Serving};
use crate::wire::Reply;

struct Scene {
    house: House,
    serving: Serving,
    key: Key,
}

/// Method, path and example body of each route that takes one.
fn bodies(serving: &Serving) -> Vec<(String, String, Value)> {
    let routes = crate::integration_keys::routes(serving).into_iter();
    let bodies: Vec<_> = routes.filter_map(|(method, path, _, body)| Some((method, path, body?))).collect();
    assert!(bodies.len() >= 3, "{bodies:?}");
    bodies
}

impl Scene {
    async fn open() -> Scene {
        let house = House::open().await;
        let client = house.client(300, 5000).await;
        house
            .sql(&format!(
                "UPDATE client SET number = 17; INSERT INTO task (organisation, wallet, month, kind) VALUES (1, {}, '2026-04-01', 2)",
                client.wallet.field()
            ))
            .await;
        let key = house.key(1, &pasje::domain::integration_key::Scope::ALL.map(|scope| scope.name()));
        Scene { serving: house.serve(), house, key }
    }

    fn send(&self, method: &str, path: &str, bytes: Vec<u8>) -> Reply {
        let mut draft = draft_with(&self.serving, &self.key, method, &target(path), Some(bytes), Uuid::now_v7());
        self.serving.ask(&draft.signed())
    }

    fn refuses(&self, what: &str, reply: &Reply, statuses: &[u16]) {
        assert!(statuses.contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
        let slug = reply.json()["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned();
        reply.is_problem(reply.status, &slug);
    }

    /// Nothing of it was a fault of ours, and nobody is named where whoever keeps the service reads.
    fn end(self) {
        let log = self.serving.written();
        assert!(!log.contains("could not be served") && !log.contains("panicked"), "{log}");
        assert!(!log.contains("Zonderling") && !log.contains("DROP TABLE") && !log.contains("Geheim"), "{log}");
        let metrics = self.serving.metrics;
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {metrics}\r\n\r\n");
        let page = crate::wire::Connection::open(metrics).ask(head.as_bytes()).text();
        assert!(page.contains("route=\"/api/v1/clients/{number}"), "{page}");
        assert!(!page.contains("clients/17") && !page.contains("Zonderling") && !page.contains("Geheim"), "{page}");
    }
}

/// Pointers to all values in a body, the whole left out.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.push(format!("{at}/{name}"));
                places(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (number, value) in list.iter().enumerate() {
                found.push(format!("{at}/{number}"));
                places(value, &format!("{at}/{number}"), found);
            }
        }
        _ => {}
    }
}

fn objects(value: &Value) -> Vec<String> {
    let mut all = vec![String::new()];
    places(value, "", &mut all);
    all.retain(|place| value.pointer(place).is_some_and(Value::is_object));
    all
}

#[tokio::test]
async fn what_is_no_body_of_a_route_is_refused_by_every_route() {
    let scene = Scene::open().await;
    for (method, path, body) in bodies(&scene.serving) {
        let what = format!("{method} {path}");
        let send = |bytes: &[u8]| scene.send(&method, &path, bytes.to_vec());
        let whole = body.to_string();
        for bytes in [
            &b""[..],
            b"null",
            b"[]",
            b"1",
            b"\"x\"",
            b"{",
            b"{\"x\":1}",
            b"\xff\xfe",
            &whole.as_bytes()[..whole.len() - 1],
            format!("{whole}{whole}").as_bytes(),
            format!("{whole}\0").as_bytes(),
            "[".repeat(60_000).as_bytes(),
        ] {
            let said = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            scene.refuses(&format!("{what} {said}"), &send(bytes), &[400, 422]);
        }
        let large = format!("{whole}{}", " ".repeat(1024 * 1024 + 1 - whole.len()));
        scene.refuses(&what, &send(large.as_bytes()), &[413]);
        for place in objects(&body) {
            for name in ["x", "", "__proto__", "organisation", "wallet"] {
                let mut other = body.clone();
                other.pointer_mut(&place).unwrap()[name] = json!(1);
                scene.refuses(&format!("{what}: {place} with {name}"), &send(other.to_string().as_bytes()), &[422]);
            }
            let part = body.pointer(&place).unwrap();
            for (name, value) in part.as_object().unwrap() {
                let text = part.to_string();
                let twice = whole.replacen(&text, &format!("{{\"{name}\":{value},{}", &text[1..]), 1);
                scene.refuses(&format!("{what}: {place}/{name} twice"), &send(twice.as_bytes()), &[422]);
            }
        }
    }
    scene.house.verify().await;
    scene.end();
}

#[tokio::test]
async fn whatever_stands_in_a_field_is_no_fault_of_ours() {
    let scene = Scene::open().await;
    let strange = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("\u{0}"),
        json!("Geheim\u{202e}"),
        json!("x".repeat(6000)),
        json!("'; DROP TABLE client; --"),
        json!("2026-02-30"),
        json!("9999-12-31"),
        json!("-9999-01-01"),
        json!("+262142-12-31"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("FREQ=SECONDLY;COUNT=999999999"),
        json!([]),
        json!({}),
        json!([[[[[]]]]]),
        Value::Object(Map::from_iter([("Geheim".to_owned(), json!(1))])),
    ];
    let mut asked = 0;
    for (method, path, body) in bodies(&scene.serving) {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        for place in all {
            for value in &strange {
                let mut other = body.clone();
                *other.pointer_mut(&place).unwrap() = value.clone();
                let reply = scene.send(&method, &path, other.to_string().into_bytes());
                let said: String = value.to_string().chars().take(60).collect();
                assert!(reply.status < 500, "{method} {path} {place} {said}: {} {}", reply.status, reply.text());
                if reply.status >= 400 {
                    scene.refuses(&place, &reply, &[400, 404, 409, 422]);
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
    assert_eq!(scene.house.text("SELECT count(*)::text FROM client").await, "1");
    scene.house.verify().await;
    scene.end();
}

#[tokio::test]
async fn whatever_stands_in_an_address_is_no_fault_of_ours() {
    let scene = Scene::open().await;
    for (method, path, _, body) in crate::integration_keys::routes(&scene.serving) {
        for hostile in [
            "x",
            "-1",
            "0",
            "1e3",
            "%00",
            "1%00",
            "%27%20OR%201=1%20--",
            "..%2f..%2fetc",
            "99999999999999999999999999",
            "2026-13",
            "9999-99",
            "00000000-0000-0000-0000-000000000000",
            "%F0%9F%92%B6",
            "%ff",
            &"a".repeat(5000),
        ] {
            let mut address = path.clone();
            while let (Some(from), Some(to)) = (address.find('{'), address.find('}')) {
                address.replace_range(from..=to, hostile);
            }
            if address == path {
                address = format!("{path}?after={hostile}&from={hostile}&limit={hostile}");
            }
            let bytes = body.as_ref().map(|body| body.to_string().into_bytes());
            let mut draft = draft_with(&scene.serving, &scene.key, &method, &address, bytes, Uuid::now_v7());
            let reply = scene.serving.ask(&draft.signed());
            let said: String = address.chars().take(80).collect();
            assert!(reply.status < 500, "{method} {said}: {} {}", reply.status, reply.text());
        }
    }
    let log = scene.serving.written();
    assert!(!log.contains("could not be served") && !log.contains("panicked"), "{log}");
}
