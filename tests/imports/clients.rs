//! Clients get wallets, schemes and places, and buy as what their indication of the day says.

use chrono::{Duration, TimeZone, Utc};
use pasje::domain::month_grant::Month;
use pasje::services::imports::FileKind;
use pasje::services::schemes;

use crate::house::{House, demo, now, organisation};

const HEAD: &str = "number;name;scheme;location;arrived_on;supporter\n";

#[tokio::test]
async fn a_client_gets_a_wallet_in_the_schemes_unit_and_lives_at_the_location() {
    let house = House::furnished().await;
    let of = async |number: i32, what: &str| {
        let from = "FROM client AS c JOIN wallet AS w ON w.id = c.wallet JOIN scheme AS s ON s.id = w.scheme LEFT JOIN location AS l ON l.id = c.location";
        house.ask(&format!("SELECT {what} {from} WHERE c.number = {number}")).await
    };
    assert_eq!(
        of(8103, "s.name || ' ' || w.unit || ' ' || l.name || ' ' || c.arrived_on").await,
        "zzg 3 De Linde (fictief) 2024-11-01"
    );
    assert_eq!(of(8106, "s.name || ' ' || w.unit || ' ' || coalesce(c.arrived_on::text, '-')").await, "amsta 2 -");
    assert_eq!(of(8101, "(w.id >> 32)::text || ' ' || w.status || ' ' || w.budget + w.credit_cents").await, "1 1 0");
    assert_eq!(house.ask("SELECT count(DISTINCT wallet) FROM client").await, "6");
}

#[tokio::test]
async fn a_client_buys_by_the_indication_of_today_or_without_wlz() {
    let house = House::furnished().await;
    let buyer = async |number: i32| {
        house
            .ask(&format!("SELECT buyer FROM wallet WHERE id = (SELECT wallet FROM client WHERE number = {number})"))
            .await
    };
    for (number, expected) in [(8101, "1"), (8102, "2"), (8103, "1"), (8104, "3"), (8106, "4")] {
        assert_eq!(buyer(number).await, expected, "{number}");
    }
    // it ends, it is of the future, it is another
    let head = "client;profile;delivery;treatment;day_activities;from;to\n";
    let rows = "8101;5VV;verblijf;nee;ja;2025-03-01;2026-04-14\n8106;4VV;vpt;nee;ja;2026-04-16;\n8104;4VV;vpt;nee;nee;2026-01-20;\n";
    let report = house.import(FileKind::Indications, &format!("{head}{rows}")).await.unwrap();
    assert_eq!((report.counts(), report.buyers_changed), ((1, 2, 0), 2));
    assert_eq!(
        (buyer(8101).await, buyer(8106).await, buyer(8104).await),
        ("4".to_owned(), "4".to_owned(), "2".to_owned())
    );
    // tomorrow any import, of the same file too, finds that it has begun
    let report = house.import_at(FileKind::Indications, &format!("{head}{rows}"), now() + Duration::days(1)).await;
    assert_eq!((report.counts(), report.buyers_changed), ((0, 0, 3), 1));
    assert_eq!(buyer(8106).await, "2");
}

#[tokio::test]
async fn the_day_is_that_of_the_organisations_time_zone() {
    let house = House::furnished().await;
    let rows = "client;profile;delivery;treatment;day_activities;from;to\n8106;4VV;vpt;nee;ja;2026-04-16;\n";
    // half past ten in the evening in UTC is the next day in Amsterdam
    let late = Utc.with_ymd_and_hms(2026, 4, 15, 22, 30, 0).unwrap();
    assert_eq!(house.import_at(FileKind::Indications, rows, late).await.buyers_changed, 1);
}

#[tokio::test]
async fn who_never_had_an_indication_keeps_buying_as_before() {
    let house = House::furnished().await;
    use diesel_async::SimpleAsyncConnection as _;
    let sql = "UPDATE wallet SET buyer = 2 WHERE id = (SELECT wallet FROM client WHERE number = 8106)";
    house.test.owner().await.batch_execute(sql).await.unwrap();
    assert_eq!(house.import(FileKind::Indications, &demo("indications")).await.unwrap().buyers_changed, 0);
}

#[tokio::test]
async fn a_client_is_put_in_the_version_of_this_month_or_the_first_to_come() {
    let house = House::new().await;
    let file =
        |name: &str| std::fs::read_to_string(format!("{}/schemes/{name}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let adopt = async |source: &str, from: &str| {
        schemes::adopt(&house.database, organisation(), source, Month::parse(from).unwrap()).await.unwrap();
    };
    let zzg = file("zzg");
    adopt(&zzg.replace("version = 1", "version = 2"), "2026-04").await;
    adopt(&zzg.replace("version = 1", "version = 3"), "2026-05").await;
    adopt(&file("ipvb"), "2027-01").await;
    let rows = "1;A;zzg;;;\n2;B;ipvb;;;\n";
    house.import(FileKind::Clients, &format!("{HEAD}{rows}")).await.unwrap();
    let versions = "SELECT string_agg(s.name || s.version, ' ' ORDER BY c.number) FROM client AS c JOIN wallet AS w ON w.id = c.wallet JOIN scheme AS s ON s.id = w.scheme";
    assert_eq!(house.ask(versions).await, "zzg2 ipvb1");
    // a later version is no other scheme: the same file again changes nothing
    let later = house.import_at(FileKind::Clients, &format!("{HEAD}{rows}"), now() + Duration::days(60)).await;
    assert_eq!(later.counts(), (0, 0, 2));
}

#[tokio::test]
async fn clients_of_unknown_schemes_and_places_are_told_by_line_and_column() {
    let house = House::furnished().await;
    let told = house.refused(FileKind::Clients, &demo("clients").replacen("archipel", "zzg", 1)).await;
    assert_eq!(
        told,
        ["line 2, column scheme: client 8101 is in archipel: a client's scheme does not change by import"]
    );
    use diesel_async::SimpleAsyncConnection as _;
    let twice = "INSERT INTO location (id, organisation, name) VALUES (gen_random_uuid(), 1, 'De Wilg (fictief)');
        INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings) VALUES (1, 'oud', 1, 1, 1, false, false, 0)";
    house.test.owner().await.batch_execute(twice).await.unwrap();
    let rows = "1;A;pgb;De Es (fictief);;\n2;B;oud;De Wilg (fictief);;niemand\n";
    let told = house.refused(FileKind::Clients, &format!("{HEAD}{}", rows.replace("niemand", ""))).await;
    let expected = [
        "line 2, column scheme: there is no scheme pgb (there are: amsta, archipel, zzg): `pasje scheme adopt` its file",
        "line 2, column location: there is no location De Es (fictief)",
        "line 3, column scheme: oud has no month from which on it is used: `pasje scheme adopt` its file",
        "line 3, column location: several locations are called De Wilg (fictief)",
    ];
    assert_eq!(told, expected);
    let told = house.refused(FileKind::Clients, &format!("{HEAD}{rows}")).await;
    assert_eq!(told, ["line 3, column supporter: `niemand` is no staff member's id (a UUID)"]);
    assert_eq!(house.ask("SELECT count(*) FROM client").await, "6");
}

#[tokio::test]
async fn who_is_no_client_here_has_no_indication_addition_or_representative() {
    let house = House::new().await;
    for (kind, name) in [
        (FileKind::Indications, "indications"),
        (FileKind::Additions, "additions"),
        (FileKind::Representatives, "representatives"),
    ] {
        let told = house.refused(kind, &demo(name)).await;
        assert_eq!(told.len(), demo(name).lines().count() - 1, "{name}");
        assert!(
            told[0].ends_with("column client: there is no client 8101: import the clients first")
                || name == "additions",
            "{}",
            told[0]
        );
    }
}

#[tokio::test]
async fn indications_that_overlap_are_taken_and_told() {
    let house = House::furnished().await;
    let rows = "client;profile;delivery;treatment;day_activities;from;to\n8102;5VV;vpt;nee;ja;2026-05-01;\n";
    let report = house.import(FileKind::Indications, rows).await.unwrap();
    assert_eq!(report.counts(), (1, 0, 0));
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(
        report.notes[0].starts_with("client 8102: the indication from 2025-06-15 goes on beyond 2026-05-01"),
        "{:?}",
        report.notes
    );
    // the ZZP of 8103 changes in mid-year, one day after the other
    assert!(
        house
            .import(FileKind::Indications, &demo("indications"))
            .await
            .unwrap()
            .notes
            .iter()
            .all(|note| !note.contains("8103"))
    );
}

#[tokio::test]
async fn representatives_keep_who_they_are_when_what_they_may_do_changes() {
    let house = House::furnished().await;
    let id = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM representative";
    let before = house.ask(id).await;
    let report = house
        .import(FileKind::Representatives, &demo("representatives").replace("gemachtigde;ja;ja", "gemachtigde;ja;nee"))
        .await
        .unwrap();
    assert_eq!(report.counts(), (0, 1, 3));
    assert_eq!(house.ask(id).await, before);
    assert_eq!(house.ask("SELECT count(*) FROM representative WHERE role = 4 AND NOT for_care").await, "1");
}
