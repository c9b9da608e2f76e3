//! What a location sells and at which prices, and that a till hears when that changes and only then.

use serde_json::json;

use crate::card::Terminal;
use crate::service::{COFFEE, ELSEWHERE, House, RESTAURANT, Serving};
use crate::wire::Reply;

const CATALOGUE: &str = "/api/v1/catalogue";
const PRICES: &str = "/api/v1/price-list";

fn unless(serving: &Serving, terminal: &Terminal, target: &str, known: &str) -> Reply {
    serving.ask(&serving.getting(terminal, target, &[("If-None-Match", known)]))
}

/// It has this tag, and is not sent again to who knows it.
fn tag(serving: &Serving, terminal: &Terminal, target: &str) -> String {
    let tag = serving.get(terminal, target).header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), format!("\"a\",{tag},\"b\"")] {
        let reply = unless(serving, terminal, target, &known);
        assert_eq!((reply.status, reply.header("etag"), reply.body.len()), (304, Some(&*tag), 0), "{known}");
    }
    for other in ["\"other\"", "x", "", &tag[1..]] {
        let reply = unless(serving, terminal, target, other);
        assert_eq!((reply.status, reply.header("etag")), (200, Some(&*tag)), "{other}");
    }
    tag
}

#[tokio::test]
async fn a_till_gets_its_locations_tiles_and_prices() {
    let house = House::open().await;
    let (terminal, elsewhere) = (house.terminal(RESTAURANT), house.terminal(ELSEWHERE));
    let serving = house.serve();
    let catalogue = serving.get(&terminal, CATALOGUE).decided();
    assert_eq!(catalogue["organisation"], "Voorbeeldzorg (fictief)");
    assert_eq!(catalogue["location"], json!({"id": RESTAURANT, "name": "Restaurant"}));
    let coffee = json!({"id": COFFEE, "name": "Koffie", "name_en": "Coffee", "category": "dranken"});
    assert_eq!(catalogue["services"][0], coffee, "{catalogue}");
    assert_eq!(catalogue["services"].as_array().unwrap().len(), 3);

    let prices = serving.get(&terminal, PRICES).decided();
    assert_eq!(prices["version"], 3);
    let coffee = json!({"service": COFFEE, "buyer": "verblijf", "kind": "extra", "price_cents": 250, "minutes": 20,
                        "points": 150, "vat_basis_points": 900});
    assert_eq!(prices["prices"][0], coffee);
    let wine = &prices["prices"][1];
    assert_eq!((&wine["kind"], wine.get("minutes"), wine.get("points")), (&json!("own"), None, None));

    assert_eq!(serving.get(&elsewhere, CATALOGUE).decided()["organisation"], "Andere zorg (fictief)");
    house
        .sql(
            "INSERT INTO location (id, organisation, name) VALUES ('01900000-0000-7000-8000-0000000000f3', 1, 'Nieuw')",
        )
        .await;
    let new = house.terminal("01900000-0000-7000-8000-0000000000f3".parse().unwrap());
    assert_eq!(serving.get(&new, CATALOGUE).decided()["services"], json!([]));
    serving.get(&new, PRICES).is_problem(404, "reference-unknown");
}

#[tokio::test]
async fn what_a_till_has_already_is_not_sent_again_until_a_new_version_is_published() {
    let house = House::open().await;
    let (terminal, elsewhere) = (house.terminal(RESTAURANT), house.terminal(ELSEWHERE));
    let serving = house.serve();
    let (tiles, prices) = (tag(&serving, &terminal, CATALOGUE), tag(&serving, &terminal, PRICES));
    assert_ne!(tiles, prices);
    assert_ne!(serving.get(&elsewhere, CATALOGUE).header("etag").unwrap(), tiles);

    // one that is published ahead changes nothing yet
    house
        .sql("INSERT INTO price_list (location, version, valid_from) VALUES ('01900000-0000-7000-8000-000000000001', 4, now() + interval '1 day')")
        .await;
    assert_eq!(tag(&serving, &terminal, PRICES), prices);
    house
        .sql(
            "INSERT INTO price_list (location, version, valid_from) VALUES ('01900000-0000-7000-8000-000000000001', 5, now());
             INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points)
                 SELECT id, '01900000-0000-7000-8000-00000000000a', 1, 4, 275, 900 FROM price_list
                 WHERE version = 5 AND location = '01900000-0000-7000-8000-000000000001';
             UPDATE price_list SET superseded_at = now() WHERE version = 3 AND location = '01900000-0000-7000-8000-000000000001'",
        )
        .await;
    let reply = unless(&serving, &terminal, PRICES, &prices);
    assert_eq!(
        (reply.status, &reply.json()["version"], &reply.json()["prices"][0]["price_cents"]),
        (200, &json!(5), &json!(275))
    );
    assert_ne!(tag(&serving, &terminal, PRICES), prices);
    let reply = unless(&serving, &terminal, CATALOGUE, &tiles);
    assert_eq!((reply.status, reply.json()["services"].as_array().unwrap().len()), (200, 1));
    assert_ne!(tag(&serving, &terminal, CATALOGUE), tiles);
    // elsewhere nothing changed
    assert_eq!(serving.get(&elsewhere, PRICES).decided()["version"], 3);
}
