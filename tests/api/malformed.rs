//! Bodies that cannot be understood: each is a problem that says why, and nothing is booked.

use chrono::{DateTime, Duration, Utc};
use firmware_sim::signature::content_digest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::{Card, Terminal};
use crate::service::{COFFEE, House, RESTAURANT, Serving, WINE};
use crate::wire::Draft;

const SALES: &str = "/api/v1/sales";

/// A house in which a sale would be approved, and what stands in its books.
struct Scene {
    house: House,
    terminal: Terminal,
    card: Card,
    serving: Serving,
    before: String,
}

impl Scene {
    async fn open() -> Scene {
        let house = House::open().await;
        let client = house.client(300, 5000).await;
        let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
        let (serving, before) = (house.serve(), house.books().await);
        Scene { house, terminal, card, serving, before }
    }

    fn sale(&self) -> Value {
        self.card.tap(&self.terminal, &[(COFFEE, 1), (WINE, 1)]).sale()
    }

    async fn refuses(&self, what: &str, request: &[u8], status: u16, slug: &str) {
        let reply = self.serving.ask(request);
        assert!(reply.text().contains(slug), "{what}: wanted {slug}, got {} {}", reply.status, reply.text());
        reply.is_problem(status, slug);
        assert_eq!(self.house.books().await, self.before, "{what}");
    }

    async fn refuses_sale(&self, what: &str, sale: &Value, status: u16, slug: &str) {
        let id = sale["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(Uuid::now_v7);
        let request = self.serving.posting_bytes(&self.terminal, SALES, id, sale.to_string().as_bytes());
        self.refuses(what, &request, status, slug).await;
    }

    async fn refuses_bytes(&self, what: &str, bytes: &[u8], status: u16, slug: &str) {
        let request = self.serving.posting_bytes(&self.terminal, SALES, Uuid::now_v7(), bytes);
        self.refuses(what, &request, status, slug).await;
    }

    /// A scene in which nothing is approved shows nothing.
    async fn still_sells(&self) {
        let reply = self.serving.sell(&self.terminal, &self.sale());
        assert_eq!(reply.decided()["outcome"], "approved");
        assert_ne!(self.house.books().await, self.before);
        self.house.verify().await;
    }
}

fn id_at(at: DateTime<Utc>) -> Uuid {
    let ms = u128::from(at.timestamp_millis().cast_unsigned());
    Uuid::from_u128(ms << 80 | Uuid::now_v7().as_u128() & ((1 << 80) - 1))
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let scene = Scene::open().await;
    let whole = scene.sale().to_string();
    let mut changed: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("spaces", b"  \n ".to_vec()),
        ("half of it", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("all but its end", whole.as_bytes()[..whole.len() - 1].to_vec()),
        ("another value after it", format!("{whole}{whole}").into_bytes()),
        ("a letter after it", format!("{whole} x").into_bytes()),
        ("NUL after it", format!("{whole}\0").into_bytes()),
        ("NUL before it", format!("\0{whole}").into_bytes()),
        ("NUL in a name", whole.replacen("mode", "mo\0de", 1).into_bytes()),
        ("a comment", format!("/* coffee */ {whole}").into_bytes()),
        ("a comma too many", whole.replacen('{', "{,", 1).into_bytes()),
        ("single quotes", whole.replace('"', "'").into_bytes()),
        ("a byte order mark", format!("\u{feff}{whole}").into_bytes()),
        ("NaN", whole.replacen("\"price_list\":3", "\"price_list\":NaN", 1).into_bytes()),
        ("hexadecimal", whole.replacen("\"price_list\":3", "\"price_list\":0x3", 1).into_bytes()),
        ("UTF-16", whole.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    let mut invalid = whole.clone().into_bytes();
    let at = whole.find("online").unwrap();
    invalid[at] = 0xff;
    changed.push(("a byte that is no UTF-8", invalid));
    for (what, bytes) in changed {
        scene.refuses_bytes(what, &bytes, 400, "json-malformed").await;
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn json_that_is_nested_without_end_is_refused_and_breaks_nothing() {
    let scene = Scene::open().await;
    let whole = scene.sale().to_string();
    for opening in ["[", "{\"id\":", "{\"payer\":{\"card\":", "{\"lines\":[["] {
        let bytes = opening.repeat(60_000 / opening.len());
        let reply =
            scene.serving.ask(&scene.serving.posting_bytes(&scene.terminal, SALES, Uuid::now_v7(), bytes.as_bytes()));
        assert!([400, 422].contains(&reply.status), "{opening}: {} {}", reply.status, reply.text());
    }
    for place in ["\"mode\":\"online\"", "\"quantity\":1", "\"counter\":", "\"price_list\":3"] {
        let deep = format!("\"x\":{}1{},{place}", "[".repeat(20_000), "]".repeat(20_000));
        let bytes = whole.replacen(place, &deep, 1);
        assert_ne!(bytes, whole);
        scene.refuses_bytes(place, bytes.as_bytes(), 422, "request-malformed").await;
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn a_field_of_another_type_or_out_of_its_range_is_refused() {
    let scene = Scene::open().await;
    let number: &[Value] = &[
        json!(null),
        json!(true),
        json!("1"),
        json!(1.5),
        json!(-1),
        json!([]),
        json!({}),
        json!(1e30),
        json!(18_446_744_073_709_551_615_u64),
    ];
    let text: &[Value] =
        &[json!(null), json!(1), json!(true), json!([]), json!({}), json!(""), json!("\u{0}"), json!("x".repeat(5000))];
    let structure: &[Value] = &[json!(null), json!(1), json!("x"), json!(true)];
    // times may be as great as a number can be
    let time = &number[..8];
    let fields: [(&str, &[Value]); 17] = [
        ("/id", text),
        ("/mode", text),
        ("/price_list", number),
        ("/payer", structure),
        ("/payer/card", structure),
        ("/payer/card/id", text),
        ("/payer/card/generation", number),
        ("/payer/card/counter", number),
        ("/payer/card/terminal_sequence", time),
        ("/payer/card/terminal_nonce", text),
        ("/payer/card/holder_verification", text),
        ("/payer/card/amount_cents", number),
        ("/payer/card/time_ms", time),
        ("/payer/card/mac", text),
        ("/lines", structure),
        ("/lines/0/service", text),
        ("/lines/1/quantity", number),
    ];
    for (place, values) in fields {
        for value in values {
            let mut sale = scene.sale();
            *sale.pointer_mut(place).unwrap() = value.clone();
            scene.refuses_sale(&format!("{place} {value}"), &sale, 422, "request-malformed").await;
        }
    }
    // a list of the values of a field's fields, in their order, is no object
    let sale = scene.sale();
    let values = |object: &Value| Value::Array(object.as_object().unwrap().values().cloned().collect());
    let tap = &sale["payer"]["card"];
    let order = [
        "id",
        "generation",
        "counter",
        "terminal_sequence",
        "terminal_nonce",
        "holder_verification",
        "amount_cents",
        "time_ms",
        "offline_total_cents",
        "offline_count",
        "mac",
    ];
    let mut tap_list = sale.clone();
    tap_list["payer"]["card"] = order.iter().map(|name| tap[name].clone()).collect();
    let whole = json!([sale["id"], sale["mode"], sale["price_list"], null, sale["payer"], sale["lines"]]);
    for list in [tap_list, values(&sale), whole, json!([]), json!([sale])] {
        let id = crate::card::uuid(&sale["id"]);
        let request = scene.serving.posting_bytes(&scene.terminal, SALES, id, list.to_string().as_bytes());
        scene.refuses("a list for an object", &request, 422, "request-malformed").await;
    }
    // JSON knows numbers without end
    let endless = scene.sale().to_string().replacen("\"price_list\":3", "\"price_list\":1e999", 1);
    scene.refuses_bytes("1e999", endless.as_bytes(), 422, "request-malformed").await;
    let others = [
        ("/payer/card/generation", json!(256)),
        ("/payer/card/counter", json!(4_294_967_296_u64)),
        ("/payer/card/offline_total_cents", json!(4_294_967_296_u64)),
        ("/payer/card/offline_count", json!(256)),
        ("/payer/card/amount_cents", json!(i64::MAX)),
        ("/payer/card/amount_cents", json!(i64::MIN)),
        ("/payer/card/mac", json!("00112233445566778899aabbccddee")),
        ("/payer/card/mac", json!("00112233445566778899aabbccddeeffff")),
        ("/payer/card/mac", json!("00112233445566778899aabbccddeexx")),
        ("/payer/card/terminal_nonce", json!("+0112233445566770")),
        ("/payer", json!({"card": {}, "wallet": 1})),
        ("/payer", json!({"name": "x"})),
        ("/payer", json!({})),
        ("/payer", json!([])),
        ("/mode", json!("forward")),
        ("/mode", json!("Online")),
        ("/lines", json!({})),
        ("/lines/0", json!([COFFEE, 1, null])),
        ("/lines/0", json!("coffee")),
        ("/lines/0/quantity", json!(0)),
        ("/lines/0/quantity", json!(1001)),
        ("/lines/0/quantity", json!(4_294_967_295_u64)),
        ("/lines", json!([])),
        ("/lines", json!(vec![json!({"service": COFFEE, "quantity": 1}); 101])),
    ];
    for (place, value) in others {
        let mut sale = scene.sale();
        *sale.pointer_mut(place).unwrap() = value.clone();
        scene.refuses_sale(&format!("{place} {value}"), &sale, 422, "request-malformed").await;
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn fields_that_are_unknown_missing_or_there_twice_are_refused_at_every_level() {
    let scene = Scene::open().await;
    for (place, names) in [
        ("", &["id", "mode", "price_list", "payer", "lines"][..]),
        (
            "/payer/card",
            &[
                "id",
                "generation",
                "counter",
                "terminal_sequence",
                "terminal_nonce",
                "holder_verification",
                "amount_cents",
                "time_ms",
                "offline_total_cents",
                "offline_count",
                "mac",
            ],
        ),
        ("/lines/0", &["service", "quantity"]),
        ("/payer", &["card"]),
    ] {
        for unknown in ["x", "Id", "", "__proto__", "amount"] {
            let mut sale = scene.sale();
            sale.pointer_mut(place).unwrap()[unknown] = json!(1);
            scene.refuses_sale(&format!("{place} with {unknown}"), &sale, 422, "request-malformed").await;
        }
        for name in names {
            let mut sale = scene.sale();
            let taken = sale.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(*name).unwrap();
            scene.refuses_sale(&format!("{place} without {name}"), &sale, 422, "request-malformed").await;

            let sale = scene.sale();
            let part = sale.pointer(place).unwrap().to_string();
            let twice = sale.to_string().replacen(&part, &format!("{{\"{name}\":{taken},{}", &part[1..]), 1);
            scene.refuses_bytes(&format!("{place} {name} twice"), twice.as_bytes(), 422, "request-malformed").await;
        }
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn a_hold_is_named_by_one_line_only_and_by_an_id_that_can_be_one() {
    let scene = Scene::open().await;
    let hold = Uuid::now_v7();
    let mut sale = scene.sale();
    sale["lines"][0]["hold"] = json!(hold);
    sale["lines"][1]["hold"] = json!(hold);
    scene.refuses_sale("a hold twice", &sale, 422, "request-malformed").await;
    for wrong in [json!("x"), json!(1), json!(Uuid::new_v4()), json!(Uuid::nil())] {
        let mut sale = scene.sale();
        sale["lines"][0]["hold"] = wrong.clone();
        scene.refuses_sale(&format!("hold {wrong}"), &sale, 422, "request-malformed").await;
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn an_id_is_a_uuid_of_version_7_made_lately() {
    let scene = Scene::open().await;
    let with_id = |id: Uuid| {
        let mut sale = scene.sale();
        sale["id"] = json!(id);
        sale
    };
    for id in [Uuid::new_v4(), Uuid::nil(), Uuid::max(), "c232ab00-9414-11ec-b3c8-9f6bdeced846".parse().unwrap()] {
        scene.refuses_sale(&id.to_string(), &with_id(id), 422, "request-malformed").await;
    }
    // a version 7 of another variant
    let variant = Uuid::from_u128(Uuid::now_v7().as_u128() | 0xC000_0000_0000_0000);
    scene.refuses_sale("another variant", &with_id(variant), 422, "request-malformed").await;
    let now = Utc::now();
    scene.refuses_sale("36 days", &with_id(id_at(now - Duration::days(36))), 422, "id-too-old").await;
    scene.refuses_sale("1970", &with_id(id_at(DateTime::UNIX_EPOCH)), 422, "id-too-old").await;
    scene.refuses_sale("6 minutes ahead", &with_id(id_at(now + Duration::minutes(6))), 422, "id-too-new").await;
    let last = Uuid::from_u128(u128::MAX << 80 | 0x7000_8000_0000_0000_0000);
    scene.refuses_sale("the last of all", &with_id(last), 422, "id-too-new").await;

    // and at the edges of the window it is taken
    for (at, offset) in [("34 days back", Duration::days(-34)), ("4 minutes ahead", Duration::minutes(4))] {
        let reply = scene.serving.sell(&scene.terminal, &with_id(id_at(now + offset)));
        assert_eq!(reply.decided()["outcome"], "approved", "{at}");
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn an_id_names_one_request_for_ever() {
    let mut scene = Scene::open().await;
    let tap = scene.card.tap(&scene.terminal, &[(COFFEE, 1), (WINE, 1)]);
    let first = scene.serving.sell(&scene.terminal, &tap.sale()).text();
    scene.before = scene.house.books().await;
    let other_card = crate::card::Tap { counter: 9, ..tap.clone() };
    let changes: [(&str, Value); 6] = [
        ("/lines/0/quantity", json!(2)),
        ("/lines/0/service", json!(WINE)),
        ("/price_list", json!(2)),
        ("/mode", json!("whole")),
        ("/payer/card/amount_cents", json!(561)),
        ("/payer/card/counter", json!(8)),
    ];
    for (place, value) in changes {
        let mut sale = tap.sale();
        *sale.pointer_mut(place).unwrap() = value;
        scene.refuses_sale(place, &sale, 409, "id-reused").await;
    }
    scene.refuses_sale("rightly signed", &other_card.sale(), 409, "id-reused").await;
    let mut sale = tap.sale();
    sale["staff"] = json!(Uuid::new_v4());
    scene.refuses_sale("staff", &sale, 409, "id-reused").await;
    // nor is it free for a refund or a void
    let (refund, void) = (
        json!({"id": tap.id, "lines": [{"line": 0, "quantity": 1}]}),
        json!({"id": tap.id, "client": {"card": scene.card.id}}),
    );
    let (own, other) = (Uuid::now_v7(), scene.card.tap(&scene.terminal, &[(COFFEE, 1)]));
    scene.serving.sell(&scene.terminal, &other.sale()).decided();
    scene.before = scene.house.books().await;
    for (place, body) in [("refunds", &refund), ("void", &void)] {
        let request = scene.serving.posting(&scene.terminal, &format!("{SALES}/{}/{place}", other.id), body);
        scene.refuses(place, &request, 409, "id-reused").await;
    }
    scene.serving.ask_sale(&scene.terminal, own).is_problem(404, "sale-unknown");
    // the MAC is no part of what was asked
    let mut sale = tap.sale();
    *sale.pointer_mut("/payer/card/mac").unwrap() = json!("00112233445566778899aabbccddeeff");
    assert_eq!(scene.serving.sell(&scene.terminal, &sale).text(), first);
    assert_eq!(scene.house.books().await, scene.before);
    scene.still_sells().await;
}

#[tokio::test]
async fn the_idempotency_key_repeats_the_bodys_id_in_quotes() {
    let scene = Scene::open().await;
    let sale = scene.sale();
    let id = sale["id"].as_str().unwrap();
    let wrong = [
        id.to_owned(),
        format!("\"{id}"),
        format!("'{id}'"),
        format!("\"{}\"", Uuid::now_v7()),
        "\"\"".to_owned(),
        "x".to_owned(),
        format!("\"{id}\", \"{id}\""),
        format!("\"{id}\";a=1"),
        "\"".to_owned(),
        format!("\" {id} \""),
        "\"\u{e9}\"".to_owned(),
    ];
    for key in wrong {
        let mut draft = Draft::post(&scene.serving, &scene.terminal, SALES, &sale);
        draft.set("Idempotency-Key", &key);
        let reply = scene.serving.ask(&draft.signed());
        // what is not ASCII cannot even be signed
        let status = if key.is_ascii() { (422, "id-mismatch") } else { (401, "signature-malformed") };
        reply.is_problem(status.0, status.1);
        assert_eq!(scene.house.books().await, scene.before, "{key}");
    }
    let mut draft = Draft::post(&scene.serving, &scene.terminal, SALES, &sale);
    draft.remove("Idempotency-Key");
    // it cannot be covered where it is not
    scene.refuses("without", &draft.signed(), 401, "signature-malformed").await;
    scene.still_sells().await;
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_and_a_charset_is_no_other_type() {
    let scene = Scene::open().await;
    for wrong in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json-seq", "json", "*/*"]
    {
        let mut draft = Draft::post(&scene.serving, &scene.terminal, SALES, &scene.sale());
        draft.set("Content-Type", wrong);
        scene.refuses(wrong, &draft.signed(), 415, "content-type-wrong").await;
    }
    let mut draft = Draft::post(&scene.serving, &scene.terminal, SALES, &scene.sale());
    draft.set("Content-Type", "Application/JSON; charset=utf-8");
    assert_eq!(scene.serving.ask(&draft.signed()).decided()["outcome"], "approved");
    scene.still_sells().await;
}

#[tokio::test]
async fn a_path_that_holds_no_id_is_refused() {
    let scene = Scene::open().await;
    let refund = json!({"id": Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
    let void = json!({"id": Uuid::now_v7(), "client": {"card": scene.card.id}});
    for wrong in
        ["x", "1", "%00", "%ff%fe", "..", "-", &Uuid::new_v4().to_string(), &Uuid::nil().to_string(), &"7".repeat(3000)]
    {
        let place = format!("{SALES}/{wrong}");
        for request in [
            scene.serving.getting(&scene.terminal, &place, &[]),
            scene.serving.posting(&scene.terminal, &format!("{place}/refunds"), &refund),
            scene.serving.posting(&scene.terminal, &format!("{place}/void"), &void),
        ] {
            scene.refuses(wrong, &request, 400, "path-malformed").await;
        }
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn a_digest_that_is_not_of_the_body_is_refused() {
    let scene = Scene::open().await;
    let sale = scene.sale();
    let draft = || Draft::post(&scene.serving, &scene.terminal, SALES, &sale);
    for (digest, slug) in [
        (content_digest(b"another body"), "digest-wrong"),
        ("sha-256=:AAAA:".to_owned(), "digest-malformed"),
        ("md5=:AAAA:".to_owned(), "digest-missing"),
        ("x".to_owned(), "digest-malformed"),
        ("sha-256=x y".to_owned(), "digest-malformed"),
        ("sha-256".to_owned(), "digest-malformed"),
    ] {
        let mut draft = draft();
        draft.set("Content-Digest", &digest);
        let reply = scene.serving.ask(&draft.signed());
        assert_eq!(reply.status, 401, "{digest}");
        assert!(reply.text().contains(slug), "{digest}: {}", reply.text());
        assert_eq!(scene.house.books().await, scene.before, "{digest}");
    }
    // the body changed after it was signed
    let mut changed = draft();
    changed.sign();
    let more = sale.to_string().replacen("\"quantity\":1", "\"quantity\":2", 1);
    changed.body = more.into_bytes();
    scene.refuses("changed after signing", &changed.bytes(), 401, "digest-wrong").await;
    scene.still_sells().await;
}
