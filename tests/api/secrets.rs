//! No secret leaves the service, whatever is sent to it and however much it logs.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Tap;
use crate::enrolment::enrolled;
use crate::service::{COFFEE, House, RESTAURANT, Serving, WINE, read};
use crate::wire::{Connection, Draft, find};

/// What may not be found, in each way in which it could be written.
struct Secret {
    name: String,
    written: Vec<Vec<u8>>,
}

impl Secret {
    fn bytes(name: &str, bytes: &[u8]) -> Secret {
        let hex = to_hex(bytes);
        // base64 of what follows other bytes begins elsewhere; the middle is the same for one of three shifts
        let shifted = (0..3).map(|shift| {
            let text = STANDARD_NO_PAD.encode([&vec![0; shift], bytes].concat());
            text[4..text.len() - 3].to_owned()
        });
        let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let mut texts = vec![hex.to_uppercase(), hex, URL_SAFE_NO_PAD.encode(bytes), list];
        texts.extend(shifted);
        let mut written: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        written.push(bytes.to_vec());
        Secret { name: name.to_owned(), written }
    }

    fn text(name: &str, text: &str) -> Secret {
        assert!(text.len() >= 8, "too short to be looked for: {text}");
        Secret { name: name.to_owned(), written: vec![text.as_bytes().to_vec()] }
    }
}

/// Where each secret was found.
fn leaks(secrets: &[Secret], places: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        for (place, bytes) in places {
            if secret.written.iter().any(|written| find(bytes, written).is_some()) {
                found.push(format!("{} in {place}", secret.name));
            }
        }
    }
    found
}

#[test]
fn the_search_finds_a_secret_in_each_way_of_writing_it() {
    let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap() * 7 + 3);
    let secrets = [Secret::bytes("key", &key), Secret::text("password", "correct horse")];
    let place = |text: &[u8]| vec![("log".to_owned(), [b"x=", text, b"."].concat())];
    let base64 = |before: &str| STANDARD_NO_PAD.encode([before.as_bytes(), &key, b"after"].concat()).into_bytes();
    for written in [
        key.to_vec(),
        to_hex(&key).into_bytes(),
        to_hex(&key).to_uppercase().into_bytes(),
        URL_SAFE_NO_PAD.encode(key).into_bytes(),
        format!("{key:?}").into_bytes(),
        base64(""),
        base64("a"),
        base64("ab"),
        base64("abc"),
    ] {
        assert_eq!(leaks(&secrets, &place(&written)), ["key in log"], "{}", String::from_utf8_lossy(&written));
    }
    assert_eq!(leaks(&secrets, &place(b"postgresql://x:correct horse@y")), ["password in log"]);
    assert!(leaks(&secrets, &place(b"nothing of it")).is_empty());
}

/// The keys in the sealed file, the way they were sealed.
fn unsealed(house: &House) -> (Vec<u8>, Value) {
    let seal: [u8; 32] = from_hex(read(&house.path("data/keys.seal")).trim()).unwrap();
    let sealed = std::fs::read(house.path("keys.sealed")).unwrap();
    let (magic, rest) = sealed.split_at(16);
    let (nonce, message) = rest.split_first_chunk::<24>().unwrap();
    let cipher = XChaCha20Poly1305::new(&Key::from(seal));
    let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: message, aad: magic }).unwrap();
    (seal.to_vec(), serde_json::from_slice(&plain).unwrap())
}

/// The folder of the cluster that tests run in.
async fn cluster(house: &House) -> PathBuf {
    use diesel_async::RunQueryDsl as _;
    let query: pasje::db::statement::Statement<diesel::sql_types::Text> =
        pasje::db::statement::statement("SELECT current_setting('data_directory')");
    let data: String = query.get_result(&mut house.test.superuser().await).await.unwrap();
    Path::new(&data).parent().unwrap().to_owned()
}

/// Of an address in the cluster's file of addresses.
fn addresses(file: &str) -> Vec<&str> {
    let values = file.lines().filter_map(|line| line.split_once('=').map(|(_, value)| value.trim_matches('\'')));
    values.filter(|value| value.starts_with("postgresql://") && value.contains("127.0.0.1")).collect()
}

fn password(address: &str) -> &str {
    let (_, rest) = address.split_once("//").unwrap();
    rest.split_once('@').unwrap().0.split_once(':').unwrap().1
}

/// Everything that was answered.
struct Answers(Vec<(String, Vec<u8>)>);

impl Answers {
    fn ask(&mut self, serving: &Serving, what: &str, bytes: &[u8]) -> u16 {
        let mut connection = Connection::open(serving.address);
        let _ = connection.write(bytes);
        let Ok(Some(reply)) = connection.reply() else { return 0 };
        let text = format!("{:?}", reply.headers).into_bytes();
        self.0.push((format!("the answer to {what}"), [text, reply.body].concat()));
        reply.status
    }
}

#[tokio::test]
async fn no_secret_leaves_the_service_whatever_is_sent_to_it_and_however_much_it_logs() {
    let mut house = House::open().await;
    // over TCP, with a password
    let cluster = cluster(&house).await;
    let file = read(&cluster.join("database.env"));
    let addresses = addresses(&file);
    let service = addresses.iter().find(|address| address.contains("//pasje_service:")).unwrap();
    let (server, _) = service.rsplit_once('/').unwrap();
    house.database_url = format!("{server}/{}", house.test.name).parse().unwrap();

    let client = house.client(611_937_245, 713_914_823).await;
    let (terminal, revoked, card) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT), house.card(&client));
    house.run(&["terminal", "revoke", &revoked.id.to_string()]);
    let serving = house.serve_with(
        &["--address-rate", "0", "--terminal-rate", "0", "--listen-tls", "127.0.0.1:0"],
        &[("PASJE_LOG", "trace"), ("RUST_BACKTRACE", "full")],
    );
    let mut answers = Answers(Vec::new());
    let over_tls = format!("https://localhost:{}", serving.tls.unwrap().port());
    let (enrolled, printed) = enrolled(&house, "till", over_tls, "restaurant").await;
    answers.0.push(("what accepting prints".to_owned(), printed.into_bytes()));
    let code = house.text("SELECT code FROM enrolment").await;
    let path = format!("/api/v1/enrolments/{code}");
    assert_eq!(answers.ask(&serving, "an enrolment", &serving.getting(&terminal, &path, &[])), 200);
    let rows =
        "SELECT string_agg(e::text, ' ') || (SELECT string_agg(t::text, ' ') FROM terminal AS t) FROM enrolment AS e";
    answers.0.push(("the database".to_owned(), house.text(rows).await.into_bytes()));
    let mut macs = Vec::new();
    let lines = [(COFFEE, 1), (WINE, 2)];
    let sales = "/api/v1/sales";

    let tap = card.tap(&terminal, &lines);
    let sale = |tap: &Tap<'_>, macs: &mut Vec<String>| {
        let sale = tap.sale();
        macs.push(sale["payer"]["card"]["mac"].as_str().unwrap().to_owned());
        sale
    };
    let good = sale(&tap, &mut macs);
    assert_eq!(answers.ask(&serving, "a sale", &serving.posting(&terminal, sales, &good)), 200);
    for tap in [
        Tap { id: Uuid::now_v7(), ..tap.clone() },
        Tap { amount_cents: 1, ..card.tap(&terminal, &lines) },
        Tap { price_list: 1, ..card.tap(&terminal, &lines) },
        Tap { id: Uuid::new_v4(), ..card.tap(&terminal, &lines) },
    ] {
        let declined = sale(&tap, &mut macs);
        answers.ask(&serving, "a decline", &serving.posting(&terminal, sales, &declined));
    }
    let refund = json!({"id": Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
    answers.ask(&serving, "a refund", &serving.posting(&terminal, &format!("{sales}/{}/refunds", tap.id), &refund));
    answers.ask(&serving, "a revoked terminal", &serving.getting(&revoked, "/api/v1/catalogue", &[]));
    for target in [
        "/api/v1/catalogue",
        "/api/v1/price-list",
        "/api/v1/hotlist",
        "/api/v1/cards",
        &format!("{sales}/{}", tap.id),
        "/healthz",
        "/readyz",
        "/api/openapi.json",
    ] {
        answers.ask(&serving, target, &serving.getting(&terminal, target, &[]));
    }
    // signatures that are wrong in every part
    let draft = Draft::post(&serving, &terminal, sales, &good);
    for name in ["Signature", "Signature-Input", "Content-Digest", "Content-Type", "Idempotency-Key", "Host"] {
        for value in ["", "x", "sig=:AAAA:", "\0", "\u{e9}", "sig=()"] {
            let mut draft = draft.clone();
            draft.sign().set(name, value);
            answers.ask(&serving, &format!("{name} {value:?}"), &draft.bytes());
        }
    }
    // bodies that break off, are of another type or nest too deep, with what is secret to the card in them
    let text = good.to_string();
    for cut in (0..text.len()).step_by(23) {
        answers.ask(
            &serving,
            "a body cut off",
            &serving.posting_bytes(&terminal, sales, tap.id, &text.as_bytes()[..cut]),
        );
    }
    for place in ["/payer/card/mac", "/payer/card/id", "/payer", "/lines", "/id"] {
        for value in
            [json!(null), json!({"mac": 1}), json!([]), json!(i64::MIN), json!("\u{0}"), json!("x".repeat(60_000))]
        {
            let mut sale = good.clone();
            *sale.pointer_mut(place).unwrap() = value;
            answers.ask(&serving, place, &serving.posting_bytes(&terminal, sales, tap.id, sale.to_string().as_bytes()));
        }
    }
    answers.ask(&serving, "deep", &serving.posting_bytes(&terminal, sales, tap.id, "[".repeat(60_000).as_bytes()));
    answers.ask(&serving, "no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n");
    // the database refuses what the service decided, and says which row that was
    house.sql("ALTER TABLE wallet ADD CONSTRAINT never CHECK (credit_cents = 0) NOT VALID").await;
    let refused = sale(&card.tap(&terminal, &lines), &mut macs);
    assert_eq!(answers.ask(&serving, "a sale that is refused", &serving.posting(&terminal, sales, &refused)), 503);
    house.sql("ALTER TABLE wallet DROP CONSTRAINT never").await;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", serving.metrics);
    let metrics = Connection::open(serving.metrics).ask(request.as_bytes());
    assert!(metrics.text().contains("pasje_sales_total"));
    answers.0.push(("metrics".to_owned(), metrics.body));
    let logs = |serving: &Serving| {
        vec![
            ("standard output".to_owned(), std::fs::read(&serving.stdout).unwrap()),
            ("standard error".to_owned(), std::fs::read(&serving.stderr).unwrap()),
            ("PostgreSQL's log".to_owned(), std::fs::read(cluster.join("postgres.log")).unwrap()),
        ]
    };
    serving.terminate();
    let mut serving = serving;
    serving.wait_stopped();
    let logs = logs(&serving);
    let logged = String::from_utf8_lossy(&logs[1].1).into_owned();
    assert!(logged.contains("TRACE") && logged.contains("DEBUG") && !logged.contains("panicked"), "{logged}");

    let (seal, keys) = unsealed(&house);
    let mut secrets = vec![Secret::bytes("the seal", &seal)];
    let sealed = |name: &str, value: &Value| Secret::bytes(name, &from_hex::<32>(value.as_str().unwrap()).unwrap());
    secrets.push(sealed("the terminals' secret", &keys["terminals"]));
    secrets.extend(keys["masters"].as_object().unwrap().values().map(|key| sealed("a master key", key)));
    secrets.extend([&terminal, &revoked].map(|terminal| Secret::bytes("a terminal's key", &terminal.key)));
    secrets.push(Secret::bytes("an enrolled terminal's key", enrolled.key().expose()));
    for name in ["ca.key", "server.key"] {
        let pem = read(&house.path("data/tls").join(name));
        secrets.extend(pem.lines().filter(|line| line.len() == 64).map(|line| Secret::text(name, line)));
    }
    secrets.extend(card.keys.iter().map(|key| Secret::bytes("a card's key", key)));
    secrets.extend(macs.iter().map(|mac| Secret::bytes("a MAC", &from_hex::<16>(mac).unwrap())));
    secrets.extend(addresses.iter().map(|address| Secret::text("a password", password(address))));
    assert!(secrets.len() >= 27, "{}", secrets.len());
    let everywhere = [&answers.0[..], &logs].concat();
    assert_eq!(leaks(&secrets, &everywhere), Vec::<String>::new());

    let [budget, own] = house.purses(&client).await;
    let of_the_client = [
        Secret::text("a name", &client.name),
        Secret::text("a budget", "611937245"),
        Secret::text("own money", "713914823"),
        Secret::text("a budget", &budget.to_string()),
        Secret::text("own money", &own.to_string()),
    ];
    // PostgreSQL's own log, which its owner alone can read beside the purses themselves, names rows that it refused
    assert_eq!(leaks(&of_the_client, &logs[..2]), Vec::<String>::new());
    assert_eq!(leaks(&of_the_client[..1], &logs), Vec::<String>::new());
    assert!(logged.contains("was refused"), "{logged}");
    // what is no secret is found where it was said, so that these are the places to look in
    let sale = Secret::text("the sale", &tap.id.to_string());
    assert!(leaks(&[sale], &everywhere).len() > 2);
    let database = Secret::text("the database", &house.test.name);
    assert!(leaks(&[database], &logs).contains(&"the database in standard output".to_owned()));
}

/// The keys in a file that a passphrase sealed, and the key that it became.
fn unsealed_with(house: &House, passphrase: &str) -> (Vec<u8>, Value) {
    use argon2::{Algorithm, Argon2, Params, Version};
    let sealed = std::fs::read(house.path("keys.sealed")).unwrap();
    let number = |at: usize| u32::from_be_bytes(sealed[at..at + 4].try_into().unwrap());
    let parameters = Params::new(number(16), number(20), number(24), Some(32)).unwrap();
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    argon.hash_password_into(passphrase.as_bytes(), &sealed[28..44], &mut key).unwrap();
    let (nonce, message) = sealed[44..].split_first_chunk::<24>().unwrap();
    let payload = Payload { msg: message, aad: &sealed[..44] };
    let plain = XChaCha20Poly1305::new(&Key::from(key)).decrypt(&XNonce::from(*nonce), payload).unwrap();
    (key.to_vec(), serde_json::from_slice(&plain).unwrap())
}

#[tokio::test]
async fn no_command_prints_a_key_a_pin_or_a_passphrase_and_none_stands_in_the_database() {
    const PASSPHRASE: &str = "zwaluwen boven de vijver";
    const PIN: &str = "80351742";
    let house = House::open().await;
    let client = house.client(50_000, 0).await;
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    let mut run = |arguments: &[&str], passphrase: &str| {
        let mut command = house.command(arguments);
        command.envs([("PASJE_KEYS_PASSPHRASE", passphrase), ("PASJE_LOG", "trace"), ("RUST_BACKTRACE", "full")]);
        let output = command.output().unwrap();
        places.push((format!("{arguments:?}"), [output.stdout, output.stderr].concat()));
        output.status.success()
    };
    let (pin, place) = (house.path("pin"), RESTAURANT.to_string());
    std::fs::write(&pin, PIN).unwrap();
    let (terminal_file, card_file, other_file) = (house.path("t.json"), house.path("c.json"), house.path("o.json"));
    let terminal_out = terminal_file.to_str().unwrap();
    assert!(run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", terminal_out], PASSPHRASE));
    let number = client.number.to_string();
    let issue =
        ["card", "issue", "--wallet", &number, "--pin-file", pin.to_str().unwrap(), "--pin-free", "100", "--out"];
    assert!(run(&[&issue[..], &[card_file.to_str().unwrap()]].concat(), PASSPHRASE));
    let mut card = crate::virtual_card::VirtualCard::open(card_file.clone());
    let terminal = crate::card::Terminal::read(&terminal_file);
    let serving = house.serve_with(
        &["--address-rate", "0", "--terminal-rate", "0"],
        &[("PASJE_KEYS_PASSPHRASE", PASSPHRASE), ("PASJE_LOG", "trace"), ("RUST_BACKTRACE", "full")],
    );
    let id = card.id();
    for arguments in [
        &["keys", "show"][..],
        &["keys", "rotate"],
        &["keys", "refuse", "1", "--from", "2199-01-01"],
        &["keys", "progress"],
        &["card", "limits", &id, "--offline-tap", "1", "--offline-total", "2", "--offline-count", "3"],
        &["card", "reset-offline", &id],
        &["card", "show", &id],
        &["card", "list"],
        &["location", "list"],
        &["location", "limits", &place, "--tap", "100"],
    ] {
        assert!(run(arguments, PASSPHRASE), "{arguments:?}");
    }
    let replace = ["card", "replace", &id, "--pin-file", pin.to_str().unwrap(), "--out", other_file.to_str().unwrap()];
    assert!(run(&replace, PASSPHRASE));
    // and where they fail
    for arguments in [&["keys", "refuse", "9", "--from", "2199-01-01"][..], &["card", "reset-offline", &id], &issue] {
        assert!(!run(arguments, PASSPHRASE), "{arguments:?}");
    }
    for wrong in ["zwaluwen boven de vijvers", "zwaluw"] {
        assert!(!run(&["keys", "rotate"], wrong));
    }
    // the running service has read the file again, and sends scripts and lists
    let mut answers = Answers(Vec::new());
    crate::service::wait_until("the keys are read again", || read(&serving.stderr).contains("read them again"));
    let tap = card.tap(&terminal, &[(COFFEE, 1)]);
    for _ in 0..2 {
        let asking = serving.posting(&terminal, "/api/v1/card-scripts", &tap.asking());
        assert_eq!(answers.ask(&serving, "a tap without a sale", &asking), 200);
        assert_eq!(answers.ask(&serving, "a sale", &serving.posting(&terminal, "/api/v1/sales", &tap.sale())), 200);
    }
    assert_eq!(answers.ask(&serving, "the list of cards", &serving.getting(&terminal, "/api/v1/cards", &[])), 200);
    let (stdout, stderr) = (serving.stdout.clone(), serving.stderr.clone());
    serving.stop();
    places.push(("the service's output".to_owned(), std::fs::read(stdout).unwrap()));
    places.push(("the service's log".to_owned(), std::fs::read(stderr).unwrap()));
    let mut dump = std::process::Command::new("pg_dump");
    dump.env_remove("PGPASSWORD").envs(house.test.owner_url.libpq_environment());
    let dump = dump.output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    places.push(("the database".to_owned(), dump.stdout));
    places.extend(answers.0);
    places.push(("the sealed file".to_owned(), std::fs::read(house.path("keys.sealed")).unwrap()));

    let (seal, keys) = unsealed_with(&house, PASSPHRASE);
    let secret = |name: &str, value: &Value| Secret::bytes(name, &from_hex::<32>(value.as_str().unwrap()).unwrap());
    let mut secrets = vec![
        Secret::bytes("the key of the passphrase", &seal),
        Secret::text("the passphrase", PASSPHRASE),
        Secret::text("the PIN", PIN),
        Secret::bytes("a terminal's key", &terminal.key),
        secret("the terminals' secret", &keys["terminals"]),
    ];
    let masters = keys["masters"].as_object().unwrap();
    assert_eq!(masters.len(), 4);
    secrets.extend(masters.values().map(|key| secret("a master key", key)));
    for file in [&card_file, &other_file] {
        let keys = crate::card::Card::read(file).keys;
        secrets.extend(keys.iter().map(|key| Secret::bytes("a card's key", key)));
    }
    assert_eq!(leaks(&secrets, &places), Vec::<String>::new());
    // they are found where they belong, and what is no secret is found in these places
    let kept = ("the card's file".to_owned(), std::fs::read(&card_file).unwrap());
    assert!(leaks(&secrets, &[kept]).len() > 12);
    assert!(leaks(&[Secret::text("the card", &id)], &places).len() > 5);
}
