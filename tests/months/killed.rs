//! `kill -9` of the program in the middle of opening, delivering and closing: run again, it ends with the same figures as one that
//! nobody disturbed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::House;

const PASJE: &str = env!("CARGO_BIN_EXE_pasje");
const CLIENTS: i64 = 60;
/// Kills of each command, each further on.
const KILLS: i64 = 3;

/// Sixty clients with three lines each, one in five without an indication, one in seven in need of more than the budget.
async fn house() -> House {
    let house = House::new().await;
    let line = |number: u32, kind: u32, cents: u32, rule: &str| {
        format!(
            "INSERT INTO plan_line (id, wallet, service, performer, function, recurrence, starts_at, duration_minutes, kind, price_cents, \
             units, vat_basis_points, agreed_on) \
             SELECT ('019000000000700{number}8000' || lpad(to_hex(n), 8, '0') || '0000')::uuid, 1::bigint << 32 | n, \
             '01900000-0000-7000-8000-00000000000{kind}', 1, 'verzorgende', '{rule}', '2026-01-05 09:00', 30, {kind}, \
             {cents} * (1 + n % 7), {cents} * (1 + n % 7), 0, '2025-01-01' FROM generate_series(1, {CLIENTS}) AS n;"
        )
    };
    house
        .run(&format!(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT 1::bigint << 32 | n, s.id, 1, 4 FROM generate_series(1, {CLIENTS}) AS n, scheme AS s; \
             INSERT INTO indication (wallet, from_date, profile, delivery, treatment, day_activities) \
             SELECT id, '2025-01-01', '5VV', 1, true, true FROM wallet WHERE id % 5 <> 0; {} {} {} \
             INSERT INTO plan_consent (line, price_shown_cents, units_shown, alternatives_asked, signed_on, recorded_by) \
             SELECT id, price_cents, units, true, '2025-01-01', id FROM plan_line",
            line(1, 1, 900, "FREQ=DAILY"),
            line(2, 3, 5000, "FREQ=WEEKLY"),
            line(3, 4, 2500, "FREQ=WEEKLY;BYDAY=FR"),
        ))
        .await;
    house
}

fn command(house: &House, arguments: &[&str]) -> Command {
    let mut command = Command::new(PASJE);
    command
        .args(["month"])
        .args(arguments)
        .args(["--chunk", "2"])
        .env("DATABASE_URL", house.test.service_url.secret())
        .env_remove("DATABASE_OWNER_URL")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Ends with the test, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All figures, whatever the ids.
async fn figures(house: &House) -> String {
    let mut all = String::new();
    for sql in [
        "SELECT string_agg((to_jsonb(w) - 'scheme')::text, E'\\n' ORDER BY id) FROM wallet AS w",
        "SELECT string_agg((to_jsonb(g) - 'operation')::text, E'\\n' ORDER BY wallet, month, revision) FROM month_grant AS g",
        "SELECT string_agg(wallet || ' ' || month || ' ' || phase || ' ' || (operation IS NULL), E'\\n' ORDER BY wallet, month, phase) FROM month_phase",
        "SELECT string_agg(p::text, E'\\n' ORDER BY wallet, month, line) FROM plan_month AS p",
        "SELECT string_agg((to_jsonb(s) - 'operation' - 'closed_at')::text, E'\\n' ORDER BY wallet, month) FROM month_statement AS s",
        "SELECT string_agg(wallet || ' ' || month || ' ' || kind || ' ' || coalesce(amount, 0), E'\\n' ORDER BY wallet, month, kind) FROM task",
        "SELECT string_agg(b::text, E'\\n') FROM shared_buffer AS b",
        "SELECT string_agg(k, E'\\n' ORDER BY k) FROM (SELECT kind || ' ' || count(*) AS k FROM ledger.operation GROUP BY kind) AS k",
        "SELECT string_agg(k, E'\\n' ORDER BY k) FROM (SELECT flow || ' ' || debit || ' ' || credit || ' ' || sum(amount) AS k \
         FROM ledger.transfer GROUP BY flow, debit, credit) AS k",
    ] {
        all += &house.text(sql).await;
        all.push('\n');
    }
    all
}

/// Kills the command when so many rows of progress are there, further on each time; then lets it end.
async fn disturbed(house: &House, arguments: &[&str], progress: &str) -> usize {
    let mut kills = 0;
    for round in 1..=KILLS {
        let until = CLIENTS * round / (KILLS + 1);
        let mut running = Running(command(house, arguments).stderr(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        while house.number(progress).await < until {
            assert!(began.elapsed() < Duration::from_secs(120), "no progress: {arguments:?}");
            if running.0.try_wait().unwrap().is_some() {
                break;
            }
        }
        if running.0.try_wait().unwrap().is_none() {
            running.0.kill().unwrap();
            running.0.wait().unwrap();
            kills += 1;
        }
        house.verify().await;
    }
    let ended = command(house, arguments).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_in_the_middle_of_a_month_ends_with_the_same_figures() {
    let (disturbed_house, calm) = (house().await, house().await);
    let mut kills = 0;
    for (arguments, progress) in [
        (["open", "2026-04"], "SELECT count(*) FROM month_phase WHERE phase = 2"),
        (["deliver", "2026-04-10"], "SELECT count(*) FROM ledger.operation WHERE kind = 22"),
        (["close", "2026-04"], "SELECT count(*) FROM month_phase WHERE phase = 3"),
        (["open", "2026-05"], "SELECT count(*) FROM month_phase WHERE phase = 2 AND month = '2026-05-01'"),
    ] {
        kills += disturbed(&disturbed_house, &arguments, progress).await;
        let ended = command(&calm, &arguments).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let (figures, expected) = (figures(&disturbed_house).await, figures(&calm).await);
        let other = figures.lines().zip(expected.lines()).find(|(figure, expected)| figure != expected);
        assert!(figures == expected, "{arguments:?}: {other:#?}");
    }
    assert!(kills >= 6, "{kills} kills only: the commands were too quick to be disturbed");
    disturbed_house.verify().await;
}
