//! TLS: the service against OpenSSL's client, a CA made by OpenSSL, terminals that believe one CA and no other.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use firmware_sim::client::{Client, NoAnswer, Outgoing};
use firmware_sim::clock::Clock;
use firmware_sim::tls::PinnedCa;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::card::Terminal;
use crate::service::{House, RESTAURANT, Serving};

const TLS: &[&str] = &["--listen-tls", "127.0.0.1:0"];

fn openssl(arguments: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::null());
    command.output().expect("openssl's command line is part of every Debian")
}

fn handshake(serving: &Serving, ca: &Path, more: &[&str]) -> (bool, String) {
    let address = serving.tls.unwrap().to_string();
    let ca = ca.to_str().unwrap();
    let fixed = ["s_client", "-connect", &address, "-CAfile", ca, "-verify_return_error", "-brief"];
    let output = openssl(&[&fixed[..], more].concat());
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn client(house: &House, serving: &Serving, terminal: &Terminal, ca: &str) -> Client {
    let _ = house;
    let service = format!("https://localhost:{}", serving.tls.unwrap().port());
    Client::pinned(&service, Some(ca), terminal.id, &terminal.key, Duration::from_secs(5), Clock::default()).unwrap()
}

async fn asks(client: &mut Client) -> Result<u16, NoAnswer> {
    client.send(Outgoing::get("/api/v1/catalogue")).await.map(|reply| reply.status)
}

#[tokio::test]
async fn openssl_believes_the_service_by_its_ca_and_names_and_speaks_1_3_alone() {
    let house = House::open().await;
    let serving = house.serve_with(TLS, &[("PASJE_AUTHORITIES", "pasje.example:8443,[2001:db8::1]:8443")]);
    let ca = house.path("data/tls/ca.pem");
    for name in [
        &["-verify_hostname", "localhost"][..],
        &["-verify_hostname", "pasje.example"],
        &["-verify_ip", "127.0.0.1"],
        &["-verify_ip", "2001:db8::1"],
    ] {
        let (is_good, text) = handshake(&serving, &ca, name);
        assert!(is_good && text.contains("Verification: OK") && text.contains("TLSv1.3"), "{name:?}: {text}");
    }
    assert!(!handshake(&serving, &ca, &["-verify_hostname", "other.example"]).0);
    assert!(!handshake(&serving, &ca, &["-tls1_2"]).0);
    // and the two files are what OpenSSL takes for a CA and its certificate
    let server = house.path("data/tls/server.pem");
    let verified = openssl(&["verify", "-x509_strict", "-CAfile", ca.to_str().unwrap(), server.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[tokio::test]
async fn keys_are_the_services_alone_and_a_restart_keeps_ca_and_certificate() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    let read = |name: &str| std::fs::read_to_string(house.path("data/tls").join(name)).unwrap();
    let serving = house.serve_with(TLS, &[]);
    for name in ["ca.key", "server.key"] {
        let mode = std::fs::metadata(house.path("data/tls").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let before = (read("ca.pem"), read("server.pem"));
    assert_eq!(asks(&mut client(&house, &serving, &terminal, &before.0)).await, Ok(200));
    serving.stop();
    let serving = house.serve_with(TLS, &[]);
    assert_eq!((read("ca.pem"), read("server.pem")), before);
    assert_eq!(asks(&mut client(&house, &serving, &terminal, &before.0)).await, Ok(200));
    // another name: another certificate of the same CA
    serving.stop();
    let serving = house.serve_with(TLS, &[("PASJE_AUTHORITIES", "pasje.example")]);
    assert!(read("ca.pem") == before.0 && read("server.pem") != before.1);
    assert_eq!(asks(&mut client(&house, &serving, &terminal, &before.0)).await, Ok(200));
}

#[tokio::test]
async fn a_service_with_another_ca_is_refused_by_a_sentence_that_says_what_to_do() {
    let (house, other) = (House::open().await, House::open().await);
    let terminal = house.terminal(RESTAURANT);
    let (serving, elsewhere) = (house.serve_with(TLS, &[]), other.serve_with(TLS, &[]));
    let ca = std::fs::read_to_string(house.path("data/tls/ca.pem")).unwrap();
    assert_eq!(asks(&mut client(&house, &serving, &terminal, &ca)).await, Ok(200));
    let error = asks(&mut client(&house, &elsewhere, &terminal, &ca)).await.unwrap_err();
    assert!(matches!(&error, NoAnswer::Untrusted(why) if why.contains("enrol this terminal again")), "{error}");
    assert!(!error.may_have_arrived());
    // nor is a CA of the system, or none at all
    assert!(
        Client::pinned(
            "https://localhost:1",
            None,
            terminal.id,
            &terminal.key,
            Duration::from_secs(1),
            Clock::default()
        )
        .is_err()
    );
}

#[tokio::test]
async fn files_that_somebody_else_made_are_used_as_they_are() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    let file = |name: &str| house.path(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let output = openssl(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let (ca, ca_key, key, request, certificate) =
        (file("ca.pem"), file("ca.key"), file("server.key"), file("server.csr"), file("server.pem"));
    let own = ["req", "-x509", "-subj", "/CN=Test CA", "-days", "5", "-keyout", &ca_key, "-out", &ca];
    run(&[&own[..], &curve].concat());
    let asked = [
        "req",
        "-subj",
        "/CN=x",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        &key,
        "-out",
        &request,
    ];
    run(&[&asked[..], &curve].concat());
    run(&[
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
        "-copy_extensions",
        "copy",
        "-days",
        "5",
        "-out",
        &certificate,
    ]);
    let given = [("PASJE_TLS_CERTIFICATE", &*certificate), ("PASJE_TLS_KEY", &key), ("PASJE_TLS_CA", &ca)];
    let serving = house.serve_with(TLS, &given);
    let text = std::fs::read_to_string(&ca).unwrap();
    assert_eq!(asks(&mut client(&house, &serving, &terminal, &text)).await, Ok(200));
    assert!(!house.path("data/tls").exists());
    let refused = |environment: &[(&str, &str)]| {
        let mut command = house.command(&["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        let output = command.args(TLS).envs(environment.iter().copied()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&given[..2]).contains("set all three"));
    let other_name = [given[0], given[1], given[2], ("PASJE_AUTHORITIES", "pasje.example")];
    assert!(refused(&other_name).contains("not good for pasje.example"));
}

#[tokio::test]
async fn a_time_outside_of_the_services_own_certificate_is_not_learnt() {
    let house = House::open().await;
    let _serving = house.serve_with(TLS, &[]);
    let read = |name: &str| std::fs::read_to_string(house.path("data/tls").join(name)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let certificate = CertificateDer::from_pem_slice(read("server.pem").as_bytes()).unwrap();
    let day = 24 * 3_600_000;
    // a terminal in 1976 does not judge the dates, and does afterwards what it is told within them
    let clock = Clock::off_by(-50 * 365 * day);
    let pinned = PinnedCa::new(&read("ca.pem"), clock.clone()).unwrap();
    let shown = |pinned: &PinnedCa| pinned.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).is_ok();
    assert!(!pinned.holds_at(u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap()), "nothing was shown");
    assert!(shown(&pinned));
    let now = u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap();
    let day = u64::try_from(day).unwrap();
    assert!(pinned.holds_at(now) && pinned.holds_at(now + 80 * day));
    assert!(!pinned.holds_at(now + 100 * day) && !pinned.holds_at(now - 3 * day) && !pinned.holds_at(u64::MAX / 2));
    // once the clock was confirmed, dates count
    clock.confirm();
    assert!(!shown(&pinned));
}
