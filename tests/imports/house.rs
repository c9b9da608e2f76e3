//! An organisation with two locations and three schemes, and the shipped demo tables; all of it fictitious.

use chrono::{DateTime, TimeZone, Utc};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::connect::Database;
use pasje::domain::account::OrganisationId;
use pasje::domain::month_grant::Month;
use pasje::services::imports::{FileKind, ImportError, Report, import};
use pasje::services::schemes;

use crate::support::TestDatabase;

/// In the order in which they are imported.
pub const KINDS: [(FileKind, &str); 8] = [
    (FileKind::Tariffs, "tariffs"),
    (FileKind::Clients, "clients"),
    (FileKind::Indications, "indications"),
    (FileKind::Additions, "additions"),
    (FileKind::Representatives, "representatives"),
    (FileKind::Services, "services"),
    (FileKind::Prices, "prices"),
    (FileKind::AbsenceSettings, "absence-settings"),
];

const PLACES: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');
INSERT INTO location (id, organisation, name) VALUES (gen_random_uuid(), 1, 'De Linde (fictief)'),
    (gen_random_uuid(), 1, 'De Wilg (fictief)'), (gen_random_uuid(), 2, 'De Es (fictief)');";

pub struct House {
    pub test: TestDatabase,
    pub database: Database,
}

pub fn organisation() -> OrganisationId {
    OrganisationId::new(1).unwrap()
}

/// 15 April 2026, at noon.
pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 4, 15, 10, 0, 0).unwrap()
}

pub fn demo(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(format!("{name}.csv"));
    std::fs::read_to_string(path).unwrap()
}

#[derive(diesel::QueryableByName)]
pub struct Text {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub text: Option<String>,
}

impl House {
    pub async fn new() -> House {
        let test = TestDatabase::new().await;
        test.owner().await.batch_execute(PLACES).await.unwrap();
        let database = test.connect().await;
        for name in ["archipel", "amsta", "zzg"] {
            let path = format!("{}/schemes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let source = std::fs::read_to_string(path).unwrap();
            schemes::adopt(&database, organisation(), &source, Month::parse("2026-01").unwrap()).await.unwrap();
        }
        House { test, database }
    }

    /// With all demo tables in it.
    pub async fn furnished() -> House {
        let house = House::new().await;
        for (kind, name) in KINDS {
            house.import(kind, &demo(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        house
    }

    pub async fn import(&self, kind: FileKind, file: &str) -> Result<Report, ImportError> {
        import(&self.database, organisation(), kind, file.as_bytes(), false, now()).await
    }

    pub async fn import_at(&self, kind: FileKind, file: &str, now: DateTime<Utc>) -> Report {
        import(&self.database, organisation(), kind, file.as_bytes(), false, now).await.unwrap()
    }

    pub async fn try_out(&self, kind: FileKind, file: &str) -> Result<Report, ImportError> {
        import(&self.database, organisation(), kind, file.as_bytes(), true, now()).await
    }

    /// What is told of a file that is refused.
    pub async fn refused(&self, kind: FileKind, file: &str) -> Vec<String> {
        match self.import(kind, file).await {
            Err(ImportError::File(errors)) => errors.told().iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The one text that a query answers.
    pub async fn ask(&self, sql: &str) -> String {
        let query = diesel::sql_query(format!("SELECT ({sql})::text AS text"));
        let found: Text = query.get_result(&mut self.test.owner().await).await.unwrap();
        found.text.unwrap_or_default()
    }

    /// Every row of what files fill, with the transaction that wrote it.
    pub async fn rows(&self) -> String {
        let tables = "tariff absence_setting indication addition representative client wallet service service_kind service_price price_list price";
        let mut all = String::new();
        for table in tables.split(' ') {
            let sql = format!(
                "SELECT string_agg(t.xmin::text || ' ' || t.ctid::text || ' ' || t::text, E'\\n' ORDER BY t.ctid) FROM {table} AS t"
            );
            all += &format!("{table}:\n{}\n", self.ask(&sql).await);
        }
        all
    }
}
