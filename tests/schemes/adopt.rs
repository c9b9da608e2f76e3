//! An organisation adopts a file, uses it from a month on, and can never change a version.

use diesel_async::SimpleAsyncConnection;
use pasje::db::connect::Database;
use pasje::domain::account::OrganisationId;
use pasje::domain::month_grant::Month;
use pasje::domain::scheme_file;
use pasje::services::schemes::{self, Adopted, SchemeError};

use crate::support::TestDatabase;

const ORGANISATIONS: &str = "
INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)'), (2, 'Andere zorg (fictief)');";

const ZZG: &str = include_str!("../../schemes/zzg.toml");

async fn made() -> (TestDatabase, Database) {
    let test = TestDatabase::new().await;
    test.owner().await.batch_execute(ORGANISATIONS).await.unwrap();
    let database = test.connect().await;
    (test, database)
}

fn organisation(number: u16) -> OrganisationId {
    OrganisationId::new(number).unwrap()
}

fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

async fn adopt(database: &Database, source: &str, from: &str) -> Result<Adopted, SchemeError> {
    schemes::adopt(database, organisation(1), source, month(from)).await.map(|(adopted, _)| adopted)
}

#[tokio::test]
async fn an_adopted_file_is_read_back_as_the_scheme_that_it_says() {
    let (_test, database) = made().await;
    assert_eq!(adopt(&database, ZZG, "2026-04").await.unwrap(), Adopted::Added);
    let listed = schemes::list(&database, None).await.unwrap();
    let conn = database.connection().await.unwrap();
    let loaded = schemes::load(&conn, &[listed[0].id, 4711]).await.unwrap();
    assert_eq!(loaded.len(), 1, "one that is not there is missing");
    assert_eq!(*loaded[&listed[0].id], scheme_file::parse(ZZG).unwrap());
}

#[tokio::test]
async fn the_version_of_a_month_is_the_last_that_started_by_then() {
    let (test, database) = made().await;
    let second = ZZG.replace("version = 1", "version = 2");
    adopt(&database, ZZG, "2026-04").await.unwrap();
    adopt(&database, &second, "2027-01").await.unwrap();
    // another organisation's versions are its own, and a row without a file has no rules for a month
    schemes::adopt(&database, organisation(2), ZZG, month("2026-01")).await.unwrap();
    let old =
        "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings,
        care_from_savings) VALUES (1, 'old', 1, 1, 1, false, false, 0)";
    test.owner().await.batch_execute(old).await.unwrap();
    let rows = schemes::list(&database, Some(organisation(1))).await.unwrap();
    let [old, first, second] = &rows[..] else { panic!("{rows:?}") };
    let conn = database.connection().await.unwrap();
    assert!(schemes::load(&conn, &[old.id]).await.unwrap().is_empty());
    for (asked, expected) in
        [("2026-03", None), ("2026-04", Some(first.id)), ("2026-12", Some(first.id)), ("2027-01", Some(second.id))]
    {
        let used = schemes::in_force(&conn, organisation(1), month(asked)).await.unwrap();
        assert_eq!(used.get(&first.id).copied(), expected, "{asked}");
        assert_eq!(used.get(&second.id).copied(), expected, "{asked}");
        assert!(!used.contains_key(&old.id));
    }
}
