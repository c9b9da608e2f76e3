//! The commands about terminals: what they refuse, and that nothing happened then.

use uuid::Uuid;

use crate::service::{CANTEEN, ELSEWHERE, House, RESTAURANT};

fn refused(house: &House, arguments: &[&str]) -> String {
    let output = house.command(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const STATE: &str = "SELECT string_agg(format('%s %s %s', location, name, status), '; ') FROM terminal";

#[tokio::test]
async fn a_terminal_moves_within_its_organisation_alone() {
    let house = House::open().await;
    let id = house.terminal(RESTAURANT).id.to_string();
    for (location, part) in [
        (ELSEWHERE.to_string(), "of another organisation"),
        ("elders".to_owned(), "of another organisation"),
        ("nowhere".to_owned(), "no location nowhere"),
        (Uuid::new_v4().to_string(), "no location"),
    ] {
        let error = refused(&house, &["terminal", "move", &id, "--location", &location]);
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(house.text(STATE).await, format!("{RESTAURANT} Kassa 1"));
    let printed = house.run(&["terminal", "move", &id, "--location", "KANTINE"]);
    assert!(printed.contains("Kantine"), "{printed}");
    assert_eq!(house.text(STATE).await, format!("{CANTEEN} Kassa 1"));
}

#[tokio::test]
async fn a_location_whose_name_is_not_one_alone_is_asked_for_by_its_id() {
    let house = House::open().await;
    let id = house.terminal(CANTEEN).id.to_string();
    house.sql("INSERT INTO location (id, organisation, name) VALUES (gen_random_uuid(), 2, 'RESTAURANT')").await;
    let error = refused(&house, &["terminal", "move", &id, "--location", "restaurant"]);
    assert!(error.contains("more than one location") && error.contains(&RESTAURANT.to_string()), "{error}");
    house.run(&["terminal", "move", &id, "--location", &RESTAURANT.to_string()]);
}

#[tokio::test]
async fn names_are_1_to_100_signs_and_unknown_terminals_are_said_so() {
    let house = House::open().await;
    let id = house.terminal(RESTAURANT).id.to_string();
    for name in ["", &"x".repeat(101)] {
        assert!(refused(&house, &["terminal", "rename", &id, "--name", name]).contains("1 to 100 signs"));
    }
    house.run(&["terminal", "rename", &id, "--name", &"é".repeat(100)]);
    let nobody = Uuid::new_v4().to_string();
    for arguments in [
        &["terminal", "rename", &nobody, "--name", "x"][..],
        &["terminal", "move", &nobody, "--location", "kantine"],
        &["terminal", "revoke", &nobody],
    ] {
        assert!(refused(&house, arguments).contains("there is no terminal"), "{arguments:?}");
    }
}
