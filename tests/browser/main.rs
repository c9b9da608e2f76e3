//! The till's page in a real browser: each test starts a service, a till with a tray of virtual cards, and a script that uses the
//! page as staff do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../api/card.rs"]
#[allow(dead_code)]
mod card;
#[path = "../api/service.rs"]
#[allow(dead_code)]
mod service;
#[path = "../support/mod.rs"]
mod support;
#[path = "../offline/till_page.rs"]
#[allow(dead_code)]
mod till_page;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use service::{House, Serving};
use till_page::{Till, url};

/// What a script may want done meanwhile.
struct Stage {
    till: Till,
    serving: Option<Serving>,
    address: String,
}

impl Stage {
    async fn set(purses: &[(i64, i64)]) -> Stage {
        Stage::set_in(House::open().await, purses).await
    }

    async fn set_in(house: House, purses: &[(i64, i64)]) -> Stage {
        let serving = house.serve();
        let address = url(&serving);
        let till = Till::open(house, purses, &address, &["--offline-tap", "2500", "--offline-total", "5000"]).await;
        till.until("it knows its cards", |view| view["till"]["link"] == "here" && !view["assortment"].is_null());
        Stage { till, serving: Some(serving), address }
    }

    fn act(&mut self, what: &str) {
        match what {
            "stop the service" => self.serving.take().unwrap().stop(),
            "start the service" => {
                let listen = self.address.trim_start_matches("http://");
                self.serving = Some(self.till.house.serve_with(&["--listen", listen], &[]));
            }
            what => panic!("a script wants what nobody can do: {what}"),
        }
    }

    /// Runs a script of this folder to its end.
    fn play(&mut self, script: &str) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/");
        let packages = std::env::var_os("PASJE_TEST_BROWSER");
        let packages =
            packages.expect("PASJE_TEST_BROWSER names the folder of playwright-core: ./dev test installs it");
        let names: Vec<&str> = self.till.clients.iter().map(|client| client.name.as_str()).collect();
        let mut child = Command::new("node")
            .args(script.ends_with(".spec").then_some("--test"))
            .arg(format!("{path}{script}.mjs"))
            .env("PASJE_TEST_BROWSER", packages)
            .env("PASJE_TILL", format!("http://{}/", self.till.address))
            .env("PASJE_CARDS", names.join("|"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let mut answers = child.stdin.take().unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            println!("{line}");
            if let Some(what) = line.strip_prefix("do: ") {
                self.act(what);
                answers.write_all(b"done\n").unwrap();
            }
        }
        assert!(child.wait().unwrap().success(), "{script} failed: see above");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lunch_of_twenty_sales_is_rung_up_tapped_and_paid_to_the_cent() {
    let mut stage = Stage::set(&[(2_500, 0), (2_500, 0)]).await;
    stage.play("lunch");
    // ten sales of one coffee each
    for client in &stage.till.clients {
        assert_eq!(stage.till.house.purses(client).await, [0, 0]);
    }
    stage.till.house.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_is_shown_to_client_and_staff_without_barriers() {
    let mut stage = Stage::set(&[(250, 0), (0, 310)]).await;
    stage.play("answers");
    stage.till.house.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_goes_on_without_the_service_and_comes_back() {
    let mut stage = Stage::set(&[(1_000, 0)]).await;
    stage.play("away");
    assert_eq!(stage.till.house.purses(&stage.till.clients[0]).await, [500, 0]);
    stage.till.house.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_by_keyboard_alone() {
    let mut stage = Stage::set(&[(1_000, 0)]).await;
    stage.play("keyboard");
    assert_eq!(stage.till.house.purses(&stage.till.clients[0]).await, [750, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_a_narrow_or_magnified_page_in_either_language() {
    let mut stage = Stage::set(&[(1_000, 0)]).await;
    stage.play("narrow");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_used_by_touch_keys_and_scanner_and_keeps_nobody_out() {
    let mut stage = Stage::set(&[(10_000, 0)]).await;
    stage.play("till.spec");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_of_500_services_and_2000_cards_answers_a_tap_in_100_ms() {
    let house = House::open().await;
    house
        .sql(
            "INSERT INTO service (id, organisation, name, name_en, category)
                 SELECT ('01900000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 'Dienst ' || n, 'Service ' || n, 'soort ' || n % 12
                 FROM generate_series(1, 497) AS n;
             INSERT INTO price (price_list, service, buyer, kind, price_cents, points, minutes, vat_basis_points)
                 SELECT l.id, ('01900000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 4, 250, 150, 20, 900
                 FROM price_list AS l, generate_series(1, 497) AS n WHERE l.version = 3;
             INSERT INTO wallet (id, scheme, unit, buyer)
                 SELECT 1::bigint << 32 | 10000 + n, s.id, s.unit, 1 FROM scheme AS s, generate_series(1, 2000) AS n WHERE s.organisation = 1;
             INSERT INTO client (wallet, number, display_name)
                 SELECT 1::bigint << 32 | 10000 + n, 10000 + n, 'mw. Fictief ' || n FROM generate_series(1, 2000) AS n;
             INSERT INTO card (id, wallet, expires_on)
                 SELECT ('01900000-0000-7000-8002-' || lpad(to_hex(n), 12, '0'))::uuid, 1::bigint << 32 | 10000 + n, '2031-01-01'
                 FROM generate_series(1, 2000) AS n;",
        )
        .await;
    let mut stage = Stage::set_in(house, &[(10_000, 0)]).await;
    stage.play("many");
}
