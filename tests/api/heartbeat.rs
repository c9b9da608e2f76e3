//! What terminals say of themselves and hear: seen, renamed, moved, revoked.

use std::time::Duration;

use firmware_sim::client::Client;
use firmware_sim::clock::Clock;
use firmware_sim::files::TERMINAL_FILE;
use firmware_sim::heartbeat::{Changed, Journal, Unheard, beat};
use firmware_sim::wipe::{CACHE_FILE, Delivered, JOURNAL_FILE, wipe};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Terminal;
use crate::enrolment::{beats, enrolled};
use crate::service::{CANTEEN, House, RESTAURANT, Serving};
use crate::wire::Reply;

const HEARTBEAT: &str = "/api/v1/heartbeat";

fn said(last: u64, waiting: u64) -> Value {
    json!({"id": Uuid::now_v7(), "journal_last": last, "journal_waiting": waiting, "version": "0.1.0"})
}

fn say(serving: &Serving, terminal: &Terminal, beat: &Value) -> Reply {
    serving.ask(&serving.posting(terminal, HEARTBEAT, beat))
}

fn http(serving: &Serving) -> String {
    format!("http://{}", serving.address)
}

#[tokio::test]
async fn a_heartbeat_is_written_down_at_most_every_ten_seconds_and_the_list_shows_it() {
    let house = House::open().await;
    let (terminal, silent) = (house.terminal(RESTAURANT), house.terminal(CANTEEN));
    let serving = house.serve();
    let heard = say(&serving, &terminal, &said(12, 3)).decided();
    assert_eq!((&heard["terminal"], &heard["location"]), (&json!(terminal.id), &json!(RESTAURANT)));
    assert_eq!((&heard["name"], &heard["location_name"]), (&json!("Kassa"), &json!("Restaurant")));
    let now = chrono::Utc::now().timestamp_millis();
    assert!((now - heard["time_ms"].as_i64().unwrap()).abs() < 10_000 && heard["stored_to"] == 0, "{heard}");
    say(&serving, &terminal, &said(13, 4)).decided();
    let state = "SELECT format('%s %s %s', journal_last, journal_waiting, software) FROM terminal WHERE last_seen_at IS NOT NULL";
    assert_eq!(house.text(state).await, "12 3 0.1.0");
    house.sql("UPDATE terminal SET last_seen_at = last_seen_at - interval '10 seconds'").await;
    say(&serving, &terminal, &said(14, 0)).decided();
    assert_eq!(house.text(state).await, "14 0 0.1.0");
    let list = house.run(&["terminal", "list"]);
    let line = |id: Uuid| list.lines().find(|line| line.starts_with(&id.to_string())).unwrap().to_owned();
    assert!(line(terminal.id).ends_with("14        0  0.1.0"), "{list}");
    assert!(line(silent.id).contains("never"), "{list}");
}

#[tokio::test]
async fn a_heartbeat_that_makes_no_sense_is_refused_and_not_written() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    let serving = house.serve();
    for (field, value) in [
        ("journal_last", json!(-1)),
        ("journal_last", json!(u64::MAX)),
        ("journal_waiting", json!("3")),
        ("version", json!("")),
        ("version", json!("x".repeat(51))),
        ("version", json!("0.1\u{1b}[2J")),
        ("id", json!(Uuid::new_v4())),
        ("more", json!(1)),
    ] {
        let mut beat = said(1, 1);
        beat[field] = value;
        let reply = say(&serving, &terminal, &beat);
        assert_eq!(reply.status, 422, "{field}: {}", reply.text());
    }
    assert_eq!(house.text("SELECT count(*)::text FROM terminal WHERE last_seen_at IS NOT NULL").await, "0");
}

#[tokio::test]
async fn a_terminal_that_was_renamed_or_moved_hears_of_it_and_drops_what_it_knew_of_the_old_place() {
    let house = House::open().await;
    let serving = house.serve();
    let (mut file, _) = enrolled(&house, "till", http(&serving), "restaurant").await;
    let mut client = Client::of(&file, None, Duration::from_secs(5)).unwrap();
    let id = file.document.terminal.to_string();
    let cache = house.path("till").join(CACHE_FILE);
    std::fs::write(&cache, r#"{"cards":[]}"#).unwrap();
    let heard = beat(&mut client, Journal::default()).await.unwrap();
    assert_eq!(heard.keep(&mut file, &client).unwrap(), Changed::Nothing);
    house.run(&["terminal", "rename", &id, "--name", "Kassa 2"]);
    let heard = beat(&mut client, Journal::default()).await.unwrap();
    assert_eq!(heard.keep(&mut file, &client).unwrap(), Changed::Renamed);
    assert!(cache.exists());
    house.run(&["terminal", "move", &id, "--location", "kantine"]);
    let heard = beat(&mut client, Journal::default()).await.unwrap();
    assert_eq!(heard.keep(&mut file, &client).unwrap(), Changed::Moved);
    assert!(!cache.exists());
    drop(file);
    let file = firmware_sim::files::TerminalOnFile::open(&house.path("till").join(TERMINAL_FILE)).unwrap();
    assert_eq!((file.document.name.as_str(), file.document.location), ("Kassa 2", CANTEEN));
    assert_eq!(beats(&file).await.location, CANTEEN);
}

#[tokio::test]
async fn a_revoked_terminal_is_refused_within_seconds_and_wipes_itself() {
    let house = House::open().await;
    let serving = house.serve();
    let (file, _) = enrolled(&house, "till", http(&serving), &RESTAURANT.to_string()).await;
    let mut client = Client::of(&file, None, Duration::from_secs(5)).unwrap();
    std::fs::write(house.path("till").join(CACHE_FILE), "{}").unwrap();
    std::fs::write(house.path("till").join(JOURNAL_FILE), "records").unwrap();
    beat(&mut client, Journal::default()).await.unwrap();
    house.run(&["terminal", "revoke", &file.document.terminal.to_string()]);
    let at = std::time::Instant::now();
    while !matches!(beat(&mut client, Journal::default()).await, Err(Unheard::Revoked)) {
        assert!(at.elapsed() < Duration::from_secs(4), "still answered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let wiped = wipe(file, Delivered::NotAll).unwrap();
    let left: Vec<_> = std::fs::read_dir(house.path("till")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [wiped.kept.unwrap()]);
}

#[tokio::test]
async fn a_clock_that_is_years_off_is_put_right_and_the_next_request_is_signed_with_it() {
    const YEAR_MS: i64 = 365 * 24 * 3_600_000;
    let house = House::open().await;
    let serving = house.serve_with(&["--listen-tls", "127.0.0.1:0"], &[]);
    let service = format!("https://localhost:{}", serving.tls.unwrap().port());
    let (file, _) = enrolled(&house, "till", service.clone(), "restaurant").await;
    for off in [-50 * YEAR_MS, -3 * 3_600_000, 3 * 3_600_000, 20 * YEAR_MS] {
        let clock = Clock::off_by(off);
        let key = file.key().expose();
        let (ca, id) = (file.document.ca.as_deref(), file.document.terminal);
        let mut client = Client::pinned(&service, ca, id, key, Duration::from_secs(5), clock.clone()).unwrap();
        // the first has an id of the wrong time; what is asked for by GET needs none
        client.send(firmware_sim::client::Outgoing::get("/api/v1/catalogue")).await.unwrap();
        assert!(clock.offset_ms().abs() <= 1_500 && clock.is_confirmed(), "{off}: {}", clock.offset_ms());
        assert_eq!(beat(&mut client, Journal::default()).await.unwrap().terminal, id, "{off}");
    }
}
