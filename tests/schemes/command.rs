//! `pasje scheme`, as an operator runs it.

use std::process::{Command, Output};

use diesel_async::SimpleAsyncConnection;

use crate::support::TestDatabase;

fn pasje(database: Option<&TestDatabase>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env("PASJE_LOG", "off");
    match database {
        Some(test) => {
            command.env("DATABASE_URL", test.service_url.secret()).env("DATABASE_OWNER_URL", test.owner_url.secret())
        }
        None => {
            command.env_remove("DATABASE_URL").env_remove("DATABASE_OWNER_URL").arg("--data").arg("/nonexistent/pasje")
        }
    };
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn check_says_what_a_file_means_and_needs_no_database() {
    let output = pasje(None, &["scheme", "check", "schemes/zzg.toml"]);
    assert!(output.status.success(), "{}", complained(&output));
    let said = said(&output);
    for line in [
        "zzg version 1 is a scheme:",
        "  counted in points, by tariff; a point is worth 0.50 euro",
        "  off goes housing: 11.5 percent of gross, only verblijf",
        "  savings grow up to 3000.00 points; at the end of a year they lapse above 1500.00 points",
    ] {
        assert!(said.lines().any(|other| other == line), "{line}\nis not in\n{said}");
    }
}

#[test]
fn check_explains_errors_and_ends_with_status_1() {
    let scratch = std::env::temp_dir().join(format!("pasje-test-{}.toml", uuid::Uuid::new_v4().simple()));
    let check = |bytes: &[u8]| {
        std::fs::write(&scratch, bytes).unwrap();
        let output = pasje(None, &["scheme", "check", scratch.to_str().unwrap()]);
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(1), ""));
        complained(&output)
    };
    let wrong = crate::shipped("zzg").replace("colour = true", "colour = \"ja\"");
    let told = check(wrong.as_bytes());
    assert!(
        told.contains("the file is no scheme:\n  line 51, `shows.colour`: \"ja\" is neither true nor false"),
        "{told}"
    );
    assert!(check(b"name = \"\xff\"").contains("this is not UTF-8 text: save it as UTF-8"));
    assert!(check(&vec![b'#'; 70_000]).contains("this is longer than 65536 bytes, and no scheme"));
    std::fs::remove_file(&scratch).unwrap();
    let output = pasje(None, &["scheme", "check", "schemes/none.toml"]);
    assert!(complained(&output).contains("schemes/none.toml: No such file"), "{}", complained(&output));
}

#[tokio::test]
async fn adopt_and_list_tell_what_an_organisation_uses_from_when() {
    let test = TestDatabase::new().await;
    test.owner()
        .await
        .batch_execute("INSERT INTO organisation (id, name) VALUES (7, 'Voorbeeldzorg (fictief)')")
        .await
        .unwrap();
    let adopt = |from: &str| {
        pasje(Some(&test), &["scheme", "adopt", "schemes/amsta.toml", "--organisation", "7", "--from", from])
    };
    assert_eq!(said(&adopt("2026-04")), "amsta version 1 is used from 2026-04 on\n");
    assert_eq!(said(&adopt("2026-04")), "amsta version 1 was adopted so before: nothing changes\n");
    assert_eq!(said(&adopt("2026-05")), "amsta version 1 was adopted before; it is used from 2026-05 on now\n");
    let wrong = adopt("2026-13");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(complained(&wrong).contains("write a month as 2026-04"), "{}", complained(&wrong));
    let listed = said(&pasje(Some(&test), &["scheme", "list"]));
    let row: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["7", "amsta", "1", "MIN", "2026-05", "0"]);
}
