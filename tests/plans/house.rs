//! An organisation with a scheme, a tariff, services and clients. All names, tariffs and prices are fictitious.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::Database;
use pasje::db::plans::{ConsentRow, Dropped};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::month_grant::Month;
use pasje::domain::occurrence::LineId;
use pasje::domain::plan_line::{Mark, Performer};
use pasje::services::absences::OfClient;
use pasje::services::months::{Settings, Tally, close, deliver, open};
use pasje::services::plan_books::PlanError;
use pasje::services::plans::{AgreeRequest, ConsentRequest, MarkRequest, agree, consent};
use pasje::services::schemes;
use pasje::services::verify::verify;
use uuid::Uuid;

use crate::support::TestDatabase;

/// 5 percent reserve and nothing else off: of 30 days at 100 euro the budget is 2850 and the reserve 150 euro.
pub const EUROS: &str = r#"
name = "euros"
version = 1
unit = "EUR"
basis = "tariff"

[grant]
unplanned = "personal"
unplanned_percent = "5"
buffer_percent = "0"

[paying]
extras_from_budget = true
extras_from_savings = false
care_from_savings = "never"

[plan]
kept_free = 0
notice_above = "25.00"
provisional_days = 42
network_meetings = 4

[close]
budget = "lapse"
reserve = "lapse"

[shows]
euro_to_family = true
price_beside_minutes = false
colour = true
"#;

const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');
INSERT INTO location (id, organisation, name) VALUES ('01900000-0000-7000-8000-0000000000e1', 1, 'Huis (fictief)');
INSERT INTO tariff (organisation, code, profile, delivery, treatment, day_activities, from_date, day_cents, source)
    VALUES (1, 'Z053', '5VV', 1, true, true, '2024-01-01', 10000, 'fictief');
INSERT INTO service (id, organisation, name, name_en, category, function, vat_basis_points, council_agreed_on, published_on) VALUES
    ('01900000-0000-7000-8000-000000000001', 1, 'Douchen', 'Shower', 'fictief', 'verzorgende', 0, NULL, NULL),
    ('01900000-0000-7000-8000-000000000003', 1, 'Schilderen', 'Painting', 'fictief', 'activiteitenbegeleider', 0, NULL, NULL),
    ('01900000-0000-7000-8000-000000000004', 1, 'Kapper', 'Hairdresser', 'fictief', NULL, 2100, '2025-01-01', '2025-02-01'),
    ('01900000-0000-7000-8000-000000000005', 1, 'Uitje', 'Outing', 'fictief', NULL, 2100, '2025-01-01', NULL),
    ('01900000-0000-7000-8000-000000000009', 2, 'Elders', 'Elsewhere', 'fictief', NULL, 0, NULL, NULL);
INSERT INTO service_kind (service, buyer, kind) VALUES
    ('01900000-0000-7000-8000-000000000001', 1, 1), ('01900000-0000-7000-8000-000000000003', 1, 3),
    ('01900000-0000-7000-8000-000000000004', 1, 4), ('01900000-0000-7000-8000-000000000005', 1, 4);
INSERT INTO service_price (service, function, from_date, price_cents, minutes) VALUES
    ('01900000-0000-7000-8000-000000000001', 'verzorgende', '2024-01-01', 1000, 30),
    ('01900000-0000-7000-8000-000000000001', 'verzorgende', '2026-07-01', 1200, 30),
    ('01900000-0000-7000-8000-000000000001', 'verpleegkundige', '2024-01-01', 1500, 30),
    ('01900000-0000-7000-8000-000000000003', 'activiteitenbegeleider', '2024-01-01', 2001, 60),
    ('01900000-0000-7000-8000-000000000004', '', '2024-01-01', 2500, NULL),
    ('01900000-0000-7000-8000-000000000005', '', '2024-01-01', 900, NULL);
";

pub const SHOWER: u128 = 1;
pub const PAINTING: u128 = 3;
pub const HAIRDRESSER: u128 = 4;
pub const OUTING: u128 = 5;
pub const ELSEWHERE: u128 = 9;

pub const LOCATION: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00e1);
pub const NURSE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0100);
pub const OTHER_NURSE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0101);

pub fn service(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number)
}

pub fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn organisation() -> OrganisationId {
    OrganisationId::new(1).unwrap()
}

pub const fn of(wallet: WalletId) -> OfClient {
    OfClient { organisation: OrganisationId::new(1).unwrap(), wallet }
}

/// What refuses a request, in its words.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, PlanError>) -> String {
    answer.unwrap_err().to_string()
}

pub struct House {
    pub test: TestDatabase,
    pub database: Database,
}

impl House {
    pub async fn new() -> House {
        House::with(EUROS).await
    }

    pub async fn with(scheme: &str) -> House {
        let test = TestDatabase::new().await;
        test.owner().await.batch_execute(PLACES).await.unwrap();
        let database = test.connect().await;
        schemes::adopt(&database, organisation(), scheme, month("2025-01")).await.unwrap();
        House { test, database }
    }

    pub async fn owner(&self) -> AsyncPgConnection {
        self.test.owner().await
    }

    pub async fn run(&self, sql: &str) {
        self.owner().await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Number {
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        let query = diesel::sql_query(format!("SELECT ({sql})::bigint AS number"));
        let found: Result<Number, _> = query.get_result(&mut self.owner().await).await;
        found.unwrap_or_else(|error| panic!("{sql}: {error}")).number
    }

    pub async fn text(&self, sql: &str) -> String {
        #[derive(diesel::QueryableByName)]
        struct Found {
            #[diesel(sql_type = Text)]
            found: String,
        }
        let query = diesel::sql_query(format!("SELECT coalesce(({sql})::text, '') AS found"));
        let found: Result<Found, _> = query.get_result(&mut self.owner().await).await;
        found.unwrap_or_else(|error| panic!("{sql}: {error}")).found
    }

    /// A client of profile 5VV who lives in, arrived long ago, supported by a nurse.
    pub async fn client(&self, number: u32) -> WalletId {
        let wallet = WalletId::new(organisation(), number).unwrap();
        let id = wallet.field();
        self.run(&format!(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {id}, id, unit, 1 FROM scheme ORDER BY id LIMIT 1;
             INSERT INTO client (wallet, number, display_name, location, arrived_on, supporter)
                 VALUES ({id}, {number}, 'Mevrouw Voorbeeld (fictief)', '{LOCATION}', '2025-01-01', '{NURSE}');
             INSERT INTO indication (wallet, from_date, profile, delivery, treatment, day_activities)
                 VALUES ({id}, '2024-01-01', '5VV', 1, true, true)"
        ))
        .await;
        wallet
    }

    pub async fn open(&self, text: &str) -> Tally {
        let settings = Settings { workers: 1, chunk: 10 };
        let month = month(text);
        open::open(&self.database, organisation(), month, false, Utc::now(), settings, Arc::default()).await.unwrap()
    }

    pub async fn deliver(&self, text: &str) -> Tally {
        let settings = Settings { workers: 1, chunk: 10 };
        let day = day(text);
        deliver::deliver(&self.database, organisation(), day, false, Utc::now(), settings, Arc::default())
            .await
            .unwrap()
    }

    pub async fn close(&self, text: &str) -> Tally {
        let settings = Settings { workers: 1, chunk: 10 };
        let month = month(text);
        close::close(&self.database, organisation(), month, false, Utc::now(), settings, Arc::default()).await.unwrap()
    }

    /// Budget and what is held of it.
    pub async fn budget(&self, wallet: WalletId) -> [i64; 2] {
        let id = wallet.field();
        let of = |column: &str| format!("SELECT {column} FROM wallet WHERE id = {id}");
        [self.number(&of("budget")).await, self.number(&of("budget_held")).await]
    }

    /// Planned, held, done and released days of a line.
    pub async fn days(&self, line: LineId) -> [Vec<u32>; 4] {
        let mut found = [const { Vec::new() }; 4];
        for (days, column) in found.iter_mut().zip(["planned", "held", "done", "released"]) {
            let id = line.uuid();
            let bits =
                self.number(&format!("SELECT coalesce(max({column}), 0) FROM plan_month WHERE line = '{id}'")).await;
            *days = (1..=31).filter(|day| bits & 1 << (day - 1) != 0).collect();
        }
        found
    }

    /// Open tasks, as kind and month.
    pub async fn tasks(&self, wallet: WalletId) -> String {
        let id = wallet.field();
        self.text(&format!(
            "SELECT string_agg(kind || ' ' || month, ', ' ORDER BY kind, month) FROM task WHERE wallet = {id} AND done_at IS NULL"
        ))
        .await
    }

    /// A line that is agreed and consented to long before.
    pub async fn planned(&self, wallet: WalletId, number: u128, recurrence: &str, from: &str) -> LineId {
        self.planned_as(Agreeing { recurrence, from, ..Agreeing::weekly(number) }.request(wallet)).await
    }

    pub async fn planned_as(&self, request: AgreeRequest) -> LineId {
        let row = agree(&self.database, &request, Utc::now()).await.unwrap();
        let units = row.line.units.map(pasje::domain::money::Amount::minor);
        let mut request = consenting(request.of.wallet, row.line.id, row.line.price.minor(), "2025-01-01");
        request.consent.units_shown = units;
        consent(&self.database, &request, Utc::now()).await.unwrap();
        row.line.id
    }

    /// Whatever was booked, the ledger must prove itself.
    pub async fn verify(&self) {
        let mut conn = self.test.service().await;
        let report = verify(&mut conn, |_| {}).await.unwrap();
        let findings: Vec<_> = report.failed().collect();
        assert!(report.holds(), "{findings:#?}");
    }
}

/// A line to agree, in few words.
#[derive(Clone, Copy)]
pub struct Agreeing<'a> {
    pub service: u128,
    pub recurrence: &'a str,
    pub from: &'a str,
}

impl Agreeing<'_> {
    /// Wednesdays from 1 April 2026, at nine.
    pub const fn weekly(service: u128) -> Agreeing<'static> {
        Agreeing { service, recurrence: "FREQ=WEEKLY", from: "2026-04-01" }
    }

    pub const fn daily(service: u128) -> Agreeing<'static> {
        Agreeing { recurrence: "FREQ=DAILY", ..Agreeing::weekly(service) }
    }

    pub fn request(&self, wallet: WalletId) -> AgreeRequest {
        AgreeRequest {
            of: of(wallet),
            id: LineId::from_fresh(Uuid::now_v7()).unwrap(),
            service: service(self.service),
            performer: Performer::Staff,
            function: None,
            performed_by: None,
            staff_count: 1,
            group_size: 1,
            recurrence: self.recurrence.to_owned(),
            starts_at: day(self.from).and_hms_opt(9, 0, 0).unwrap(),
            duration_minutes: 30,
            waiver_reason: None,
            is_provisional: false,
            meeting: None,
        }
    }
}

pub fn consenting(wallet: WalletId, line: LineId, cents: i64, on: &str) -> ConsentRequest {
    let consent = ConsentRow {
        representative: None,
        price_shown_cents: Some(cents),
        units_shown: Some(cents),
        signed_on: day(on),
        recorded_by: NURSE,
    };
    ConsentRequest { of: of(wallet), line, alternatives_asked: true, consent }
}

pub fn dropping(from: &str) -> Dropped {
    Dropped {
        from: day(from),
        reason: "wil niet meer (fictief)".to_owned(),
        explained_by: NURSE,
        explained_on: day("2026-04-01"),
    }
}

pub fn marking(wallet: WalletId, line: LineId, on: &str, mark: Mark) -> MarkRequest {
    let reason = (mark == Mark::NotDelivered).then(|| "ziek (fictief)".to_owned());
    MarkRequest { of: of(wallet), line, day: day(on), mark, reason, by: NURSE }
}

/// Noon of a day.
pub fn noon(text: &str) -> DateTime<Utc> {
    day(text).and_hms_opt(11, 0, 0).unwrap().and_utc()
}
