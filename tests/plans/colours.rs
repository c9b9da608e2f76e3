//! How months stand: colour, forecast, the sheet, and what is added in which colour.

use std::sync::Arc;

use chrono::{NaiveDate, Utc};
use pasje::domain::account::WalletId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::colour::Colour;
use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::plan_line::Performer;
use pasje::domain::sale::{SaleMode, SaleRequest, Terminal};
use pasje::services::authorise::{Authoriser, Settings};
use pasje::services::card_proof::CardProof;
use pasje::services::colours::{self, Stands};
use pasje::services::months::Watch;
use pasje::services::plans::{AgreeRequest, agree, drop_line};
use uuid::Uuid;

use crate::house::*;
use crate::support::tap;

struct AnyCard;

impl CardProof for AnyCard {
    fn is_right(&self, _: &SaleRequest) -> bool {
        true
    }

    fn refused_from(&self, _: u8) -> Option<NaiveDate> {
        None
    }
}

const CARD: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0200);

/// Unplanned care of 10 euro at a terminal.
async fn shower_at_a_terminal(house: &House, wallet: WalletId, counter: u32) {
    if counter == 1 {
        house
            .run(&format!(
                "INSERT INTO card (id, wallet, expires_on) VALUES ('{CARD}', {}, current_date + 30);
                 INSERT INTO price_list (location, version, valid_from) VALUES ('{LOCATION}', 1, now() - interval '1 day');
                 INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points)
                     SELECT id, '{}', 1, 1, 1000, 0 FROM price_list",
                wallet.field(),
                service(SHOWER)
            ))
            .await;
    }
    let authoriser = Authoriser::start(house.database.clone(), Arc::new(AnyCard), Settings::default());
    let line = BasketLine { service: service(SHOWER), quantity: 1, hold: None };
    let request = SaleRequest {
        id: OperationId::new(Uuid::now_v7()).unwrap(),
        terminal: Terminal { id: NURSE, organisation: organisation(), location: LOCATION },
        payer: tap(CARD, counter, [0; 16]),
        mode: SaleMode::Online,
        staff: None,
        price_list: 1,
        basket: Basket::new(vec![line]).unwrap(),
    };
    assert_eq!(authoriser.sell(request).await.unwrap().operation.outcome, Outcome::Approved);
}

async fn stands(house: &House, wallet: WalletId) -> Stands {
    colours::of_client(&house.database, of(wallet), month("2026-04")).await.unwrap().unwrap()
}

async fn colour(house: &House, wallet: WalletId) -> (Colour, i64) {
    let standing = stands(house, wallet).await.standing;
    (standing.colour, standing.committed.total().unwrap().minor())
}

/// A line of 90 euro a day, which is consented to.
async fn heavy_care(house: &House, wallet: WalletId) {
    let function = Some("verpleegkundige".to_owned());
    let daily = Agreeing { recurrence: "FREQ=DAILY", ..Agreeing::weekly(SHOWER) };
    let request = AgreeRequest { function, staff_count: 6, ..daily.request(wallet) };
    let row = agree(&house.database, &request, Utc::now()).await.unwrap();
    let signed = consenting(wallet, row.line.id, 9_000, "2025-01-01");
    pasje::services::plans::consent(&house.database, &signed, Utc::now()).await.unwrap();
}

/// Source: E (Amsta).
#[tokio::test]
async fn a_month_turns_orange_and_red_and_care_goes_on() {
    let house = House::new().await;
    let (wallet, other) = (house.client(1).await, house.client(2).await);
    let showers = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    assert!(colours::of_client(&house.database, of(wallet), month("2026-04")).await.unwrap().is_none(), "not opened");
    house.open("2026-04").await;
    assert_eq!(colour(&house, wallet).await, (Colour::Green, 30_000));
    assert_eq!(colour(&house, other).await, (Colour::Green, 0));
    heavy_care(&house, wallet).await;
    assert_eq!(colour(&house, wallet).await, (Colour::Orange, 300_000), "to the cent: budget 2850, reserve 150");
    house.deliver("2026-04-01").await;
    assert_eq!(colour(&house, wallet).await, (Colour::Orange, 300_000), "delivered or to come is the same");

    // only care may be added, and what costs nothing
    let now = Utc::now();
    let painting = Agreeing::weekly(PAINTING).request(wallet);
    assert!(refusal(agree(&house.database, &painting, now).await).contains("only care may be added"));
    let family = AgreeRequest { performer: Performer::Family, ..painting.clone() };
    agree(&house.database, &family, now).await.unwrap();
    agree(&house.database, &Agreeing::weekly(SHOWER).request(wallet), now).await.unwrap();
    agree(&house.database, &Agreeing::weekly(PAINTING).request(other), now).await.unwrap();

    assert_eq!(
        colours::tell_red(&house.database, organisation(), month("2026-04"), &Watch::default()).await.unwrap(),
        0
    );
    shower_at_a_terminal(&house, wallet, 1).await;
    let standing = stands(&house, wallet).await.standing;
    assert_eq!((standing.colour, standing.beyond.minor()), (Colour::Red, 1_000));
    assert_eq!(standing.committed.unplanned_care.minor(), 1_000, "the reserve paid it, and it is committed");
    assert_eq!(standing.reserve.unwrap().minor(), 15_000, "spent or not");
    for _ in 0..2 {
        assert_eq!(
            colours::tell_red(&house.database, organisation(), month("2026-04"), &Watch::default()).await.unwrap(),
            1
        );
    }
    let told = house.text("SELECT string_agg(kind || ' ' || amount, ',') FROM task WHERE kind = 2").await;
    assert_eq!(told, "2 1000");
    shower_at_a_terminal(&house, wallet, 2).await;
    let dropped = drop_line(&house.database, of(wallet), showers, &dropping("2026-04-02"), noon("2026-04-01")).await;
    assert_eq!(dropped.unwrap().released, 29);
    assert_eq!(colour(&house, wallet).await, (Colour::Green, 302_000 - 29_000));
    house.verify().await;
}

#[tokio::test]
async fn where_unplanned_care_is_paid_collectively_it_is_not_committed_and_there_is_no_orange() {
    let house = House::with(&EUROS.replace("\"personal\"", "\"collective\"").replace("reserve = \"lapse\"", "")).await;
    let wallet = house.client(1).await;
    house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    shower_at_a_terminal(&house, wallet, 1).await;
    assert_eq!(colour(&house, wallet).await, (Colour::Green, 30_000), "a night fall changes nothing");
    heavy_care(&house, wallet).await;
    let standing = stands(&house, wallet).await.standing;
    assert_eq!((standing.colour, standing.beyond.minor(), standing.reserve), (Colour::Red, 15_000, None));
}

#[tokio::test]
async fn the_forecast_tells_what_the_rest_will_cost_and_what_is_free_today() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    house.planned(wallet, HAIRDRESSER, "FREQ=MONTHLY", "2026-04-15").await;
    house.open("2026-04").await;
    house.deliver("2026-04-01").await;
    let forecast = stands(&house, wallet).await.forecast;
    let days: Vec<_> = forecast.days.iter().map(|(day, amount)| (day.to_string(), amount.minor())).collect();
    let expected = [("2026-04-08", 1_000), ("2026-04-15", 3_500), ("2026-04-22", 1_000), ("2026-04-29", 1_000)];
    assert_eq!(days, expected.map(|(day, minor)| (day.to_owned(), minor)));
    assert_eq!((forecast.rest.minor(), forecast.rest_held.minor()), (6_500, 6_500));
    assert_eq!((forecast.free_today.minor(), forecast.free_after.minor()), (277_500, 277_500));
    house.planned(wallet, PAINTING, "FREQ=MONTHLY", "2026-04-20").await;
    let forecast = stands(&house, wallet).await.forecast;
    assert_eq!((forecast.rest.minor(), forecast.rest_held.minor()), (8_501, 6_500), "agreed since, not held");
    assert_eq!((forecast.free_today.minor(), forecast.free_after.minor()), (277_500, 275_499));
}

#[tokio::test]
async fn the_sheet_for_re_indication_has_the_numbers_of_the_month() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    house.open("2026-04").await;
    house.deliver("2026-04-01").await;
    shower_at_a_terminal(&house, wallet, 1).await;
    let sheet = colours::evidence(&house.database, of(wallet), month("2026-04"), "nr. 1").await.unwrap().unwrap();
    let squeezed = sheet.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "Stand ● groen",
        "Nog gepland € 40,00",
        "Geleverd volgens plan € 10,00",
        "Ongeplande zorg € 10,00",
        "Douchen | 4 x: € 40,00 | 1 x: € 10,00 | 1 x: € 10,00 | -",
        "2026-W14 | - | 1 x: € 10,00 | - | -",
        "Stands ● green",
    ] {
        assert!(squeezed.contains(expected), "{expected} in\n{sheet}");
    }
    assert!(!sheet.contains("Voorbeeld"), "no name that was not given");
}
