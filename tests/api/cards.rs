//! What a terminal must know to sell while it cannot ask: which cards may pay, the keys to check them with, and the limits.

use std::time::{Duration, Instant};

use card_protocol::keys::{Key as _, OfflineVerifyKey, Secret};
use chrono::{Days, Utc};
use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};

use crate::card::{Card, Terminal};
use crate::service::{CANTEEN, ELSEWHERE, House, RESTAURANT, Serving};
use crate::wire::{Connection, Reply};

fn list(serving: &Serving, terminal: &Terminal, known: Option<&str>) -> Reply {
    let headers: Vec<(&str, &str)> = known.map(|tag| ("If-None-Match", tag)).into_iter().collect();
    serving.ask(&serving.getting(terminal, "/api/v1/cards", &headers))
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

/// The keys of a card's file that give terminals theirs, by generation.
fn offline_keys(house: &House, card: &Card) -> Vec<(u64, OfflineVerifyKey)> {
    let files = std::fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).find_map(|path| {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        (file["card"] == json!(card.id)).then_some(file)
    });
    let read = |keys: &Value| {
        let key = from_hex(keys["offline_verify"].as_str().unwrap()).unwrap();
        (keys["generation"].as_u64().unwrap(), OfflineVerifyKey::new(Secret::new(key)))
    };
    file.unwrap()["keys"].as_array().unwrap().iter().map(read).collect()
}

fn keys_for(house: &House, card: &Card, terminal: &Terminal) -> Value {
    let (id, place) = (terminal.id.as_bytes(), terminal.location.as_bytes());
    let verify = |(generation, key): (u64, OfflineVerifyKey)| json!({"generation": generation, "verify": to_hex(key.terminal_key(id, place).secret().expose())});
    offline_keys(house, card).into_iter().map(verify).collect()
}

#[tokio::test]
async fn a_terminal_gets_the_cards_that_may_pay_each_with_keys_of_its_own() {
    let house = House::open().await;
    let (client, stranger) = (house.client(0, 0).await, house.client_of(2, 0, 0).await);
    let closed = house.client(0, 0).await;
    let (terminal, canteen, elsewhere) =
        (house.terminal(RESTAURANT), house.terminal(CANTEEN), house.terminal(ELSEWHERE));
    let (card, strange, blocked) = (house.card(&client), house.card(&stranger), house.card(&client));
    let (expired, _) = (house.card(&client), house.card(&closed));
    house.run(&["card", "block", &blocked.id.to_string()]);
    house.sql(&format!("UPDATE card SET expires_on = current_date - 2 WHERE id = '{}'", expired.id)).await;
    house.sql(&format!("UPDATE wallet SET status = 2 WHERE id = {}", closed.wallet.field())).await;
    let serving = house.serve();
    let until = house.text("SELECT max(expires_on)::text FROM card").await;
    let one = |of: &Card, client: &crate::service::Client, terminal: &Terminal| {
        json!([{
            "card": of.id, "wallet": client.number, "name": client.name, "expires_on": until,
            "keys": keys_for(&house, of, terminal),
        }])
    };
    let reply = list(&serving, &terminal, None);
    let body = reply.decided();
    assert_eq!(body["cards"], one(&card, &client, &terminal));
    assert_eq!(body["cards"][0]["keys"].as_array().unwrap().len(), 3, "those made beforehand too");
    assert_eq!(
        body["offline"],
        json!({"tap_cents": 2500, "card_total_cents": 5000, "card_taps": 5, "terminal_total_cents": 50_000,
               "terminal_records": 200, "hours": 24})
    );
    let version = house.text("SELECT max(version)::text FROM card_event WHERE organisation = 1").await;
    assert_eq!(body["version"].to_string(), version);
    assert_eq!(list(&serving, &canteen, None).decided()["cards"], one(&card, &client, &canteen));
    assert_eq!(list(&serving, &elsewhere, None).decided()["cards"], one(&strange, &stranger, &elsewhere));
    let listed = house.run(&["card", "list"]);
    assert!(listed.lines().any(|line| line.starts_with(&format!("{}  expired ", expired.id))), "{listed}");
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_and_each_change_is() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let (terminal, other) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let card = house.card(&client);
    let serving = house.serve();
    let mut tag = etag(&list(&serving, &terminal, None));
    assert_ne!(tag, etag(&list(&serving, &other, None)), "two terminals have not the same keys");
    let mut is_new = |what: &str| {
        let known = list(&serving, &terminal, Some(&tag));
        assert_eq!(known.status, 200, "{what}");
        tag = etag(&known);
        let known = list(&serving, &terminal, Some(&tag));
        assert_eq!((known.status, known.body.len(), etag(&known)), (304, 0, tag.clone()), "{what}");
        list(&serving, &terminal, Some("\"other\"")).decided()
    };
    let id = card.id.to_string();
    house.run(&["card", "block", &id]);
    assert_eq!(is_new("a block")["cards"], json!([]));
    house.run(&["card", "unblock", &id]);
    assert_eq!(is_new("an unblock")["cards"][0]["card"], json!(card.id));
    house.sql("UPDATE client SET display_name = 'dhr. B. Anders'").await;
    assert_eq!(is_new("a name")["cards"][0]["name"], "dhr. B. Anders");
    house.sql("UPDATE card SET expires_on = current_date + 1").await;
    is_new("an expiry");
    house.sql("UPDATE wallet SET status = 2").await;
    assert_eq!(is_new("a close")["cards"], json!([]));
    house.sql("UPDATE wallet SET status = 1").await;
    is_new("a wallet that is open again");
    let place = RESTAURANT.to_string();
    let limits =
        ["--tap", "1", "--card-total", "2", "--card-taps", "3", "--terminal-total", "4", "--terminal-records", "5"];
    house.run(&[&["location", "limits", &place][..], &limits].concat());
    let offline = json!({"tap_cents": 1, "card_total_cents": 2, "card_taps": 3, "terminal_total_cents": 4,
                         "terminal_records": 5, "hours": 24});
    assert_eq!(is_new("limits")["offline"], offline);
    house.run(&["location", "limits", &place, "--hours", "6"]);
    assert_eq!(is_new("hours")["offline"]["hours"], 6);
    let listed = house.run(&["location", "list"]);
    let row = |place: &str| {
        let line = listed.lines().find(|line| line.starts_with(place)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row(&place), "1 2 3 4 5 6 Restaurant");
    assert_eq!(row(&CANTEEN.to_string()), "2500 5000 5 50000 200 24 Kantine");
    assert_eq!(house.command(&["location", "limits", &id, "--hours", "6"]).output().unwrap().status.code(), Some(1));
    // a limit elsewhere is nothing to this terminal
    house.run(&["location", "limits", &CANTEEN.to_string(), "--tap", "1"]);
    assert_eq!(list(&serving, &terminal, Some(&tag)).status, 304);
}

#[tokio::test]
async fn a_generation_that_is_refused_leaves_the_list_on_its_day() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let terminal = house.terminal(RESTAURANT);
    house.card(&client);
    let serving = house.serve();
    let generations = |body: &Value| -> Vec<u64> {
        body["cards"][0]["keys"].as_array().unwrap().iter().map(|key| key["generation"].as_u64().unwrap()).collect()
    };
    let first = list(&serving, &terminal, None);
    assert_eq!(generations(&first.decided()), [1, 2, 3]);
    let tomorrow = Utc::now().date_naive().checked_add_days(Days::new(2)).unwrap().to_string();
    house.run(&["keys", "rotate", "--refuse-from", &tomorrow]);
    house.sql("UPDATE key_generation SET refused_from = current_date - 1 WHERE generation = 1").await;
    crate::service::wait_until("the running service refuses it", || {
        let now = list(&serving, &terminal, Some(&etag(&first)));
        now.status == 200 && generations(&now.decided()) == [2, 3]
    });
}

#[tokio::test]
async fn five_thousand_cards_are_listed_fast_and_known_at_once() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    house
        .sql(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT (1::bigint << 32) + n, s.id, 1, 1
                 FROM generate_series(100001, 105000) AS n, scheme AS s WHERE s.organisation = 1;
             INSERT INTO client (wallet, number, display_name) SELECT (1::bigint << 32) + n, n, 'mw. N. ' || n
                 FROM generate_series(100001, 105000) AS n;
             INSERT INTO card (id, wallet, expires_on, generations_to)
                 SELECT gen_random_uuid(), (1::bigint << 32) + n, '2099-01-01', 3 FROM generate_series(100001, 105000) AS n;",
        )
        .await;
    let serving = house.serve();
    let mut connection = Connection::open(serving.address);
    let mut timed = |known: &[(&str, &str)]| {
        let request = serving.getting(&terminal, "/api/v1/cards", known);
        let began = Instant::now();
        (connection.ask(&request), began.elapsed())
    };
    timed(&[]);
    let (all, took) = timed(&[]);
    let (known, took_known) = timed(&[("If-None-Match", &etag(&all))]);
    assert_eq!((all.json()["cards"].as_array().unwrap().len(), known.status), (5000, 304));
    eprintln!("5,000 cards with 15,000 keys: {} bytes in {took:?}; known already: {took_known:?}", all.body.len());
    // far above what it takes, as tests share their processors; the keys are most of it
    assert!(took < Duration::from_secs(20) && took_known < Duration::from_secs(5), "{took:?} {took_known:?}");
    assert!(took_known * 2 < took, "what is known costs as much as what is not: {took_known:?} of {took:?}");
}
