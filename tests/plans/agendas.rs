//! A client's agenda, read by an independent implementation of iCalendar (PyPI `icalendar`).

use std::process::Command;

use chrono::Utc;
use pasje::domain::absence::AbsenceKind;
use pasje::domain::plan_line::{Mark, Performer};
use pasje::services::absences::{LeaveRequest, OfClient, leave};
use pasje::services::agendas::{feed, make, withdraw};
use pasje::services::plans::{AgreeRequest, agree, mark};
use uuid::Uuid;

use crate::house::*;

const READER: &str = r#"
import sys, icalendar
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
assert calendar["VERSION"] == "2.0" and calendar["PRODID"], "head"
uids = set()
for event in calendar.walk("VEVENT"):
    assert event.errors == [] and event["UID"] not in uids and event["DTSTAMP"], event
    uids.add(event["UID"])
    start, end = event.decoded("DTSTART"), event.decoded("DTEND")
    print(start.isoformat(), int((end - start).total_seconds()) // 60, str(event["SUMMARY"]), str(event["DESCRIPTION"]), sep="|")
"#;

/// What a calendar program reads: start, minutes, summary, description.
fn read(feed: &str) -> Vec<String> {
    let python =
        std::env::var("PASJE_TEST_PYTHON").expect("PASJE_TEST_PYTHON names a Python with tests/requirements.txt");
    let file = std::env::temp_dir().join(format!("agenda-{}.ics", Uuid::now_v7()));
    std::fs::write(&file, feed).unwrap();
    let input = std::fs::File::open(&file).unwrap();
    let output = Command::new(python).args(["-c", READER]).stdin(input).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}\n{feed}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_agenda_shows_what_is_planned_to_any_calendar_without_names_and_prices() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house
        .run(&format!("UPDATE service SET name = 'Douchen; in bad, of: {}' WHERE name = 'Douchen'", "é".repeat(40)))
        .await;
    let line = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-03-18").await;
    let family = AgreeRequest { performer: Performer::Family, ..Agreeing::weekly(PAINTING).request(wallet) };
    let family = AgreeRequest { recurrence: "FREQ=MONTHLY;COUNT=1".to_owned(), duration_minutes: 90, ..family };
    agree(&house.database, &family, Utc::now()).await.unwrap();
    let unconsented = Agreeing::weekly(HAIRDRESSER).request(wallet);
    agree(&house.database, &unconsented, Utc::now()).await.unwrap();
    mark(&house.database, &marking(wallet, line, "2026-04-08", Mark::Refused), Utc::now()).await.unwrap();
    let (id, kind) = (Uuid::now_v7(), AbsenceKind::Medical);
    let (left_on, returned_on) = (day("2026-04-14"), Some(day("2026-04-17")));
    let away = LeaveRequest { of: of(wallet), id, kind, left_on, returned_on };
    leave(&house.database, &away, noon("2026-04-14")).await.unwrap();
    house.open("2026-04").await;

    let secret = make(&house.database, of(wallet), Utc::now()).await.unwrap();
    let text = feed(&house.database, &secret, noon("2026-04-02")).await.unwrap().unwrap();
    let name = format!("Douchen; in bad, of: {}", "é".repeat(40));
    let events = read(&text);
    // summer time begins on 29 March
    assert_eq!(events[0], format!("2026-03-18T08:00:00+00:00|30|{name}|door een medewerker"));
    assert_eq!(events[1], format!("2026-03-25T08:00:00+00:00|30|{name}|door een medewerker"));
    assert_eq!(events[2], format!("2026-04-01T07:00:00+00:00|30|{name}|door een medewerker"));
    assert_eq!(events[3], "2026-04-01T07:00:00+00:00|90|Schilderen|door familie");
    let shown: Vec<&str> = events[4..].iter().map(|event| &event[..10]).collect();
    assert_eq!(shown[..2], ["2026-04-22", "2026-04-29"], "not the 8th, that is marked, nor the 15th, away");
    assert_eq!(shown.last(), Some(&"2026-06-24"), "to the end of the second month to come");
    for hidden in ["Voorbeeld", "Kapper", "10,00", "EUR", "€"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert!(text.lines().all(|line| line.len() <= 75), "lines are folded");
}

#[tokio::test]
async fn an_address_is_a_secret_that_is_kept_as_a_hash_and_can_be_withdrawn() {
    let house = House::new().await;
    let (wallet, other) = (house.client(1).await, house.client(2).await);
    let now = Utc::now();
    let (one, two) =
        (make(&house.database, of(wallet), now).await.unwrap(), make(&house.database, of(wallet), now).await.unwrap());
    let others = make(&house.database, of(other), now).await.unwrap();
    assert!(one != two && one.len() == 43, "256 bits");
    let hash = house.text("SELECT string_agg(encode(secret_hash, 'base64'), ',') FROM agenda_address").await;
    assert!(!hash.contains(&one[..8]));
    let is_there = async |secret: &str| feed(&house.database, secret, now).await.unwrap().is_some();
    assert!(is_there(&one).await && is_there(&two).await && is_there(&others).await);
    for unknown in ["", "A", &one[..42], &format!("{one}="), &"A".repeat(43), &"é".repeat(21)] {
        assert!(!is_there(unknown).await, "{unknown}");
    }
    assert_eq!(withdraw(&house.database, of(wallet), now).await.unwrap(), 2);
    assert_eq!(withdraw(&house.database, of(wallet), now).await.unwrap(), 0);
    assert!(!is_there(&one).await && !is_there(&two).await && is_there(&others).await);
    house.run(&format!("UPDATE wallet SET status = 2 WHERE id = {}", other.field())).await;
    assert!(!is_there(&others).await, "who left has no agenda");
    let elsewhere = OfClient { organisation: pasje::domain::account::OrganisationId::new(2).unwrap(), wallet };
    assert_eq!(refusal(make(&house.database, elsewhere, now).await), "there is no such client");
}
