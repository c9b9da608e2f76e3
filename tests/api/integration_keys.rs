//! Keys of other systems: made, for what they are for, and refused; no route is open.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pasje::domain::integration_key::Scope;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Terminal;
use crate::integration::{Key, address, draft, target};
use crate::service::{House, RESTAURANT, Serving, wait_until};
use crate::signatures::interoperate::python;
use crate::wire::{COVERED_WITH_BODY, Draft};

const CLIENTS: &str = "/api/v1/clients";

/// Method, address, scope and example body of each route for other systems, as the description has them.
pub fn routes(serving: &Serving) -> Vec<(String, String, String, Option<Value>)> {
    let description = serving.get_unsigned("/api/openapi.json").decided();
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(scopes) = operation.pointer("/security/0/integration") else { continue };
            let scope = scopes[0].as_str().unwrap().to_owned();
            assert_eq!(scopes.as_array().unwrap().len(), 1, "{method} {path}");
            assert!(Scope::from_name(&scope).is_some(), "{scope}");
            let content = operation.pointer("/requestBody/content/application~1json");
            let body = content.map(|content| content["example"].clone());
            assert!(body != Some(Value::Null), "{method} {path} takes a body and shows none");
            routes.push((method.to_uppercase(), path.clone(), scope, body));
        }
    }
    assert!(routes.len() >= 7, "{routes:?}");
    routes
}

fn ask(serving: &Serving, key: &Key, route: &(String, String, String, Option<Value>)) -> Draft {
    draft(serving, key, &route.0, &target(&route.1), route.3.as_ref())
}

#[tokio::test]
async fn no_route_is_open() {
    let house = House::open().await;
    let client = house.client(300, 0).await;
    house.sql(&format!("UPDATE client SET number = 17 WHERE number = {}", client.number)).await;
    let serving = house.serve();
    let terminal = house.terminal(RESTAURANT);
    let keys: Vec<(&str, Key)> = Scope::ALL.iter().map(|scope| (scope.name(), house.key(1, &[scope.name()]))).collect();
    let before = house.books().await;
    for route in routes(&serving) {
        let (method, path, scope, _) = &route;
        let what = format!("{method} {path}");
        let unsigned = ask(&serving, &keys[0].1, &route).bytes();
        serving.ask(&unsigned).is_problem(401, "signature-missing");
        // a terminal's key passes for no other system's, whichever tag it signs with
        let as_terminal = Key { id: terminal.id, key: terminal.key, file: Value::Null };
        let mut draft = ask(&serving, &as_terminal, &route);
        serving.ask(&draft.signed()).is_problem(401, "signature-wrong");
        draft.parameter("tag", "\"pasje-terminal\"");
        serving.ask(&draft.signed()).is_problem(401, "signature-missing");
        for (name, key) in keys.iter().filter(|(name, _)| name != scope) {
            let reply = serving.ask(&ask(&serving, key, &route).signed());
            assert!(reply.text().contains(scope.as_str()), "{what} with {name}: {}", reply.text());
            reply.is_problem(403, "scope-missing");
        }
    }
    assert_eq!(house.books().await, before);
    for route in routes(&serving) {
        let (_, key) = keys.iter().find(|(name, _)| *name == route.2).unwrap();
        let reply = serving.ask(&ask(&serving, key, &route).signed());
        assert!(![401, 403].contains(&reply.status), "{route:?}: {} {}", reply.status, reply.text());
    }
}

#[tokio::test]
async fn every_route_of_the_api_is_a_terminals_or_names_a_scope() {
    let house = House::open().await;
    let serving = house.serve();
    let named: BTreeSet<String> =
        routes(&serving).into_iter().map(|(method, path, ..)| format!("{method} {path}")).collect();
    let key = house.key(1, &Scope::ALL.map(Scope::name));
    let description = serving.get_unsigned("/api/openapi.json").decided();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let (method, open) =
                (method.to_uppercase(), ["/healthz", "/readyz"].contains(&&**path) || path.starts_with("/agenda/"));
            if named.contains(&format!("{method} {path}")) || open || path.contains("enrolments") {
                continue;
            }
            // what terminals ask is asked by terminals alone
            let body = (method == "POST").then(|| json!({"id": Uuid::now_v7()}));
            let mut draft = draft(&serving, &key, &method, &target(path), body.as_ref());
            serving.ask(&draft.signed()).is_problem(401, "signature-missing");
            draft.parameter("tag", "\"pasje-terminal\"");
            serving.ask(&draft.signed()).is_problem(401, "signature-wrong");
        }
    }
}

#[tokio::test]
async fn clients_of_another_organisation_do_not_exist() {
    let house = House::open().await;
    let client = house.client(300, 0).await;
    let number = client.number;
    house
        .sql(&format!(
            "UPDATE client SET number = 17 WHERE number = {number};
             INSERT INTO task (id, organisation, wallet, month, kind) OVERRIDING SYSTEM VALUE VALUES (1, 1, {}, '2026-04-01', 2)",
            client.wallet.field()
        ))
        .await;
    let serving = house.serve();
    let (own, other) = (house.key(1, &Scope::ALL.map(Scope::name)), house.key(2, &Scope::ALL.map(Scope::name)));
    for route in routes(&serving) {
        let (method, path, ..) = &route;
        let what = format!("{method} {path}");
        let reply = serving.ask(&ask(&serving, &other, &route).signed());
        if path.contains('{') && !path.contains("{report}") {
            assert_eq!(reply.status, 404, "{what}: {}", reply.text());
        } else {
            assert!([200, 422].contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
        }
        assert!(!reply.text().contains("Zonderling"), "{what}: {}", reply.text());
    }
    // and to its own organisation the same client is there
    assert_eq!(serving.read_by(&own, &format!("{CLIENTS}/17")).decided()["display_name"], client.name);
    assert_eq!(serving.send_by(&own, "POST", "/api/v1/tasks/1/done", &json!({"by": "x", "how": "y"})).status, 200);
    assert_eq!(serving.read_by(&other, CLIENTS).decided()["clients"], json!([]));
}

#[tokio::test]
async fn a_key_that_is_not_there_is_answered_exactly_as_a_wrong_key_is() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:read"]));
    let wrong = serving.read_by(&Key { key: [7; 32], ..key.clone() }, CLIENTS);
    wrong.is_problem(401, "signature-wrong");
    let terminal = house.terminal(RESTAURANT);
    for id in [Uuid::new_v4(), Uuid::nil(), terminal.id] {
        for bytes in [[0; 32], key.key, terminal.key] {
            let reply = serving.read_by(&Key { id, key: bytes, file: Value::Null }, CLIENTS);
            assert_eq!((reply.status, reply.text()), (401, wrong.text()), "{id}");
        }
    }
    for keyid in ["", "x", "'; DROP TABLE integration_key; --", &"a".repeat(1000)] {
        let mut draft = draft(&serving, &key, "GET", CLIENTS, None);
        draft.parameter("keyid", &format!("\"{keyid}\""));
        assert_eq!(serving.ask(&draft.signed()).text(), wrong.text(), "{keyid}");
    }
    assert_eq!(serving.read_by(&key, CLIENTS).status, 200);
}

#[tokio::test]
async fn what_another_system_sends_must_be_signed_whole() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["tasks:write"]));
    let body = json!({"by": "x", "how": "y"});
    let draft = || draft(&serving, &key, "POST", "/api/v1/tasks/1/done", Some(&body));
    for name in COVERED_WITH_BODY {
        let mut draft = draft();
        draft.cover(name);
        serving.ask(&draft.signed()).is_problem(401, "signature-incomplete");
    }
    for name in ["created", "expires", "nonce", "keyid"] {
        let mut draft = draft();
        draft.parameters.retain(|(other, _)| *other != name);
        serving.ask(&draft.signed()).is_problem(401, "signature-incomplete");
    }
    let mut changed = draft();
    changed.sign().body[2] ^= 1;
    serving.ask(&changed.bytes()).is_problem(401, "digest-wrong");
    let mut moved = draft();
    moved.sign().target = "/api/v1/tasks/2/done".to_owned();
    serving.ask(&moved.bytes()).is_problem(401, "signature-wrong");
    let mut named = draft();
    named.set("Idempotency-Key", "1");
    serving.ask(&named.signed()).is_problem(422, "id-mismatch");
    serving.ask(&draft().signed()).is_problem(404, "task-unknown");
}

#[tokio::test]
async fn a_key_that_is_revoked_or_whose_time_is_over_is_refused_within_three_seconds() {
    let house = House::open().await;
    let (serving, key, other) = (house.serve(), house.key(1, &["clients:read"]), house.key(1, &["clients:read"]));
    assert_eq!(serving.read_by(&key, CLIENTS).status, 200);
    assert_eq!(serving.read_by(&other, CLIENTS).status, 200);
    house.run(&["key", "revoke", &key.id.to_string()]);
    house
        .sql(&format!(
            "UPDATE integration_key SET added_at = now() - interval '2 days', expires_at = now() - interval '1 second' WHERE id = '{}'",
            other.id
        ))
        .await;
    let since = std::time::Instant::now();
    wait_until("the key is refused", || [&key, &other].iter().all(|key| serving.read_by(key, CLIENTS).status != 200));
    assert!(since.elapsed() < std::time::Duration::from_secs(3), "{:?}", since.elapsed());
    for key in [&key, &other] {
        serving.read_by(key, CLIENTS).is_problem(401, "key-revoked");
        // only who knows the key hears so
        serving.read_by(&Key { key: [7; 32], ..key.clone() }, CLIENTS).is_problem(401, "signature-wrong");
    }
    let listed = house.run(&["key", "list"]);
    let status = |key: &Key| {
        let line = listed.lines().find(|line| line.contains(&key.id.to_string())).unwrap();
        line.split_whitespace().nth(2).unwrap().to_owned()
    };
    assert_eq!((status(&key), status(&other)), ("revoked".to_owned(), "expired".to_owned()), "{listed}");
    let refused = house.command(&["key", "revoke", &Uuid::nil().to_string()]).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("pasje key list"));
}

#[tokio::test]
async fn a_key_is_told_once_in_a_private_file_and_stands_nowhere_else() {
    let house = House::open().await;
    let file = house.path("dossier.json");
    let out = file.to_str().unwrap();
    let add = [
        "key",
        "add",
        "Cliëntdossier",
        "--organisation",
        "1",
        "--scope",
        "clients:read",
        "--scope",
        "tasks:read,clients:read",
        "--out",
        out,
    ];
    let said = house.run(&add);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = Key::read(&file);
    assert_eq!(key.file["scopes"], json!(["clients:read", "tasks:read"]));
    let secret = key.file["key"].as_str().unwrap();
    assert!(!said.contains(secret) && said.contains(&key.id.to_string()), "{said}");
    let stored = house.text("SELECT string_agg(k::text, ',') FROM integration_key AS k").await;
    assert!(!stored.contains(secret) && !house.run(&["key", "list"]).contains(secret), "{stored}");
    // never written over; nothing that is no key is made
    for (wrong, because) in [
        (&add[..], "is there already"),
        (&["key", "add", "x", "--organisation", "1", "--scope", "clients", "--out", "unused"], "clients:read"),
        (&["key", "add", "x", "--organisation", "1", "--out", "unused"], "--scope"),
        (&["key", "add", "", "--organisation", "1", "--scope", "clients:read", "--out", "unused"], "1 to 100 signs"),
        (
            &["key", "add", "x", "--organisation", "9", "--scope", "clients:read", "--out", "unused"],
            "no organisation 9",
        ),
        (
            &["key", "add", "x", "--organisation", "1", "--scope", "clients:read", "--days", "0", "--out", "unused"],
            "days",
        ),
        (
            &["key", "add", "x", "--organisation", "1", "--scope", "clients:read", "--days", "9999", "--out", "unused"],
            "days",
        ),
    ] {
        let wrong: Vec<String> =
            wrong.iter().map(|part| part.replace("unused", house.path("unused").to_str().unwrap())).collect();
        let output = house.command(&wrong.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(because), "{wrong:?}: {said}");
        assert!(!house.path("unused").exists());
    }
    assert_eq!(house.text("SELECT count(*)::text FROM integration_key").await, "1");
}

#[tokio::test]
async fn a_key_above_its_rate_waits_and_keeps_nobody_else_waiting() {
    let house = House::open().await;
    let (key, other) = (house.key(1, &["clients:read"]), house.key(1, &["clients:read"]));
    let serving = house.serve_with(&["--address-rate", "0", "--key-rate", "1"], &[]);
    let replies: Vec<_> = (0..8).map(|_| serving.read_by(&key, CLIENTS)).collect();
    let taken = replies.iter().filter(|reply| reply.status == 200).count();
    assert!((2..=4).contains(&taken), "{taken}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.is_problem(429, "too-many-requests");
        assert!((1..=2).contains(&reply.header("retry-after").unwrap().parse::<u64>().unwrap()));
    }
    assert_eq!(serving.read_by(&other, CLIENTS).status, 200);
    // what is no key of its own, and what the key is not for, count too
    assert_eq!(serving.get(&house.terminal(RESTAURANT), "/api/v1/catalogue").status, 200);
}

#[tokio::test]
async fn a_terminals_signature_with_the_other_tag_is_not_an_integrations() {
    let house = House::open().await;
    let client = house.client(300, 0).await;
    let (serving, terminal, key) = (house.serve(), house.terminal(RESTAURANT), house.key(1, &["clients:read"]));
    let both = Terminal { id: key.id, location: RESTAURANT, key: key.key };
    // the integration's key, signed as a terminal signs
    serving.get(&both, &address(&client)).is_problem(401, "signature-missing");
    serving.get(&both, "/api/v1/catalogue").is_problem(401, "signature-wrong");
    // the terminal's key, signed as an integration signs
    let of_terminal = Key { id: terminal.id, key: terminal.key, file: Value::Null };
    serving.read_by(&of_terminal, "/api/v1/catalogue").is_problem(401, "signature-missing");
    serving.read_by(&of_terminal, &address(&client)).is_problem(401, "signature-wrong");
    assert_eq!(serving.get(&terminal, "/api/v1/catalogue").status, 200);
    assert_eq!(serving.read_by(&key, &address(&client)).status, 200);
}

#[tokio::test]
async fn the_example_of_the_page_for_other_systems_works_as_it_stands() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md")).unwrap();
    for scope in Scope::ALL {
        assert!(page.contains(&format!("| `{}` | {} |", scope.name(), scope.allows())), "{}", scope.name());
    }
    let example = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let house = House::open().await;
    let mut clients = Vec::new();
    for budget in [300, 0, 120] {
        clients.push(house.client(budget, 0).await);
    }
    let wallet = clients[0].wallet.field();
    house
        .sql(&format!("INSERT INTO task (organisation, wallet, month, kind) VALUES (1, {wallet}, '2026-04-01', 2)"))
        .await;
    let (serving, file) = (house.serve(), house.path("dossier.key.json"));
    let (service, out) = (format!("http://{}", serving.address), file.to_str().unwrap());
    let scopes = "clients:read,tasks:read,tasks:write";
    let add = ["key", "add", "Dossier", "--organisation", "1", "--scope", scopes, "--service", &service, "--out", out];
    house.run(&add);
    let program = house.path("example.py");
    std::fs::write(&program, example).unwrap();
    let ran = std::process::Command::new(python()).arg(&program).arg(&file).output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{errors}");
    let wanted: String = clients
        .iter()
        .zip([300, 0, 120])
        .map(|(client, budget)| {
            format!("{} {{'budget': {budget}, 'reserve': 0, 'savings': 0, 'credit_cents': 0}}\n", client.number)
        })
        .collect();
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), format!("{wanted}1 overgenomen\n"));
}
