//! The embedded cluster while all goes well, and what stops it from starting.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use pasje::db::connect::establish;

use crate::program::{
    Scratch, Service, env_value, is_alive, is_root, pasje, postmaster, psql, send, stderr, stdout, wait_until,
};

#[test]
fn a_service_starts_from_an_empty_folder_and_takes_its_database_along() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    assert!(service.ready.contains("database pasje on"), "{}", service.ready);
    let postmaster = service.postmaster();
    assert!(is_alive(postmaster));
    assert_eq!(service.interrupt_group(), "pasje stopped\n");
    assert!(!is_alive(postmaster));
    assert!(!scratch.data().join("database.env").exists());
    let log = fs::read_to_string(scratch.data().join("postgres.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
}

#[test]
fn a_restart_keeps_the_data() {
    let scratch = Scratch::new();
    psql(&scratch.data(), "INSERT INTO organisation VALUES (7, 'De Linde')");
    Service::start(&scratch.data()).terminate();
    assert_eq!(psql(&scratch.data(), "SELECT name FROM organisation"), "De Linde");
}

#[test]
fn a_command_uses_the_database_of_the_running_service() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    let before = service.postmaster();
    assert_eq!(psql(&scratch.data(), "SELECT current_user"), "pasje_owner");
    assert_eq!(service.postmaster(), before);
    service.terminate();
}

#[test]
fn a_second_service_on_the_same_folder_is_told_who_holds_it() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    let second = pasje(&scratch.data()).arg("serve").output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    assert!(said.starts_with("pasje: the data folder"), "{said}");
    assert!(said.contains(&format!("process {}", service.pid())) && said.contains("--data"), "{said}");
    assert_eq!(psql(&scratch.data(), "SELECT 1"), "1");
    service.terminate();
}

#[test]
fn postgresql_is_private_and_unprivileged() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    let process = format!("/proc/{}", service.postmaster());
    assert_ne!(fs::metadata(&process).unwrap().uid(), 0);
    let mode = |name: &str| fs::metadata(scratch.data().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("socket"), mode("postgres"), mode("database.env")), (0o700, 0o700, 0o600));
    // what was given to us (here: standard output) does not live on in the server
    let ours = fs::read_link(format!("/proc/{}/fd/1", service.pid())).unwrap();
    let theirs: Vec<_> = fs::read_dir(format!("{process}/fd")).unwrap().collect();
    assert!(theirs.into_iter().all(|fd| fs::read_link(fd.unwrap().path()).unwrap() != ours));
    service.terminate();
}

#[test]
fn settings_that_keep_what_was_answered_are_on() {
    let scratch = Scratch::new();
    let settings = psql(
        &scratch.data(),
        "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
         WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'jit')",
    );
    assert_eq!(settings, "data_checksums=on fsync=on full_page_writes=on jit=off synchronous_commit=on");
}

#[tokio::test]
async fn over_tcp_only_the_two_logins_get_in_and_only_with_their_passwords() {
    let scratch = Scratch::new();
    let service = Service::start(&scratch.data());
    for name in ["DATABASE_TCP_URL", "DATABASE_OWNER_TCP_URL"] {
        let url = env_value(&scratch.data(), name);
        establish(&url.parse().unwrap()).await.unwrap();
        let (start, rest) = url.split_once("pasje_").unwrap();
        let (login, place) = rest.split_once('@').unwrap();
        let (login, password) = login.split_once(':').unwrap();
        for guess in [format!("pasje_{login}:hunter2"), format!("pasje_{login}"), format!("postgres:{password}")] {
            let error = establish(&format!("{start}{guess}@{place}").parse().unwrap()).await.err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(!format!("{error} {error:?}").contains(password));
        }
    }
    service.terminate();
}

#[test]
fn a_long_folder_name_finds_room_for_its_socket() {
    let scratch = Scratch::new();
    let data = scratch.0.join("d".repeat(120)).join("data");
    let script = "psql -XAtqc 'SELECT 1' && echo \"$PGHOST\"";
    let output = pasje(&data).args(["database", "--", "sh", "-c", script]).output().unwrap();
    let said = stdout(&output);
    let socket = said.strip_prefix("1\n").expect("psql answers").trim();
    assert!(!socket.starts_with(data.to_str().unwrap()));
    assert!(!std::path::Path::new(socket).exists(), "{socket} is left behind");
}

#[test]
fn an_odd_folder_name_works() {
    let scratch = Scratch::new();
    assert_eq!(psql(&scratch.0.join("a b&c=d%20'é\"?"), "SELECT 1"), "1");
}

#[test]
fn an_interrupted_start_leaves_nothing_half_done() {
    let scratch = Scratch::new();
    let half_done = scratch.data().join("postgres.new.0");
    fs::create_dir_all(half_done.join("base")).unwrap();
    fs::set_permissions(scratch.data(), Permissions::from_mode(0o755)).unwrap();
    fs::write(half_done.join("PG_VERSION"), "15\n").unwrap();
    assert_eq!(psql(&scratch.data(), "SELECT 1"), "1");
    assert!(!half_done.exists());
}

#[test]
fn a_start_killed_at_any_moment_can_be_repeated() {
    let scratch = Scratch::new();
    for pause_ms in [20, 80, 150, 250, 350, 450, 600] {
        let mut first = pasje(&scratch.data()).arg("serve").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        first.kill().unwrap();
        first.wait().unwrap();
    }
    Service::start(&scratch.data()).terminate();
}

#[test]
fn a_folder_out_of_reach_is_named() {
    let scratch = Scratch::new();
    let closed = scratch.0.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let output = pasje(&closed.join("data")).args(["database", "--", "true"]).output().unwrap();
    if is_root() {
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("may not enter") && said.contains(closed.to_str().unwrap()), "{said}");
        assert!(said.contains("PASJE_PG_USER") && said.contains("--data"), "{said}");
    } else {
        // without root the server runs as ourselves, who may enter
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let scratch = Scratch::new();
    let none = pasje(&scratch.data()).arg("serve").env("PASJE_PG_BIN", "/nowhere").output().unwrap();
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("apt install postgresql"), "{}", stderr(&none));

    if is_root() {
        let nobody = pasje(&scratch.data()).arg("serve").env("PASJE_PG_USER", "no-such-user").output().unwrap();
        assert_eq!(nobody.status.code(), Some(1));
        assert!(stderr(&nobody).contains("no-such-user"), "{}", stderr(&nobody));
    }

    psql(&scratch.data(), "SELECT 1");
    fs::write(scratch.data().join("postgres/PG_VERSION"), "99\n").unwrap();
    let newer = pasje(&scratch.data()).arg("serve").output().unwrap();
    assert_eq!(newer.status.code(), Some(1));
    assert!(stderr(&newer).contains("PostgreSQL 99") && stderr(&newer).contains("pg_upgrade"), "{}", stderr(&newer));
}

#[test]
fn a_server_that_does_not_start_shows_its_log() {
    let scratch = Scratch::new();
    psql(&scratch.data(), "SELECT 1");
    fs::write(scratch.data().join("postgres/postgresql.auto.conf"), "max_connections = 'many'\n").unwrap();
    let output = pasje(&scratch.data()).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("max_connections"), "{}", stderr(&output));
}

#[test]
fn a_command_gets_the_database_and_gives_its_status() {
    let scratch = Scratch::new();
    let script =
        "psql -XAtq -c 'SELECT current_user' && psql -XAtq -d \"$DATABASE_URL\" -c 'SELECT current_user'; exit 7";
    let output = pasje(&scratch.data()).args(["database", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(stdout(&output), "pasje_owner\npasje_service\n", "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(7));
    let absent = pasje(&scratch.data()).args(["database", "--", "no-such-program"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(1));
    assert!(stderr(&absent).contains("cannot run no-such-program"), "{}", stderr(&absent));
    let usage = pasje(&scratch.data()).arg("no-such-command").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_command_hears_of_sigterm_and_its_database_stops() {
    let scratch = Scratch::new();
    let mut command = pasje(&scratch.data());
    command.args(["database", "--", "sh", "-c", "echo $$ >\"$0\"; exec sleep 60"]);
    let mut child = command.arg(scratch.0.join("pid")).spawn().unwrap();
    let mut sleeper = 0;
    wait_until("the command runs", || {
        sleeper = fs::read_to_string(scratch.0.join("pid")).ok().and_then(|pid| pid.trim().parse().ok()).unwrap_or(0);
        sleeper != 0
    });
    let server = postmaster(&scratch.data());
    send("-TERM", &child.id().to_string());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(!is_alive(sleeper) && !is_alive(server));
}
