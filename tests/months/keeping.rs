//! Months are kept by the clock.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use pasje::services::months::keeping::keep;
use pasje::services::months::{MonthError, Watch};

use crate::house::{Agree, CARE, House, organisation, service};

async fn at(house: &House, now: &str) {
    keep(&house.database, organisation(), now.parse().unwrap(), Arc::default()).await.unwrap();
}

#[tokio::test]
async fn after_midnight_days_are_delivered_months_closed_and_opened() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::daily(CARE, 100, "2026-01-01")).await;
    at(&house, "2026-04-28T22:00:00Z").await;
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-04-01");
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 0, "the 29th is not over");
    // half past midnight in Amsterdam: the 29th is
    at(&house, "2026-04-29T22:30:00Z").await;
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 1);
    // nobody came for three days
    at(&house, "2026-05-02T22:30:00Z").await;
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-05-01");
    // all of April, and two days of May
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 32);
    assert_eq!(house.number("SELECT count(*) FROM captured_day").await, 5);
    let before = house.everything().await;
    at(&house, "2026-05-02T22:31:00Z").await;
    assert_eq!(house.everything().await, before);
    house.verify().await;
}

#[tokio::test]
async fn data_that_came_late_are_booked_the_day_after_and_not_every_minute() {
    let house = House::new().await;
    let client = house.stranger(1).await;
    at(&house, "2026-04-28T22:00:00Z").await;
    house.indicate(client, "5VV", "2026-01-01", None).await;
    at(&house, "2026-04-28T22:01:00Z").await;
    assert_eq!(house.purses(client).await, [0; 5]);
    at(&house, "2026-04-29T22:30:00Z").await;
    assert!(house.purses(client).await[0] > 0, "{:?}", house.purses(client).await);
    assert_eq!(house.number("SELECT count(*) FROM ledger.operation WHERE kind = 21").await, 1);
    house.verify().await;
}

#[tokio::test]
async fn several_services_keep_a_month_once() {
    let house = House::new().await;
    for number in 1..=6 {
        let client = house.client(number).await;
        house.agree(client, Agree::daily(CARE, 100, "2026-01-01")).await;
    }
    at(&house, "2026-04-28T22:00:00Z").await;
    let now = "2026-05-02T22:30:00Z";
    tokio::join!(at(&house, now), at(&house, now), at(&house, now));
    at(&house, now).await;
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 6 * 32);
    house.verify().await;
}

#[tokio::test]
async fn an_organisation_without_a_scheme_for_the_month_is_left_alone() {
    let house = House::new().await;
    house.client(1).await;
    house.run("DELETE FROM scheme_start").await;
    let before = house.everything().await;
    at(&house, "2026-04-28T22:00:00Z").await;
    assert_eq!(house.everything().await, before);
}

/// Ends a job after so many chunks, as a stop does.
fn stopped_after(chunks: usize) -> Arc<Watch> {
    Arc::new_cyclic(|watch: &Weak<Watch>| {
        let (watch, heard) = (watch.clone(), AtomicUsize::new(0));
        Watch::new(move |_| {
            if heard.fetch_add(1, Ordering::Relaxed) + 1 == chunks {
                watch.upgrade().unwrap().stop();
            }
        })
    })
}

#[tokio::test]
async fn what_is_due_once_a_day_is_made_good_by_the_next_start_wherever_a_stop_came() {
    let house = House::new().await;
    let client = house.stranger(1).await;
    at(&house, "2026-04-28T22:00:00Z").await;
    house.indicate(client, "5VV", "2026-01-01", None).await;
    house.agree(client, Agree::daily(CARE, 100_000, "2026-01-01")).await;
    // the day is delivered in a chunk, and then each month is corrected in one
    let mut stops = 0;
    for chunks in [1, 2, 2, 2] {
        let now = "2026-04-29T22:30:00Z".parse().unwrap();
        let ended = keep(&house.database, organisation(), now, stopped_after(chunks)).await;
        stops += usize::from(matches!(ended, Err(MonthError::Stopped)));
    }
    assert!(stops >= 2, "{stops}");
    at(&house, "2026-04-29T22:31:00Z").await;
    assert!(house.purses(client).await[0] > 0, "what came late is booked on the day that it is due");
    assert_eq!(house.number("SELECT count(*) FROM ledger.operation WHERE kind = 21").await, 1);
    assert_eq!(house.number("SELECT count(*) FROM task WHERE kind = 2").await, 1, "red");
    let before = house.everything().await;
    at(&house, "2026-04-29T22:32:00Z").await;
    assert_eq!(house.everything().await, before);
    house.verify().await;
}

const PASJE: &str = env!("CARGO_BIN_EXE_pasje");
/// Chunks of a serving program have a thousand.
const CLIENTS: i64 = 10_000;

/// For keys; gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("pasje-keeping-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `pasje serve` on the house's database, with keys in a folder of its own.
struct Serving(Child);

impl Serving {
    fn start(house: &House, folder: &Path) -> Serving {
        let mut command = Command::new(PASJE);
        for (name, _) in std::env::vars() {
            if name.starts_with("PG") || name.starts_with("PASJE_") || name == "DATABASE_OWNER_URL" {
                command.env_remove(name);
            }
        }
        command.env("DATABASE_URL", house.test.service_url.secret()).arg("--data").arg(folder);
        command.args(["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        Serving(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGTERM; how long it took to end well.
    fn stop(&mut self) -> Duration {
        let told = Instant::now();
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", "--", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
        told.elapsed()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until(house: &House, what: &str, is_there: &str) {
    let began = Instant::now();
    while house.number(is_there).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_in_the_midst_of_a_day_ends_soon_and_the_next_start_finishes_it() {
    let house = House::new().await;
    let yesterday = house.test_today().await.pred_opt().unwrap();
    house
        .run(&format!(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT 1::bigint << 32 | n, s.id, 1, 4 FROM generate_series(1, {CLIENTS}) AS n, scheme AS s; \
             INSERT INTO indication (wallet, from_date, profile, delivery, treatment, day_activities) \
             SELECT id, '2025-01-01', '5VV', 1, true, true FROM wallet; \
             INSERT INTO plan_line (id, wallet, service, performer, function, recurrence, starts_at, duration_minutes, kind, price_cents, \
             units, vat_basis_points, agreed_on) \
             SELECT ('01900000000070018000' || lpad(to_hex(n), 8, '0') || '0000')::uuid, 1::bigint << 32 | n, '{}', 1, 'verzorgende', \
             'FREQ=DAILY;COUNT=1', '{yesterday} 09:00', 30, 1, 1000, 1000, 0, '2025-01-01' FROM generate_series(1, {CLIENTS}) AS n; \
             INSERT INTO plan_consent (line, price_shown_cents, units_shown, alternatives_asked, signed_on, recorded_by) \
             SELECT id, price_cents, units, true, '2025-01-01', id FROM plan_line; \
             INSERT INTO captured_day (organisation, day) VALUES (1, '{yesterday}'::date - 1)",
            service(CARE)
        ))
        .await;
    let folder = Folder::new();
    // stopped as soon as the first clients are done: of opening, then of delivering
    let mut midst = 0;
    for done in
        ["SELECT count(*) FROM month_phase WHERE phase = 2", "SELECT count(*) FROM ledger.operation WHERE kind = 22"]
    {
        let mut serving = Serving::start(&house, &folder.0);
        until(&house, "the job does not begin", done).await;
        let took = serving.stop();
        assert!(took < Duration::from_secs(10), "{took:?}");
        let done = house.number(done).await;
        println!("ended in {took:?} with {done} of {CLIENTS} done");
        midst += usize::from(done < CLIENTS);
    }
    assert_eq!(midst, 2, "the jobs were not stopped, but ended by themselves");
    let mut serving = Serving::start(&house, &folder.0);
    until(&house, "the day is not finished", "SELECT count(*) FROM captured_day WHERE is_kept").await;
    assert!(serving.stop() < Duration::from_secs(10));
    // each client's day once
    let sql = "SELECT count(DISTINCT wallet) FROM ledger.operation WHERE kind = 22 AND outcome = 1";
    assert_eq!(house.number(sql).await, CLIENTS);
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, CLIENTS);
    assert_eq!(house.text("SELECT max(day) FROM captured_day WHERE is_kept").await, yesterday.to_string());
    house.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_wallet_that_somebody_holds() {
    let house = House::new().await;
    house.client(1).await;
    let folder = Folder::new();
    let mut holder = house.owner().await;
    holder.batch_execute("BEGIN; SELECT FROM wallet FOR UPDATE").await.unwrap();
    let mut serving = Serving::start(&house, &folder.0);
    let waits = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted";
    until(&house, "nobody waits for the wallet", waits).await;
    // five tries of five seconds otherwise
    let took = serving.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(house.number("SELECT count(*) FROM month_phase").await, 0);
    let _serving = Serving::start(&house, &folder.0);
    until(&house, "the month is not opened", "SELECT count(*) FROM month_phase WHERE phase = 2").await;
}
