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

#[tokio::test]
async fn adopting_the_same_file_again_changes_nothing() {
    let (_test, database) = made().await;
    adopt(&database, ZZG, "2026-04").await.unwrap();
    let before = schemes::list(&database, None).await.unwrap();
    assert_eq!(adopt(&database, ZZG, "2026-04").await.unwrap(), Adopted::Unchanged);
    assert_eq!(schemes::list(&database, None).await.unwrap(), before);
    // before it is used, its month may still be another
    assert_eq!(adopt(&database, ZZG, "2026-05").await.unwrap(), Adopted::Moved);
    assert_eq!(schemes::list(&database, None).await.unwrap()[0].from, Some(month("2026-05").first()));
}

#[tokio::test]
async fn a_version_that_was_adopted_is_immutable() {
    let (test, database) = made().await;
    adopt(&database, ZZG, "2026-04").await.unwrap();
    let changed = ZZG.replace("value_cents = 50", "value_cents = 60");
    let error = adopt(&database, &changed, "2026-06").await.unwrap_err().to_string();
    assert!(
        error.contains("zzg version 1 was adopted already") && error.contains("give the file version 2"),
        "{error}"
    );
    // a comment is content too: what was adopted is what stands there
    let error = adopt(&database, &format!("{ZZG}# more\n"), "2026-04").await.unwrap_err();
    assert!(matches!(error, SchemeError::Changed { .. }), "{error}");
    assert_eq!(schemes::list(&database, None).await.unwrap()[0].source.as_deref(), Some(ZZG));
    // not even the owner of the tables
    for sql in ["UPDATE scheme SET source = 'x'", "UPDATE scheme SET version = 7", "DELETE FROM scheme"] {
        let refused = test.owner().await.batch_execute(sql).await.unwrap_err().to_string();
        assert!(refused.contains("is refused"), "{sql}: {refused}");
    }
    let refused = test.service().await.batch_execute("UPDATE scheme SET source = 'x'").await.unwrap_err().to_string();
    assert!(refused.contains("permission denied"), "{refused}");
}

#[tokio::test]
async fn a_version_that_opened_a_month_keeps_its_month_and_the_next_starts_after_it() {
    let (test, database) = made().await;
    adopt(&database, ZZG, "2026-04").await.unwrap();
    let opened = "
        INSERT INTO wallet (id, scheme, unit, buyer) SELECT 1::bigint << 32 | 1, id, 3, 1 FROM scheme;
        INSERT INTO month_grant SELECT 1::bigint << 32 | 1, '2026-05-01', 0, id, NULL, NULL, NULL, 31, 0, '{}', 0, 0, 0, 0, 0, 0, 0, 0
        FROM scheme;";
    test.owner().await.batch_execute(opened).await.unwrap();
    let second = ZZG.replace("version = 1", "version = 2");
    for (file, from) in [(ZZG, "2026-05"), (ZZG, "2026-06"), (&second, "2026-04"), (&second, "2026-05")] {
        let error = adopt(&database, file, from).await.unwrap_err();
        assert!(matches!(error, SchemeError::MonthOpened { .. }), "{from}: {error}");
        assert!(error.to_string().contains("zzg was used for 2026-05 already"), "{error}");
        assert!(error.to_string().contains("in 2026-06 at the earliest"), "{error}");
    }
    assert_eq!(adopt(&database, &second, "2026-06").await.unwrap(), Adopted::Added);
}

#[tokio::test]
async fn versions_of_a_name_have_one_unit_and_start_in_their_order() {
    let (_test, database) = made().await;
    let version = |number: u32| ZZG.replace("version = 1", &format!("version = {number}"));
    adopt(&database, &version(2), "2026-06").await.unwrap();
    let error = adopt(&database, &version(3), "2026-05").await.unwrap_err().to_string();
    assert_eq!(error, "version 2 of zzg starts in 2026-06: versions must start in their own order");
    let error = adopt(&database, &version(1), "2026-07").await.unwrap_err();
    assert!(matches!(error, SchemeError::OutOfOrder { other: 2, .. }), "{error}");
    let minutes =
        crate::shipped("ipvb").replace("name = \"ipvb\"", "name = \"zzg\"").replace("version = 1", "version = 9");
    let error = adopt(&database, &minutes, "2027-01").await.unwrap_err().to_string();
    assert!(error.starts_with("zzg is counted in PNT: wallets cannot change their unit"), "{error}");
    // of two that start in one month the later version is used
    adopt(&database, &version(3), "2026-06").await.unwrap();
    let rows = schemes::list(&database, None).await.unwrap();
    let used =
        schemes::in_force(&database.connection().await.unwrap(), organisation(1), month("2026-06")).await.unwrap();
    assert_eq!(used[&rows[0].id], rows[1].id);
    assert_eq!(rows[1].version, 3);
}

#[tokio::test]
async fn who_is_no_organisation_adopts_nothing() {
    let (_test, database) = made().await;
    let error = schemes::adopt(&database, organisation(9), ZZG, month("2026-04")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no organisation 9");
    let wrong = ZZG.replace("version = 1", "version = 0");
    let error = adopt(&database, &wrong, "2026-04").await.unwrap_err().to_string();
    assert!(error.contains("\n  line 8, `version`: 0 is not"), "{error}");
    assert!(schemes::list(&database, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_that_adopt_one_version_at_once_add_it_once() {
    let (_test, database) = made().await;
    let adopt = || schemes::adopt(&database, organisation(1), ZZG, month("2026-04"));
    let (one, other) = tokio::join!(adopt(), adopt());
    let mut adopted = [one.unwrap().0, other.unwrap().0].map(|adopted| format!("{adopted:?}"));
    adopted.sort();
    assert_eq!(adopted, ["Added", "Unchanged"]);
}
