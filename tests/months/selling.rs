//! A till's sale delivers a planned day.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Utc};
use pasje::domain::account::WalletId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::funding::LeftOut;
use pasje::domain::occurrence::LineId;
use pasje::domain::operation::{Booked, OperationId, OperationKind, Outcome};
use pasje::domain::refund::{Client, RefundRequest, VoidRequest};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::services::authorise::{Authoriser, Settings};
use pasje::services::book::book;
use pasje::services::card_proof::CardMac;
use pasje::services::key_store::Keys;
use uuid::Uuid;

use crate::house::{Agree, CARE, House, service};

const LOCATION: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00aa);

/// A house whose till sells by name, in the month of today.
struct Till {
    house: House,
    authoriser: Authoriser,
    client: WalletId,
    line: LineId,
    today: NaiveDate,
}

fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

const fn terminal() -> Terminal {
    Terminal { id: Uuid::from_u128(0x77), organisation: organisation_one(), location: LOCATION }
}

const fn organisation_one() -> pasje::domain::account::OrganisationId {
    match pasje::domain::account::OrganisationId::new(1) {
        Some(organisation) => organisation,
        None => panic!("1 is a number of an organisation"),
    }
}

impl Till {
    /// Care of 50 euro is planned each day and sold at 50 euro; a meal is not planned.
    async fn open() -> Till {
        let mut house = House::new().await;
        house.now = Utc::now();
        let client = house.client(1).await;
        let today = house.test_today().await;
        let from = "2026-01-01";
        let line = house.agree(client, Agree::daily(CARE, 5000, from)).await;
        house
            .run(&format!(
                "INSERT INTO location (id, organisation, name) VALUES ('{LOCATION}', 1, 'Restaurant'); \
                 INSERT INTO price_list (location, version, valid_from) VALUES ('{LOCATION}', 1, now() - interval '1 day'); \
                 INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points) \
                 SELECT id, '{}'::uuid, 1, 1, 5000, 0 FROM price_list UNION ALL SELECT id, '{}'::uuid, 1, 2, 5000, 0 FROM price_list",
                service(CARE),
                service(2)
            ))
            .await;
        let authoriser = Authoriser::start(
            house.database.clone(),
            Arc::new(CardMac(Arc::new(Keys::generate().unwrap()))),
            Settings::default(),
        );
        let till = Till { house, authoriser, client, line, today };
        till.house.open(&till.month()).await;
        till
    }

    fn month(&self) -> String {
        format!("{}-{:02}", self.today.year(), self.today.month())
    }

    fn occurrence(&self) -> OperationId {
        House::occurrence(self.line, &self.today.to_string()).as_hold().unwrap()
    }

    async fn sell(&self, number: u128, mode: SaleMode) -> Booked {
        let line = BasketLine { service: service(number), quantity: 1, hold: Some(self.occurrence()) };
        let request = SaleRequest {
            id: id(),
            terminal: terminal(),
            payer: Payer::ByName { wallet: self.client },
            mode,
            staff: Some(Uuid::from_u128(9)),
            price_list: 1,
            basket: Basket::new(vec![line]).unwrap(),
        };
        self.authoriser.sell(request).await.unwrap()
    }

    fn bit(&self) -> i64 {
        1 << self.today.day0()
    }
}

#[tokio::test]
async fn a_sale_that_names_a_planned_day_delivers_it_with_its_part_of_the_months_hold() {
    let till = Till::open().await;
    let [budget, held, ..] = till.house.purses(till.client).await;
    let sold = till.sell(CARE, SaleMode::Online).await;
    assert_eq!(sold.operation.outcome, Outcome::Approved);
    assert!(sold.operation.lines[0].planned);
    assert_eq!(till.house.purses(till.client).await[..2], [budget - 5000, held - 5000]);
    assert_eq!(till.house.bits(till.line, &till.month()).await[2], till.bit());
    till.house.verify().await;
    // the daily job pays it never again
    assert_eq!(till.house.deliver(&till.today.to_string()).await.get("delivered"), 0);
    till.house.verify().await;
}

#[tokio::test]
async fn what_the_daily_job_delivered_is_not_paid_again_by_a_till_that_was_cut_off() {
    let till = Till::open().await;
    assert_eq!(till.house.deliver(&till.today.to_string()).await.get("delivered"), 1);
    let purses = till.house.purses(till.client).await;
    for mode in [SaleMode::Forward { instead_of: None }, SaleMode::Online] {
        let sold = till.sell(CARE, mode).await;
        assert_eq!(sold.operation.outcome, Outcome::AlreadyBooked);
        assert_eq!(sold.operation.lines[0].left_out, Some(LeftOut::AlreadyBooked));
        assert!(sold.operation.transfers.is_empty() && sold.operation.hold_entries.is_empty());
    }
    assert_eq!(till.house.purses(till.client).await, purses);
    till.house.verify().await;
}

#[tokio::test]
async fn a_line_of_another_service_leaves_the_planned_day_alone() {
    let till = Till::open().await;
    let sold = till.sell(2, SaleMode::Online).await;
    assert_eq!(sold.operation.outcome, Outcome::Approved);
    assert!(!sold.operation.lines[0].planned);
    assert_eq!(till.house.bits(till.line, &till.month()).await[2], 0);
    till.house.verify().await;
}

#[tokio::test]
async fn a_voided_sale_opens_its_planned_day_again_and_a_refund_does_not() {
    let till = Till::open().await;
    let sold = till.sell(CARE, SaleMode::Online).await;
    let void = VoidRequest {
        id: id(),
        sale: sold.operation.id,
        terminal: terminal(),
        staff: None,
        client: Client::Wallet(till.client),
    };
    assert_eq!(book(&till.house.database, &void).await.unwrap().operation.outcome, Outcome::Booked);
    assert_eq!(till.house.bits(till.line, &till.month()).await[2], 0);
    till.house.verify().await;
    let sold = till.sell(CARE, SaleMode::Online).await;
    assert!(sold.operation.lines[0].planned);
    let lines = vec![(0, 1)];
    let refund = RefundRequest { id: id(), sale: sold.operation.id, terminal: terminal(), staff: None, lines };
    let refund = book(&till.house.database, &refund).await.unwrap();
    assert_eq!((refund.operation.kind, refund.operation.outcome), (OperationKind::Refund, Outcome::Booked));
    assert_eq!(till.house.bits(till.line, &till.month()).await[2], till.bit());
    assert_eq!(till.house.deliver(&till.today.to_string()).await.get("delivered"), 0);
    till.house.verify().await;
}

#[tokio::test]
async fn no_sale_gives_back_a_months_hold_as_a_whole() {
    let till = Till::open().await;
    let hold: Uuid = till.house.text("SELECT operation FROM month_phase WHERE phase = 2").await.parse().unwrap();
    let line = BasketLine { service: service(CARE), quantity: 1, hold: Some(OperationId::new(hold).unwrap()) };
    let request = SaleRequest {
        id: id(),
        terminal: terminal(),
        payer: Payer::ByName { wallet: till.client },
        mode: SaleMode::Online,
        staff: Some(Uuid::from_u128(9)),
        price_list: 1,
        basket: Basket::new(vec![line]).unwrap(),
    };
    let sold = till.authoriser.sell(request).await.unwrap();
    assert!(!sold.operation.lines[0].planned && sold.operation.hold_entries.is_empty());
    let release =
        pasje::domain::hold::ReleaseRequest { id: id(), hold: OperationId::new(hold).unwrap(), expired: false };
    assert_eq!(book(&till.house.database, &release).await.unwrap().operation.outcome, Outcome::HoldNotOpen);
    till.house.verify().await;
}
