//! Services and prices become price lists, of which a new version is published only if something changed.

use chrono::{Duration, TimeZone, Utc};
use diesel_async::SimpleAsyncConnection;
use pasje::services::imports::FileKind;

use crate::house::{House, demo, now};

impl House {
    /// In the current list of De Linde: kind, cents, points, minutes, and how many a day are included.
    async fn price(&self, code: &str, buyer: i32) -> String {
        self.ask(&format!(
            "SELECT concat_ws(' ', p.kind, p.price_cents, coalesce(p.points::text, '-'), coalesce(p.minutes::text, '-'), coalesce(p.included_per_day::text, '-'))
             FROM price AS p JOIN service AS s ON s.id = p.service JOIN price_list AS l ON l.id = p.price_list JOIN location AS o ON o.id = l.location
             WHERE l.superseded_at IS NULL AND o.name = 'De Linde (fictief)' AND s.code = '{code}' AND p.buyer = {buyer}"
        ))
        .await
    }

    async fn versions(&self) -> String {
        self.ask("SELECT string_agg(version::text, ' ' ORDER BY location, version) FROM price_list").await
    }
}

#[tokio::test]
async fn a_service_is_what_its_kind_says_for_each_buyer_guests_and_staff_too() {
    let house = House::furnished().await;
    for (code, buyer, expected) in [
        ("koffie", 1, "2 250 500 15 2"),
        ("koffie", 2, "2 250 500 15 2"),
        ("koffie", 3, "4 250 500 15 -"),
        ("koffie", 4, "4 250 500 15 -"),
        ("koffie", 5, "5 250 500 15 -"),
        ("koffie", 6, "5 250 500 15 -"),
        ("wijn", 5, "5 350 700 - -"),
        // by the function that performs it where nobody says otherwise
        ("douchen", 1, "1 2475 4950 30 -"),
        ("douchen", 4, ""),
        ("schilderen", 6, ""),
    ] {
        assert_eq!(house.price(code, buyer).await, expected, "{code} {buyer}");
    }
    assert_eq!(house.ask("SELECT bool_and(p.from_savings = (p.kind = 1)) FROM price AS p JOIN service AS s ON s.id = p.service WHERE s.code = 'respijt'").await, "true");
    assert_eq!(house.versions().await, "1 1");
}

#[tokio::test]
async fn an_extra_without_the_councils_agreement_or_publication_is_not_sold() {
    let house = House::furnished().await;
    assert_eq!(house.price("uitstapje", 1).await, "");
    assert_eq!(house.price("kapper", 1).await, "4 2750 5000 - -");
    let agree = |agreed: &str, published: &str| {
        demo("services").replace("diensten;;9;;;;;extra", &format!("diensten;;9;;;{agreed};{published};extra"))
    };
    let note = "service uitstapje is not sold as an extra: the client council must have agreed to it and it must be published (council_agreed_on, published_on)";
    for (agreed, published) in
        [("2026-04-01", ""), ("", "2026-04-01"), ("2026-04-01", "2026-04-16"), ("2026-04-16", "2026-04-16")]
    {
        let report = house.import(FileKind::Services, &agree(agreed, published)).await.unwrap();
        assert_eq!((report.notes, report.published), (vec![note.to_owned()], vec![]), "{agreed} {published}");
        assert_eq!(house.price("uitstapje", 1).await, "");
    }
    let report = house.import(FileKind::Services, &agree("2026-04-01", "2026-04-15")).await.unwrap();
    assert_eq!((report.notes.len(), report.published.len()), (0, 2));
    assert_eq!(house.price("uitstapje", 1).await, "4 2200 4400 120 -");
    // for a guest it is no extra
    assert_eq!(house.price("kapper", 5).await, "5 2750 5000 - -");
}

#[tokio::test]
async fn a_meal_whose_second_one_is_no_agreed_extra_is_included_without_a_bound() {
    let house = House::furnished().await;
    let file = demo("services").replace("maaltijden;;9;1;;2025-11-12;2025-12-01", "maaltijden;;9;1;;;");
    let report = house.import(FileKind::Services, &file).await.unwrap();
    assert_eq!(house.price("maaltijd", 1).await, "2 950 1900 45 -");
    assert_eq!(house.price("maaltijd", 3).await, "", "an extra for this buyer, which waits");
    assert!(
        report.notes.iter().any(|note| note.starts_with("service maaltijd is included without a bound a day")),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn a_price_list_is_published_only_if_something_changed() {
    let house = House::furnished().await;
    house.import(FileKind::Prices, &demo("prices")).await.unwrap();
    // a name is on no list, nor is a price of the future
    house
        .import(FileKind::Services, &demo("services").replace("Koffie (fictief)", "Bakje koffie (fictief)"))
        .await
        .unwrap();
    let future = "service;from;price;minutes\nkoffie;2026-05-01;2,75;15\n";
    house.import(FileKind::Prices, future).await.unwrap();
    assert_eq!(house.versions().await, "1 1");
    // on its day it is
    let may = Utc.with_ymd_and_hms(2026, 5, 1, 8, 0, 0).unwrap();
    let report = house.import_at(FileKind::Prices, future, may).await;
    assert_eq!((report.counts(), report.published.len()), ((0, 0, 1), 2));
    assert_eq!(house.versions().await, "1 2 1 2");
    assert_eq!(house.price("koffie", 1).await, "2 275 550 15 2");
    assert_eq!(house.ask("SELECT count(*) FROM price_list WHERE superseded_at IS NOT NULL").await, "2");
}

#[tokio::test]
async fn what_came_by_another_way_stays_on_the_list() {
    let house = House::furnished().await;
    let by_hand = "INSERT INTO service (id, organisation, name, name_en, category) VALUES ('00000000-0000-4000-8000-00000000000a', 1, 'Soep (fictief)', 'Soup', 'eten');
        INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points) SELECT id, '00000000-0000-4000-8000-00000000000a', 1, 4, 325, 900 FROM price_list;";
    house.test.owner().await.batch_execute(by_hand).await.unwrap();
    let file = demo("prices").replace("2,50;15", "2,60;15");
    assert_eq!(house.import(FileKind::Prices, &file).await.unwrap().published.len(), 2);
    let soups = "SELECT count(*) FROM price AS p JOIN price_list AS l ON l.id = p.price_list WHERE superseded_at IS NULL AND service = '00000000-0000-4000-8000-00000000000a'";
    assert_eq!(house.ask(soups).await, "2");
}

#[tokio::test]
async fn what_a_buyer_cannot_have_any_more_leaves_the_list() {
    let house = House::furnished().await;
    let file = demo("services").replace("eigen;eigen;eigen;eigen;eigen;eigen", "eigen;eigen;;eigen;eigen;");
    house.import(FileKind::Services, &file).await.unwrap();
    assert_eq!((house.price("wijn", 3).await.as_str(), house.price("wijn", 4).await.as_str()), ("", "5 350 700 - -"));
    assert_eq!(house.import(FileKind::Services, &file).await.unwrap().counts(), (0, 0, 8));
    house.import(FileKind::Services, &demo("services")).await.unwrap();
    assert_eq!(house.price("wijn", 3).await, "5 350 700 - -");
}

#[tokio::test]
async fn points_follow_from_the_published_value_unless_they_are_their_own_with_a_reason() {
    let house = House::furnished().await;
    let stored = async |code: &str| {
        house.ask(&format!("SELECT concat_ws(' ', points, points_reason) FROM service_price WHERE service = (SELECT id FROM service WHERE code = '{code}')")).await
    };
    assert_eq!(stored("koffie").await, "500");
    assert_eq!(stored("kapper").await, "5000 fictief: een ronde prijs, met de cliëntenraad afgesproken");
    // another value, from May on: rounded up, and what is its own stays
    let source = std::fs::read_to_string(format!("{}/schemes/zzg.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let source = source.replace("version = 1", "version = 2").replace("value_cents = 50", "value_cents = 60");
    let may = pasje::domain::month_grant::Month::parse("2026-05").unwrap();
    pasje::services::schemes::adopt(&house.database, crate::house::organisation(), &source, may).await.unwrap();
    house.import(FileKind::Prices, &demo("prices")).await.unwrap();
    assert_eq!(stored("koffie").await, "500", "of January");
    let new = "service;from;price\nkoffie;2026-05-01;2,50\n";
    house.import(FileKind::Prices, new).await.unwrap();
    assert_eq!(house.ask("SELECT points FROM service_price WHERE from_date = '2026-05-01'").await, "417");
    // a list has one value for all of it, that of its day, also for prices that stay
    house.import_at(FileKind::Prices, new, Utc.with_ymd_and_hms(2026, 5, 2, 8, 0, 0).unwrap()).await;
    assert_eq!(house.price("wijn", 1).await, "5 350 584 - -");
    assert_eq!(house.price("kapper", 1).await, "4 2750 5000 - -");
}

#[tokio::test]
async fn a_service_without_a_price_of_today_is_told_and_not_sold() {
    let house = House::new().await;
    let report = house.import(FileKind::Services, &demo("services")).await.unwrap();
    assert_eq!(report.notes.iter().filter(|note| note.ends_with("has no price today: it is not sold")).count(), 8);
    assert!(report.published.is_empty());
    let told = house.refused(FileKind::Prices, "service;from;price\nthee;2026-01-01;2,25\n").await;
    assert_eq!(told, ["line 2, column service: there is no service thee: import the services first"]);
    // its price is of another function than the one that performs it
    let report = house
        .import(FileKind::Prices, "service;function;from;price\ndouchen;verzorgende;2026-01-01;28,10\n")
        .await
        .unwrap();
    assert!(
        report.notes.contains(&"service douchen has no price today: it is not sold".to_owned()),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn an_organisation_without_points_has_none_in_its_lists() {
    let house = House::new().await;
    let other = pasje::domain::account::OrganisationId::new(2).unwrap();
    for (kind, name) in [(FileKind::Services, "services"), (FileKind::Prices, "prices")] {
        let without = |line: &str| {
            if line.contains("ronde prijs") { "kapper;;2026-01-01;27,50;;;\n".to_owned() } else { format!("{line}\n") }
        };
        let file: String = demo(name).lines().map(without).collect();
        pasje::services::imports::import(
            &house.database,
            other,
            kind,
            file.as_bytes(),
            false,
            now() + Duration::hours(1),
        )
        .await
        .unwrap();
    }
    assert_eq!(house.ask("SELECT count(*) || ' ' || count(points) FROM price").await, "35 0");
}

#[tokio::test]
async fn a_new_day_brings_what_was_imported_for_it() {
    let house = House::furnished().await;
    house.import(FileKind::Prices, "service;from;price;minutes\nkoffie;2026-05-01;2,75;15\n").await.unwrap();
    let rows = "client;profile;delivery;treatment;day_activities;from;to\n8106;4VV;vpt;nee;ja;2026-05-01;\n";
    house.import(FileKind::Indications, rows).await.unwrap();
    let begin = async |day: u32| {
        let at = Utc.with_ymd_and_hms(2026, 5, day, 1, 0, 0).unwrap() - Duration::hours(12);
        let begun = pasje::services::imports::begin_day(&house.database, at).await.unwrap();
        assert!(begun.failed.is_empty(), "{begun:?}");
        (begun.buyers, begun.lists)
    };
    assert_eq!(begin(1).await, (0, 0), "the day before");
    assert_eq!(begin(2).await, (1, 2));
    assert_eq!(house.price("koffie", 1).await, "2 275 550 15 2");
    let before = house.rows().await;
    assert_eq!(begin(2).await, (0, 0));
    assert_eq!(house.rows().await, before);
}

#[tokio::test]
async fn one_organisations_trouble_with_a_new_day_is_not_the_others() {
    let house = House::furnished().await;
    let other = pasje::domain::account::OrganisationId::new(2).unwrap();
    let services = "code;name;name_en;category;vat_percent;verblijf;vpt;mpt;no_wlz;guest;staff\nbier;Bier (fictief);Beer;dranken;21;own;own;own;own;own;own\n";
    let prices = "service;from;price\nbier;2026-05-01;3,10\n";
    for (kind, file) in [(FileKind::Services, services), (FileKind::Prices, prices)] {
        pasje::services::imports::import(&house.database, other, kind, file.as_bytes(), false, now()).await.unwrap();
    }
    house.import(FileKind::Prices, "service;from;price;minutes\nkoffie;2026-05-01;2,75;15\n").await.unwrap();
    let trouble = "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT organisation FROM location WHERE id = NEW.location) = 1 THEN RAISE EXCEPTION 'trouble'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER trouble BEFORE INSERT ON price_list FOR EACH ROW EXECUTE FUNCTION trouble();";
    house.test.owner().await.batch_execute(trouble).await.unwrap();
    let at = Utc.with_ymd_and_hms(2026, 5, 1, 8, 0, 0).unwrap();
    let begin = async || pasje::services::imports::begin_day(&house.database, at).await.unwrap();
    let lists = "SELECT string_agg(o.name || ' ' || p.version, ', ' ORDER BY o.name, p.version) FROM price_list AS p JOIN location AS o ON o.id = p.location";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let listening = tracing::subscriber::set_default(subscriber);
    let begun = begin().await;
    drop(listening);
    // it is told which organisation waits and why, and of no client
    let told = log.text();
    assert!(told.contains("organisation=1") && told.contains("trouble"), "{told}");
    assert!(!told.contains("Vries") && !told.contains("8101"), "{told}");
    assert_eq!((begun.buyers, begun.lists), (0, 1));
    let failed: Vec<(u16, String)> =
        begun.failed.iter().map(|(organisation, why)| (organisation.number(), why.to_string())).collect();
    assert_eq!(failed, [(1, "trouble".to_owned())]);
    assert_eq!(house.ask(lists).await, "De Es (fictief) 1, De Linde (fictief) 1, De Wilg (fictief) 1");
    // it is tried again, and the others are not done twice
    house.test.owner().await.batch_execute("DROP TRIGGER trouble ON price_list").await.unwrap();
    let begun = begin().await;
    assert_eq!((begun.lists, begun.failed.len()), (2, 0));
    let now = "De Es (fictief) 1, De Linde (fictief) 1, De Linde (fictief) 2, De Wilg (fictief) 1, De Wilg (fictief) 2";
    assert_eq!(house.ask(lists).await, now);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
