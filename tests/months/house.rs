//! An organisation with a scheme, a tariff and clients, for tests of months.

#![allow(dead_code)] // each test program uses a part

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::Database;
use pasje::db::statement::{Statement, statement};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::month_grant::Month;
use pasje::domain::occurrence::{LineId, OccurrenceId};
use pasje::services::months::{MonthError, Settings, Tally, Watch, close, correct, deliver, open};
use pasje::services::schemes;
use pasje::services::verify::verify;
use uuid::Uuid;

use crate::support::TestDatabase;

/// 10 euro of overhead a day, 5 percent reserve, 2 percent buffer; the rest is budget, saved up to 1000 euro.
pub const EUROS: &str = r#"
name = "euros"
version = 1
unit = "EUR"
basis = "tariff"

[grant]
unplanned = "personal"
unplanned_percent = "5"
buffer_percent = "2"

[[deduction]]
name = "overhead"
cents_per_day = 1_000

[paying]
extras_from_budget = true
extras_from_savings = false
care_from_savings = "never"

[plan]
kept_free = "45.00"
notice_above = "25.00"
provisional_days = 42
network_meetings = 0

[close]
budget = "save"
savings_cap = "1000.00"
reserve = "lapse"
year_end = "keep_up_to"
year_end_up_to = "600.00"

[shows]
euro_to_family = true
price_beside_minutes = false
colour = true
"#;

/// A day's tariff of profile 5VV, in cents.
pub const DAY_CENTS: i64 = 10_000;

pub const CARE: u128 = 1;
pub const ACTIVITY: u128 = 3;
pub const EXTRA: u128 = 4;

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

/// A line to agree.
#[derive(Clone, Copy)]
pub struct Agree {
    pub kind: u128,
    pub cents: i64,
    pub recurrence: &'static str,
    pub from: &'static str,
    pub consented: bool,
    pub provisional_until: Option<&'static str>,
}

impl Agree {
    pub const fn weekly(kind: u128, cents: i64, from: &'static str) -> Agree {
        Agree { kind, cents, recurrence: "FREQ=WEEKLY", from, consented: true, provisional_until: None }
    }

    pub const fn daily(kind: u128, cents: i64, from: &'static str) -> Agree {
        Agree { recurrence: "FREQ=DAILY", ..Agree::weekly(kind, cents, from) }
    }
}

pub struct House {
    pub test: TestDatabase,
    pub database: Database,
    /// The day on which jobs run.
    pub now: DateTime<Utc>,
}

impl House {
    /// In a year that is over.
    pub async fn new() -> House {
        House::with(EUROS).await
    }

    pub async fn with(scheme: &str) -> House {
        let test = TestDatabase::new().await;
        let mut places = "INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');
            INSERT INTO tariff (organisation, code, profile, delivery, treatment, day_activities, from_date, day_cents, source)
            VALUES (1, 'Z053', '5VV', 1, true, true, '2024-01-01', 10000, 'fictief'),
                   (1, 'Z083', '8VV', 1, true, true, '2024-01-01', 20000, 'fictief');"
            .to_owned();
        for kind in 1..=5 {
            places += &format!(
                "INSERT INTO service (id, organisation, name, name_en, category) VALUES ('{}', 1, 'Dienst {kind}', 'Service {kind}', 'fictief');",
                service(kind)
            );
        }
        test.owner().await.batch_execute(&places).await.unwrap();
        let database = test.connect().await;
        schemes::adopt(&database, organisation(), scheme, month("2025-01")).await.unwrap();
        House { test, database, now: "2027-01-15T12:00:00Z".parse().unwrap() }
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
        let found: Number =
            query.get_result(&mut self.owner().await).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        found.number
    }

    pub async fn text(&self, sql: &str) -> String {
        #[derive(diesel::QueryableByName)]
        struct Found {
            #[diesel(sql_type = Text)]
            found: String,
        }
        let query = diesel::sql_query(format!("SELECT coalesce(({sql})::text, '') AS found"));
        let found: Found =
            query.get_result(&mut self.owner().await).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        found.found
    }

    /// A wallet of the first scheme, without indication.
    pub async fn stranger(&self, number: u32) -> WalletId {
        let wallet = WalletId::new(organisation(), number).unwrap();
        let id = wallet.field();
        self.run(&format!(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT {id}, id, unit, 4 FROM scheme ORDER BY id LIMIT 1"
        ))
        .await;
        wallet
    }

    /// A client of profile 5VV, who lives in.
    pub async fn client(&self, number: u32) -> WalletId {
        let wallet = self.stranger(number).await;
        self.indicate(wallet, "5VV", "2024-01-01", None).await;
        wallet
    }

    pub async fn indicate(&self, wallet: WalletId, profile: &str, from: &str, to: Option<&str>) {
        let to = to.map_or("NULL".to_owned(), |to| format!("'{to}'"));
        self.run(&format!(
            "INSERT INTO indication (wallet, from_date, to_date, profile, delivery, treatment, day_activities) \
             VALUES ({}, '{from}', {to}, '{profile}', 1, true, true)",
            wallet.field()
        ))
        .await;
    }

    pub async fn agree(&self, wallet: WalletId, line: Agree) -> LineId {
        let id = LineId::from_fresh(Uuid::now_v7()).unwrap();
        let Agree { kind, cents, recurrence, from, consented, provisional_until } = line;
        let until = provisional_until.map_or("NULL".to_owned(), |until| format!("'{until}'"));
        let mut sql = format!(
            "INSERT INTO plan_line (id, wallet, service, performer, function, recurrence, starts_at, duration_minutes, kind, price_cents, \
             units, vat_basis_points, provisional_until, agreed_on) VALUES ('{}', {}, '{}', 1, 'verzorgende', '{recurrence}', '{from} 09:00', 30, \
             {kind}, {cents}, {cents}, 0, {until}, '2025-01-01');",
            id.uuid(),
            wallet.field(),
            service(kind)
        );
        if consented && cents > 0 {
            sql += &format!(
                "INSERT INTO plan_consent (line, price_shown_cents, units_shown, alternatives_asked, signed_on, recorded_by) \
                 VALUES ('{}', {cents}, {cents}, true, '2025-01-01', '{}')",
                id.uuid(),
                Uuid::now_v7()
            );
        }
        self.run(&sql).await;
        id
    }

    pub async fn open(&self, text: &str) -> Tally {
        self.try_open(text, false).await.unwrap()
    }

    pub async fn try_open(&self, text: &str, dry_run: bool) -> Result<Tally, MonthError> {
        let settings = Settings { workers: 2, chunk: 3 };
        open::open(&self.database, organisation(), month(text), dry_run, self.now, settings, Arc::default()).await
    }

    pub async fn deliver(&self, text: &str) -> Tally {
        let settings = Settings { workers: 2, chunk: 3 };
        let watch = Arc::new(Watch::default());
        deliver::deliver(&self.database, organisation(), day(text), false, self.now, settings, watch).await.unwrap()
    }

    pub async fn close(&self, text: &str) -> Tally {
        self.try_close(text, false).await.unwrap()
    }

    pub async fn try_close(&self, text: &str, dry_run: bool) -> Result<Tally, MonthError> {
        let settings = Settings { workers: 2, chunk: 3 };
        close::close(&self.database, organisation(), month(text), dry_run, self.now, settings, Arc::default()).await
    }

    pub async fn correct(&self, text: &str) -> Tally {
        let settings = Settings { workers: 2, chunk: 3 };
        let watch = Arc::new(Watch::default());
        correct::correct(&self.database, organisation(), month(text), false, self.now, settings, watch).await.unwrap()
    }

    /// Budget, what is held of it, reserve, savings, own euros.
    pub async fn purses(&self, wallet: WalletId) -> [i64; 5] {
        let query: Statement<(BigInt, BigInt, BigInt, BigInt, BigInt)> =
            statement("SELECT budget, budget_held, reserve, savings, credit_cents FROM wallet WHERE id = ?")
                .bind(wallet.field());
        let found: (i64, i64, i64, i64, i64) = query.get_result(&mut self.owner().await).await.unwrap();
        found.into()
    }

    /// Planned, held, done and released days of a line in a month.
    pub async fn bits(&self, line: LineId, text: &str) -> [i64; 4] {
        let first = month(text).first();
        let mut bits = [0; 4];
        for (place, column) in ["planned", "held", "done", "released"].into_iter().enumerate() {
            let sql = format!("SELECT {column} FROM plan_month WHERE line = '{}' AND month = '{first}'", line.uuid());
            bits[place] = self.number(&sql).await;
        }
        bits
    }

    /// The organisation's day, by the server's clock: what tills sell on.
    pub async fn test_today(&self) -> NaiveDate {
        let sql = "SELECT (clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')::date";
        self.text(sql).await.parse().unwrap()
    }

    pub fn occurrence(line: LineId, text: &str) -> OccurrenceId {
        OccurrenceId::of(line, day(text)).unwrap()
    }

    /// All that says what was booked, in one text: two of them are equal or something moved.
    pub async fn everything(&self) -> String {
        let mut all = String::new();
        for (table, order) in [
            ("wallet", "id"),
            ("ledger.operation", "id"),
            ("ledger.line", "id, line"),
            ("ledger.transfer", "id, leg"),
            ("ledger.hold_entry", "id, entry"),
            ("hold", "id, account"),
            ("shared_buffer", "organisation, unit"),
            ("month_phase", "wallet, month, phase"),
            ("month_grant", "wallet, month, revision"),
            ("plan_month", "wallet, month, line"),
            ("month_statement", "wallet, month"),
            ("task", "id"),
        ] {
            all += &self.text(&format!("SELECT string_agg(t::text, E'\\n' ORDER BY {order}) FROM {table} AS t")).await;
        }
        all
    }

    /// Whatever was booked, the ledger must prove itself.
    pub async fn verify(&self) {
        let report = verify(&mut self.test.service().await, |_| {}).await.unwrap();
        let findings: Vec<_> = report.failed().collect();
        assert!(report.holds() && report.checks.len() > 30, "{findings:#?}");
    }
}
