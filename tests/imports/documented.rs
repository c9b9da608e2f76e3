//! The examples of `docs/imports.md` are what the page says: they are imported from it, in its order.

use diesel_async::SimpleAsyncConnection;
use pasje::services::imports::import;

use crate::house::{KINDS, now, organisation};
use crate::support::TestDatabase;

/// The example of a kind.
fn example(page: &str, kind: &str) -> String {
    let start = format!("```csv {kind}\n");
    let at = page.find(&start).unwrap_or_else(|| panic!("there is no example of {kind}"));
    let rest = &page[at + start.len()..];
    rest[..rest.find("```").unwrap()].to_owned()
}

#[tokio::test]
async fn the_examples_of_the_documentation_are_imported_from_it_in_its_order() {
    let page = std::fs::read_to_string(format!("{}/docs/imports.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let order: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("```csv ")).collect();
    assert_eq!(order, KINDS.map(|(_, name)| name));
    let test = TestDatabase::new().await;
    let places = "INSERT INTO organisation (id, name) VALUES (1, 'Voorbeeldzorg (fictief)');
        INSERT INTO location (id, organisation, name) VALUES (gen_random_uuid(), 1, 'De Linde (fictief)')";
    test.owner().await.batch_execute(places).await.unwrap();
    let database = test.connect().await;
    let scheme = std::fs::read_to_string(format!("{}/schemes/zzg.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let january = pasje::domain::month_grant::Month::parse("2026-01").unwrap();
    pasje::services::schemes::adopt(&database, organisation(), &scheme, january).await.unwrap();
    for again in [false, true] {
        for (kind, name) in KINDS {
            let file = example(&page, name);
            let rows = file.lines().count() - 1;
            let report = import(&database, organisation(), kind, file.as_bytes(), false, now()).await;
            let report = report.unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = if again { (0, 0, rows) } else { (rows, 0, 0) };
            assert_eq!(report.counts(), expected, "{name}");
            assert!(!again || report.published.is_empty());
            // the care of the example has its price last, and everything else is agreed to
            assert!(
                report.notes.iter().all(|note| note.contains("has no price today")) || again,
                "{name}: {:?}",
                report.notes
            );
        }
    }
}

#[test]
fn every_column_of_the_examples_is_explained() {
    let page = std::fs::read_to_string(format!("{}/docs/imports.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (_, name) in KINDS {
        let (heading, section) = (format!("## {name}\n"), page.as_str());
        let section = &section[section.find(&heading).unwrap()..];
        let section = section[3..].find("\n## ").map_or(section, |end| &section[..end + 3]);
        let file = example(&page, name);
        for column in file.lines().next().unwrap().split([';', ',']) {
            let is_of_packages = ["profiel", "leveringsvorm", "behandeling", "dagbesteding"].contains(&column)
                && section.contains("as in tariffs");
            let named = [format!("({column})"), format!("{column} "), format!("{column}*"), format!("{column},")];
            assert!(
                is_of_packages || named.iter().any(|text| section.contains(text)),
                "{name}: {column} is not explained"
            );
        }
    }
}
