//! Tariffs, indications and additions; and what holds for every file.

use diesel_async::SimpleAsyncConnection;
use pasje::domain::import::ChangeKind;
use pasje::services::imports::{FileKind, ImportError};

use crate::house::{House, KINDS, demo};

const TARIFFS: &str = "code;profile;delivery;treatment;day_activities;from;to;price_per_day;source\n";

fn tariff(from: &str, to: &str, price: &str) -> String {
    format!("F-1;5VV;verblijf;nee;ja;{from};{to};{price};fictief\n")
}

#[test]
fn each_row_of_the_demo_tables_says_that_it_is_fictitious() {
    for (_, name) in KINDS {
        let table = demo(name);
        // indications and prices name clients and services of other tables, where it stands
        let clients = ["8101", "8102", "8103", "8104", "8105"];
        let services = demo("services");
        for row in table.lines().skip(1) {
            let first = row.split(';').next().unwrap();
            let of_fictitious = clients.contains(&first) && demo("clients").contains(&format!("{first};"))
                || services.lines().any(|line| line.starts_with(&format!("{first};")) && line.contains("(fictief)"));
            assert!(row.contains("fictief") || of_fictitious, "{name}: {row}");
        }
    }
}

#[tokio::test]
async fn importing_the_same_file_again_changes_nothing_and_says_so() {
    let house = House::furnished().await;
    let before = house.rows().await;
    for (kind, name) in KINDS {
        let report = house.import(kind, &demo(name)).await.unwrap();
        let rows = demo(name).lines().count() - 1;
        assert_eq!(report.counts(), (0, 0, rows), "{name}");
        assert!(report.published.is_empty() && report.buyers_changed == 0, "{name}: {report:?}");
    }
    assert_eq!(house.rows().await, before, "not one row was written again");
}

#[tokio::test]
async fn a_dry_run_tells_each_row_and_changes_nothing() {
    let house = House::furnished().await;
    let before = house.rows().await;
    let changed: [(&str, &str, &str, &[&str]); 8] = [
        ("tariffs", "241,15", "242.00", &["price_per_day 241.15 -> 242.00"]),
        (
            "clients",
            "mw. A. de Vries",
            "mw. A. de Vries-Groen",
            &["name mw. A. de Vries (fictief) -> mw. A. de Vries-Groen (fictief)"],
        ),
        (
            "indications",
            "ja;2025-03-01;",
            "nee;2025-03-01;2026-12-31",
            &["day_activities ja -> nee", "to none -> 2026-12-31"],
        ),
        ("additions", "41,50", "41,05", &["price_per_day 41.50 -> 41.05"]),
        ("representatives", "g.devries@example.org", "", &["email g.devries@example.org -> none"]),
        ("services", ";9;2;;", ";21;3;;", &["vat_percent 9.00 -> 21.00", "included_per_day 2 -> 3"]),
        ("prices", "2,50;15", "2,75;20", &["price 2.50 -> 2.75", "minutes 15 -> 20", "points 5.00 -> 5.50"]),
        ("absence-settings", "91;14;42", "92;15;42", &["medical_days 91 -> 92", "holiday_days_each 14 -> 15"]),
    ];
    for ((kind, name), (table, from, to, expected)) in KINDS.into_iter().zip(changed) {
        assert_eq!(name, table);
        let file = demo(name).replacen(from, to, 1);
        assert_ne!(file, demo(name), "{name}");
        let added = file.lines().last().unwrap().replace("2026-01", "2026-03").replace("8106", "8107");
        let added =
            added.replace("2025-09", "2026-03").replace("2026-02", "2026-03").replace("respijt;Res", "respijt-2;Res");
        let added = if name == "tariffs" { added.replace("4VV", "9VV") } else { added };
        let report =
            house.try_out(kind, &format!("{file}{added}\n")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let rows = demo(name).lines().count() - 1;
        assert_eq!(report.counts(), (1, 1, rows - 1), "{name}: {:#?}", report.changes);
        let of: Vec<&ChangeKind> = report.changes.iter().map(|change| &change.kind).collect();
        assert_eq!(of[rows], &ChangeKind::Added, "{name}");
        let fields: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert!(of.contains(&&ChangeKind::Changed(fields)), "{name}: {of:?}");
        assert_eq!(report.changes[0].line, 2, "{name}");
        assert_eq!(house.rows().await, before, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_file_imports_nothing_and_tells_every_error() {
    let house = House::new().await;
    let before = house.rows().await;
    let file = format!("{TARIFFS}{}", tariff("2026-01-01", "", "200,00"))
        + "F-2;4VV;thuis;nee;ja;2026-01-01;;200,00;fictief\n"
        + "F-3;4VV;vpt;misschien;ja;2026-01-01;;1.200,00;fictief\n"
        + "F-4;;vpt;nee;ja;01-01-2026;;200,00;\n";
    let told = house.refused(FileKind::Tariffs, &file).await;
    let expected = [
        "line 3, column delivery: `thuis` is not known: write verblijf, vpt or mpt",
        "line 4, column treatment: `misschien` is not known: write ja or nee",
        "line 4, column price_per_day: `1.200,00` is no amount: write euros as 12,50 or 12.50, without thousands marks, at most 1000000",
        "line 5, column profile: the field is empty",
        "line 5, column from: `01-01-2026` is no date: write it as 2026-04-01",
        "line 5, column source: the field is empty",
    ];
    assert_eq!(told, expected);
    assert_eq!(house.rows().await, before);
}

#[tokio::test]
async fn overlapping_tariffs_are_refused_and_say_with_which() {
    let house = House::new().await;
    let refused =
        async |rows: &[String]| house.refused(FileKind::Tariffs, &(TARIFFS.to_owned() + &rows.concat())).await;
    let first = tariff("2026-01-01", "2026-06-30", "200,00");
    // within the file, however far apart, and whichever comes first
    for (rows, line, other) in [
        (vec![first.clone(), tariff("2026-06-30", "", "210,00")], 3, 2),
        (vec![tariff("2026-06-30", "", "210,00"), first.clone()], 3, 2),
        (
            vec![
                tariff("2026-01-01", "", "1,00"),
                tariff("2026-02-01", "2026-02-02", "2,00"),
                tariff("2027-01-01", "", "3,00"),
            ],
            3,
            2,
        ),
        (vec![first.clone(), first.clone()], 3, 2),
    ] {
        let told = refused(&rows).await;
        let expected = format!(
            "line {line}: this tariff of 5VV verblijf has a day in common with the tariff on line {other}: end one before the other begins"
        );
        assert_eq!(told[0], expected, "{rows:?}");
    }
    // against what is there
    let import = async |rows: &str| house.import(FileKind::Tariffs, &format!("{TARIFFS}{rows}")).await;
    import(&first).await.unwrap();
    let told = refused(&[tariff("2026-05-01", "", "210,00")]).await;
    let expected = "line 2: this tariff of 5VV verblijf has a day in common with the tariff F-1 from 2026-01-01 to 2026-06-30, which is \
         there already: end one before the other begins";
    assert_eq!(told, [expected]);
    // the day after is none of its days, another package is another tariff, and the old one may end earlier in the same file
    import(&tariff("2026-07-01", "", "210,00")).await.unwrap();
    import("F-2;5VV;vpt;nee;ja;2026-01-01;;190,00;fictief\n").await.unwrap();
    let moved = tariff("2026-01-01", "2026-03-31", "200,00") + &tariff("2026-04-01", "2026-06-30", "205,00");
    assert_eq!(import(&moved).await.unwrap().counts(), (1, 1, 0));
    assert_eq!(house.ask("SELECT count(*) FROM tariff").await, "4");
}

#[tokio::test]
async fn the_table_of_tariffs_refuses_an_overlap_by_itself() {
    let house = House::furnished().await;
    let sql = "INSERT INTO tariff SELECT organisation, code, profile, delivery, treatment, day_activities, '2026-12-31', NULL, 1, 'fictief' FROM tariff LIMIT 1";
    let refused = house.test.owner().await.batch_execute(sql).await.unwrap_err().to_string();
    assert!(refused.contains("two tariffs for one day"), "{refused}");
}

#[tokio::test]
async fn absence_settings_that_contradict_each_other_are_refused() {
    let house = House::furnished().await;
    let before = house.rows().await;
    let head = "delivery;from;medical_days;holiday_days_each;holiday_days_year;holiday_after_days;source\n";
    let refused = async |rows: &str| house.refused(FileKind::AbsenceSettings, &format!("{head}{rows}")).await;
    let right = "verblijf;2027-01-01;91;14;42;14;fictief\n";
    let told = refused(&format!("{right}verblijf;2027-01-01;91;21;42;14;fictief\n")).await;
    assert_eq!(told, ["line 3: the setting of verblijf from 2027-01-01 stands on line 2 already: keep one of them"]);
    let wrong = "thuis;2027-01-01;91;14;42;14;fictief\nvpt;2027-01-01;91,5;43;42;;\nmpt;2027-01-01;91;43;42;14;fictief\nmpt;;10000;14;42;14;fictief\n";
    let told = refused(&format!("{right}{wrong}")).await;
    let expected = [
        "line 3, column delivery: `thuis` is not known: write verblijf, vpt or mpt",
        "line 4, column medical_days: `91,5` is no whole number from 0 to 9999",
        "line 4, column holiday_after_days: the field is empty: write a number of days",
        "line 4, column source: the field is empty",
        "line 4, column holiday_days_each: one holiday of 43 days does not fit in the 42 of a year",
        "line 5, column holiday_days_each: one holiday of 43 days does not fit in the 42 of a year",
        "line 6, column from: the field is empty: write a date as 2026-04-01",
        "line 6, column medical_days: `10000` is no whole number from 0 to 9999",
    ];
    assert_eq!(told, expected);
    assert_eq!(house.rows().await, before);
    // another delivery form, and another day, are other settings
    let rows = format!("{head}{right}verblijf;2027-07-01;91;21;42;14;fictief\nvpt;2027-01-01;91;21;42;14;fictief\n");
    assert_eq!(house.import(FileKind::AbsenceSettings, &rows).await.unwrap().counts(), (3, 0, 0));
}

#[tokio::test]
async fn an_organisation_that_is_not_there_gets_nothing() {
    let house = House::new().await;
    let nobody = pasje::domain::account::OrganisationId::new(9).unwrap();
    let file = demo("tariffs");
    let done = pasje::services::imports::import(
        &house.database,
        nobody,
        FileKind::Tariffs,
        file.as_bytes(),
        false,
        crate::house::now(),
    );
    assert!(matches!(done.await.unwrap_err(), ImportError::OrganisationUnknown(9)));
}

#[tokio::test]
async fn two_imports_of_one_organisation_wait_for_each_other() {
    let house = House::new().await;
    let file = demo("clients");
    let (one, other) = tokio::join!(house.import(FileKind::Clients, &file), house.import(FileKind::Clients, &file));
    let mut counts = [one.unwrap().counts(), other.unwrap().counts()];
    counts.sort_unstable();
    assert_eq!(counts, [(0, 0, 6), (6, 0, 0)]);
}
