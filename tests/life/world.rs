//! An organisation with one client in each of the five schemes, and the books that a test keeps of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use firmware_sim::simulation::dice::Dice;
use pasje::db::connect::Database;
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::month_grant::Month;
use pasje::domain::operation::OperationId;
use pasje::domain::sale::{SaleRequest, Terminal};
use pasje::services::authorise::{Authoriser, Settings as AuthoriserSettings};
use pasje::services::card_proof::CardProof;
use pasje::services::months::{self, Settings};
use pasje::services::schemes;
use uuid::Uuid;

use crate::support::TestDatabase;

/// As the organisations' files stand in `schemes/`.
const SCHEMES: [(&str, &str); 5] = [
    ("archipel", include_str!("../../schemes/archipel.toml")),
    ("amsta", include_str!("../../schemes/amsta.toml")),
    ("zzg", include_str!("../../schemes/zzg.toml")),
    ("ipvb", include_str!("../../schemes/ipvb.toml")),
    ("norschoten", include_str!("../../schemes/norschoten.toml")),
];

const fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number)
}

pub const LOCATION: Uuid = uuid(1);
pub const STAFF: Uuid = uuid(3);
pub const SHOWER: Uuid = uuid(10);
pub const MEAL: Uuid = uuid(11);
pub const PAINTING: Uuid = uuid(12);
pub const COFFEE: Uuid = uuid(13);
pub const WINE: Uuid = uuid(14);
pub const SERVICES: [Uuid; 5] = [SHOWER, MEAL, PAINTING, COFFEE, WINE];

/// Names, tariffs and prices are fictitious.
const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)');
INSERT INTO location (id, organisation, name) VALUES ('01900000-0000-7000-8000-000000000001', 1, 'Restaurant (fictief)');
INSERT INTO service (id, organisation, name, name_en, category, code, function, vat_basis_points, council_agreed_on, published_on)
    SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, 1, name, name, 'fictief', name, 'helpende', 900, '2020-01-01', '2020-01-01'
    FROM (VALUES ('a', 'douchen'), ('b', 'maaltijd'), ('c', 'schilderen'), ('d', 'koffie'), ('e', 'wijn')) AS s (n, name);
INSERT INTO service_kind SELECT id, buyer, CASE code WHEN 'douchen' THEN 1 WHEN 'maaltijd' THEN 2 WHEN 'schilderen' THEN 3
    WHEN 'koffie' THEN 4 ELSE 5 END FROM service, generate_series(1, 3) AS buyer;
INSERT INTO service_price SELECT id, 'helpende', '2020-01-01', p.cents, p.minutes, p.points, NULL FROM service JOIN (VALUES
    ('douchen', 1800, 30, 3600), ('maaltijd', 900, 45, 1800), ('schilderen', 725, 60, 1450), ('koffie', 250, 15, 500), ('wijn', 310, NULL, NULL))
    AS p (code, cents, minutes, points) USING (code);
INSERT INTO price_list (location, version, valid_from) VALUES ('01900000-0000-7000-8000-000000000001', 1, now() - interval '1 day');
INSERT INTO price (price_list, service, buyer, kind, price_cents, minutes, points, vat_basis_points)
    SELECT 1, k.service, k.buyer, k.kind, p.price_cents, p.minutes, p.points, 900 FROM service_kind AS k JOIN service_price AS p USING (service);
";

/// Every MAC is right.
struct TestProof;

impl CardProof for TestProof {
    fn is_right(&self, _: &SaleRequest) -> bool {
        true
    }

    fn refused_from(&self, _: u8) -> Option<NaiveDate> {
        None
    }
}

/// A client with a card.
pub struct Client {
    pub wallet: WalletId,
    pub card: Uuid,
    pub counter: u32,
    pub sold: Vec<OperationId>,
    pub lines: Vec<Uuid>,
    /// Away until then.
    pub returns_on: Option<NaiveDate>,
    pub away: Option<Uuid>,
    pub holidays: u32,
}

pub struct World {
    pub seed: u64,
    pub test: TestDatabase,
    pub database: Database,
    pub authoriser: Arc<Authoriser>,
    pub clients: Vec<Client>,
    /// The day that is lived.
    pub day: NaiveDate,
    /// Of each closed month, what its rows hash to.
    closed: BTreeMap<NaiveDate, String>,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    found: String,
}

pub fn organisation() -> OrganisationId {
    OrganisationId::new(1).unwrap()
}

pub fn terminal() -> Terminal {
    Terminal { id: uuid(2), organisation: organisation(), location: LOCATION }
}

pub fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

pub fn month_of(first: NaiveDate) -> Month {
    Month::new(first.year(), first.month()).unwrap()
}

/// A job of a month, for all clients, at the hour that is lived.
macro_rules! job {
    ($world:expr, $job:path, $what:expr) => {
        $job(&$world.database, organisation(), $what, false, $world.now(), Settings::default(), Arc::default())
    };
}

impl World {
    pub async fn new(dice: &mut Dice, seed: u64, first: NaiveDate) -> World {
        let test = TestDatabase::new().await;
        test.owner().await.batch_execute(PLACES).await.unwrap();
        let database = test.connect().await;
        let proof = Arc::new(TestProof);
        let authoriser = Arc::new(Authoriser::start(database.clone(), proof, AuthoriserSettings::default()));
        let mut world =
            World { seed, test, database, authoriser, clients: Vec::new(), day: first, closed: BTreeMap::new() };
        for (number, (name, file)) in (1_u32..).zip(SCHEMES) {
            schemes::adopt(&world.database, organisation(), file, month_of(first)).await.unwrap();
            let wallet = WalletId::new(organisation(), number).unwrap();
            let card = uuid(0x1_0000_0000 | u128::from(number));
            let arrived = first - Months::new(2);
            world
                .run(&format!(
                    "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {0}, id, unit, 1 FROM scheme WHERE name = '{name}';
                     INSERT INTO card (id, wallet, expires_on) VALUES ('{card}', {0}, current_date + 30);
                     INSERT INTO client (wallet, number, display_name, location, arrived_on)
                         VALUES ({0}, {number}, 'mw. {name} (fictief)', '{LOCATION}', '{arrived}');",
                    wallet.field()
                ))
                .await;
            let client = Client {
                wallet,
                card,
                counter: 0,
                sold: Vec::new(),
                lines: Vec::new(),
                returns_on: None,
                away: None,
                holidays: 0,
            };
            world.clients.push(client);
        }
        world.entitle(dice, first).await;
        world
    }

    /// Tariffs of two years for four profiles, one of them missing in some year; each client has a profile.
    async fn entitle(&self, dice: &mut Dice, first: NaiveDate) {
        let missing = dice.below(8);
        let mut place = 0;
        for profile in ["4VV", "5VV", "7VV", "8VV"] {
            for year in [first.year(), first.year() + 1] {
                let cents = dice.between(9_001, 31_117);
                if place != missing {
                    self.run(&format!(
                        "INSERT INTO tariff VALUES (1, 'Z-{profile}', '{profile}', 1, true, true, '{year}-01-01', '{year}-12-31', {cents}, 'fictief')"
                    ))
                    .await;
                }
                place += 1;
            }
        }
        for client in &self.clients {
            let profile = ["4VV", "5VV", "7VV", "8VV"][dice.below(4)];
            let from = first + chrono::Days::new(if dice.chance(300) { 10 } else { 0 });
            self.run(&format!(
                "INSERT INTO indication VALUES ({}, '{from}', NULL, '{profile}', 1, true, true)",
                client.wallet.field()
            ))
            .await;
        }
    }

    pub async fn run(&self, sql: &str) {
        if let Err(error) = self.test.owner().await.batch_execute(sql).await {
            panic!("seed {}: {error}: {sql}", self.seed);
        }
    }

    pub async fn text(&self, sql: &str) -> String {
        self.text_by(&mut self.test.owner().await, sql).await
    }

    async fn text_by(&self, conn: &mut AsyncPgConnection, sql: &str) -> String {
        let wrapped = format!("SELECT coalesce(({sql})::text, '') AS found");
        let found: Result<Found, _> = diesel::sql_query(wrapped).get_result(conn).await;
        found.unwrap_or_else(|error| panic!("seed {}: {error}: {sql}", self.seed)).found
    }

    /// Rows of a query that should have none: what it found.
    pub async fn none(&self, what: &str, sql: &str) {
        let found = self.text(&format!("SELECT string_agg(t::text, E'\\n') FROM ({sql}) AS t")).await;
        assert!(found.is_empty(), "seed {}: {what}:\n{found}", self.seed);
    }

    pub async fn open(&self, month: NaiveDate) {
        let done = job!(self, months::open::open, month_of(month)).await;
        done.unwrap_or_else(|error| panic!("seed {}: {month} is not opened: {error}", self.seed));
    }

    pub async fn close(&self, month: NaiveDate) {
        let done = job!(self, months::close::close, month_of(month)).await;
        done.unwrap_or_else(|error| panic!("seed {}: {month} is not closed: {error}", self.seed));
    }

    pub async fn correct(&self, month: NaiveDate) {
        let done = job!(self, months::correct::correct, month_of(month)).await;
        done.unwrap_or_else(|error| panic!("seed {}: {month} is not corrected: {error}", self.seed));
    }

    pub async fn deliver(&self, day: NaiveDate) {
        let done = job!(self, months::deliver::deliver, day).await;
        done.unwrap_or_else(|error| panic!("seed {}: {day} is not delivered: {error}", self.seed));
    }

    /// All that jobs could book twice.
    pub async fn rows(&self) -> String {
        self.text(
            "SELECT format('%s operations, %s lines, %s transfers, %s hold entries, %s phases, %s grants, %s statements, purses %s',
                (SELECT count(*) FROM ledger.operation), (SELECT count(*) FROM ledger.line), (SELECT count(*) FROM ledger.transfer),
                (SELECT count(*) FROM ledger.hold_entry), (SELECT count(*) FROM month_phase), (SELECT count(*) FROM month_grant),
                (SELECT count(*) FROM month_statement), (SELECT string_agg(w::text, ';' ORDER BY id) FROM wallet AS w))",
        )
        .await
    }

    fn hash_of(month: NaiveDate) -> String {
        format!(
            "SELECT md5(string_agg(row, ';' ORDER BY row)) FROM (
                SELECT t::text AS row FROM ledger.transfer AS t JOIN ledger.operation AS o USING (id) WHERE o.month = '{month}'
                UNION ALL SELECT l::text FROM ledger.line AS l JOIN ledger.operation AS o USING (id) WHERE o.month = '{month}'
                UNION ALL SELECT o::text FROM ledger.operation AS o WHERE o.month = '{month}'
                UNION ALL SELECT s::text FROM month_statement AS s WHERE s.month = '{month}'
                UNION ALL SELECT p::text FROM plan_month AS p WHERE p.month = '{month}') AS rows"
        )
    }

    /// Writes down what a closed month looks like.
    pub async fn remember(&mut self, month: NaiveDate) {
        let hash = self.text(&World::hash_of(month)).await;
        self.closed.insert(month, hash);
    }

    pub async fn changed_months(&self) -> Vec<NaiveDate> {
        let mut changed = Vec::new();
        for (month, hash) in &self.closed {
            if *hash != self.text(&World::hash_of(*month)).await {
                changed.push(*month);
            }
        }
        changed
    }

    /// Noon of the day that is lived.
    pub fn now(&self) -> DateTime<Utc> {
        self.day.and_hms_opt(12, 0, 0).unwrap().and_utc()
    }

    /// What the seed came to, so that one that does nothing is seen.
    pub async fn told(&self) -> String {
        self.text(
            "SELECT format('%s operations, %s grants of which %s provisional, %s corrections, %s deliveries, %s months closed, %s planned lines',
                count(*), count(*) FILTER (WHERE kind = 12), (SELECT count(*) FROM month_grant WHERE data_error IS NOT NULL),
                count(*) FILTER (WHERE kind = 21), count(*) FILTER (WHERE kind = 22), (SELECT count(*) FROM month_statement),
                (SELECT count(*) FROM plan_month)) FROM ledger.operation",
        )
        .await
    }
}
