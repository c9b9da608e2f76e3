//! Who asks: each way in which a signature is not a terminal's own, for this very request, of now.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::{Card, Terminal};
use crate::service::{COFFEE, House, RESTAURANT, Serving, wait_until};
use crate::wire::{COVERED_WITH_BODY, Connection, Draft, Reply};

const SALES: &str = "/api/v1/sales";

/// What happens to a request on its way.
type Change = fn(&mut Draft);

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
        let client = house.client(0, 5000).await;
        let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
        let (serving, before) = (house.serve(), house.books().await);
        Scene { house, terminal, card, serving, before }
    }

    fn sale(&self) -> Value {
        self.card.tap(&self.terminal, &[(COFFEE, 1)]).sale()
    }

    fn draft(&self) -> Draft {
        Draft::post(&self.serving, &self.terminal, SALES, &self.sale())
    }

    fn refuses(&self, what: &str, request: &[u8], slug: &str) -> Reply {
        let reply = self.serving.ask(request);
        assert!(reply.text().contains(slug), "{what}: wanted {slug}, got {} {}", reply.status, reply.text());
        reply.is_problem(401, slug);
        reply
    }

    async fn still_sells(&self) {
        assert_eq!(self.house.books().await, self.before);
        // as this signer signs, so that the refusals above were not for its own mistakes
        assert_eq!(self.serving.ask(&self.draft().signed()).decided()["outcome"], "approved");
        assert_eq!(self.serving.sell(&self.terminal, &self.sale()).decided()["outcome"], "approved");
        self.house.verify().await;
    }
}

#[tokio::test]
async fn every_address_of_the_api_asks_for_a_signature() {
    let scene = Scene::open().await;
    let id = Uuid::now_v7();
    for target in ["/api/v1/catalogue", "/api/v1/price-list", "/api/v1/hotlist?since=0", &format!("{SALES}/{id}")] {
        scene.serving.get_unsigned(target).is_problem(401, "signature-missing");
    }
    for target in [SALES, &format!("{SALES}/{id}/refunds"), &format!("{SALES}/{id}/void")] {
        let mut draft = scene.draft();
        draft.target = target.to_owned();
        scene.refuses(target, &draft.bytes(), "signature-missing");
        draft.sign();
        let signed = draft.clone();
        for header in ["Signature", "Signature-Input"] {
            let mut draft = signed.clone();
            draft.remove(header);
            scene.refuses(header, &draft.bytes(), "signature-missing");
        }
    }
    scene.still_sells().await;
}

#[tokio::test]
async fn a_signature_must_cover_all_that_a_request_means() {
    let scene = Scene::open().await;
    for name in COVERED_WITH_BODY {
        let mut draft = scene.draft();
        draft.cover(name);
        scene.refuses(name, &draft.signed(), "signature-incomplete");
        if name.starts_with('@') {
            let mut draft = Draft::new(&scene.serving, &scene.terminal, "GET", "/api/v1/hotlist?since=0");
            draft.cover(name);
            scene.refuses(name, &draft.signed(), "signature-incomplete");
        }
    }
    let mut nothing = scene.draft();
    nothing.covered.clear();
    scene.refuses("nothing covered", &nothing.signed(), "signature-incomplete");
    for name in ["created", "expires", "nonce", "keyid"] {
        let mut draft = scene.draft();
        draft.parameters.retain(|(other, _)| *other != name);
        scene.refuses(name, &draft.signed(), "signature-incomplete");
    }
    for tag in ["\"other\"", "\"\"", "\"PASJE-TERMINAL\""] {
        let mut draft = scene.draft();
        draft.parameter("tag", tag);
        scene.refuses(tag, &draft.signed(), "signature-missing");
    }
    let mut untagged = scene.draft();
    untagged.parameters.retain(|(other, _)| *other != "tag");
    scene.refuses("no tag", &untagged.signed(), "signature-missing");
    scene.still_sells().await;
}

#[tokio::test]
async fn what_is_changed_after_it_was_signed_is_refused() {
    let scene = Scene::open().await;
    let mut signed = scene.draft();
    signed.sign();
    let changes: [(&str, Change); 6] = [
        ("query", |draft| draft.target += "?dry=1"),
        ("path", |draft| draft.target = draft.target.replace("sales", "%73ales")),
        ("type", |draft| draft.set("Content-Type", "application/json; charset=latin1")),
        ("key", |draft| draft.set("Idempotency-Key", "\"01900000-0000-7000-8000-000000000001\"")),
        ("digest", |draft| draft.set("Content-Digest", "sha-256=:AAAA:")),
        ("signature", |draft| {
            let signature = draft.headers.iter().find(|(name, _)| name == "Signature").unwrap().1.clone();
            let other = if signature.contains("sig=:A") { "sig=:B" } else { "sig=:A" };
            draft.set("Signature", &format!("{other}{}", &signature[6..]));
        }),
    ];
    for (what, change) in changes {
        let mut draft = signed.clone();
        change(&mut draft);
        scene.refuses(what, &draft.bytes(), "signature-wrong");
    }
    // a signature for one address is none for another
    let mut moved = signed.clone();
    moved.target = format!("{SALES}/{}/void", Uuid::now_v7());
    scene.refuses("moved", &moved.bytes(), "signature-wrong");
    let mut body = signed.clone();
    body.body.push(b' ');
    scene.refuses("body", &body.bytes(), "digest-wrong");
    scene.still_sells().await;
}

#[tokio::test]
async fn a_signature_is_of_now() {
    let scene = Scene::open().await;
    let now = chrono::Utc::now().timestamp();
    for (what, created, expires) in [
        ("old", now - 75, now + 60),
        ("of the future", now + 75, now + 200),
        ("expired", now - 30, now - 10),
        ("of long ago", 0, i64::from(i32::MAX)),
        ("of the end of time", 999_999_999_999_999, 999_999_999_999_999),
        ("expired before it was made", now, now - 100),
    ] {
        let mut draft = scene.draft();
        draft.parameter("created", &created.to_string());
        draft.parameter("expires", &expires.to_string());
        let reply = scene.refuses(what, &draft.signed(), "signature-expired");
        // whose clock is wrong can set it by this
        let date = reply.header("date").unwrap();
        let date = chrono::DateTime::parse_from_rfc2822(&date.replace("GMT", "+0000")).unwrap();
        assert!((date.timestamp() - now).abs() < 30, "{date}");
    }
    for (offset, what) in [(-50, "a minute old"), (50, "a minute ahead")] {
        let mut draft = scene.draft();
        draft.parameter("created", &(now + offset).to_string());
        draft.parameter("expires", &(now + offset + 120).to_string());
        assert_eq!(scene.serving.ask(&draft.signed()).status, 200, "{what}");
    }
}

#[tokio::test]
async fn a_terminal_that_is_not_there_is_answered_exactly_as_a_wrong_key_is() {
    let scene = Scene::open().await;
    let wrong = {
        let mut draft = scene.draft();
        draft.key = [7; 32];
        scene.refuses("wrong key", &draft.signed(), "signature-wrong")
    };
    // whether the connection is kept depends on how much of the body had come when the answer was made
    let names = |reply: &Reply| {
        let names = reply.headers.iter().map(|(name, _)| name.clone());
        names.filter(|name| name != "connection").collect::<std::collections::BTreeSet<_>>()
    };
    let own = scene.terminal.id;
    let unknown = [
        Uuid::new_v4().to_string(),
        Uuid::nil().to_string(),
        "x".to_owned(),
        String::new(),
        format!("{own}x"),
        format!(" {own}"),
        "a".repeat(1000),
        "'; DROP TABLE terminal; --".to_owned(),
        "../../keys".to_owned(),
        scene.card.id.to_string(),
    ];
    for keyid in unknown {
        let mut draft = scene.draft();
        draft.parameter("keyid", &format!("\"{keyid}\""));
        let reply = scene.refuses(&keyid, &draft.signed(), "signature-wrong");
        assert_eq!((reply.text(), names(&reply)), (wrong.text(), names(&wrong)), "{keyid}");
        // with the key of all zeros, which stands in for the one that is not there
        draft.key = [0; 32];
        assert_eq!(scene.refuses(&keyid, &draft.signed(), "signature-wrong").text(), wrong.text());
    }
    let other = scene.house.terminal(RESTAURANT);
    let mut draft = scene.draft();
    draft.key = other.key;
    scene.refuses("another terminal's key", &draft.signed(), "signature-wrong");
    let mut draft = scene.draft();
    draft.parameter("keyid", "7");
    scene.refuses("a keyid that is no text", &draft.signed(), "signature-malformed");
    scene.still_sells().await;
}

#[tokio::test]
async fn a_signature_that_cannot_be_read_is_told_so() {
    let scene = Scene::open().await;
    let mut signed = scene.draft();
    signed.sign();
    let input = signed.headers.iter().find(|(name, _)| name == "Signature-Input").unwrap().1.clone();
    for (name, value) in [
        ("Signature-Input", "("),
        ("Signature-Input", "sig"),
        ("Signature-Input", "sig=(\"@method\" \"@method\");tag=\"pasje-terminal\""),
        ("Signature", "sig"),
        ("Signature", "sig=:%%:"),
        ("Signature", "other=:AAAA:"),
        ("Signature", ":::"),
    ] {
        let mut draft = signed.clone();
        draft.set(name, value);
        let reply = scene.serving.ask(&draft.bytes());
        let read = ["signature-malformed", "signature-missing", "signature-incomplete"];
        assert!(
            reply.status == 401 && read.iter().any(|slug| reply.text().contains(slug)),
            "{name}: {value}: {}",
            reply.text()
        );
        assert!(reply.header("date").is_some());
    }
    let mut draft = signed.clone();
    draft.set("Signature-Input", &input.replacen("created=", "created=x", 1));
    scene.refuses("created in words", &draft.bytes(), "signature-malformed");
    let mut draft = signed.clone();
    draft.headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
    assert!(scene.serving.ask(&draft.bytes()).status == 401, "a second Content-Type that nobody signed");
    scene.still_sells().await;
}

#[tokio::test]
async fn a_request_that_is_replayed_is_answered_as_the_first_time_and_books_once() {
    let scene = Scene::open().await;
    let bytes = scene.draft().signed();
    let first = scene.serving.ask(&bytes);
    assert_eq!(first.decided()["outcome"], "approved");
    let booked = scene.house.books().await;
    for _ in 0..3 {
        assert_eq!(scene.serving.ask(&bytes).text(), first.text());
    }
    let mut connection = Connection::open(scene.serving.address);
    assert_eq!(connection.ask(&bytes).text(), first.text());
    assert_eq!(connection.ask(&bytes).text(), first.text());
    assert_eq!(scene.house.books().await, booked);

    // at once, too
    let bytes = scene.draft().signed();
    let mut connections: Vec<_> = (0..20).map(|_| Connection::open(scene.serving.address)).collect();
    connections.iter_mut().for_each(|connection| connection.write(&bytes).unwrap());
    let replies: Vec<_> = connections.iter_mut().map(|connection| connection.reply().unwrap().unwrap()).collect();
    assert_eq!(replies[0].decided()["outcome"], "approved");
    assert!(replies.iter().all(|reply| reply.text() == replies[0].text()));
    assert_eq!(scene.house.operations().await, 3, "the top-up and two sales");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_terminal_that_is_revoked_is_refused_within_three_seconds() {
    let scene = Scene::open().await;
    let other = scene.house.terminal(RESTAURANT);
    assert_eq!(scene.serving.get(&scene.terminal, "/api/v1/catalogue").status, 200);
    scene.house.run(&["terminal", "revoke", &scene.terminal.id.to_string()]);
    let revoked = std::time::Instant::now();
    wait_until("the terminal is refused", || scene.serving.get(&scene.terminal, "/api/v1/catalogue").status != 200);
    assert!(revoked.elapsed() < std::time::Duration::from_secs(3), "{:?}", revoked.elapsed());
    scene.serving.get(&scene.terminal, "/api/v1/catalogue").is_problem(401, "terminal-revoked");
    scene.serving.sell(&scene.terminal, &scene.sale()).is_problem(401, "terminal-revoked");
    // only who knows its key hears that it was revoked
    let mut draft = scene.draft();
    draft.key = [7; 32];
    scene.refuses("a wrong key", &draft.signed(), "signature-wrong");
    assert_eq!(scene.house.books().await, scene.before);
    let sale = scene.card.tap(&other, &[(COFFEE, 1)]).sale();
    assert_eq!(scene.serving.sell(&other, &sale).decided()["outcome"], json!("approved"));
    scene.house.verify().await;
}
