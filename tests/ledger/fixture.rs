//! A restaurant with a few clients; all names, tariffs and prices are fictitious.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::Database;
use pasje::db::statement::{Statement, statement};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{Booked, OperationId, Outcome};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::authorise::{Authoriser, Settings};
use pasje::services::book::book;
use pasje::services::card_proof::CardProof;
use pasje::services::verify::verify;
use uuid::Uuid;

use crate::support::{TestDatabase, tap};

pub const WRONG_MAC: [u8; 16] = [0xff; 16];

/// Knows one wrong MAC, so that tests can send one, and refuses one generation since long ago.
struct TestProof;

pub const REFUSED_GENERATION: u8 = 200;

impl CardProof for TestProof {
    fn is_right(&self, request: &SaleRequest) -> bool {
        !matches!(request.payer, Payer::Card(Tap { mac: WRONG_MAC, .. }))
    }

    fn refused_from(&self, generation: u8) -> Option<NaiveDate> {
        (generation == REFUSED_GENERATION).then_some(NaiveDate::MIN)
    }
}

const fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number)
}

pub const LOCATION: Uuid = uuid(1);
pub const TERMINAL: Uuid = uuid(2);
/// 2.50 euro or 1 point and a half, 20 minutes.
pub const COFFEE: Uuid = uuid(10);
pub const WINE: Uuid = uuid(11);
pub const SHOWER: Uuid = uuid(12);
pub const MEAL: Uuid = uuid(13);

pub const EUR_SCHEME: i32 = 1;
pub const PNT_SCHEME: i32 = 2;

const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');
INSERT INTO location (id, organisation, name) VALUES
    ('01900000-0000-7000-8000-000000000001', 1, 'Restaurant'), ('01900000-0000-7000-8000-0000000000f1', 2, 'Elders');
INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
    VALUES (1, 'euro', 1, 1, 1, true, false, 0), (1, 'punten', 1, 3, 1, true, true, 1), (2, 'euro', 1, 1, 1, true, false, 0);
INSERT INTO price_list (location, version, valid_from, superseded_at) VALUES
    ('01900000-0000-7000-8000-000000000001', 1, now() - interval '90 days', now() - interval '25 hours'),
    ('01900000-0000-7000-8000-000000000001', 2, now() - interval '25 hours', now() - interval '23 hours'),
    ('01900000-0000-7000-8000-000000000001', 3, now() - interval '23 hours', NULL);
INSERT INTO price (price_list, service, buyer, kind, price_cents, points, minutes, vat_basis_points)
    SELECT l.id, s.service, 1, s.kind, s.cents, s.points, s.minutes, 900
    FROM price_list AS l, (VALUES
        ('01900000-0000-7000-8000-00000000000a'::uuid, 4, 250, 150, 20), ('01900000-0000-7000-8000-00000000000b', 5, 310, NULL, NULL),
        ('01900000-0000-7000-8000-00000000000c', 1, 1800, 1000, 30), ('01900000-0000-7000-8000-00000000000d', 2, 900, NULL, NULL),
        ('01900000-0000-7000-8000-00000000000e', 3, 700, 400, 60)) AS s (service, kind, cents, points, minutes);
";

/// A database with a restaurant in it, and a service on it.
pub struct Restaurant {
    pub test: TestDatabase,
    pub database: Database,
    pub authoriser: Arc<Authoriser>,
}

/// A client with a card.
#[derive(Clone, Copy)]
pub struct Client {
    pub wallet: WalletId,
    pub card: Uuid,
}

/// The next tap's counter, one for all cards: each card sees it rise.
static COUNTER: AtomicU32 = AtomicU32::new(1);

pub fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

/// An id whose time is elsewhere.
pub fn id_at(at: DateTime<Utc>) -> OperationId {
    let ms = u128::from(at.timestamp_millis().cast_unsigned());
    let random = Uuid::now_v7().as_u128() & ((1 << 80) - 1);
    OperationId::new(Uuid::from_u128(ms << 80 | random)).unwrap()
}

pub fn cents(minor: i64) -> Amount {
    Amount::cents(minor).unwrap()
}

pub fn terminal() -> Terminal {
    Terminal { id: TERMINAL, organisation: OrganisationId::new(1).unwrap(), location: LOCATION }
}

pub fn basket(lines: &[(Uuid, u32)]) -> Basket {
    Basket::new(lines.iter().map(|(service, quantity)| line(*service, *quantity)).collect()).unwrap()
}

pub const fn line(service: Uuid, quantity: u32) -> BasketLine {
    BasketLine { service, quantity, hold: None }
}

pub fn this_month() -> NaiveDate {
    Utc::now().date_naive().with_day(1).unwrap()
}

impl Client {
    /// A tap of the card, online, at current prices.
    pub fn tap(&self, lines: &[(Uuid, u32)]) -> SaleRequest {
        SaleRequest {
            id: id(),
            terminal: terminal(),
            payer: tap(self.card, COUNTER.fetch_add(1, Ordering::Relaxed), [0; 16]),
            mode: SaleMode::Online,
            staff: None,
            price_list: 3,
            basket: basket(lines),
        }
    }

    /// A grant of this month, in euros.
    pub fn grant(&self, budget_cents: i64) -> GrantRequest {
        let zero = Amount::zero(Unit::Eur);
        let grant = Grant {
            unit: Unit::Eur,
            unit_value_cents: None,
            overhead: cents(10_000),
            collective: zero,
            reserve: zero,
            buffer: zero,
            budget: cents(budget_cents),
        };
        GrantRequest { id: id(), wallet: self.wallet, month: this_month(), grant }
    }

    pub fn top_up(&self, cents: i64) -> TopUpRequest {
        TopUpRequest { id: id(), wallet: self.wallet, cents, from: Till::Bank }
    }
}

impl Restaurant {
    pub async fn open() -> Restaurant {
        let test = TestDatabase::new().await;
        test.owner().await.batch_execute(PLACES).await.unwrap();
        let database = test.connect().await;
        let authoriser = service(&database);
        Restaurant { test, database, authoriser }
    }

    /// A client without money.
    pub async fn client(&self, scheme: i32) -> Client {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let client = Client {
            wallet: WalletId::new(OrganisationId::new(1).unwrap(), number).unwrap(),
            card: uuid(0x1_0000_0000 | u128::from(number)),
        };
        let mut conn = self.owner().await;
        let query: Statement =
            statement("INSERT INTO wallet (id, scheme, unit, buyer) SELECT ?, id, unit, 1 FROM scheme WHERE id = ?")
                .bind(client.wallet.field())
                .bind(scheme);
        query.execute(&mut conn).await.unwrap();
        let query: Statement = statement("INSERT INTO card (id, wallet, expires_on) VALUES (?, ?, current_date + 30)")
            .bind(client.card)
            .bind(client.wallet.field());
        query.execute(&mut conn).await.unwrap();
        client
    }

    /// A client of the euro scheme with this budget and own money.
    pub async fn client_with(&self, budget_cents: i64, own_cents: i64) -> Client {
        let client = self.client(EUR_SCHEME).await;
        if budget_cents > 0 {
            assert_booked(&book(&self.database, &client.grant(budget_cents)).await.unwrap());
        }
        if own_cents > 0 {
            assert_booked(&book(&self.database, &client.top_up(own_cents)).await.unwrap());
        }
        client
    }

    pub async fn owner(&self) -> AsyncPgConnection {
        self.test.owner().await
    }

    pub async fn run(&self, sql: &str) {
        self.owner().await.batch_execute(sql).await.unwrap();
    }

    /// One number from the database.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let query: Statement<diesel::sql_types::BigInt> = statement(sql);
        query.get_result(&mut self.owner().await).await.unwrap()
    }

    /// Operations and transfers in the ledger.
    pub async fn rows(&self) -> i64 {
        self.number("SELECT (SELECT count(*) FROM ledger.operation) + (SELECT count(*) FROM ledger.transfer)").await
    }

    /// Budget, held budget, own money, held own money.
    pub async fn purses(&self, client: Client) -> [i64; 4] {
        type Row = (i64, i64, i64, i64);
        use diesel::sql_types::BigInt;
        let query: Statement<(BigInt, BigInt, BigInt, BigInt)> =
            statement("SELECT budget, budget_held, credit_cents, credit_cents_held FROM wallet WHERE id = ?")
                .bind(client.wallet.field());
        let (budget, budget_held, own, own_held) = query.get_result::<Row>(&mut self.owner().await).await.unwrap();
        [budget, budget_held, own, own_held]
    }

    /// Whatever was booked, the ledger must prove itself.
    pub async fn verify(&self) {
        let mut conn = self.test.service().await;
        let report = verify(&mut conn, |_| {}).await.unwrap();
        let findings: Vec<_> = report.failed().collect();
        assert!(report.holds() && report.checks.len() > 10, "{findings:#?}");
    }

    pub async fn sell(&self, request: &SaleRequest) -> Booked {
        self.authoriser.sell(request.clone()).await.unwrap()
    }
}

/// Another service on the same database.
pub fn service(database: &Database) -> Arc<Authoriser> {
    Arc::new(Authoriser::start(database.clone(), Arc::new(TestProof), Settings::default()))
}

pub fn assert_booked(booked: &Booked) {
    assert_eq!(booked.operation.outcome, Outcome::Booked, "{booked:?}");
}
