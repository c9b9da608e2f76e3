//! `kill -9` of either side: the database comes back by itself, or goes with its service.

use std::fs;

use pasje::db::connect::{Database, establish};
use pasje::db::url::DatabaseUrl;

use crate::program::{Scratch, Service, env_value, is_alive, postmaster, psql, send, wait_until};

fn answers(url: &DatabaseUrl) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { establish(url).await.is_ok() })
}

#[test]
fn a_killed_postgresql_comes_back_where_it_was() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    psql(&scratch.data(), "INSERT INTO organisation VALUES (7, 'De Linde')");
    let url: DatabaseUrl = env_value(&scratch.data(), "DATABASE_URL").parse().unwrap();
    for _ in 0..3 {
        let killed = service.postmaster();
        send("-KILL", &killed.to_string());
        wait_until("the killed server is gone", || !is_alive(killed));
        wait_until("PostgreSQL answers again", || answers(&url));
        assert_ne!(service.postmaster(), killed);
    }
    assert_eq!(psql(&scratch.data(), "SELECT name FROM organisation"), "De Linde");
    let last = service.postmaster();
    service.terminate();
    assert!(!is_alive(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_survives_a_killed_postgresql() {
    let scratch = Scratch::new();
    let data = scratch.data();
    let service = tokio::task::block_in_place(|| Service::start(&data));
    let url: DatabaseUrl = env_value(&data, "DATABASE_URL").parse().unwrap();
    let database = Database::connect(&url, 2).await.unwrap();
    drop((database.connection().await.unwrap(), database.connection().await.unwrap()));
    let killed = service.postmaster();
    send("-KILL", &killed.to_string());
    tokio::task::block_in_place(|| {
        wait_until("the killed server is gone", || !is_alive(killed));
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Ok(mut connection) = database.connection().await {
            pasje::db::partitions::make_partitions(&mut connection).await.unwrap();
            break;
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::task::block_in_place(|| service.terminate());
}

#[test]
fn a_killed_service_takes_postgresql_along_and_the_next_one_starts() {
    let scratch = Scratch::new();
    for round in 0..3 {
        let service = Service::start(&scratch.data());
        let server = service.postmaster();
        service.kill();
        if round > 0 {
            // in the first round the next service starts at once, while the watchdog is still at work
            wait_until("PostgreSQL has stopped by itself", || !is_alive(server));
        }
    }
    let log = fs::read_to_string(scratch.data().join("postgres.log")).unwrap();
    assert!(log.contains("received fast shutdown request"), "{log}");
    Service::start(&scratch.data()).terminate();
}

/// The processes that keep watchdog.lock open: the watchdog.
fn watchdogs(data: &std::path::Path) -> Vec<u32> {
    let lock = fs::canonicalize(data.join("watchdog.lock")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| fs::read_link(format!("/proc/{pid}/fd/1")).is_ok_and(|file| file == lock)).collect()
}

#[test]
fn a_server_left_without_service_and_watchdog_is_stopped_by_the_next_service() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    let left = service.postmaster();
    let watchdog = watchdogs(&scratch.data());
    assert_eq!(watchdog.len(), 1);
    // stopped, so that it cannot be started again in between
    send("-STOP", &service.pid().to_string());
    send("-KILL", &watchdog[0].to_string());
    service.kill();
    assert!(is_alive(left));
    let next = Service::start(&scratch.data());
    assert!(!is_alive(left));
    assert_ne!(next.postmaster(), left);
    next.terminate();
}

#[test]
fn a_killed_watchdog_is_replaced() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    let first = watchdogs(&scratch.data());
    send("-KILL", &first[0].to_string());
    wait_until("there is a new watchdog", || {
        let now = watchdogs(&scratch.data());
        !now.is_empty() && now != first
    });
    let server = postmaster(&scratch.data());
    service.kill();
    wait_until("PostgreSQL has stopped by itself", || !is_alive(server));
}
