//! What the till's page is answered by the program behind it, with a real service. The browser has tests of its own.

use std::process::Command;

use serde_json::{Value, json};

use crate::service::{COFFEE, House, WINE};
use crate::till_page::{NOWHERE, Till, ask, program, start, url};

#[tokio::test]
async fn a_sale_is_rung_up_tapped_shown_and_voided_on_the_page() {
    let house = House::open().await;
    let serving = house.serve();
    let mut till = Till::open(house, &[(1_000, 0)], &url(&serving), &[]).await;
    let (_, assortment) = till.ask("GET", "/api/assortment", "", "");
    let assortment: Value = serde_json::from_str(&assortment).unwrap();
    assert!(assortment["services"].as_array().unwrap().iter().any(|it| it["id"] == json!(COFFEE)), "{assortment}");

    let sale = till.sell(&json!([{ "service": COFFEE, "quantity": 2 }]));
    assert_eq!(sale["client"]["headline"], "Betaald");
    assert_eq!((&sale["total"], &sale["lines"][0]["paid"]), (&json!("€ 5,00"), &json!("€ 5,00")));
    assert_eq!(sale["lines"][0]["legs"][0]["purse"], "Budget");
    assert_eq!(till.house.purses(&till.clients[0]).await, [500, 0]);

    let past = till.view()["history"][0].take();
    assert_eq!((&past["outcome"], &past["can_void"]), (&json!("approved"), &json!(true)));
    till.done("/api/void", &json!({ "sale": past["id"] }));
    till.until("it is voided", |view| view["history"][0]["outcome"] == "voided");
    assert_eq!(till.house.purses(&till.clients[0]).await, [1_000, 0]);
    till.stop();
    till.house.verify().await;
}

#[tokio::test]
async fn what_is_left_out_is_named_to_the_client_and_why_to_staff_alone() {
    let house = House::open().await;
    let serving = house.serve();
    let till = Till::open(house, &[(250, 0)], &url(&serving), &[]).await;
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
    assert_eq!(till.house.purses(&till.clients[0]).await, [0, 0]);
}

#[tokio::test]
async fn the_page_sells_without_the_service_and_delivers_when_it_is_back() {
    let house = House::open().await;
    let serving = house.serve();
    let address = url(&serving);
    let mut till =
        Till::open(house, &[(1_000, 0)], &address, &["--offline-tap", "1000", "--offline-total", "2000"]).await;
    till.until("it knows its cards", |view| view["till"]["link"] == "here");
    till.stop();
    (till.child, till.address) = start(&till.house, NOWHERE, &[]);
    till.until("it knows that nobody is there", |view| view["till"]["link"] == "away");
    let sale = till.sell(&json!([{ "service": COFFEE, "quantity": 1 }]));
    assert_eq!((&sale["client"]["headline"], &sale["is_offline"]), (&json!("Betaald"), &json!(true)));
    let view = till.view();
    assert_eq!((&view["till"]["waiting"], &view["history"][0]["outcome"]), (&json!(1), &json!("offline")));
    assert_eq!(till.house.purses(&till.clients[0]).await, [1_000, 0]);
    // what was shown as paid outlives the program
    till.child.kill().unwrap();
    till.child.wait().unwrap();
    (till.child, till.address) = start(&till.house, &address, &[]);
    till.until("nothing waits", |view| view["till"]["waiting"] == 0);
    till.house.all_judged().await;
    assert_eq!(till.house.purses(&till.clients[0]).await, [750, 0]);
    till.house.verify().await;
}

#[tokio::test]
async fn nobody_but_the_tills_own_page_is_answered() {
    let till = Till::open(House::open().await, &[(1_000, 0)], NOWHERE, &[]).await;
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
