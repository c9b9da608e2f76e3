//! `pasje import`, as an operator runs it.

use std::process::{Command, Output};

use crate::house::{House, demo};

fn pasje(house: &House, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
    let (service, owner) = (&house.test.service_url, &house.test.owner_url);
    command.env("DATABASE_URL", service.secret()).env("DATABASE_OWNER_URL", owner.secret()).env("PASJE_LOG", "off");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("import").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[tokio::test]
async fn a_dry_run_shows_each_row_and_a_run_the_numbers() {
    let house = House::new().await;
    let run = |arguments: &[&str]| {
        pasje(&house, &[&["additions", "demo/additions.csv", "--organisation", "1"], arguments].concat())
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "pasje: nothing was imported; in the file:\n  line 2, column client: there is no client 8103: import the clients first\n\n";
    assert_eq!(said(&output), expected);
    let clients = pasje(&house, &["clients", "demo/clients.csv", "--organisation", "1"]);
    assert_eq!(said(&clients), "6 added, 0 changed, 0 unchanged\n");
    let expected = "line 2: meerzorg-fictief of client 8103 from 2026-02-01: added\n1 added, 0 changed, 0 unchanged\nthis was a dry run: nothing changed\n";
    assert_eq!(said(&run(&["--dry-run"])), expected);
    assert_eq!(said(&run(&["--dry-run"])), expected, "nor did the first one change anything");
    assert_eq!(said(&run(&[])), "1 added, 0 changed, 0 unchanged\n");
    assert_eq!(said(&run(&[])), "0 added, 0 changed, 1 unchanged\nnothing changed\n");
}

#[tokio::test]
async fn of_several_organisations_one_must_be_named() {
    let house = House::new().await;
    let output = pasje(&house, &["tariffs", "demo/tariffs.csv"]);
    assert!(
        said(&output).contains("there are several organisations: say which with --organisation NUMBER"),
        "{}",
        said(&output)
    );
    let output = pasje(&house, &["tariffs", "demo/tarieven.csv", "--organisation", "1"]);
    assert!(said(&output).contains("demo/tarieven.csv: No such file"), "{}", said(&output));
    assert!(!demo("tariffs").is_empty());
}
